"""Copies at the beginning of a pass: planned once as pairs of views (``Frame.plan``), done in each pass."""

import numpy as np

from handspun.engine.tape import Frame

#: Pairs of views: to and from.
Copies = list[tuple[np.ndarray, np.ndarray]]


def copy_each(copies: Copies) -> None:
    """Do the copies in order."""
    for to, source in copies:
        to[...] = source


def in_rows(x: np.ndarray, here: Frame) -> tuple[np.ndarray, Copies]:
    """Images (N, C, H, W) as a contiguous array (H, C, W, N), and the copy that this needs if x has another order in memory."""
    rows = x.transpose(2, 1, 3, 0)
    if rows.flags.c_contiguous:
        return rows, []
    ordered = here.buffer("x in rows", rows.shape)
    return ordered, [(ordered, rows)]
