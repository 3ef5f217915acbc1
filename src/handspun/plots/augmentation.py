"""Changed images: each column is one image, each row one version of all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from handspun.checks import positive_integer
from handspun.errors import UsageError
from handspun.plots.images import pictures
from handspun.plots.rows import Row, draw_rows


def augmentation_grid(before: ArrayLike, after: ArrayLike, *, count: int = 14, ink: bool = True) -> Figure:
    """Images, and below each of them randomly changed versions of it.

    Args:
        before: N images, (N, H, W), (N, H, W, 3), or with the channels first; uint8 or from 0 to 1.
        after: the same images changed, (N, …) once or (K, N, …) K times.
        count: how many images at most.
        ink: draw high values of grey images dark, as ink, not light.

    Raises:
        UsageError: the shapes do not match, or the images cannot be shown.
    """
    images, changed = np.asarray(before), np.asarray(after)
    if changed.shape == images.shape:
        changed = changed[None]
    if changed.shape[1:] != images.shape or not len(changed):
        raise UsageError(f"The images before, {images.shape}, and after, {changed.shape}, do not match.")
    rows = [("before", "", images), *(("" if k else "after", "", batch) for k, batch in enumerate(changed))]
    shown = min(len(images), positive_integer("grid", "count", count))
    note = f"below each image: {len(changed)} random changes of it" if len(changed) > 1 else "below each image: a random change"
    return _draw(rows, f"{shown:,} images, augmented" if shown != 1 else "One image, augmented", note, shown, ink=ink)


def version_grid(versions: Mapping[str, ArrayLike], notes: Mapping[str, str], *, count: int = 14, ink: bool = True) -> Figure:
    """The same images in several versions: a row for each, with its name and a note.

    Args:
        versions: the images of each version by its name, (N, H, W), (N, H, W, 3), or with the channels first.
        notes: a description of each version by its name; may lack some.
        count: how many images at most.
        ink: draw high values of grey images dark, as ink, not light.

    Raises:
        UsageError: versions of different shapes, or none, or images that cannot be shown.
    """
    rows = [(name, notes.get(name, ""), np.asarray(images)) for name, images in versions.items()]
    shapes = sorted({images.shape for _, _, images in rows})
    if len(shapes) != 1:
        raise UsageError(f"All versions need the same shape; there are {', '.join(map(str, shapes)) or 'none'}.")
    shown = min(len(rows[0][2]), positive_integer("grid", "count", count))
    heading = f"{shown:,} images in {len(rows)} versions" if shown != 1 else f"One image in {len(rows)} versions"
    return _draw(rows, heading, "each column is one image", shown, ink=ink)


def _draw(rows: list[tuple[str, str, np.ndarray]], title: str, note: str, count: int, *, ink: bool) -> Figure:
    made = [Row(name, words, pictures(images[:count], ink=ink)) for name, words, images in rows]
    return draw_rows(title, note, made, about=84, apart=True)
