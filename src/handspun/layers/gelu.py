"""The Gaussian error linear unit."""

import math

import numpy as np

from handspun.engine.tape import Frame, Tape
from handspun.layers.base import Layer

_SCALE = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715

#: Beyond ±10, tanh(u) is ±1 in all digits of a float64; so x is cut there, before squares of huge x overflow in float32.
_FAR = 10.0


class GELU(Layer):
    """y = x Φ(x), Φ the normal distribution function, in its tanh form. Hendrycks and Gimpel 2016, arXiv:1606.08415.

    NumPy has no error function, and the paper's approximation differs from x Φ(x) by less than 5e-4 everywhere:

        y = x/2 · (1 + t),   t = tanh(u),   u = √(2/π) · (x + 0.044715 x³)

    By the product rule, with dt/du = 1 - t²:

        dy/dx = (1 + t)/2 + x/2 · (1 - t²) · √(2/π) · (1 + 3 · 0.044715 x²)

    PyTorch calls this form ``gelu(approximate="tanh")``; its default, and Keras's, is the exact one.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        low, high, near, cubic, t, y = here.plan(x, _room)
        # With limits in arrays, because NumPy's clip with two numbers takes 1.5 times as long.
        np.minimum(x, high, out=near)
        np.maximum(near, low, out=near)  # x where t still depends on it
        np.multiply(near, near, out=cubic)
        cubic *= _SCALE * _CUBIC
        np.add(cubic, _SCALE, out=t)
        t *= near  # u
        np.tanh(t, out=t)
        np.add(t, 1.0, out=y)
        y *= 0.5
        y *= x
        here["x"], here["cubic"], here["t"] = x, cubic, t
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x, cubic, t = here["x"], here["cubic"], here["t"]
        du = np.multiply(cubic, 3.0, out=here.like("du", x))
        du += _SCALE  # du/dx
        dx = np.multiply(t, t, out=here.like("dx", x))
        np.subtract(1.0, dx, out=dx)
        dx *= du
        dx *= x
        dx += t
        dx += 1.0
        dx *= 0.5  # dy/dx
        dx *= dy
        return dx


def _room(x: np.ndarray, here: Frame) -> tuple[np.ndarray, ...]:
    """The limits of x as arrays, and the arrays for the results."""
    low, high = here.like("low", x), here.like("high", x)
    low[...], high[...] = -_FAR, _FAR
    return low, high, here.like("near", x), here.like("cubic", x), here.like("t", x), here.like("y", x)
