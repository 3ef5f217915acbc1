"""Dropout."""

from typing import Any

import numpy as np

from handspun.checks import number_in
from handspun.engine.memory import memory_order
from handspun.engine.parameters import Shape
from handspun.engine.tape import Frame, Tape
from handspun.layers.base import Layer
from handspun.layers.windows import picture_shape


class Dropout(Layer):
    """y = x · m/(1 - rate) in training, y = x otherwise. Srivastava et al. 2014, JMLR 15.

    Each m is 0 with probability ``rate`` and 1 otherwise, drawn separately for each value in each pass. The division keeps the
    expectation, so inference needs no scaling ("inverted dropout"). y is linear in x: dx = dy · m/(1 - rate).

    Args:
        rate: the probability that a value is set to zero, 0 <= rate < 1; the default is PyTorch's.
    """

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = number_in(type(self).__name__, "rate", rate, 0.0, 1.0)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        if not tape.training or self.rate == 0.0:
            return x
        here = tape[self]
        drawn, here["mask"] = self._mask(x, here)
        tape.rng.random(out=drawn, dtype=drawn.dtype)
        np.greater_equal(drawn, self.rate, out=drawn)
        drawn *= 1.0 / (1.0 - self.rate)  # 0 and 1/(1 - rate)
        return np.multiply(x, here["mask"], out=here.like("y", x))

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        if not tape.training or self.rate == 0.0:
            return dy
        here = tape[self]
        return np.multiply(dy, here["mask"], out=here.like("dx", dy))

    def _mask(self, x: np.ndarray, here: Frame) -> tuple[np.ndarray, np.ndarray]:
        """One array as two views: in memory order, to draw it, and in a shape that multiplies x."""
        mask = here.like("mask", x)
        return mask.transpose(memory_order(mask) or range(mask.ndim)), mask

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate}


class SpatialDropout(Dropout):
    """Dropout of whole channels: one m for each picture and channel. Tompson et al. 2015, arXiv:1411.4280.

    Neighbouring pixels hold almost the same information, so dropping one of them alone removes little of it.

    Args:
        rate: the probability that a channel is set to zero, 0 <= rate < 1; the default is PyTorch's.
    """

    works_on_pictures = True

    def output_shape(self, input_shape: Shape) -> Shape:
        picture_shape(self, input_shape)
        return input_shape

    def _mask(self, x: np.ndarray, here: Frame) -> tuple[np.ndarray, np.ndarray]:
        drawn = here.buffer("mask", (x.shape[1], x.shape[0]))  # the image last, as pictures are in memory
        return drawn, drawn.T[:, :, None, None]
