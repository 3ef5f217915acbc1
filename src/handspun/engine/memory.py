"""How arrays lie in memory: where they begin, and in which order their values follow each other.

NumPy promises 16 bytes of alignment only. Vector instructions then load across cache lines, which cost Adam 9 % and SGD 8 % of
their time; and where a sum is begun one element at a time until memory is aligned, its last bit would depend on the place that
an array happened to get.
"""

from __future__ import annotations

import itertools
import math
import mmap
from collections.abc import Iterator
from functools import cache

import numpy as np

Shape = tuple[int, ...]

#: Bytes of a cache line, and of the longest vector registers.
LINE = 64

PAGE = 4096

_shared_arrays = itertools.count()


def aligned_empty(shape: Shape, dtype: np.typing.DTypeLike) -> np.ndarray:
    """A new array of undefined content whose first value lies on a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    store = np.empty(size + LINE, np.uint8)
    start = -store.ctypes.data % LINE
    return store[start : start + size].view(dtype).reshape(shape)


def aligned_zeros(shape: Shape, dtype: np.typing.DTypeLike) -> np.ndarray:
    """The same, all zero."""
    array = aligned_empty(shape, dtype)
    array[...] = 0
    return array


def shared_zeros(shape: Shape, dtype: np.typing.DTypeLike) -> np.ndarray:
    """A new array of zeros that a forked process shares: what one writes there the other reads.

    Such memory begins with a page. Arrays that are gone through side by side should not begin at the same place of theirs, or
    their values meet in the same few lines of the nearest cache: each begins some lines further on than the one before.
    """
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    start = LINE * (next(_shared_arrays) * 11 % (PAGE // LINE))
    pages = mmap.mmap(-1, start + max(count * dtype.itemsize, 1))
    return np.frombuffer(pages, dtype, count, start).reshape(shape)


def memory_order(x: np.ndarray) -> Shape | None:
    """The axes of ``x`` from the one with the longest stride to that with the shortest; None for the usual order."""
    return None if x.flags.c_contiguous else _order(x.strides)


@cache
def _order(strides: Shape) -> Shape:
    return tuple(sorted(range(len(strides)), key=strides.__getitem__, reverse=True))


@cache
def inverse(order: Shape) -> Shape:
    """The permutation that undoes ``order``."""
    return tuple(order.index(axis) for axis in range(len(order)))


def pieces(size: int, piece: int) -> Iterator[slice]:
    """Cut ``size`` samples into runs of at most ``piece``."""
    for start in range(0, size, piece):
        yield slice(start, min(start + piece, size))


# Batches of images: (N, C, H, W) to their users, (H, C, W, N) in memory ---------------------------------------------------
#
# With the image as the last axis every loop of a convolution or a pooling, whatever it does with rows, channels and columns,
# runs over neighbouring values. With the row as the first axis the windows of a convolution are neighbours as well: see
# ``Conv2D``. A transposed view costs nothing, so all layers keep speaking of (N, C, H, W).


def by_rows(x: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) as (H, C, W, N): the same memory where it has that order already, a copy otherwise."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0))


def by_images(rows: np.ndarray) -> np.ndarray:
    """The opposite, a view: (H, C, W, N) as (N, C, H, W)."""
    return rows.transpose(3, 1, 0, 2)
