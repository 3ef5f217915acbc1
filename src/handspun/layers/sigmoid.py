"""The logistic sigmoid."""

from __future__ import annotations

import numpy as np

from handspun.layers.base import Layer
from handspun.tape import Tape


def sigmoid(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """σ(x) = 1/(1 + e⁻ˣ) into ``out``, as (1 + tanh(x/2))/2: the same function, and nothing in it can overflow."""
    np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1.0
    out *= 0.5
    return out


class Sigmoid(Layer):
    """y = σ(x) = 1/(1 + e⁻ˣ).

    dy/dx = e⁻ˣ/(1 + e⁻ˣ)² = y (1 - y), so the output is all that backward needs.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        y = sigmoid(x, out=here.like("y", x))  # (N, …)
        here["y"] = y
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        y = here["y"]
        dx = np.subtract(1.0, y, out=here.like("dx", y))
        dx *= y
        dx *= dy
        return dx
