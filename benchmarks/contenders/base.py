"""The interface of a contender."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

#: Hidden units of the reference network 784-128-64-10.
HIDDEN = (128, 64)


@dataclass(frozen=True)
class Job:
    """The settings that all contenders share.

    Attributes:
        batch_size: images in a batch; the last batch of an epoch may have fewer.
        optimizer: "sgd" (without momentum) or "adam".
        threads: the number of threads each may use.
        seed: of weights and order.
    """

    batch_size: int
    optimizer: str
    threads: int
    seed: int = 0

    @property
    def learning_rate(self) -> float:
        """A rate at which the reference network learns well; SGD's grows with the batch (Goyal et al. 2017)."""
        return 1e-3 if self.optimizer == "adam" else 0.05 * self.batch_size / 64


class Contender(abc.ABC):
    """A way to train the reference network, with the data in the form that suits it best.

    Args:
        images: (N, 784) uint8.
        labels: (N,).
        job: what to do.
    """

    @abc.abstractmethod
    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None: ...

    @abc.abstractmethod
    def train(self, epochs: int) -> None:
        """Train for ``epochs`` epochs, each in a new random order; return when everything is computed."""

    @abc.abstractmethod
    def accuracy(self) -> float | None:
        """The accuracy on the training images; None if nothing is learned."""


class PictureContender(Contender):
    """A way to train and use the convolutional reference network.

    16 filters of 5 x 5, max-pooling of 2 x 2, 32 filters of 5 x 5, max-pooling of 2 x 2, then 512-128-10; ReLU.
    """

    @abc.abstractmethod
    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """The probabilities (N, 10) for images (N, 784) uint8, as they are stored."""
