"""Several digits in one picture: which strokes belong together, and in which order they are read.

Pixels of ink that touch form one connected component (Rosenfeld and Pfaltz, "Sequential operations in digital picture
processing", Journal of the ACM 13, 1966). A digit often has several components, such as a five and its bar, or a broken stroke:
components above each other are joined, and a small one joins its neighbour. Anything too small for a stroke is a speck. Lines
are read from top to bottom, and each line from left to right. Digits that touch are one component, and stay one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handspun.checks import byte_pictures
from handspun.errors import UsageError
from handspun.pictures.contract import to_ink
from handspun.pictures.grey import reduced, to_grey
from handspun.pictures.strokes import find_ink

#: A component is a speck if both its sides are less than this share of a digit's height. The height of a digit is the height
#: that splits the ink in half: components up to that height hold half of all ink.
SPECK = 0.15

#: Components above each other are joined if they share this much of the narrower one's width, ...
SHARED = 0.5

#: ... the gap between them is no higher than this, ...
APART = 0.25

#: ... and both together are no higher than this; in heights of a digit.
TALL = 1.5

#: A component lower than this, in heights of a digit, is part of a digit; it joins the nearest component up to ``BESIDE`` away.
PART, BESIDE = 0.55, 0.15

#: More components than this are not writing, but the dots of a print or a pattern. Each is compared with all others.
MOST_COMPONENTS = 2000

#: Two digits are on one line if they share this much of the lower one's height.
LEVEL = 0.3


@dataclass(frozen=True, eq=False)
class Segment:
    """One digit of a picture.

    Attributes:
        rows: the first row of its strokes and the row after the last.
        columns: the same for columns.
        line: which line of the picture it is on, from 0.
        picture: (h, w) uint8, its strokes alone, light on black with a margin: input for a ``Contract``.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    line: int
    picture: np.ndarray


def segments(picture: np.ndarray) -> list[Segment]:
    """Find the digits of a picture, in reading order; none on an empty sheet.

    ``picture`` is (H, W) or (H, W, C) with 1, 3 or 4 channels, uint8, dark on light or light on dark. Raises UsageError for
    anything else, or for more than ``MOST_COMPONENTS`` components.
    """
    picture = byte_pictures("Segmentation", picture, channels=(1, 3, 4), single=True)
    grey, factor = reduced(to_grey(picture[None]))
    (ink,) = to_ink(grey)  # (H, W), smaller than the picture by the factor
    labels, count = components(find_ink(ink[None])[0])  # (H, W)
    if count == 0:
        return []
    found = _boxes(labels, count)  # (count, 4): top, bottom, left, right
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]  # (count,)
    heights, widths = found[:, 1] - found[:, 0], found[:, 3] - found[:, 2]  # (count,) each
    height = _median_by(np.maximum(heights, widths), areas)
    kept = np.flatnonzero(np.maximum(heights, widths) >= SPECK * height)
    if len(kept) > MOST_COMPONENTS:
        raise UsageError(
            f"The picture has {len(kept):,} separate components of ink: too many for writing. The limit is {MOST_COMPONENTS:,}."
        )
    groups = _joined(found[kept], height)  # (kept,) which digit
    digit_of = np.zeros(count + 1, int)  # by label; 0 for the ground and for specks
    digit_of[kept + 1] = groups + 1
    owner = digit_of[labels]  # (H, W)
    boxes = _boxes(owner, groups.max() + 1)  # (digits, 4)
    result = []
    for number, line in enumerate(_lines(boxes)):
        for digit in line:
            top, bottom, left, right = (factor * boxes[digit]).tolist()
            alone = _alone(ink, labels, owner, digit + 1, boxes[digit])
            result.append(Segment((top, bottom), (left, right), number, alone))
    return result


def components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected components of a mask (H, W) bool (8-connectivity: pixels also touch at their corners).

    Returns labels (H, W) int, from 1 in the order of each component's first pixel and 0 for the background, and the number of
    components. The units are runs of pixels within a row: each starts with its own number, and runs that touch take the smaller
    of their numbers until nothing changes.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    edges = np.diff(padded, axis=1)  # (H, W + 1): 1 where a run begins, -1 after its end
    row, start = np.nonzero(edges == 1)  # (runs,) each, row by row
    stop = np.nonzero(edges == -1)[1]
    if not row.size:
        return np.zeros(mask.shape, int), 0
    # With all rows laid end to end, far enough apart, the neighbours are the runs of the row above within start - 1 to stop.
    stride = width + 2
    first, last = row * stride + start, row * stride + stop
    begin = np.searchsorted(last, first - stride, side="left")  # the first run above that ends at start or later
    end = np.searchsorted(first, last - stride, side="right")  # those before this one begin at stop or earlier
    touching = np.maximum(end - begin, 0)
    below = np.repeat(np.arange(row.size), touching)
    above = np.repeat(begin - np.cumsum(touching) + touching, touching) + np.arange(below.size)
    number = _merged(row.size, below, above)
    labels = np.zeros(mask.shape, int)
    labels[mask] = np.repeat(number + 1, stop - start)
    return labels, int(number.max()) + 1


