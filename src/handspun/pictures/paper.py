"""Photographed and scanned paper: shadows, dark corners, a lamp on one side, ruled and squared sheets.

Light multiplies: a place of the paper in the shadow, and the ink upon it, send back the same share of what they would send
in full light. Where the paper's own brightness is known around each place, the ink is what differs from it, as a share of it.

The brightness of the paper is the picture without strokes. A closing, which is the largest value around each place and then
the least of those, fills whatever is dark and narrower than its window, and leaves wide things and their edges where they are;
an opening does the same to what is light (Serra, "Image Analysis and Mathematical Morphology", 1982; what is left of the
picture after it is Meyer's top-hat, 1979). To compare with the surroundings, and not with one threshold for the sheet, is the
idea of Sauvola and Pietikäinen, "Adaptive document image binarization", Pattern Recognition 33 (2000), and of Bradley and Roth,
"Adaptive thresholding using the integral image", Journal of Graphics Tools 12 (2007). They compare with means over a window,
which serve as well where it is known whether the ink is dark or light; of a closing and an opening the smoother one says it.
"""

from __future__ import annotations

import numpy as np

from handspun.pictures.normalize import most_solid, neighbourhoods

#: The border is looked at in so many parts; up to ``SPARED`` of them at either end may be strokes that run along it.
PARTS, SPARED = 16, 2

#: The light is uneven where the border's brightness varies by this share of all contrast. Of digits photographed by a program
#: (tests/photos.py), one ground for the whole sheet reads as many as that of the surroundings does up to an eighth on plain
#: paper; on ruled paper it is worse from a twentieth on, and at three eighths it fails three times of four.
UNEVEN = 1 / 16

#: A shadow leaves at least this share of the light. What is darker is ink along the border, and on black nothing shows light.
SHADOW = 1 / 5

#: Paper is lined where ink of all strengths reaches this much farther than ink of at least half of the strongest's does. In
#: MNIST's 70,000 digits it reaches 1.2 times as far at most; where lines made the digit unreadable, 1.9 times and more.
LINED, STRONG = 1.5, 0.5

#: Smaller pictures are not looked at: their strokes are as wide as these windows, and hold as few pixels as a line.
SMALLEST = 64

#: Windows are this share of the picture's shorter side; strokes are narrower, and the shadows that count are wider.
WINDOW = 1 / 4

#: Ink differs from the paper by this share of its light at least (the share is Bradley's and Roth's), and by so many times the
#: distance from the lower quartile to the median of all differences, which the grain makes; of ink that can be read, 30 times.
LEAST, GRAIN = 0.15, 12

#: Up to the first share of the strongest ink's strength it is paper, with its lines and its grain; from the second it is ink.
PAPER, FULL = 0.35, 0.7

#: No paper is taken to be darker than this, so that the grain of black boards stays small.
DARKEST = 16


def is_uneven(grey: np.ndarray) -> np.ndarray:
    """Which of pictures (n, H, W) uint8 lie in uneven light, (n,) bool."""
    if min(grey.shape[1:]) < SMALLEST:
        return np.zeros(len(grey), bool)
    border = np.concatenate(_sides(grey), axis=1)  # (n, 2·(H + W))
    result = np.ptp(border, axis=1) > 0  # the others need no closer look
    for i in np.flatnonzero(result):
        # The median of each part is not moved by strokes and lines that cross the border.
        levels = sorted(float(np.median(part)) for part in np.array_split(border[i], PARTS))
        dark, bright = levels[SPARED], levels[-1 - SPARED]
        result[i] = dark < bright and dark >= SHADOW * bright and bright - dark >= UNEVEN * _contrast(grey[i])
    return result


