"""The one rule that turns stored images into the input of a network.

``uint8`` means pixels from 0 to 255, which become 0 to 1. Floats and booleans are taken as plain numbers; only their type
changes. Other integers could mean either, so they are refused. Training, evaluation and prediction all use this rule, so they
cannot disagree. Whatever a user brings becomes an array by ``checks.plain_array`` first.
"""

from __future__ import annotations

import math

import numpy as np

from handspun.engine.memory import memory_order
from handspun.engine.parameters import Shape
from handspun.errors import UsageError


def check_images(images: np.ndarray, input_shape: Shape) -> None:
    """Raise a UsageError unless ``images`` (N, …) have as many values as the input, and a type that says what they mean."""
    shape, values = images.shape[1:], math.prod(input_shape)
    if images.ndim < 2 or (shape != input_shape and math.prod(shape) != values):
        one = images.ndim > 0 and images.size == values
        raise UsageError(
            f"The images have shape {shape or '()'} each, but the network takes {input_shape} ({values} values). "
            + ("For a single image write image[None]." if one else "Use images of that size, or a network built for these.")
        )
    if images.dtype.kind in "US":
        raise UsageError(f"The images are {images.dtype}, which is text: read the files first, and give their pixels.")
    if images.dtype != np.uint8 and images.dtype.kind not in "fb":
        raise UsageError(
            f"The images are {images.dtype}, which may be pixels or plain numbers: give pixels from 0 to 255 as uint8, "
            "images.astype(np.uint8), and other numbers as floats, images.astype(np.float32)."
        )


def are_finite(images: np.ndarray) -> bool:
    """Whether no value of ``images`` (N, …) is NaN or infinite."""
    # If any value is not finite, the minimum or the maximum is not; to find those needs no array of booleans.
    return images.dtype.kind != "f" or not images.size or bool(np.isfinite([images.min(), images.max()]).all())


def check_finite(images: np.ndarray) -> None:
    """Raise a UsageError if any of ``images`` (N, …) holds NaN or infinity: its answer would have no meaning."""
    if not are_finite(images):
        wrong = int(np.argmin(np.isfinite(images).reshape(len(images), -1).all(axis=1)))
        raise UsageError(f"Image {wrong}, counted from 0, holds values that are not finite numbers.")


def convert(images: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write ``images`` (N, …) into ``out`` (N, *input_shape) by the rule above, and return ``out``.

    Pictures (N, H, W, C), as files store them, become (N, C, H, W), as networks take them.
    """
    shape = images.shape[1:]
    if len(shape) == 3 and shape != out.shape[1:] and (shape[2], *shape[:2]) == out.shape[1:]:
        images = images.transpose(0, 3, 1, 2)
    images = images.reshape(out.shape)
    result = out
    if order := memory_order(out):  # NumPy loops in the memory order of its first argument: use that of the result
        images, out = images.transpose(order), out.transpose(order)
    if images.dtype == np.uint8:
        np.multiply(images, out.dtype.type(1.0 / 255.0), out=out)
    else:
        with np.errstate(under="ignore"):  # what is too small for the network's type becomes 0
            np.copyto(out, images, casting="same_kind" if images.dtype.kind == "f" else "unsafe")
    return result
