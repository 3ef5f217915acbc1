"""Rows of images, each with its name at the left: samples of classes, augmented versions, feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from handspun.plots.images import Pictures, shown_size
from handspun.plots.sheet import HEADING, MARGIN, SMALL_SIZE, Sheet, heading_width, line_height, text_width
from handspun.plots.style import GREY, paper

_GAP = 8
_LABEL_GAP = 24  # pixels between the labels and the images


@dataclass(frozen=True)
class Row:
    """A bold name, a small note below it, and the images to their right."""

    name: str
    note: str
    images: Pictures


def draw_rows(
    title: str, note: str, rows: Sequence[Row], *, about: int, most_rows: int | None = None, apart: bool = False
) -> Figure:
    """The rows below one another.

    Args:
        title: of the figure.
        note: below the title.
        rows: what to draw.
        about: the height and width of an image at most, in pixels.
        most_rows: further rows go into a second block to the right; None for one block.
        apart: leave a larger gap below the first row, the reference for the others.
    """
    sizes = [shown_size(row.images.values.shape[1:], about) for row in rows]
    widths = [(text_width(row.name, bold=True), text_width(row.note, SMALL_SIZE)) for row in rows]
    label = max(max(pair) for pair in widths) + _LABEL_GAP
    step_x = max(width for _, width in sizes) + _GAP
    step_y = max(max(height for height, _ in sizes), 2 * line_height(SMALL_SIZE)) + _GAP
    columns = max(1, max(len(row.images.values) for row in rows))
    block = label + columns * step_x + 28
    blocks = -(-len(rows) // (most_rows or len(rows)))
    per_block = -(-len(rows) // blocks)
    extra = _GAP if apart else 0
    width = max(blocks * block - 36, heading_width(title, note))
    with paper():
        sheet = Sheet(2 * MARGIN + width, 2 * MARGIN + HEADING + per_block * step_y - _GAP + extra)
        sheet.heading(title, note)
        for number, (row, size) in enumerate(zip(rows, sizes, strict=True)):
            x, y = MARGIN + number // per_block * block, MARGIN + HEADING + number % per_block * step_y
            y += extra if number else 0
            middle = y + size[0] / 2
            sheet.text(x, middle - 13 if row.note else middle, row.name, bold=True)
            sheet.text(x, middle + 13, row.note, size=SMALL_SIZE, color=GREY)
            for place, image in enumerate(row.images.values):
                sheet.picture(image, x + label + place * step_x, y, size, scale=row.images.scale, limits=row.images.limits)
        return sheet.keep_view()
