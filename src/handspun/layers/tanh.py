"""The hyperbolic tangent."""

import numpy as np

from handspun.engine.tape import Tape
from handspun.layers.base import Layer


class Tanh(Layer):
    """y = tanh(x) = (eˣ - e⁻ˣ)/(eˣ + e⁻ˣ).

    dy/dx = 1 - y², so the output is all that backward needs.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["y"] = y = np.tanh(x, out=here.like("y", x))  # (N, …)
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        y = here["y"]
        dx = np.multiply(y, y, out=here.like("dx", y))
        np.subtract(1.0, dx, out=dx)
        dx *= dy
        return dx
