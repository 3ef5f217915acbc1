"""From pictures to rows."""

from __future__ import annotations

import math

import numpy as np

from handspun.engine.memory import memory_order
from handspun.engine.parameters import Shape
from handspun.engine.tape import Frame, Tape
from handspun.layers.base import Layer


class Flatten(Layer):
    """y holds the values of x as one row for each input: (N, a, b, …) becomes (N, a·b·…).

    Only the shape changes, so the gradient is dy in the shape of x. Batches of images whose last axis in memory is the image
    stay like that: their rows become the columns of a matrix, which the next product takes as well.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["x"] = x
        if memory_order(x) is None:
            return x.reshape(len(x), -1)
        columns, values, y = here.plan(x, self._plan)
        columns[...] = values
        return y

    def _plan(self, x: np.ndarray, here: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        columns = here.buffer("y", (*x.shape[1:], len(x)))  # (a, b, …, N)
        return columns, x.transpose(*range(1, x.ndim), 0), columns.reshape(-1, len(x)).T

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x = here["x"]
        if memory_order(x) is None:
            return dy.reshape(x.shape)
        dx = here.like("dx", x)
        dx[...] = np.moveaxis(dy.T.reshape(*x.shape[1:], len(x)), -1, 0)
        return dx
