"""The textbook loop."""

from __future__ import annotations

import numpy as np

from benchmarks.contenders.base import HIDDEN, Contender, Job
from benchmarks.data import CLASSES, PIXELS, as_floats
from benchmarks.textbook import TextbookNetwork


class Textbook(Contender):
    """``benchmarks.textbook`` with images and one-hot labels as float64 in memory."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        self.images, self.labels, self.job = as_floats(images, np.float64), labels, job
        self.one_hot = np.eye(CLASSES)[labels]
        self.network = TextbookNetwork([PIXELS, *HIDDEN, CLASSES], np.random.default_rng(job.seed))

    def train(self, epochs: int) -> None:
        job = self.job
        for _ in range(epochs):
            self.network.epoch(self.images, self.one_hot, job.batch_size, job.optimizer, job.learning_rate)

    def accuracy(self) -> float:
        return self.network.accuracy(self.images, self.labels)
