"""Which classes are taken for which: errors in colour, right answers in grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from handspun.errors import UsageError
from handspun.plots.sheet import HEADING, MARGIN, SMALL_SIZE, TEXT_SIZE, Sheet, line_height, text_width
from handspun.plots.style import CARD, ERROR_SCALE, GREY, INK, LINE, paper, percent, shorten

_LIST_HEADING = "most frequent confusions"
MOST_WITH_COUNTS = 20  # classes; above this the cells are too small for numbers


def confusion_matrix(matrix: ArrayLike, classes: Sequence[str]) -> Figure:
    """The confusion matrix, rows true, columns predicted.

    The colour of an error is its share of the row, so a rare class shows its errors as clearly as a common one. The diagonal
    is grey: in colour it would outshine everything else. With up to 20 classes each cell shows its count and each row its
    recall; with more, the most frequent confusions are listed in words.

    Args:
        matrix: (C, C) counts, ``matrix[true, predicted]``, 1 to any number of classes.
        classes: the C names.

    Raises:
        UsageError: the matrix is not square, holds no counts, or its size is not the number of classes.
    """
    counts = _counts(matrix, classes)
    totals = counts.sum(axis=1)
    share = counts / np.maximum(totals, 1)[:, None]  # (C, C), of the true class
    errors = np.ma.masked_array(share, mask=np.eye(len(counts), dtype=bool))
    # One error among a thousand should not look like a disaster, so the scale reaches at least 1 %.
    highest = max(0.01, float(errors.max()) if len(counts) > 1 else 0.0)

    names = [shorten(str(name)) for name in classes]
    small = len(counts) > MOST_WITH_COUNTS
    size = TEXT_SIZE if len(counts) <= 40 else 7.0
    texts = [[f"{value:,}" for value in row] for row in counts.tolist()]
    widest = max(text_width(text, bold=True) for row in texts for text in row)
    cell = max(66 if len(counts) > 4 else 108, widest + 20)
    if small:
        cell = 30 if len(counts) <= 40 else line_height(size)
    side = cell * len(counts)
    upright = max(text_width(name, size) for name in names) > cell - 8
    left = MARGIN + line_height() + 12 + max(text_width(name, size) for name in names) + 18
    below = (max(text_width(name, size) for name in names) if upright else line_height(size)) + 18
    frequent = [
        (percent(share[pair]), f"{names[pair[0]]} as {names[pair[1]]} ({counts[pair]:,})")
        for pair in _frequent(counts, share, 12)
    ] or [("", "none")]
    listed = max(text_width("100.0 %   ") + text_width(words) for _, words in frequent)
    right = 24 + (max(listed, text_width(_LIST_HEADING, bold=True)) if small else 100)
    top = MARGIN + HEADING + (0 if small else 24)
    bar_top = top + side + below + line_height() + 34
    heading = f"Confusion matrix: {percent(counts.trace() / max(1, counts.sum()))} of {counts.sum():,} right"
    width = max(left + side + right, MARGIN + text_width(heading, 12, bold=True)) + MARGIN

    with paper():
        sheet = Sheet(width, bar_top + 18 + line_height(SMALL_SIZE) + MARGIN)
        sheet.heading(heading, "errors coloured by their share of the true class")
        box = (left / width, 1 - (top + side) / sheet.height, side / width, side / sheet.height)
        axes = sheet.figure.add_axes(box)
        scale = ERROR_SCALE.with_extremes(bad=LINE)
        axes.imshow(errors, cmap=scale, vmin=0, vmax=highest, aspect="auto", interpolation="nearest")
        _rulings(axes, names, size, upright=upright, width=0.4 if small else 1)
        sheet.text(left + side / 2, bar_top - 52, "predicted", align="center")
        sheet.axes.text(MARGIN, top + side / 2, "true", rotation=90, ha="left", va="center", size=TEXT_SIZE)
        if small:
            _list_confusions(sheet, left + side + 24, top, frequent)
        else:
            _write_counts(axes, texts, share / highest)
            sheet.text(left + side + right - 10, top - 20, "recall", color=GREY, align="right")
            for row, total in enumerate(totals):
                recall = percent(share[row, row]) if total else "none"
                sheet.text(left + side + right - 10, top + (row + 0.5) * cell, recall, align="right")
        marks = ("0.0 %", f"{50 * highest:.1f} %", f"{100 * highest:.1f} %")
        ramp = np.linspace(0, highest, 256)[None, :]
        sheet.colour_bar(left, bar_top, min(max(side, 240), 420), ramp, ERROR_SCALE, marks)
        return sheet.keep_view()


def _counts(matrix: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    values = np.asarray(matrix)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.size == 0:
        raise UsageError(f"A confusion matrix is square, (C, C); this one has the shape {values.shape}.")
    if len(classes) != len(values):
        raise UsageError(f"The confusion matrix has {len(values)} classes, but there are {len(classes)} names.")
    if values.dtype.kind not in "iuf" or not (np.isfinite(values).all() and (values >= 0).all()):
        raise UsageError("A confusion matrix holds counts: whole numbers from 0.")
    counts = values.astype(np.int64)
    if (counts != values).any():
        raise UsageError("A confusion matrix holds counts: whole numbers from 0, not shares.")
    return counts


def _rulings(axes: Axes, names: list[str], size: float, *, upright: bool, width: float) -> None:
    """Class names along the sides, and thin lines between the cells."""
    places = range(len(names))
    axes.set_xticks(places, names, size=size, rotation=90 if upright else 0)
    axes.set_yticks(places, names, size=size)
    axes.tick_params(length=0, pad=4)
    axes.grid(visible=False)
    for place in range(len(names) + 1):
        axes.axhline(place - 0.5, color=LINE, linewidth=width, clip_on=False)
        axes.axvline(place - 0.5, color=LINE, linewidth=width, clip_on=False)
    axes.spines[:].set_visible(False)


def _write_counts(axes: Axes, texts: list[list[str]], depth: NDArray[Any]) -> None:
    """The counts (C, C) in the cells; ``depth`` (C, C) is how dark a cell is, 0 to 1."""
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            right = row == column
            color = INK if right or depth[row, column] < 0.55 else CARD
            # Most cells are zeros: they stay pale.
            color = "#a39c90" if text == "0" and not right else color
            weight = "bold" if right else "normal"
            axes.text(column, row, text, color=color, weight=weight, size=TEXT_SIZE, ha="center", va="center_baseline")


def _frequent(counts: NDArray[np.int64], share: NDArray[Any], most: int) -> list[tuple[int, int]]:
    """The ``most`` greatest errors (true, predicted) by share of the row, then by count."""
    pairs = [(int(true), int(predicted)) for true, predicted in np.argwhere(counts) if true != predicted]
    return sorted(pairs, key=lambda pair: (-share[pair], -counts[pair]))[:most]


def _list_confusions(sheet: Sheet, x: int, y: int, lines: list[tuple[str, str]]) -> None:
    """The most frequent confusions in words, because the colours of small cells are hard to read."""
    sheet.text(x, y + 12, _LIST_HEADING, bold=True)
    step = line_height() + 6
    for place, (value, words) in enumerate(lines, start=1):
        sheet.text(x + text_width("100.0 %"), y + 16 + place * step, value, align="right")
        sheet.text(x + text_width("100.0 %   "), y + 16 + place * step, words)
