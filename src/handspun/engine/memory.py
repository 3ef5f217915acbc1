"""How arrays lie in memory: their alignment, and the order of their values.

NumPy guarantees an alignment of only 16 bytes. Vector instructions then load across cache lines, which cost Adam 9 % and SGD 8
% of their time. Also, NumPy begins some sums one element at a time until memory is aligned; their last bit would then depend on
where an array happened to be.
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
    """A new uninitialized array whose first value is at a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    store = np.empty(size + LINE, np.uint8)
    start = -store.ctypes.data % LINE
    return store[start : start + size].view(dtype).reshape(shape)


def aligned_zeros(shape: Shape, dtype: np.typing.DTypeLike) -> np.ndarray:
    """A new array of zeros whose first value is at a multiple of 64 bytes."""
    array = aligned_empty(shape, dtype)
    array[...] = 0
    return array


def shared_zeros(shape: Shape, dtype: np.typing.DTypeLike) -> np.ndarray:
    """A new array of zeros that forked processes share: what one writes, the other reads.

    Shared memory begins on a page. If arrays that are read together all begin at the same offset in a page, their values
    compete for the same few lines of the nearest cache. So each array begins some lines further on than the previous one.
    """
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    start = LINE * (next(_shared_arrays) * 11 % (PAGE // LINE))
    pages = mmap.mmap(-1, start + max(count * dtype.itemsize, 1))
    return np.frombuffer(pages, dtype, count, start).reshape(shape)


def memory_order(x: np.ndarray) -> Shape | None:
    """The axes of ``x`` from the longest stride to the shortest; None for C order."""
    return None if x.flags.c_contiguous else _order(x.strides)


@cache
def _order(strides: Shape) -> Shape:
    return tuple(sorted(range(len(strides)), key=strides.__getitem__, reverse=True))


@cache
def inverse(order: Shape) -> Shape:
    """The permutation that undoes ``order``."""
    return tuple(order.index(axis) for axis in range(len(order)))


def chunks(size: int, most: int) -> Iterator[slice]:
    """Slices that cut ``size`` items into chunks of at most ``most``."""
    for start in range(0, size, most):
        yield slice(start, min(start + most, size))


# Batches of images: (N, C, H, W) to the layers, (H, C, W, N) in memory -----------------------------------------------------
#
# With the image as the last axis, every inner loop of a convolution or pooling runs over adjacent values. With the row as the
# first axis, the windows of a convolution are adjacent too: see ``Conv2D``. A transposed view costs nothing, so all layers use
# (N, C, H, W).


def by_rows(x: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) as (H, C, W, N): the same memory if it has that order already, otherwise a copy."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0))


def by_images(rows: np.ndarray) -> np.ndarray:
    """Images (H, C, W, N) as (N, C, H, W), a view."""
    return rows.transpose(3, 1, 0, 2)
