"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from handspun.checks import positive_integer
from handspun.engine.parameters import Shape
from handspun.engine.products import matmul
from handspun.engine.tape import Tape
from handspun.layers.base import Layer, flat_size
from handspun.layers.initializers import HeNormal, Initializer, initializer_from_config


class Dense(Layer):
    """y = x W + b.

    x (N, in), W (in, out), b (out,), y (N, out).

    Written out, y_nk = Σ_j x_nj W_jk + b_k. So ∂y_nk/∂W_jk = x_nj, ∂y_nk/∂b_k = 1, ∂y_nk/∂x_nj = W_jk, and by the chain
    rule, summing over every output that the value reaches:

        dW_jk = Σ_n x_nj dy_nk    dW = xᵀ dy
        db_k  = Σ_n dy_nk         db = column sums of dy
        dx_nj = Σ_k dy_nk W_jk    dx = dy Wᵀ

    Args:
        units: number of outputs.
        initializer: how the weights begin; the default suits ReLU.
        bias: whether to add b, which begins at zero.
    """

    decayed = ("weight",)

    weight: np.ndarray  # (in, out)
    bias: np.ndarray  # (out,)

    def __init__(self, units: int, *, initializer: Initializer | None = None, bias: bool = True) -> None:
        self.units = positive_integer("Dense", "units", units)
        self.initializer = initializer or HeNormal()
        self.has_bias = bool(bias)

    def output_shape(self, input_shape: Shape) -> Shape:
        flat_size(self, input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {"weight": (flat_size(self, input_shape), self.units)}
        if self.has_bias:
            shapes["bias"] = (self.units,)
        return shapes

    def initialize(self, rng: np.random.Generator) -> None:
        self.weight[...] = self.initializer(self.weight.shape, len(self.weight), self.units, rng)
        if self.has_bias:
            self.bias[...] = 0.0

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        y = matmul(x, self.weight, here.buffer("y", (len(x), self.units)))  # (N, out)
        if self.has_bias:
            y += self.bias
        here["x"] = x
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        here = tape[self]
        x = here["x"]  # (N, in)
        if self.has_bias:
            np.add.reduce(dy, axis=0, out=here.gradient["bias"])
        matmul(x.T, dy, here.gradient["weight"])
        if not here.needs_input_gradient:
            return None
        return matmul(dy, self.weight.T, here.like("dx", x))  # (N, in)

    def config(self) -> dict[str, Any]:
        return {"units": self.units, "initializer": self.initializer.config(), "bias": self.has_bias}

    def __repr__(self) -> str:
        return f"Dense({self.units}{'' if self.has_bias else ', bias=False'})"

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Dense:
        if "initializer" in config:
            config = {**config, "initializer": initializer_from_config(config["initializer"])}
        return cls(**config)
