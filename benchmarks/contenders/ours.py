"""handspun, through the functions that its users call, with pixels as stored."""

from __future__ import annotations

import numpy as np

from benchmarks.contenders.base import HIDDEN, Contender, Job, PictureContender
from benchmarks.data import CLASSES, PIXELS, SIDE
from handspun.networks.architectures import cnn, mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.optimizers import SGD, Adam
from handspun.training import fit


class Handspun(Contender):
    """``fit`` with its records: loss, accuracy and gradient norm of each epoch."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        self.images, self.labels, self.job = images, labels, job
        self.network = self.build()
        self.calls = 0

    def build(self) -> Sequential:
        """The reference network."""
        return mlp(PIXELS, HIDDEN, CLASSES, seed=self.job.seed)

    def train(self, epochs: int) -> None:
        optimizer = (Adam if self.job.optimizer == "adam" else SGD)(self.job.learning_rate)
        self.calls += 1
        fit(
            self.network,
            (self.images, self.labels),
            epochs=epochs,
            batch_size=self.job.batch_size,
            optimizer=optimizer,
            seed=self.job.seed + self.calls,
            threads=self.job.threads,
        )

    def accuracy(self) -> float:
        return float(np.mean(self.network.predict(self.images) == self.labels))


class HandspunPictures(Handspun, PictureContender):
    """The same with the convolutional reference network."""

    def build(self) -> Sequential:
        return cnn((SIDE, SIDE), CLASSES, seed=self.job.seed)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        return self.network.predict_proba(images)
