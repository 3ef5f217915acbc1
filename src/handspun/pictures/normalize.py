"""Light strokes on black, whatever the paper and the ink were: networks that learned from MNIST's digits expect them.

The border of a picture shows the ground; a stroke that touches the border does not move the median of its pixels. The values
that differ most from the ground are the ink.
"""

from __future__ import annotations

import numpy as np

from handspun.checks import byte_pictures
from handspun.engine.memory import chunks

#: The brightness of the ink is the median of this many pixels, those with the brightest surroundings. Grain is nowhere solid;
#: the thinnest stroke of the smallest digit is solid for more pixels than these.
SOLID = 12

#: Pictures with a ground up to ``BLACK`` and ink that stands out by ``ENOUGH`` or more are not changed. Each of the 70,000
#: digits of MNIST has a ground of 0 and ink of 109 or more, so none of them is changed.
BLACK, ENOUGH = 8, 100

#: Ink that stands out by less than this is not stretched to white: it may be the grain of an empty sheet.
FAINT = 16


def normalize_polarity_and_contrast(images: np.ndarray) -> np.ndarray:
    """Turn pictures of strokes into light strokes on black, each judged by itself: a new array of the same shape.

    A picture whose ink is darker than its ground is inverted. Then, unless its ground is black and its ink bright enough
    already, its values are stretched so that the ground becomes 0 and the brightest ink 255. No pixel changes in a picture that
    fits already, and an inverted picture becomes exactly the original.

    Raises UsageError for anything but ``images`` (N, H, W) or (N, H, W, C), uint8.
    """
    result = byte_pictures("Normalization", images).copy()
    for chunk in chunks(len(result), 1000):
        _normalize(result[chunk])
    return result


def _normalize(images: np.ndarray) -> None:
    """Normalize pictures in place."""
    ground = np.median(border(images).reshape(len(images), -1), axis=1)  # (n,)
    least, most = most_solid(images if images.ndim == 3 else images.mean(axis=3))  # (n,) each
    # Where nothing stands out, the sheet is empty; it is light if it is lighter than the middle.
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


def border(pictures: np.ndarray) -> np.ndarray:
    """The pixels along the border of (n, H, W) or (n, H, W, C), in the order around: (n, 2·(H + W)) or (n, 2·(H + W), C)."""
    sides = pictures[:, 0], pictures[:, :, -1], pictures[:, -1, ::-1], pictures[:, ::-1, 0]
    return np.concatenate(sides, axis=1)


def most_solid(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The brightness of the darkest and of the brightest solid parts of pictures (n, H, W), (n,) each."""
    around = neighbourhoods(grey).reshape(len(grey), -1).astype(np.float32)  # NumPy partitions float32 fastest
    pixels = grey.reshape(len(grey), -1)
    some = min(SOLID, pixels.shape[1])
    order = np.argpartition(around, (some - 1, around.shape[1] - some), axis=1)
    values = (np.take_along_axis(pixels, chosen, axis=1) for chosen in (order[:, :some], order[:, -some:]))
    darkest, brightest = (np.median(chosen, axis=1).astype(np.float64) for chosen in values)
    return darkest, brightest


def neighbourhoods(grey: np.ndarray) -> np.ndarray:
    """The sum of the 3 x 3 pixels around each pixel of (n, H, W); beyond the border the nearest pixel is repeated.

    For bytes it is uint16, which is exact and takes half the memory; for other numbers float32.
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
