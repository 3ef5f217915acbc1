"""From stored images to the batches of a training step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from handspun.engine.memory import aligned_empty
from handspun.networks.sequential import Sequential
from handspun.pictures import inputs

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Returns randomly changed copies of a batch of images (n, …), with the same shape and type; leaves the batch unchanged."""


class BatchLoader:
    """Gathers images by their indices, augments them if asked to, and converts them. It reuses its arrays in each step.

    The images stay in memory as they were given, such as one byte per pixel; only those of a step become floating point.

    Args:
        images: (N, …), see ``handspun.pictures.inputs``.
        network: the network that takes them.
        augment: changes stored images at random; None leaves them unchanged.

    Raises:
        UsageError: images of another size than the network's.
    """

    def __init__(self, images: np.ndarray, network: Sequential, augment: Augment | None = None) -> None:
        inputs.check_images(images, network.input_shape)
        self._images = images
        self._network = network
        self._augment = augment
        self._stored = np.empty((0, *images.shape[1:]), images.dtype)
        self._ready = network.batch(0)

    def load(self, indices: np.ndarray | slice, rng: Callable[[], np.random.Generator] | None = None) -> np.ndarray:
        """The images at ``indices`` as a network takes them, (n, *input_shape); valid until the next call.

        A slice is not copied first. ``rng`` makes the generator for augmentation; None turns augmentation off.
        """
        if isinstance(indices, slice):
            stored = self._images[indices]
        else:
            if len(self._stored) < len(indices):
                self._stored = aligned_empty((len(indices), *self._images.shape[1:]), self._images.dtype)
            stored = self._stored[: len(indices)]
            # "clip", because "raise" needs a second buffer; the indices are from a permutation, so all are in range.
            np.take(self._images, indices, axis=0, out=stored, mode="clip")
        if self._augment and rng:
            stored = self._augment(stored, rng())
        if len(self._ready) != len(stored):
            self._ready = self._network.batch(len(stored))
        return inputs.convert(stored, out=self._ready)
