"""A data set at a glance: some images of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from handspun.checks import positive_integer
from handspun.plots.checks import class_indices, same_length
from handspun.plots.images import pictures
from handspun.plots.rows import Row, draw_rows
from handspun.plots.style import shorten


def sample_grid(
    images: ArrayLike, labels: ArrayLike, classes: Sequence[str], per_class: int = 10, *, ink: bool = True
) -> Figure:
    """A row for each class: its name, its number of images, and the first ``per_class`` of them.

    Args:
        images: N images, (N, H, W), (N, H, W, 3), or flat rows of squares; uint8 or from 0 to 1.
        labels: (N,) class numbers.
        classes: the names.
        per_class: images in a row at most.
        ink: draw high values of grey images dark, as ink, not light.

    Raises:
        UsageError: the lengths differ, or a value is invalid.
    """
    same_length(images=images, labels=labels)
    shown = pictures(images, ink=ink)
    truth = class_indices("labels", labels, classes)
    per_class = positive_integer("sample_grid", "per_class", per_class)
    counts = np.bincount(truth, minlength=len(classes))
    rows = [
        Row(shorten(str(name)), f"{counts[c]:,}", replace(shown, values=shown.values[np.flatnonzero(truth == c)[:per_class]]))
        for c, name in enumerate(classes)
    ]
    most = min(per_class, int(counts.max(initial=1)))
    note = f"the first {most} images of each class; below its name: how many it has" if most > 1 else "one image of each class"
    title = f"{len(truth):,} images, {len(classes):,} classes"
    return draw_rows(title, note, rows, about=84 if len(classes) <= 20 else 56, most_rows=25)