def is_lined(ink: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """Which of pictures have lines, squares or blots beside the strokes, (n,) bool.

    Args:
        ink: (n, H, W) uint8, light strokes on black.
        strokes: (n, H, W) bool, where all of it is that may be taken for strokes.
    """
    if min(ink.shape[1:]) < SMALLEST:
        return np.zeros(len(ink), bool)
    inked = ink * strokes  # (n, H, W)
    half = np.ceil(STRONG * inked.max(axis=(1, 2))).astype(np.uint8)  # (n,)
    strong = strokes & (inked >= half[:, None, None])
    return _reach(strokes) > LINED * _reach(strong)


def _reach(strokes: np.ndarray) -> np.ndarray:
    """Height and width together of what is true in (n, H, W), in pixels, (n,)."""
    total = np.zeros(len(strokes), int)
    for some in (np.any(strokes, axis=2), np.any(strokes, axis=1)):  # (n, H), (n, W)
        total += np.where(some.any(axis=1), some.shape[1] - some.argmax(axis=1) - some[:, ::-1].argmax(axis=1), 0)
    return total


def even_out(grey: np.ndarray) -> np.ndarray:
    """Strokes on paper as light strokes on black, whatever light falls on it and what lines it has.

    Args:
        grey: (H, W) uint8, dark on light or light on dark.

    Returns:
        (H, W) uint8; all 0 where nothing stands out from the paper.
    """
    smooth = np.rint(neighbourhoods(grey[None])[0] / 9).astype(np.uint8)  # (H, W), with less grain
    size = max(round(min(grey.shape) * WINDOW), 1)
    without_dark, without_light = closing(smooth, size), 255 - closing(255 - smooth, size)  # (H, W) each
    # The one that still has the strokes in it is the rougher one: the other is the paper.
    if _roughness(without_dark) <= _roughness(without_light):
        paper, difference = without_dark, without_dark - smooth
    else:
        paper, difference = without_light, smooth - without_light
    strength = np.divide(difference, np.maximum(paper, DARKEST), dtype=np.float32)  # (H, W)
    ground = float(np.median(np.concatenate(_sides(strength[None]), axis=1)))
    full = float(most_solid(strength[None])[1][0])
    quarter, half = np.quantile(strength[::4, ::4], (0.25, 0.5))
    if full - ground < max(LEAST, GRAIN * float(half - quarter)):
        return np.zeros_like(grey)
    # From 0 for paper to 255 for ink: a straight line through both, cut off beyond them.
    first, last = (ground + share * (full - ground) for share in (PAPER, FULL))
    strength -= first
    strength *= 255 / (last - first)
    return np.rint(np.clip(strength, 0, 255, out=strength)).astype(np.uint8)


def closing(picture: np.ndarray, size: int) -> np.ndarray:
    """Fill what is dark and narrower or lower than ``size`` pixels: (H, W) uint8 to the same.

    Along the border also windows that reach beyond it count, so that light that fades towards a side is not taken for ink.
    """
    for axis in (0, 1):
        beyond = [(0, 0), (0, 0)]
        beyond[axis] = (size - 1, size - 1)
        picture = _largest(np.pad(picture, beyond), axis, size)  # of each window that touches the picture
    picture = 255 - picture
    for axis in (0, 1):
        picture = _largest(picture, axis, size)  # of the windows around each pixel
    return 255 - picture


def _largest(values: np.ndarray, axis: int, size: int) -> np.ndarray:
    """The largest of each ``size`` neighbours along an axis of (H, W): size - 1 fewer there than there are values.

    The largest of 2k neighbours is that of two runs of k, so that log2(size) steps are enough.
    """
    values = np.moveaxis(values, axis, 0)
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        values = np.maximum(values[:-step], values[step:])
        reach += step
    return np.moveaxis(values, 0, axis)


def _roughness(picture: np.ndarray) -> int:
    """The sum of all differences between neighbouring pixels of (H, W) uint8."""
    total = 0
    for one, other in ((picture[1:], picture[:-1]), (picture[:, 1:], picture[:, :-1])):
        total += int((np.maximum(one, other) - np.minimum(one, other)).sum(dtype=np.int64))
    return total


def _sides(pictures: np.ndarray) -> tuple[np.ndarray, ...]:
    """The border of (n, H, W), side by side in the order around: (n, W), (n, H), (n, W), (n, H)."""
    return pictures[:, 0], pictures[:, :, -1], pictures[:, -1, ::-1], pictures[:, ::-1, 0]


def _contrast(grey: np.ndarray) -> float:
    """How far the brightest and the darkest parts of a picture (H, W) are from each other."""
    darkest, brightest = most_solid(grey[None])
    return float(brightest[0] - darkest[0])
