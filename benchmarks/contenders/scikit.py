"""scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.contenders.base import HIDDEN, Contender, Job
from benchmarks.data import CLASSES, as_floats


class ScikitLearn(Contender):
    """``MLPClassifier.partial_fit``, one call per epoch, on float32, without its default momentum and penalty."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        self.images, self.labels = as_floats(images, np.float32), labels
        self.network = MLPClassifier(
            HIDDEN,
            solver=job.optimizer,
            learning_rate_init=job.learning_rate,
            momentum=0.0,
            nesterovs_momentum=False,
            alpha=0.0,
            batch_size=job.batch_size,
            random_state=job.seed,
        )

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.network.partial_fit(self.images, self.labels, classes=range(CLASSES))

    def accuracy(self) -> float:
        return float(self.network.score(self.images, self.labels))
