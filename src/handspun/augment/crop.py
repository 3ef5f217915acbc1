"""Mirroring, and random crops of a picture with a wider border: pixels move, their values stay.

Source of the crops: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (CVPR 2016), section 4.2.
"""

from __future__ import annotations

import numpy as np


def bordered(images: np.ndarray, border: int, fill: str) -> np.ndarray:
    """A copy of ``images`` (n, H, W, C) with a border on all sides: zeros, or the nearest pixel if ``fill`` is "edge"."""
    count, height, width, channels = images.shape
    padded = np.zeros((count, height + 2 * border, width + 2 * border, channels), images.dtype)
    padded[:, border : border + height, border : border + width] = images
    if fill == "edge" and border:
        padded[:, border:-border, :border] = images[:, :, :1]
        padded[:, border:-border, -border:] = images[:, :, -1:]
        padded[:, :border] = padded[:, border : border + 1]
        padded[:, -border:] = padded[:, -border - 1 : -border]
    return padded


def mirror_and_crop(
    images: np.ndarray, mirror: np.ndarray, offsets: np.ndarray, border: int, out: np.ndarray, *, fill: str = "zero"
) -> None:
    """Mirror some of ``images`` (n, H, W, C), add a border, and write a crop of the old size into ``out``, perhaps ``images``.

    ``mirror`` (n,) bool says which are mirrored, ``offsets`` (2, n) the first row and column of each crop in the bordered
    picture.
    """
    count, height, width, channels = images.shape
    if border:
        padded = bordered(images, border, fill)
        # The border is equally wide on both sides, so the bordered picture can be mirrored as a whole.
        padded[mirror] = padded[mirror, :, ::-1]
        rows = padded.reshape(count, height + 2 * border, -1)  # a row with all its channels is contiguous
        windows = np.lib.stride_tricks.sliding_window_view(rows, (height, width * channels), axis=(1, 2))
        out[...] = windows[np.arange(count), offsets[0], offsets[1] * channels].reshape(out.shape)
    else:
        mirrored = images[mirror, :, ::-1]
        np.copyto(out, images)
        out[mirror] = mirrored
