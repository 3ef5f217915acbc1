"""The copies that a pass begins with, as pairs of views: made when it is planned (``Frame.plan``), done in each pass."""

from __future__ import annotations

import numpy as np

from handspun.engine.tape import Frame

#: To and from.
Copies = list[tuple[np.ndarray, np.ndarray]]


def copy_each(copies: Copies) -> None:
    """Do them, in their order."""
    for to, source in copies:
        to[...] = source


def in_rows(x: np.ndarray, here: Frame) -> tuple[np.ndarray, Copies]:
    """Images (N, C, H, W) as an array (H, C, W, N) in that order in memory, and the copy that it takes if x is in another."""
    rows = x.transpose(2, 1, 3, 0)
    if rows.flags.c_contiguous:
        return rows, []
    ordered = here.buffer("x in rows", rows.shape)
    return ordered, [(ordered, rows)]
