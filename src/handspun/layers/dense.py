"""The fully connected layer."""

from typing import Any

import numpy as np

from handspun.checks import of_kind, positive_integer, true_or_false
from handspun.engine.parameters import Shape
from handspun.engine.products import matmul
from handspun.engine.tape import Tape
from handspun.layers.base import Layer, flat_size
from handspun.layers.initializers import HeNormal, Initializer, with_initializer


class Dense(Layer):
    """y = x W + b.

    x (N, in), W (in, out), b (out,), y (N, out).

    Written out, y_nk = Σ_j x_nj W_jk + b_k. So ∂y_nk/∂W_jk = x_nj, ∂y_nk/∂b_k = 1 and ∂y_nk/∂x_nj = W_jk. By the chain
    rule, summed over all outputs that a value affects:

        db_k  = Σ_n dy_nk         db = column sums of dy
        dW_jk = Σ_n x_nj dy_nk    dW = xᵀ dy
        dx_nj = Σ_k dy_nk W_jk    dx = dy Wᵀ

    Args:
        units: number of outputs.
        initializer: of the weights; the default, He's, suits ReLU. PyTorch draws U(±1/√in), Keras uses Glorot's.
        bias: whether to add b, which is zero at first.
    """

    decayed = ("weight",)

    weight: np.ndarray  # (in, out)
    bias: np.ndarray  # (out,)

    def __init__(self, units: int, *, initializer: Initializer | None = None, bias: bool = True) -> None:
        self.units = positive_integer("Dense", "units", units)
        self.initializer = of_kind("Dense: initializer", initializer, Initializer) or HeNormal()
        self.has_bias = true_or_false("Dense", "bias", bias)

    def output_shape(self, input_shape: Shape) -> Shape:
        flat_size(self, input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        weight = (flat_size(self, input_shape), self.units)
        return {"weight": weight, "bias": (self.units,)} if self.has_bias else {"weight": weight}

    def initialize(self, rng: np.random.Generator) -> None:
        self.weight[...] = self.initializer(self.weight.shape, len(self.weight), self.units, rng)
        if self.has_bias:
            self.bias[...] = 0.0

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["x"] = x
        y = matmul(x, self.weight, here.buffer("y", (len(x), self.units)))  # (N, out)
        if self.has_bias:
            y += self.bias
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        here = tape[self]
        x = here["x"]  # (N, in)
        if self.has_bias:
            np.add.reduce(dy, axis=0, out=here.gradient["bias"])
        matmul(x.T, dy, here.gradient["weight"])
        return matmul(dy, self.weight.T, here.like("dx", x)) if here.needs_input_gradient else None  # (N, in)

    def config(self) -> dict[str, Any]:
        return {"units": self.units, "initializer": self.initializer.config(), "bias": self.has_bias}

    def __repr__(self) -> str:
        return f"Dense({self.units}{'' if self.has_bias else ', bias=False'})"

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        return cls(**with_initializer(config))
