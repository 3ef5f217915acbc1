"""The Gaussian error linear unit."""

from __future__ import annotations

import math

import numpy as np

from handspun.layers.base import Layer
from handspun.tape import Tape

_SCALE = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715


class GELU(Layer):
    """y = x Φ(x), Φ the normal distribution function, in its tanh form. Hendrycks and Gimpel 2016, arXiv:1606.08415.

    NumPy has no error function, and the paper's approximation differs from x Φ(x) by less than 5e-4 everywhere:

        y = x/2 · (1 + t),   t = tanh(u),   u = √(2/π) · (x + 0.044715 x³)

    By the product rule, with dt/du = 1 - t²:

        dy/dx = (1 + t)/2 + x/2 · (1 - t²) · √(2/π) · (1 + 3 · 0.044715 x²)

    PyTorch calls this form ``gelu(approximate="tanh")``.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        t = np.multiply(x, x, out=here.like("t", x))  # (N, …)
        t *= _SCALE * _CUBIC
        t += _SCALE
        t *= x  # u
        np.tanh(t, out=t)
        y = np.add(t, 1.0, out=here.like("y", x))
        y *= x
        y *= 0.5
        here["x"], here["t"] = x, t
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x, t = here["x"], here["t"]
        du = np.multiply(x, x, out=here.like("du", x))  # du/dx
        du *= 3.0 * _SCALE * _CUBIC
        du += _SCALE
        dx = np.multiply(t, t, out=here.like("dx", x))
        np.subtract(1.0, dx, out=dx)
        dx *= du
        dx *= x
        dx += t
        dx += 1.0
        dx *= 0.5  # dy/dx
        dx *= dy
        return dx
