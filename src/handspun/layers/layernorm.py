"""Layer normalization."""

from typing import Any

import numpy as np

from handspun.checks import number_in
from handspun.engine.parameters import Shape
from handspun.engine.tape import Tape
from handspun.layers.base import Layer, flat_size
from handspun.layers.sums import FEW


class LayerNorm(Layer):
    """y = γ · x̂ + β, x̂ = (x - μ)/σ, with μ and σ over the features of each row. Ba et al. 2016, arXiv:1607.06450.

    x (N, D); γ, β (D,); μ = mean(x) and σ = √(mean((x - μ)²) + ε), (N, 1).

    γ and β:  dγ = Σ_n dy · x̂,  dβ = Σ_n dy.
    x: with g = dy · γ = ∂L/∂x̂, x reaches the loss directly, through μ and through σ. From ∂μ/∂x_j = 1/D and
    ∂σ/∂x_j = x̂_j/D:

        dx = (g - mean(g) - x̂ · mean(g · x̂)) / σ          (means over the features)

    Args:
        epsilon: added to the variance, above 0: a row of equal values has none. The default is PyTorch's; Keras has 1e-3.
    """

    gamma: np.ndarray  # (D,)
    beta: np.ndarray  # (D,)

    def __init__(self, epsilon: float = 1e-5) -> None:
        self.epsilon = number_in("LayerNorm", "epsilon", epsilon, 1e-30, 1.0)

    def output_shape(self, input_shape: Shape) -> Shape:
        flat_size(self, input_shape)
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"gamma": input_shape, "beta": input_shape}

    def initialize(self, rng: np.random.Generator) -> None:
        self.gamma[...] = 1.0
        self.beta[...] = 0.0

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x_hat = np.subtract(x, _mean(x), out=here.like("x_hat", x))  # (N, D)
        y = np.multiply(x_hat, x_hat, out=here.like("y", x))
        sigma = np.sqrt(_mean(y) + self.epsilon)  # (N, 1)
        x_hat /= sigma
        np.multiply(x_hat, self.gamma, out=y)
        y += self.beta
        here["x_hat"], here["sigma"] = x_hat, sigma
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x_hat, sigma = here["x_hat"], here["sigma"]
        dx = np.multiply(dy, x_hat, out=here.like("dx", dy))
        np.add.reduce(dx, axis=0, out=here.gradient["gamma"])
        np.add.reduce(dy, axis=0, out=here.gradient["beta"])
        g = np.multiply(dy, self.gamma, out=here.like("g", dy))
        np.multiply(g, x_hat, out=dx)
        along = _mean(dx)  # (N, 1)
        g -= _mean(g)
        np.multiply(x_hat, along, out=dx)
        np.subtract(g, dx, out=dx)
        dx /= sigma
        return dx

    def config(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon}


def _mean(x: np.ndarray) -> np.ndarray:
    """The mean of each row, (N, 1). NumPy adds the values of a row in pairs only if they are neighbours in memory."""
    precise = np.float64 if x.shape[1] > FEW and not x.flags.c_contiguous else None
    return x.mean(axis=1, keepdims=True, dtype=precise).astype(x.dtype, copy=False)
