"""Light strokes on black, whatever the paper and the ink were: what networks that learned from MNIST's digits expect.

The border of a picture of a digit shows the ground; the median of its pixels is not moved by a stroke that touches it. Of all
other values those count as ink that differ most from the ground.
"""

from __future__ import annotations

import numpy as np

from handspun.errors import UsageError
from handspun.memory import pieces

#: The share of all pixels that may be brighter than what counts as the brightest ink: noise may be, and even the thinnest digit
#: has more ink than that.
BRIGHTER = 0.01

#: A ground up to ``BLACK`` and ink that stands out by ``ENOUGH`` or more are taken as they are. Each of the 70,000 digits of
#: MNIST has a ground of 0 and ink of 187 or more, so none of them is changed.
BLACK, ENOUGH = 8, 160

#: Ink that stands out by less than this is not stretched to white: it may be the grain of an empty sheet.
FAINT = 16


def normalize_polarity_and_contrast(images: np.ndarray) -> np.ndarray:
    """Pictures of strokes as light strokes on a black ground, each judged by itself.

    A picture whose ink is darker than its ground is inverted. Then, unless its ground is black and its ink bright enough
    already, its values are stretched so that the ground becomes 0 and the brightest ink 255. A picture that fits is not
    changed in any pixel, and an inverted one becomes exactly what it was.

    Args:
        images: (N, H, W) or (N, H, W, C) uint8; they stay as they are.

    Returns:
        A new array of the same shape, uint8.

    Raises:
        UsageError: other images.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape[1:]:
        raise UsageError(f"Expected uint8 images (N, H, W) or (N, H, W, C) of strokes, got {images.dtype} {images.shape}.")
    result = images.copy()
    for piece in pieces(len(images), 1000):
        _normalize(result[piece])
    return result


def _normalize(images: np.ndarray) -> None:
    """The same for some pictures, in place."""
    ground = _ground(images)  # (n,)
    least, most = _extremes(images)  # (n,)
    # Where nothing stands out, a sheet is empty, and light if it is lighter than the middle.
    dark_ink = np.where(most - least < FAINT, ground > 127.5, ground - least > most - ground)
    images[dark_ink] = 255 - images[dark_ink]
    ground = np.where(dark_ink, 255 - ground, ground)
    contrast = np.where(dark_ink, 255 - least, most) - ground
    stretched = np.flatnonzero((ground > BLACK) | (contrast < ENOUGH))
    if stretched.size:
        each = (-1, *(1,) * (images.ndim - 1))
        values = images[stretched] - ground[stretched].reshape(each)
        values *= (255 / np.maximum(contrast[stretched], FAINT)).reshape(each)
        images[stretched] = np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _ground(images: np.ndarray) -> np.ndarray:
    """The median of each picture's border, (n,)."""
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return np.median(np.concatenate([side.reshape(len(images), -1) for side in sides], axis=1), axis=1)


def _extremes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest value of each picture, (n,) each, but for the share ``BRIGHTER`` of its pixels."""
    pixels = images.reshape(len(images), -1)
    beyond = int(BRIGHTER * pixels.shape[1])
    ordered = np.partition(pixels, (beyond, pixels.shape[1] - 1 - beyond), axis=1)
    return ordered[:, beyond].astype(np.float64), ordered[:, -1 - beyond].astype(np.float64)
