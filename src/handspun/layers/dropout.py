"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from handspun.checks import number_in
from handspun.engine.memory import inverse, memory_order
from handspun.engine.parameters import Shape
from handspun.engine.tape import Tape
from handspun.layers.base import Layer
from handspun.layers.windows import picture_shape


class Dropout(Layer):
    """y = x · m/(1 - rate) in training, y = x otherwise. Srivastava et al. 2014, JMLR 15.

    Each m is 0 with probability ``rate`` and 1 otherwise, drawn anew for each value in each pass. The division keeps the
    expectation, so that nothing needs scaling in inference ("inverted dropout"). y is linear in x: dx = dy · m/(1 - rate).

    Args:
        rate: the probability that a value is set to zero, 0 <= rate < 1.
    """

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = number_in(type(self).__name__, "rate", rate, 0.0, 1.0)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        if not tape.training or self.rate == 0.0:
            return x
        here = tape[self]
        drawn = here.buffer("drawn", self._mask_shape(x))
        tape.rng.random(out=drawn, dtype=drawn.dtype)
        np.greater_equal(drawn, self.rate, out=drawn)
        drawn *= 1.0 / (1.0 - self.rate)
        here["mask"] = self._over(drawn, x)  # 0 and 1/(1 - rate)
        return np.multiply(x, here["mask"], out=here.like("y", x))

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        if not tape.training or self.rate == 0.0:
            return dy
        here = tape[self]
        return np.multiply(dy, here["mask"], out=here.like("dx", dy))

    def _mask_shape(self, x: np.ndarray) -> Shape:
        """The shape of the random numbers for x, in the order in which they are drawn."""
        order = memory_order(x)
        return x.shape if order is None else tuple(x.shape[axis] for axis in order)

    def _over(self, drawn: np.ndarray, x: np.ndarray) -> np.ndarray:
        """What was drawn, in a shape to multiply x with."""
        order = memory_order(x)
        return drawn if order is None else drawn.transpose(inverse(order))

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate}


class SpatialDropout(Dropout):
    """Dropout of whole channels: one m for each picture and channel. Tompson et al. 2015, arXiv:1411.4280.

    Neighbouring pixels say almost the same, so that dropping one of them alone takes little away.

    Args:
        rate: the probability that a channel is set to zero, 0 <= rate < 1.
    """

    works_on_pictures = True

    def output_shape(self, input_shape: Shape) -> Shape:
        picture_shape(self, input_shape)
        return input_shape

    def _mask_shape(self, x: np.ndarray) -> Shape:
        return (x.shape[1], x.shape[0])  # the image last, as the pictures have it in memory

    def _over(self, drawn: np.ndarray, x: np.ndarray) -> np.ndarray:
        return drawn.T[:, :, None, None]
