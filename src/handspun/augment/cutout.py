"""Cutout: a black square hides a part of each picture.

Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout" (2017). The centre of the
square may be any pixel, so part of the square may lie outside the picture.
"""

from __future__ import annotations

import numpy as np


def cut_out(images: np.ndarray, centres: np.ndarray, size: int) -> None:
    """Set a square of ``size`` pixels to 0 in each of ``images`` (n, H, W, C), in place.

    ``centres`` (2, n) are row and column of its centre; if ``size`` is even, of the upper left of the four pixels there.
    """
    _, height, width, channels = images.shape
    firsts = centres - (size - 1) // 2  # (2, n)
    # A row with its channels is contiguous, so the mask covers whole rows.
    columns = np.repeat(np.arange(width), channels)
    hidden_rows = _within(np.arange(height), firsts[0], size)  # (n, H)
    hidden_columns = _within(columns, firsts[1], size)  # (n, W·C)
    kept = ~(hidden_rows[:, :, None] & hidden_columns[:, None, :])  # (n, H, W·C)
    np.multiply(images, kept.reshape(images.shape), out=images)


def _within(numbers: np.ndarray, firsts: np.ndarray, size: int) -> np.ndarray:
    return (numbers >= firsts[:, None]) & (numbers < firsts[:, None] + size)
