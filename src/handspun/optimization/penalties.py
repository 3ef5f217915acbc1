"""Penalties on the size of the weights, added to the loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handspun.checks import number_in


@dataclass(frozen=True)
class Penalty:
    """P(w) = l1 Σ|w| + l2/2 Σw², with ∂P/∂w = l1 sign(w) + l2 w: L1 makes weights exactly zero, L2 shrinks all of them.

    Only weights are penalized, not biases or the scales of norms (``Layer.decayed``). With an adaptive optimizer L2 differs
    from weight decay: see ``Optimizer``.

    Args:
        l1: the coefficient of the sum of absolute values, not negative.
        l2: the coefficient of half the sum of squares, not negative (the gradient is l2·w, as with PyTorch's ``weight_decay``;
        Keras's L2 has no half).

    Raises:
        UsageError: a coefficient is negative, or not finite.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, number_in("Penalty", name, value, 0.0, math.inf))

    @np.errstate(under="ignore")
    def __call__(self, parameters: np.ndarray, decayed: Sequence[slice], gradient: np.ndarray) -> float:
        """The penalty on the parts ``decayed`` of ``parameters`` (size,). Adds its gradient to ``gradient`` (size,)."""
        value = 0.0
        for part in decayed:
            w, dw = parameters[part], gradient[part]
            if self.l1:
                value += self.l1 * float(np.abs(w).sum())
                dw += self.l1 * np.sign(w)
            if self.l2:
                value += 0.5 * self.l2 * float(w @ w)
                dw += self.l2 * w
        return value
