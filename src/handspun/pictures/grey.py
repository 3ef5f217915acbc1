"""Pictures in shades of grey, and of a size that is quick to process."""

from __future__ import annotations

import math

import numpy as np

from handspun.engine.memory import chunks

#: The weights of red, green and blue in luminance: Rec. ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)

#: Pictures of more pixels are reduced first. A photo of 12 megapixels then takes a tenth of the time; its strokes stay wide
#: enough.
REDUCE_ABOVE = 2_000_000


def to_grey(images: np.ndarray) -> np.ndarray:
    """The luminance of pictures (N, H, W) or (N, H, W, C), uint8, with 1, 3 or 4 channels: (N, H, W) uint8.

    Transparent pictures (RGBA) are laid on white paper.
    """
    if images.ndim == 3:
        return images
    channels = images.shape[3]
    if channels == 1:
        return images[..., 0]
    pixels = images.reshape(-1, channels)  # (n, C)
    result = np.empty(len(pixels), np.uint8)
    for chunk in chunks(len(pixels), 50_000):  # as float32, a whole photo would take five times its own memory
        # One colour at a time: the last bit of a matrix product depends on the pixel's position and on the processor.
        red, green, blue = (pixels[chunk, colour] * np.float32(weight) for colour, weight in enumerate(LUMA))
        grey = red + green + blue
        if channels == 4:
            opaque = pixels[chunk, 3] / np.float32(255)
            grey = 255 + (grey - 255) * opaque
        result[chunk] = np.rint(grey)
    return result.reshape(images.shape[:3])


def reduced(grey: np.ndarray) -> tuple[np.ndarray, int]:
    """Pictures (n, H, W) uint8 with at most ``REDUCE_ABOVE`` pixels each: (n, H // factor, W // factor), and the factor.

    Larger pictures become the means of blocks of factor × factor pixels. Up to factor - 1 rows and columns at the end are
    dropped.
    """
    count, height, width = grey.shape
    factor = min(math.ceil(math.sqrt(height * width / REDUCE_ABOVE)), height, width)
    if factor <= 1:
        return grey, 1
    rows, columns = height // factor, width // factor
    total = np.zeros((count, rows, columns), np.float32)
    for i in range(factor):
        for j in range(factor):
            total += grey[:, i : rows * factor : factor, j : columns * factor : factor]
    return np.rint(total / factor**2).astype(np.uint8), factor