def _merged(count: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Number ``count`` things from 0, (count,), so that things paired in ``one`` and ``other`` (pairs,) get the same number."""
    root = np.arange(count)
    while True:
        least = np.minimum(root[one], root[other])  # (pairs,)
        before = root.copy()
        np.minimum.at(root, before[one], least)
        np.minimum.at(root, before[other], least)
        while not np.array_equal(root[root], root):
            root = root[root]
        if np.array_equal(root, before):
            return np.unique(root, return_inverse=True)[1]


def _boxes(labels: np.ndarray, count: int) -> np.ndarray:
    """Top, bottom, left and right of each component in labels (H, W): (count, 4)."""
    row, column = np.nonzero(labels)
    label = labels[row, column] - 1
    boxes = np.empty((count, 4), int)
    for i, (place, least) in enumerate(((row, True), (row, False), (column, True), (column, False))):
        boxes[:, i] = max(labels.shape) if least else 0
        (np.minimum if least else np.maximum).at(boxes[:, i], label, place if least else place + 1)
    return boxes


def _median_by(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median of values (n,): half of the weight (n,) lies at or below it."""
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)])


def _joined(boxes: np.ndarray, height: float) -> np.ndarray:
    """Which digit each component (n, 4) belongs to, (n,) from 0; ``height`` is that of a digit in pixels."""
    top, bottom, left, right = boxes.T  # (n,) each
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)  # (n, n) shared columns; negative: distance
    down = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)  # (n, n)
    tall = np.maximum(bottom[:, None], bottom) - np.minimum(top[:, None], top)
    narrower = np.minimum((right - left)[:, None], right - left)
    small = bottom - top < PART * height  # (n,)
    together = (across >= SHARED * narrower) & (-down <= APART * height) & (tall <= TALL * height)
    together &= small | small[:, None]  # two whole digits stay two, even if a long stroke reaches over the next one
    distance = np.maximum(np.maximum(-across, -down), 0) + np.where(np.eye(len(boxes), dtype=bool), np.inf, 0)
    for i in np.flatnonzero(small & ~(together & ~np.eye(len(boxes), dtype=bool)).any(axis=1)):
        nearest = int(distance[i].argmin())
        together[i, nearest] |= distance[i, nearest] <= BESIDE * height and tall[i, nearest] <= TALL * height
    return _merged(len(boxes), *np.nonzero(together))


def _lines(boxes: np.ndarray) -> list[list[int]]:
    """The indices of the boxes (n, 4), line by line, each line from left to right.

    Going from left to right, a digit continues the line whose last digit it is level with, so a line may rise or fall.
    """
    lines: list[list[int]] = []
    for i in np.argsort(boxes[:, 2] + boxes[:, 3], kind="stable").tolist():
        top, bottom = boxes[i, :2]
        shares = [
            (min(bottom, boxes[line[-1], 1]) - max(top, boxes[line[-1], 0]))
            / min(bottom - top, boxes[line[-1], 1] - boxes[line[-1], 0])
            for line in lines
        ]
        if shares and max(shares) >= LEVEL:
            lines[int(np.argmax(shares))].append(i)
        else:
            lines.append([i])
    return sorted(lines, key=lambda line: float(np.mean(boxes[line, :2])))


def _alone(ink: np.ndarray, labels: np.ndarray, owner: np.ndarray, digit: int, box: np.ndarray) -> np.ndarray:
    """The strokes of one digit with their soft edges, on black with a margin of half their size: (h, w) uint8."""
    margin = int(max(box[1] - box[0], box[3] - box[2])) // 2 + 2
    result = np.zeros((box[1] - box[0] + 2 * margin, box[3] - box[2] + 2 * margin), np.uint8)
    rows, columns = slice(max(box[0] - 1, 0), box[1] + 1), slice(max(box[2] - 1, 0), box[3] + 1)  # one pixel of soft edge
    own = (owner[rows, columns] == digit) | (labels[rows, columns] == 0)
    crop = np.where(own, ink[rows, columns], 0)
    first, left = margin + rows.start - box[0], margin + columns.start - box[2]
    result[first : first + crop.shape[0], left : left + crop.shape[1]] = crop
    return result
