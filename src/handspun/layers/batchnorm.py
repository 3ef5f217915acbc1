"""Batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from handspun.layers.base import Layer, flat_size, number_in
from handspun.parameters import Shape
from handspun.tape import Frame, Tape


class BatchNorm(Layer):
    """y = γ · x̂ + β, x̂ = (x - μ)/σ, with μ and σ of each feature over the batch. Ioffe and Szegedy 2015, arXiv:1502.03167.

    x (N, D); γ, β (D,); in training μ = mean(x) and σ = √(mean((x - μ)²) + ε), both (D,), over the N rows.

    γ and β:  dγ = Σ_n dy · x̂,  dβ = Σ_n dy.
    x: with g = dy · γ = ∂L/∂x̂, x reaches the loss directly, through μ and through σ. From ∂μ/∂x_n = 1/N and
    ∂σ/∂x_n = x̂_n/N:

        dx = (g - mean(g) - x̂ · mean(g · x̂)) / σ = γ/σ · (dy - dβ/N - x̂ · dγ/N)          (means over the batch)

    Inference uses running averages of mean and variance instead, which makes it a fixed linear function: dx = dy · γ/σ.
    After each step running = (1 - momentum) · running + momentum · batch, with the unbiased variance (N - 1), as PyTorch
    does. A batch of one row has no variance; it counts as 0.

    Where a large batch is computed in pieces, each piece is normalised by its own mean and variance.

    Args:
        momentum: the weight of a new batch in the running averages, 0 <= momentum < 1.
        epsilon: added to the variance.
    """

    gamma: np.ndarray  # (D,)
    beta: np.ndarray  # (D,)
    running_mean: np.ndarray  # (D,)
    running_variance: np.ndarray  # (D,)

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.momentum = number_in("BatchNorm", "momentum", momentum, 0.0, 1.0)
        self.epsilon = number_in("BatchNorm", "epsilon", epsilon, 0.0, 1.0)

    def output_shape(self, input_shape: Shape) -> Shape:
        flat_size(self, input_shape)
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"gamma": input_shape, "beta": input_shape}

    def statistic_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"running_mean": input_shape, "running_variance": input_shape}

    def initialize(self, rng: np.random.Generator) -> None:
        self.gamma[...] = 1.0
        self.beta[...] = 0.0
        self.running_mean[...] = 0.0
        self.running_variance[...] = 1.0

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x_hat, y = here.buffer("x_hat", x.shape), here.buffer("y", x.shape)  # (N, D)
        mean = x.mean(axis=0) if tape.training else self.running_mean  # (D,)
        np.subtract(x, mean, out=x_hat)
        if tape.training:
            variance = np.multiply(x_hat, x_hat, out=y).mean(axis=0)  # (D,)
            here["batch"] = (mean, variance, len(x))
        else:
            variance = self.running_variance
        sigma = np.sqrt(variance + self.epsilon)  # (D,)
        x_hat /= sigma
        np.multiply(x_hat, self.gamma, out=y)
        y += self.beta
        here["x_hat"], here["sigma"] = x_hat, sigma
        return y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x_hat, sigma = here["x_hat"], here["sigma"]
        d_gamma, d_beta = here.gradient["gamma"], here.gradient["beta"]
        dx = np.multiply(dy, x_hat, out=here.buffer("dx", dy.shape))
        np.add.reduce(dx, axis=0, out=d_gamma)
        np.add.reduce(dy, axis=0, out=d_beta)
        if tape.training:
            np.multiply(x_hat, d_gamma / len(dy), out=dx)
            np.subtract(dy, dx, out=dx)
            dx -= d_beta / len(dy)
            dx *= self.gamma / sigma
        else:
            np.multiply(dy, self.gamma / sigma, out=dx)
        return dx

    def update_statistics(self, frame: Frame) -> None:
        mean, variance, rows = frame["batch"]
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_variance += self.momentum * (variance * (rows / max(rows - 1, 1)) - self.running_variance)

    def config(self) -> dict[str, Any]:
        return {"momentum": self.momentum, "epsilon": self.epsilon}
