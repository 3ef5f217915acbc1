"""Images of any usual shape and type, ready to draw, and the size to draw them in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import Colormap
from numpy.typing import ArrayLike, NDArray

from handspun.errors import UsageError
from handspun.plots.style import INK_SCALE, LIGHT_SCALE


def suitable_columns(count: int, most: int) -> int:
    """The number of columns, at most ``most``, with which ``count`` cells fill a rectangle, wide rather than high."""
    wish = (1.6 * count) ** 0.5
    candidates = range(int(np.ceil(count**0.5)), int(2 * count**0.5) + 2)
    best = min(candidates, key=lambda columns: (-count % columns, abs(columns - wish)))
    return max(1, min(best, most))


def shown_size(shape: tuple[int, ...], about: int) -> tuple[int, int]:
    """(height, width) in pixels to draw an image of ``shape`` (H, W, ...): a whole multiple of it, up to ``about``."""
    height, width = shape[:2]
    factor = about / max(height, width)
    if factor >= 1:
        factor = int(factor)
    return max(1, round(height * factor)), max(1, round(width * factor))


@dataclass(frozen=True)
class Pictures:
    """Images ready to draw: ``values`` (N, H, W) or (N, H, W, 3), the colour scale and its limits."""

    values: NDArray[Any]
    scale: Colormap
    limits: tuple[float, float]


def drawn_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape in which inputs of ``shape`` can be drawn, flat ones as a square; None if they are not pictures."""
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return (side, side) if side * side == shape[0] else None
    if len(shape) == 3 and shape[2] not in (1, 3) and shape[0] not in (1, 3):
        return None
    return shape


def pictures(images: ArrayLike, *, ink: bool) -> Pictures:
    """Images of any usual shape and type, ready to draw.

    Args:
        images: (N, H, W), (N, H, W, 1 or 3), (N, 1 or 3, H, W), or flat rows of squares. The scale runs from 0 to 255 for
            integers and from 0 to 1 for other numbers, or from the smallest to the largest value if some are outside.
        ink: draw high values of grey images dark, as ink, not light.

    Raises:
        UsageError: another shape, or values that are not finite.
    """
    values = np.asarray(images)
    if values.ndim == 2:
        shape = drawn_shape(values.shape[1:])
        if shape is None:
            raise UsageError(f"The images are flat rows of {values.shape[1]:,} values, not squares: reshape them to (N, H, W).")
        values = values.reshape(len(values), *shape)
    values = channels_last(values)
    if values.dtype == np.bool_ or values.dtype == np.float16:
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise UsageError("The images hold values that are not finite (NaN or infinity).")
    limits = (0.0, 255.0) if np.issubdtype(values.dtype, np.integer) else (0.0, 1.0)
    if values.size and (values.min() < limits[0] or values.max() > limits[1]):
        limits = (float(values.min()), float(values.max()))
    if values.ndim == 4 and limits not in ((0.0, 1.0), (0.0, 255.0)):
        values, limits = (values - limits[0]) / (limits[1] - limits[0]), (0.0, 1.0)
    return Pictures(values, INK_SCALE if ink else LIGHT_SCALE, limits)


def channels_last(values: NDArray[Any]) -> NDArray[Any]:
    """(N, H, W) or (N, H, W, 3) from images with the channels last, first or absent."""
    if values.ndim == 4 and values.shape[3] not in (1, 3) and values.shape[1] in (1, 3):
        values = np.moveaxis(values, 1, 3)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[3] != 3) or 0 in values.shape[1:]:
        raise UsageError(f"Images must be (N, H, W) or (N, H, W, 3), not {values.shape}.")
    return values
