"""Photographed and scanned paper: shadows, dark corners, a lamp on one side, ruled and squared sheets.

Light multiplies: in the shadow, paper and ink both reflect the same share of what they would reflect in full light. Where the
brightness of the paper around each place is known, the ink is what differs from it, relative to it.

The brightness of the paper is the picture without strokes. A closing (the largest value in a window around each place, then the
smallest of those) fills whatever is dark and narrower than its window, and keeps wide things and their edges.
An opening does the same to what is light (Serra, "Image Analysis and Mathematical Morphology", 1982; what it removes is Meyer's
top-hat, 1979). Comparing with the surroundings, not with one threshold for the sheet, is the idea of Sauvola and Pietikäinen,
"Adaptive document image binarization", Pattern Recognition 33 (2000), and of Bradley and Roth, "Adaptive thresholding using the
integral image", Journal of Graphics Tools 12 (2007). They compare with means over a window, which works as well if it is known
whether the ink is dark or light; here the smoother of closing and opening shows it.
"""

from __future__ import annotations

import numpy as np

from handspun.pictures.normalize import border, most_solid, neighbourhoods
from handspun.pictures.strokes import extents

#: The border is split into this many parts. Up to ``SPARED`` of them at either end of the brightness may be strokes along it.
PARTS, SPARED = 16, 2

#: The light is uneven if the border's brightness varies by this share of the contrast. Measured on digits "photographed" by a
#: program (tests/photos.py): up to an eighth, one background for the whole sheet reads as many digits on plain paper as local
#: ones; on ruled paper it is worse from a twentieth on, and at three eighths it fails in three of four cases.
UNEVEN = 1 / 16

#: A shadow leaves at least this share of the light. Anything darker is ink along the border; on black no shadow can be seen.
SHADOW = 1 / 5

#: Paper has lines if all ink together reaches this much farther than the ink of at least half the greatest strength. In MNIST's
#: 70,000 digits it reaches at most 1.2 times as far; where lines made a digit unreadable, 1.9 times or more.
LINED, STRONG = 1.5, 0.5

#: Smaller pictures are not examined: their strokes are as wide as the windows, and have as few pixels as a line.
SMALLEST = 64

#: The side of a window, as a share of the picture's shorter side. Strokes are narrower, and the shadows that matter are wider.
WINDOW = 1 / 4

#: Ink differs from the paper by at least this share of its light (Bradley's and Roth's share), and by this many times the
#: distance from the lower quartile to the median of all differences, which is due to grain; ink that can be read, by 30 times.
LEAST, GRAIN = 0.15, 12

#: Up to the first share of the strongest ink's strength it is paper with its lines and grain; from the second share on it is
#: ink.
PAPER, FULL = 0.35, 0.7

#: Paper counts as at least this bright, so that the grain of black boards stays small.
DARKEST = 16


def is_uneven(grey: np.ndarray) -> np.ndarray:
    """Which of the pictures (n, H, W) uint8 are in uneven light, (n,) bool."""
    if min(grey.shape[1:]) < SMALLEST:
        return np.zeros(len(grey), bool)
    edge = border(grey)  # (n, 2·(H + W))
    result = np.ptp(edge, axis=1) > 0  # the others need no closer look
    for i in np.flatnonzero(result):
        # Strokes and lines that cross the border do not move the median of a part.
        levels = sorted(float(np.median(part)) for part in np.array_split(edge[i], PARTS))
        dark, bright = levels[SPARED], levels[-1 - SPARED]
        darkest, brightest = most_solid(grey[i : i + 1])  # (1,) each
        contrast = float(brightest[0] - darkest[0])
        result[i] = dark < bright and dark >= SHADOW * bright and bright - dark >= UNEVEN * contrast
    return result


def is_lined(ink: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """Which of the pictures have lines, squares or blots beside the strokes, (n,) bool.

    ``ink`` (n, H, W) uint8 is light strokes on black, ``strokes`` (n, H, W) bool is all that may be strokes.
    """
    if min(ink.shape[1:]) < SMALLEST:
        return np.zeros(len(ink), bool)
    inked = ink * strokes  # (n, H, W)
    half = np.ceil(STRONG * inked.max(axis=(1, 2))).astype(np.uint8)  # (n,)
    strong = strokes & (inked >= half[:, None, None])
    return _reach(strokes) > LINED * _reach(strong)


def _reach(strokes: np.ndarray) -> np.ndarray:
    """Height plus width of what is true in (n, H, W), in pixels, (n,)."""
    top, bottom, left, right = extents(strokes)
    return bottom - top + right - left


def even_out(grey: np.ndarray) -> np.ndarray:
    """Turn strokes on paper, (H, W) uint8, into light strokes on black, whatever the light and the lines on the paper.

    The result, (H, W) uint8, is all 0 if nothing stands out from the paper.
    """
    smooth = np.rint(neighbourhoods(grey[None])[0] / 9).astype(np.uint8)  # (H, W), with less grain
    size = max(round(min(grey.shape) * WINDOW), 1)
    without_dark, without_light = closing(smooth, size), 255 - closing(255 - smooth, size)  # (H, W) each
    # The rougher one still has the strokes in it: the other one is the paper.
    if _roughness(without_dark) <= _roughness(without_light):
        paper, difference = without_dark, without_dark - smooth
    else:
        paper, difference = without_light, smooth - without_light
    strength = np.divide(difference, np.maximum(paper, DARKEST), dtype=np.float32)  # (H, W)
    ground = float(np.median(border(strength[None])))
    full = float(most_solid(strength[None])[1][0])
    quarter, half = np.quantile(strength[::4, ::4], (0.25, 0.5))
    if full - ground < max(LEAST, GRAIN * float(half - quarter)):
        return np.zeros_like(grey)
    # Linear from 0 for paper to 255 for ink, clipped beyond them.
    first, last = (ground + share * (full - ground) for share in (PAPER, FULL))
    strength -= first
    strength *= 255 / (last - first)
    return np.rint(np.clip(strength, 0, 255, out=strength)).astype(np.uint8)


def closing(picture: np.ndarray, size: int) -> np.ndarray:
    """Fill what is dark and narrower or lower than ``size`` pixels: (H, W) uint8 to (H, W) uint8.

    Windows that reach beyond the border count too, so that light that fades towards a side is not taken for ink.
    """
    for axis in (0, 1):
        beyond = [(0, 0), (0, 0)]
        beyond[axis] = (size - 1, size - 1)
        picture = _largest(np.pad(picture, beyond), axis, size)  # over each window that touches the picture
    picture = 255 - picture
    for axis in (0, 1):
        picture = _largest(picture, axis, size)  # over the windows around each pixel
    return 255 - picture


def _largest(values: np.ndarray, axis: int, size: int) -> np.ndarray:
    """The maximum over each run of ``size`` neighbours along an axis of (H, W), which becomes size - 1 shorter.

    The maximum over 2k neighbours is the larger of the maxima over two runs of k, so log2(size) steps are enough.
    """
    values = np.moveaxis(values, axis, 0)
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        values = np.maximum(values[:-step], values[step:])
        reach += step
    return np.moveaxis(values, 0, axis)


def _roughness(picture: np.ndarray) -> int:
    """The sum of the absolute differences between neighbouring pixels of (H, W) uint8."""
    total = 0
    for one, other in ((picture[1:], picture[:-1]), (picture[:, 1:], picture[:, :-1])):
        total += int((np.maximum(one, other) - np.minimum(one, other)).sum(dtype=np.int64))
    return total
