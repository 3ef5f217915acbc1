"""The sigmoid linear unit, also called swish."""

import numpy as np

from handspun.engine.tape import Tape
from handspun.layers.base import Layer


class SiLU(Layer):
    """y = x σ(x). Hendrycks and Gimpel 2016, arXiv:1606.08415; Ramachandran et al. 2017, arXiv:1710.05941.

    By the product rule and σ' = σ (1 - σ):  dy/dx = σ + x σ (1 - σ) = σ (1 + x (1 - σ)).

    σ is computed as (1 + tanh(x/2))/2, which nearly cancels where x is far below 0. In float32 its error there is at most
    4e-8, and that of y 6e-7: near -20 y is 0 or -6e-7 instead of -4e-8. With the exact σ of ``Sigmoid``, forward and backward
    would take 1.3 to 1.4 times as long.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        s = np.multiply(x, 0.5, out=here.like("s", x))  # (N, …)
        np.tanh(s, out=s)
        s += 1.0
        s *= 0.5  # σ
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
