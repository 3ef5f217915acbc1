"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from handspun.layers.base import Layer, number_in
from handspun.tape import Tape


class Dropout(Layer):
    """y = x · m/(1 - rate) in training, y = x otherwise. Srivastava et al. 2014, JMLR 15.

    Each m is 0 with probability ``rate`` and 1 otherwise, drawn anew for each value in each pass. The division keeps the
    expectation, so that nothing needs scaling in inference ("inverted dropout"). y is linear in x: dx = dy · m/(1 - rate).

    Args:
        rate: the probability that a value is set to zero, 0 <= rate < 1.
    """

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = number_in("Dropout", "rate", rate, 0.0, 1.0)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        if not tape.training or self.rate == 0.0:
            return x
        here = tape[self]
        mask = here.buffer("mask", x.shape)  # (N, …) of 0 and 1/(1 - rate)
        tape.rng.random(out=mask, dtype=mask.dtype)
        np.greater_equal(mask, self.rate, out=mask)
        mask *= 1.0 / (1.0 - self.rate)
        here["mask"] = mask
        return np.multiply(x, mask, out=here.buffer("y", x.shape))

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        if not tape.training or self.rate == 0.0:
            return dy
        here = tape[self]
        return np.multiply(dy, here["mask"], out=here.buffer("dx", dy.shape))

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate}
