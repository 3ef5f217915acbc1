"""From pictures to rows."""

import math

import numpy as np

from handspun.engine.memory import memory_order
from handspun.engine.parameters import Shape
from handspun.engine.tape import Tape
from handspun.layers.base import Layer


class Flatten(Layer):
    """y holds the values of each input in one row: (N, a, b, …) becomes (N, a·b·…).

    Only the shape changes, so dx is dy in the shape of x. Batches whose last axis in memory is the image stay like that: their
    rows become the columns of a matrix, which the next product takes as well.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["x"] = x
        if memory_order(x) is None:
            return x.reshape(len(x), -1)
        columns = here.buffer("y", (*x.shape[1:], len(x)))  # (a, b, …, N)
        columns[...] = x.transpose(*range(1, x.ndim), 0)
        return columns.reshape(-1, len(x)).T

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x = here["x"]
        if memory_order(x) is None:
            return dy.reshape(x.shape)
        dx = here.like("dx", x)
        dx[...] = np.moveaxis(dy.T.reshape(*x.shape[1:], len(x)), -1, 0)
        return dx
