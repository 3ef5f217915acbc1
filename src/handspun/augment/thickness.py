"""Thicker and thinner strokes: grey-scale dilation and erosion, also by fractions of a pixel.

Dilation gives each pixel the maximum of itself and its four neighbours, erosion the minimum (the cross as structuring element;
Serra, "Image Analysis and Mathematical Morphology", 1982). A fraction of a pixel is a blend with the unchanged picture.
"""

from __future__ import annotations

import numpy as np

from handspun.augment.crop import bordered


def change_thickness(images: np.ndarray, amounts: np.ndarray, out: np.ndarray) -> None:
    """Make light strokes in ``images`` (n, H, W, C) uint8 thicker, and write the result into ``out``, perhaps ``images``.

    ``amounts`` (n,) are pixels on each side; negative ones make strokes thinner.
    """
    left = np.abs(amounts)  # (n,) pixels still to go
    np.copyto(out, images)
    while left.max(initial=0.0) > 0:
        share = np.rint(np.minimum(left, 1) * 256)  # (n,) of one pixel
        _step(out, np.where(amounts > 0, share, 0), np.where(amounts < 0, share, 0))
        left = np.maximum(left - 1, 0)


def _step(images: np.ndarray, grow: np.ndarray, shrink: np.ndarray) -> None:
    """Change the strokes of ``images`` by at most one pixel; ``grow`` and ``shrink`` (n,) are in 256ths of a pixel."""
    width, channels = images.shape[2:]
    padded = bordered(images, 1, "edge")  # (n, H + 2, W + 2, C)
    flat, down, right = padded.reshape(-1), (width + 2) * channels, channels
    middle = slice(down, flat.size - down)  # without the first and last row: all neighbours exist
    greatest, least = flat.copy(), flat.copy()
    for move in (-down, -right, right, down):
        neighbour = flat[down + move : flat.size - down + move]
        np.maximum(greatest[middle], neighbour, out=greatest[middle])
        np.minimum(least[middle], neighbour, out=least[middle])
    greatest -= flat
    least = flat - least
    for difference, share, change in ((greatest, grow, np.add), (least, shrink, np.subtract)):
        if share.any():
            # At most 255 · 256 + 128, which fits into 16 bits.
            blend = np.multiply(difference.reshape(len(images), -1), share.astype(np.uint16)[:, None], dtype=np.uint16)
            blend += 128
            blend >>= 8
            inner = blend.reshape(padded.shape)[:, 1:-1, 1:-1]
            change(images, inner, out=images, casting="unsafe")
