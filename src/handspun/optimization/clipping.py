"""Gradient clipping: one bad batch must not move the parameters far away. Pascanu, Mikolov and Bengio 2013."""

import abc
from dataclasses import dataclass

import numpy as np

from handspun.checks import positive_number


@dataclass(frozen=True)
class Clip(abc.ABC):
    """A bound on the gradient.

    Args:
        limit: the bound, above 0 and finite; otherwise UsageError.
    """

    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", positive_number(type(self).__name__, "limit", self.limit))

    @abc.abstractmethod
    def __call__(self, gradient: np.ndarray, norm: float) -> None:
        """Change ``gradient`` (size,) in place; ``norm`` is its Euclidean norm."""


class ClipNorm(Clip):
    """Shrinks a gradient longer than ``limit`` to just that length (PyTorch divides by norm + 1e-6). Its direction stays."""

    @np.errstate(under="ignore")
    def __call__(self, gradient: np.ndarray, norm: float) -> None:
        if norm > self.limit:
            gradient *= self.limit / norm


class ClipValue(Clip):
    """Cuts every component to [-limit, limit]."""

    @np.errstate(under="ignore")
    def __call__(self, gradient: np.ndarray, norm: float) -> None:
        np.clip(gradient, -self.limit, self.limit, out=gradient)
