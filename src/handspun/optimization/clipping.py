"""Gradient clipping: one bad batch must not move the parameters far away. Pascanu, Mikolov and Bengio 2013."""

import abc
import math
from dataclasses import dataclass

import numpy as np

from handspun.errors import UsageError


@dataclass(frozen=True)
class Clip(abc.ABC):
    """A bound on the gradient.

    Args:
        limit: the bound, above 0 and finite; otherwise UsageError.
    """

    limit: float

    def __post_init__(self) -> None:
        if not (self.limit > 0 and math.isfinite(self.limit)):
            raise UsageError(f"{type(self).__name__}: the limit must be a number above 0, got {self.limit}.")

    @abc.abstractmethod
    def __call__(self, gradient: np.ndarray, norm: float) -> None:
        """Change ``gradient`` (size,) in place; ``norm`` is its Euclidean norm."""


class ClipNorm(Clip):
    """Shrinks a gradient longer than ``limit`` to that length. Its direction stays."""

    def __call__(self, gradient: np.ndarray, norm: float) -> None:
        if norm > self.limit:
            gradient *= self.limit / norm


class ClipValue(Clip):
    """Cuts every component to [-limit, limit]."""

    def __call__(self, gradient: np.ndarray, norm: float) -> None:
        np.clip(gradient, -self.limit, self.limit, out=gradient)
