"""The logistic sigmoid."""

import numpy as np

from handspun.engine.tape import Tape
from handspun.layers.base import Layer


def sigmoid(x: np.ndarray, out: np.ndarray, scratch: np.ndarray) -> np.ndarray:
    """σ(x) into ``out``, accurate to a few units in the last place; ``scratch`` has the same shape and type.

    With e = e^-|x|, at most 1, it is 1/(1 + e) where x >= 0 and e/(1 + e) elsewhere: nothing overflows, and nothing cancels.
    (1 + tanh(x/2))/2 is the same function and faster, but in float32 it is 0 below x = -17.
    """
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)  # e
    np.greater_equal(x, 0.0, out=scratch)
    np.maximum(out, scratch, out=scratch)  # 1 or e
    out += 1.0
    return np.divide(scratch, out, out=out)


class Sigmoid(Layer):
    """y = σ(x) = 1/(1 + e⁻ˣ).

    dy/dx = e⁻ˣ/(1 + e⁻ˣ)² = y (1 - y), so the output is all that backward needs.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["y"] = y = sigmoid(x, out=here.like("y", x), scratch=here.like("scratch", x))  # (N, …)
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        y = here["y"]
        dx = np.subtract(1.0, y, out=here.like("dx", y))
        dx *= y
        dx *= dy
        return dx
