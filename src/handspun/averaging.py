"""An average of the weights over the last steps, which is often better than the last step's weights."""

from __future__ import annotations

import numpy as np

from handspun.layers.base import number_in


class ExponentialMovingAverage:
    """θ̄ ← d θ̄ + (1 - d) θ after each step t = 1, 2, …, with d = min(decay, (1 + t)/(10 + t)). Polyak and Juditsky 1992.

    The smaller d of the first steps lets the average forget the random weights that training began with.

    Args:
        decay: the memory of the average, 0 <= decay < 1; 0.999 remembers about 1,000 steps.

    Attributes:
        vector: θ̄, (size,).
    """

    def __init__(self, decay: float = 0.999) -> None:
        self.decay = number_in("ExponentialMovingAverage", "decay", decay, 0.0, 1.0)
        self.vector = np.empty(0)

    def start(self, parameters: np.ndarray) -> None:
        """Begin with a copy of ``parameters`` (size,)."""
        self.vector = parameters.copy()
        self._scratch = np.empty_like(parameters)

    def update(self, parameters: np.ndarray, step: int) -> None:
        """Take in ``parameters`` after step ``step`` (from 1)."""
        keep = min(self.decay, (1.0 + step) / (10.0 + step))
        np.subtract(parameters, self.vector, out=self._scratch)
        self._scratch *= 1.0 - keep
        self.vector += self._scratch
