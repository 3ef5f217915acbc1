"""What changed pictures look like: each column is one picture, each row one version of all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from handspun.errors import UsageError
from handspun.plots.checks import positive
from handspun.plots.sheet import (
    HEADING,
    MARGIN,
    NOTE_SIZE,
    SMALL_SIZE,
    TITLE_SIZE,
    Sheet,
    line_height,
    pictures,
    shown_size,
    text_width,
)
from handspun.plots.style import GREY, paper

_GAP = 8


def augmentation_grid(before: ArrayLike, after: ArrayLike, *, count: int = 14, ink: bool = True) -> Figure:
    """Pictures as they are, and below each of them what random changes made of it.

    Args:
        before: N images, (N, H, W), (N, H, W, 3), or with the channels first; uint8 or fractions.
        after: the same images changed, (N, …) once or (K, N, …) K times.
        count: how many images at most.
        ink: show high values of grey images as ink (as MNIST means them), not as light.

    Raises:
        UsageError: the shapes do not go together, or the images cannot be shown.

    """
    images, changed = np.asarray(before), np.asarray(after)
    if changed.shape == images.shape:
        changed = changed[None]
    if changed.shape[1:] != images.shape or not len(changed):
        raise UsageError(f"The images before, {images.shape}, and after, {changed.shape}, do not go together.")
    rows = [("before", "", images), *(("" if k else "after", "", batch) for k, batch in enumerate(changed))]
    shown = min(len(images), positive("count", count))
    many = f"below each what random changes make of it, {len(changed)} times"
    note = many if len(changed) > 1 else "below each what a random change makes of it"
    return _grid(rows, f"{shown:,} images, augmented" if shown != 1 else "An image, augmented", note, shown, ink=ink)


def version_grid(versions: Mapping[str, ArrayLike], notes: Mapping[str, str], *, count: int = 14, ink: bool = True) -> Figure:
    """The same pictures in several versions, a row for each, with its name and what it is.

    Args:
        versions: by their names, the images of each, (N, H, W), (N, H, W, 3), or with the channels first.
        notes: by their names, what the versions are; those without a note have none.
        count: how many images at most.
        ink: show high values of grey images as ink (as MNIST means them), not as light.

    Raises:
        UsageError: versions of different shapes, or none, or images that cannot be shown.

    """
    rows = [(name, notes.get(name, ""), np.asarray(images)) for name, images in versions.items()]
    shapes = sorted({images.shape for _, _, images in rows})
    if len(shapes) != 1:
        raise UsageError(f"All versions need the same shape; there are {', '.join(map(str, shapes)) or 'none'}.")
    shown = min(len(rows[0][2]), positive("count", count))
    heading = f"{shown:,} images in {len(rows)} versions" if shown != 1 else f"An image in {len(rows)} versions"
    return _grid(rows, heading, "each column is one image", shown, ink=ink)


def _grid(rows: list[tuple[str, str, np.ndarray]], title: str, note: str, columns: int, *, ink: bool) -> Figure:
    """A row for each (name, note, images): the first ``columns`` of the images; the names stand at the left."""
    shown = [pictures(images[:columns], None, ink=ink) for _, _, images in rows]
    size = shown_size(shown[0].values.shape[1:], about=84)
    label = max(text_width(name, bold=True) for name, _, _ in rows)
    label = max(label, *(text_width(words, SMALL_SIZE) for _, words, _ in rows)) + 24
    step_x, step_y = size[1] + _GAP, max(size[0], 2 * line_height(SMALL_SIZE)) + _GAP
    apart = 2 * _GAP  # between the first row, which the others are compared with, and those
    width = max(label + columns * step_x - _GAP, text_width(title, TITLE_SIZE, bold=True), text_width(note, NOTE_SIZE))
    with paper():
        sheet = Sheet(2 * MARGIN + width, 2 * MARGIN + HEADING + len(rows) * step_y - _GAP + apart)
        sheet.heading(title, note)
        for number, ((name, words, _), row) in enumerate(zip(rows, shown, strict=True)):
            y = MARGIN + HEADING + number * step_y + (apart if number else 0)
            middle = y + size[0] / 2
            sheet.text(MARGIN, middle - 13 if words else middle, name, bold=True)
            sheet.text(MARGIN, middle + 13, words, size=SMALL_SIZE, color=GREY)
            for column, image in enumerate(row.values):
                x = MARGIN + label + column * step_x
                sheet.image(image, x, y, size, scale=row.scale, limits=row.limits)
                sheet.frame(x, y, size)
        return sheet.keep_view()
