"""Light strokes on black, whatever the paper and the ink were: what networks that learned from MNIST's digits expect.

The border of a picture of a digit shows the ground; the median of its pixels is not moved by a stroke that touches it. Of all
other values those count as ink that differ most from the ground.
"""

from __future__ import annotations

import numpy as np

from handspun.engine.memory import pieces
from handspun.errors import UsageError

#: How bright ink is, the median of so many pixels says, those with the brightest surroundings. Grain is nowhere solid; the
#: thinnest stroke of the smallest digit is, for more pixels than these.
SOLID = 12

#: A ground up to ``BLACK`` and ink that stands out by ``ENOUGH`` or more are taken as they are. Each of the 70,000 digits of
#: MNIST has a ground of 0 and ink of 109 or more, so none of them is changed.
BLACK, ENOUGH = 8, 100

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
    least, most = most_solid(images if images.ndim == 3 else images.mean(axis=3))  # (n,) each
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


def most_solid(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How dark and how bright the most solid parts of pictures (n, H, W) are, (n,) each."""
    around = neighbourhoods(grey).reshape(len(grey), -1).astype(np.float32)  # which NumPy partitions fastest
    pixels = grey.reshape(len(grey), -1)
    some = min(SOLID, pixels.shape[1])
    order = np.argpartition(around, (some - 1, around.shape[1] - some), axis=1)
    values = (np.take_along_axis(pixels, chosen, axis=1) for chosen in (order[:, :some], order[:, -some:]))
    darkest, brightest = (np.median(chosen, axis=1).astype(np.float64) for chosen in values)
    return darkest, brightest


def neighbourhoods(grey: np.ndarray) -> np.ndarray:
    """The sum of the 3 x 3 pixels around each of pictures (n, H, W); beyond the border the nearest pixel goes on.

    Of bytes it is uint16, in which it is exact and half as long in memory; of other numbers float32.
    """
    n, height, width = grey.shape
    padded = np.empty((n, height + 2, width + 2), np.uint16 if grey.dtype == np.uint8 else np.float32)
    padded[:, 1:-1, 1:-1] = grey
    padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]
    padded[:, :, 0], padded[:, :, -1] = padded[:, :, 1], padded[:, :, -2]
    tall = padded[:, :-2] + padded[:, 1:-1]  # (n, H, W + 2)
    tall += padded[:, 2:]
    around = tall[:, :, :-2] + tall[:, :, 1:-1]  # (n, H, W)
    around += tall[:, :, 2:]
    return around
