"""Batches: an epoch is an order of the images, cut into steps; each step's images are gathered and made floats.

The images stay ``uint8`` until they are needed: a batch of 64 is converted in the time that reading floats four times
as large would take, and a dataset takes a quarter of the memory.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from handspun.errors import UsageError


def epoch_order(count: int, rng: np.random.Generator, shuffle: bool = True) -> np.ndarray:
    """The order (N,) in which an epoch goes through ``count`` images; a fresh permutation, unless not shuffled."""
    return rng.permutation(count) if shuffle else np.arange(count)


def split_steps(order: np.ndarray, size: int | None, *, drop_last: bool = False) -> list[np.ndarray]:
    """Cut an order (N,) into consecutive views of ``size`` indices each; the last may be shorter.

    It also cuts a step that is too large for memory into pieces, whose gradients are then added up.

    Args:
        order: indices of images.
        size: images a step; None for all in one.
        drop_last: leave out a last step that is shorter.

    Raises:
        UsageError: ``size`` is below 1, or ``drop_last`` leaves no step.
    """
    if size is None:
        return [order]
    if size < 1:
        raise UsageError(f"The batch size must be at least 1, not {size}.")
    end = len(order) - len(order) % size if drop_last else len(order)
    if end == 0 and len(order):
        raise UsageError(f"{len(order)} images make no full batch of {size}.")
    return [order[start : min(start + size, end)] for start in range(0, end, size)]


class BatchLoader:
    """Gathers images by index, as floats, in buffers that are used again: a batch is valid until the next one.

    ``uint8`` pixels are divided by 255; float pixels are only cast.

    Args:
        images: (N, ...) uint8 or floats.
        labels: (N,) integers, or None.
        dtype: the float type of the batches.
        input_shape: the shape to give to each image, such as (784,) for (28, 28); None to keep its own.

    Raises:
        UsageError: images of this shape cannot be given ``input_shape``; or ``dtype`` is no float type.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | None,
        *,
        dtype: DTypeLike = np.float32,
        input_shape: tuple[int, ...] | None = None,
    ) -> None:
        own_shape = images.shape[1:]
        input_shape = own_shape if input_shape is None else tuple(input_shape)
        if math.prod(own_shape) != math.prod(input_shape):
            raise UsageError(
                f"The images are of the shape {own_shape}, {math.prod(own_shape)} values; "
                f"the network takes {input_shape}, {math.prod(input_shape)} values."
            )
        self._images, self._labels, self._input_shape = images, labels, input_shape
        self._dtype = np.dtype(dtype)
        if self._dtype.kind != "f":
            raise UsageError(f"Batches are of a float type, not {self._dtype}.")
        self._scale = np.asarray(1 / 255, self._dtype)
        self._raw = np.empty((0, *own_shape), images.dtype)  # (capacity, ...) as stored
        self._floats = np.empty((0, *own_shape), self._dtype)  # (capacity, ...)

    def __len__(self) -> int:
        return len(self._images)

    def load(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Gather a batch.

        Args:
            indices: (B,) integers, each from 0 to N - 1.

        Returns:
            Images (B, *input_shape), a view of a buffer that the next call writes into; and labels (B,), a copy, or
            None if there are none.

        Raises:
            UsageError: an index lies outside.
        """
        indices = np.asarray(indices, np.int64)
        count = len(indices)
        # Seen as unsigned, negative indices are large ones: a single pass finds both kinds of strays.
        if count and int(indices.view(np.uint64).max()) >= len(self._images):
            raise UsageError(f"Indices must lie from 0 to {len(self._images) - 1}.")
        if count > len(self._raw):
            self._raw = np.empty((count, *self._raw.shape[1:]), self._raw.dtype)
            self._floats = np.empty(self._raw.shape, self._dtype)
        raw, floats = self._raw[:count], self._floats[:count]
        # mode="clip" lets NumPy write straight into the buffer; "raise" would go through another one.
        if self._images.dtype == self._dtype:
            np.take(self._images, indices, axis=0, out=floats, mode="clip")
        else:
            np.take(self._images, indices, axis=0, out=raw, mode="clip")
            if raw.dtype == np.uint8:
                np.multiply(raw, self._scale, out=floats)
            else:
                np.copyto(floats, raw, casting="same_kind")
        labels = None if self._labels is None else self._labels[indices]
        return floats.reshape(count, *self._input_shape), labels
