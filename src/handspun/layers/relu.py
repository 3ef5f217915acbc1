"""The rectified linear unit and its leaky form."""

from typing import Any

import numpy as np

from handspun.checks import number_in
from handspun.engine.tape import Frame, Tape
from handspun.layers.base import Layer


class ReLU(Layer):
    """y = max(x, 0). Nair and Hinton 2010.

    dy/dx is 1 where x > 0 and 0 where x < 0. There is no derivative at x = 0; like everyone, we take 0. Since y > 0 exactly
    where x > 0, the output is all that backward needs.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        zeros, room = here.plan(x, _zeros_and_room)
        # With an array of zeros, because NumPy's maximum with a scalar takes four times as long.
        here["y"] = y = np.maximum(x, zeros, out=room)  # (N, …)
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        y = here["y"]
        active = np.greater(y, 0.0, out=here.like("active", y, bool))
        return np.multiply(dy, active, out=here.like("dx", y))


def _zeros_and_room(x: np.ndarray, here: Frame) -> tuple[np.ndarray, np.ndarray]:
    return here.zeros(x), here.like("y", x)


class LeakyReLU(Layer):
    """y = x where x > 0, else slope · x. Maas, Hannun and Ng 2013.

    dy/dx is 1 where x > 0, else the slope: dx = dy · (slope + (1 - slope)·[x > 0]).

    Args:
        slope: the derivative on the negative side, 0 <= slope < 1. The default is the paper's and PyTorch's; Keras has 0.3.
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number_in("LeakyReLU", "slope", slope, 0.0, 1.0)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["x"] = x
        y = np.multiply(x, self.slope, out=here.like("y", x))  # (N, …)
        return np.maximum(x, y, out=y)  # slope < 1, so x is the larger one exactly where x > 0

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x = here["x"]
        derivative = here.like("derivative", x)
        np.greater(x, 0.0, out=derivative)
        derivative *= 1.0 - self.slope
        derivative += self.slope
        return np.multiply(dy, derivative, out=here.like("dx", x))

    def config(self) -> dict[str, Any]:
        return {"slope": self.slope}
