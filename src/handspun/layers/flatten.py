"""From pictures to rows."""

from __future__ import annotations

import math

import numpy as np

from handspun.layers.base import Layer
from handspun.parameters import Shape
from handspun.tape import Tape


class Flatten(Layer):
    """y holds the values of x as one row for each input: (N, a, b, …) becomes (N, a·b·…).

    Only the shape changes, so the gradient is dy in the shape of x.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        tape[self]["shape"] = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        return dy.reshape(tape[self]["shape"])
