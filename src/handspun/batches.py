"""From stored images to the batches of a training step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from handspun import inputs
from handspun.memory import Shape, aligned_empty


class BatchLoader:
    """Gathers images by their indices and converts them, into the same two arrays each time.

    The images stay as they are stored, a byte a pixel; only what a step needs becomes floating point.

    Args:
        images: (N, …), see ``handspun.inputs``.
        input_shape: what the network takes.
        dtype: the network's.

    Raises:
        UsageError: images of another size than the network's.
    """

    def __init__(self, images: np.ndarray, input_shape: Shape, dtype: np.typing.DTypeLike) -> None:
        inputs.check_shape(images, input_shape)
        self._images = images
        self._input_shape = input_shape
        self._stored = np.empty((0, *images.shape[1:]), images.dtype)
        self._ready = np.empty((0, *input_shape), dtype)

    def load(self, indices: np.ndarray | slice) -> np.ndarray:
        """The images at ``indices`` as a network takes them, (n, *input_shape); valid until the next call.

        A slice is converted straight from the store.
        """
        if isinstance(indices, slice):
            stored = self._images[indices]
        else:
            if len(self._stored) < len(indices):
                self._stored = aligned_empty((len(indices), *self._images.shape[1:]), self._images.dtype)
            stored = self._stored[: len(indices)]
            # "clip" because "raise" checks into a second buffer; the indices come from a permutation, all are in range.
            np.take(self._images, indices, axis=0, out=stored, mode="clip")
        if len(self._ready) < len(stored):
            self._ready = aligned_empty((len(stored), *self._input_shape), self._ready.dtype)
        return inputs.convert(stored, out=self._ready[: len(stored)])


def pieces(size: int, piece: int) -> Iterator[slice]:
    """Cut ``size`` samples into runs of at most ``piece``."""
    for start in range(0, size, piece):
        yield slice(start, min(start + piece, size))
