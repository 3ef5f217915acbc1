"""What a data set looks like: some images of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from handspun.plots.checks import class_indices, positive, same_length
from handspun.plots.sheet import HEADING, MARGIN, SMALL_SIZE, TITLE_SIZE, Sheet, line_height, pictures, shown_size, text_width
from handspun.plots.style import GREY, paper, shorten

_ROWS = 25  # classes below one another; more make further blocks to the right
_GAP = 8


def sample_grid(
    images: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str],
    per_class: int = 10,
    *,
    image_shape: tuple[int, ...] | None = None,
    ink: bool = True,
) -> Figure:
    """A row for each class: its name, how many images it has, and the first ``per_class`` of them.

    Args:
        images: N images, (N, H, W), (N, H, W, 3), or flat rows with ``image_shape``; uint8 or fractions.
        labels: (N,) class numbers.
        classes: the names.
        per_class: images a row at most.
        image_shape: the shape of one image, for flat rows.
        ink: show high values of grey images as ink (as MNIST means them), not as light.

    Raises:
        UsageError: the lengths differ, or a value cannot be meant.

    """
    same_length(images=images, labels=labels)
    shown = pictures(images, image_shape, ink=ink)
    truth = class_indices("labels", labels, classes)
    per_class = positive("per_class", per_class)
    names = [shorten(str(name)) for name in classes]

    size = shown_size(shown.values.shape[1:], about=84 if len(classes) <= 20 else 56)
    counts = np.bincount(truth, minlength=len(classes))
    label = max(text_width(name, bold=True) for name in names)
    label = max(label, *(text_width(f"{count:,}", SMALL_SIZE) for count in counts)) + 20
    step_y = max(size[0] + _GAP, 2 * line_height(SMALL_SIZE) + _GAP)
    most = min(per_class, int(counts.max(initial=1)))
    block = label + most * (size[1] + _GAP) + 36
    blocks = -(-len(classes) // _ROWS)
    rows = -(-len(classes) // blocks)
    title = f"{len(truth):,} images, {len(classes):,} classes"
    note = f"the first {most} of each class; below its name, how many it has" if most > 1 else "one of each class"
    width = max(blocks * block - 36, text_width(title, TITLE_SIZE, bold=True), text_width(note, 10))
    with paper():
        sheet = Sheet(2 * MARGIN + width, 2 * MARGIN + HEADING + rows * step_y - _GAP)
        sheet.heading(title, note)
        for number, name in enumerate(names):
            x, y = MARGIN + number // rows * block, MARGIN + HEADING + number % rows * step_y
            middle = y + size[0] / 2
            sheet.text(x, middle - 13, name, bold=True)
            sheet.text(x, middle + 13, f"{counts[number]:,}", size=SMALL_SIZE, color=GREY)
            for place, index in enumerate(np.flatnonzero(truth == number)[:per_class]):
                left = x + label + place * (size[1] + _GAP)
                sheet.image(shown.values[index], left, y, size, scale=shown.scale, limits=shown.limits)
                sheet.frame(left, y, size)
        return sheet.keep_view()
