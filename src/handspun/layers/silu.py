"""The sigmoid linear unit, also called swish."""

from __future__ import annotations

import numpy as np

from handspun.layers.base import Layer
from handspun.layers.sigmoid import sigmoid
from handspun.tape import Tape


class SiLU(Layer):
    """y = x σ(x). Hendrycks and Gimpel 2016, arXiv:1606.08415; Ramachandran et al. 2017, arXiv:1710.05941.

    By the product rule and σ' = σ (1 - σ):  dy/dx = σ + x σ (1 - σ) = σ (1 + x (1 - σ)).
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        s = sigmoid(x, out=here.like("s", x))  # (N, …)
        here["x"], here["s"] = x, s
        return np.multiply(x, s, out=here.like("y", x))

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x, s = here["x"], here["s"]
        dx = np.subtract(1.0, s, out=here.like("dx", x))
        dx *= x
        dx += 1.0
        dx *= s  # dy/dx
        dx *= dy
        return dx
