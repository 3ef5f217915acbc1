"""Pictures of another size: strokes by a resampling that keeps them even, pictures of any kind by Pillow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from handspun.pictures.normalize import border

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage


def resized(
    crop: np.ndarray,
    size: tuple[int, int],
    middle: tuple[float, float],
    centre: tuple[float, float],
    scale: float,
) -> np.ndarray:
    """Draw strokes (h, w) on a sheet of ``size`` (rows, columns), uint8, with the brightest pixel white.

    The place ``centre`` among the strokes goes to ``middle`` on the sheet; ``scale`` is in pixels of strokes per pixel of the
    sheet.
    """
    down = _resampling(size[0], middle[0], centre[0], scale, crop.shape[0])  # (rows, h)
    across = _resampling(size[1], middle[1], centre[1], scale, crop.shape[1])  # (columns, w)
    sheet = down @ crop.astype(np.float32) @ across.T  # (rows, columns)
    return np.rint(np.clip(sheet * (255.0 / max(sheet.max(), 1.0)), 0, 255)).astype(np.uint8)


def _resampling(size: int, middle: float, centre: float, scale: float, inputs: int) -> np.ndarray:
    """The matrix (size, inputs) that turns ``inputs`` values along one axis into ``size``.

    Output i lies at input centre + (i - middle) · scale. It is the mean of the inputs around that place, weighted by a
    triangle. The triangle reaches to the next outputs when shrinking and to the next inputs when enlarging: interpolation
    without aliasing.
    """
    place = centre + (np.arange(size) - middle) * scale  # (size,)
    reach = max(scale, 1.0)
    weights = _triangle(np.arange(inputs) - place[:, None], reach)  # (size, inputs)
    # The mean divides by the sum of all weights, including those beyond the edge, where there is no ink. That sum equals the
    # reach only for whole numbers; dividing by the reach would draw a comb into an even stroke.
    around = np.arange(-math.ceil(reach), math.ceil(reach) + 1)
    whole = _triangle(np.rint(place)[:, None] + around - place[:, None], reach).sum(axis=1)  # (size,)
    return (weights / whole[:, None]).astype(np.float32)


def _triangle(distance: np.ndarray, reach: float) -> np.ndarray:
    """1 at distance 0, falling to 0 at ``reach``."""
    return np.maximum(0.0, 1.0 - np.abs(distance) / reach)


def border_colour(pixels: np.ndarray) -> tuple[int, ...]:
    """The median along the border of pixels (H, W) or (H, W, C), of each channel."""
    channels = pixels.reshape(1, *pixels.shape[:2], -1)  # (1, H, W, C)
    return tuple(np.median(border(channels)[0], axis=0).astype(int).tolist())


def pad_picture(picture: PillowImage, size: tuple[int, int], colour: tuple[int, ...]) -> PillowImage:
    """Scale a picture to fit into ``size`` (H, W), keep its proportions, and centre it on ``colour``."""
    from PIL import Image

    height, width = size
    scale = min(height / picture.height, width / picture.width)
    inner = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    sheet = Image.new(picture.mode, (width, height), colour if picture.mode == "RGB" else colour[0])
    sheet.paste(picture.resize(inner, Image.Resampling.LANCZOS), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return sheet
