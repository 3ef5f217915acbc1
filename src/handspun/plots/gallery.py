"""Images with their predictions, and the mistakes that the network was surest of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from handspun.checks import positive_integer
from handspun.errors import UsageError
from handspun.plots.checks import class_indices, same_length, shares
from handspun.plots.images import Pictures, pictures, shown_size, suitable_columns
from handspun.plots.sheet import HEADING, MARGIN, SMALL_SIZE, Sheet, heading_width, line_height, text_width
from handspun.plots.style import GREY, INK, RED, paper, percent, shorten

WRONG = "✗"  # so that colour is not the only mark


@dataclass(frozen=True)
class _Caption:
    """The text below one image: two classes, and the probability of each."""

    predicted: str
    confidence: str
    true: str = ""
    true_share: str = ""
    wrong: bool = False


def prediction_gallery(
    images: ArrayLike,
    true: ArrayLike | None,
    predicted: ArrayLike,
    confidence: ArrayLike,
    classes: Sequence[str],
    *,
    count: int = 40,
    ink: bool = True,
) -> Figure:
    """The first ``count`` images, each with the predicted class, its probability and the true class.

    Wrong answers carry a red frame and a cross.

    Args:
        images: N images, (N, H, W), (N, H, W, 3), or flat rows of squares; uint8 or from 0 to 1.
        true: (N,) class numbers, or None if unknown.
        predicted: (N,) class numbers.
        confidence: (N,) the probability of the predicted class, 0 to 1.
        classes: the names.
        count: how many images at most.
        ink: draw high values of grey images dark, as ink, not light.

    Raises:
        UsageError: the lengths differ, or a value is invalid.
    """
    same_length(images=images, predicted=predicted, confidence=confidence, **({} if true is None else {"true": true}))
    shown = pictures(images, ink=ink)
    answers = class_indices("predicted", predicted, classes)
    sure = shares("confidence", confidence, ndim=1)
    truth = None if true is None else class_indices("true", true, classes)
    captions = [
        _Caption(
            str(classes[answer]),
            percent(sure[place]),
            true="" if truth is None else str(classes[truth[place]]),
            wrong=truth is not None and bool(truth[place] != answer),
        )
        for place, answer in enumerate(answers[: positive_integer("gallery", "count", count)])
    ]
    if not captions:
        return _message("Predictions", "There are no images to show.")
    every = len(captions) == len(answers)
    part = "" if every else f", the first {len(captions):,} of {len(answers):,} images"
    if truth is None:
        title, note = f"Predictions{part}", "predicted class and its probability"
    else:
        right = sum(not caption.wrong for caption in captions)
        title = f"Predictions: {right:,} of {len(captions):,} right{part}"
        note = "predicted class and its probability, true class"
        note += f"; {WRONG} wrong" if right < len(captions) else ""
    return _grid(shown, np.arange(len(captions)), captions, title, note, framed=True)


def worst_mistakes(
    images: ArrayLike, true: ArrayLike, probabilities: ArrayLike, classes: Sequence[str], *, count: int = 24, ink: bool = True
) -> Figure:
    """The wrong answers that the network was surest of, surest first; without any, a picture that says so.

    Args:
        images: N images; as in `prediction_gallery`.
        true: (N,) class numbers.
        probabilities: (N, C), 0 to 1.
        classes: the C names.
        count: how many mistakes at most.
        ink: draw high values dark.

    Raises:
        UsageError: the lengths differ, or a value is invalid.
    """
    same_length(images=images, true=true, probabilities=probabilities)
    table = shares("probabilities", probabilities, ndim=2)
    if table.shape[1] != len(classes):
        raise UsageError(f"The probabilities have {table.shape[1]} columns, but there are {len(classes)} classes.")
    shown = pictures(images, ink=ink)
    truth = class_indices("true", true, classes)
    worst, total = surest_errors(truth, table, positive_integer("gallery", "count", count))
    if not total:
        return _message("No mistakes", f"All {len(truth):,} images were classified correctly.")
    captions = [
        _Caption(str(classes[row.argmax()]), percent(row.max()), str(classes[right]), percent(row[right]), wrong=True)
        for row, right in zip(table[worst], truth[worst].tolist(), strict=True)
    ]
    title = f"The {len(worst):,} surest of {total:,} mistakes"
    if total == len(worst):
        title = f"The {total:,} mistakes" if total > 1 else "The one mistake"
    note = f"{WRONG} predicted class, true class, and the probability of each"
    return _grid(shown, worst, captions, f"{title} in {len(truth):,} images", note, framed=False)


def surest_errors(true: NDArray[np.int64], probabilities: NDArray[np.float64], count: int) -> tuple[NDArray[np.int64], int]:
    """The indices of the ``count`` errors with the most probable wrong answers, and the number of all errors."""
    answers = probabilities.argmax(axis=1) if probabilities.size else np.zeros(0, np.int64)
    wrong = np.flatnonzero(answers != true)
    order = np.argsort(-probabilities[wrong, answers[wrong]], kind="stable")
    return wrong[order][:count], len(wrong)


def _message(title: str, note: str) -> Figure:
    with paper():
        sheet = Sheet(max(heading_width(title, note), 600) + 2 * MARGIN, 2 * MARGIN + 70)
        sheet.heading(title, note)
        return sheet.keep_view()


def _grid(
    shown: Pictures, places: NDArray[np.int64], captions: list[_Caption], title: str, note: str, *, framed: bool
) -> Figure:
    """One cell for each caption: the image ``shown.values[place]``, and the caption below it.

    ``framed`` gives wrong answers a red frame: not needed if all are wrong.
    """
    first = [f"{WRONG} {shorten(caption.predicted)}" for caption in captions]
    gap = 14  # pixels between the name and its probability
    widths = [
        text_width(name, bold=True) + gap + text_width(caption.confidence, SMALL_SIZE)
        for name, caption in zip(first, captions, strict=True)
    ] + [
        text_width(f"true {shorten(caption.true)}", SMALL_SIZE) + gap + text_width(caption.true_share, SMALL_SIZE)
        for caption in captions
    ]
    # Long class names need wide cells: the image grows with them.
    size = shown_size(shown.values.shape[1:], about=min(max(140, *widths), 196))
    cell = max(size[1], *widths)
    lines = 2 if any(caption.true for caption in captions) else 1
    step_x, step_y = cell + 28, size[0] + 8 + lines * line_height() + 24
    columns = min(suitable_columns(len(captions), most=max(4, 1640 // step_x)), len(captions))
    rows = -(-len(captions) // columns)
    with paper():
        sheet = Sheet(
            2 * MARGIN + max(columns * step_x - 28, heading_width(title, note)), MARGIN + HEADING + rows * step_y - 24 + MARGIN
        )
        sheet.heading(title, note)
        for number, (place, caption) in enumerate(zip(places, captions, strict=True)):
            x, y = MARGIN + number % columns * step_x, MARGIN + HEADING + number // columns * step_y
            frame: Any = {"frame": RED, "line": 5} if framed and caption.wrong else {}
            sheet.picture(shown.values[place], x, y, size, scale=shown.scale, limits=shown.limits, **frame)
            line = y + size[0] + 8 + line_height() / 2 + 2
            name = first[number] if caption.wrong else shorten(caption.predicted)
            sheet.text(x, line, name, color=RED if caption.wrong else INK, bold=True)
            sheet.text(x + cell, line, caption.confidence, size=SMALL_SIZE, align="right")
            if caption.true:
                line += line_height()
                color = INK if caption.wrong else GREY
                sheet.text(x, line, f"true {shorten(caption.true)}", size=SMALL_SIZE, color=color)
                sheet.text(x + cell, line, caption.true_share, size=SMALL_SIZE, align="right")
        return sheet.keep_view()
