"""What a network is fed: the one rule that turns stored images into its input.

``uint8`` means pixels from 0 to 255, and becomes 0 to 1. Everything else is taken for numbers that are meant as they are,
and only its type is changed. Training, evaluation and prediction all come through here, so they cannot disagree.
"""

from __future__ import annotations

import math

import numpy as np

from handspun.errors import UsageError
from handspun.parameters import Shape


def check_shape(images: np.ndarray, input_shape: Shape) -> None:
    """UsageError unless each of ``images`` (N, …) has as many values as the network's input."""
    shape = images.shape[1:]
    if images.ndim < 2 or (shape != input_shape and math.prod(shape) != math.prod(input_shape)):
        raise UsageError(
            f"The images have shape {shape or '()'} each, but the network takes {input_shape} "
            f"({math.prod(input_shape)} values). Use images of that size, or a network built for these."
        )


def convert(images: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write ``images`` (N, …) into ``out`` (N, *input_shape) by the rule above, and return it."""
    images = images.reshape(out.shape)
    if images.dtype == np.uint8:
        return np.multiply(images, out.dtype.type(1.0 / 255.0), out=out)
    np.copyto(out, images, casting="same_kind" if images.dtype.kind == "f" else "unsafe")
    return out
