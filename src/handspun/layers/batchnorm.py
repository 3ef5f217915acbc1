"""Batch normalization."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from handspun.checks import number_in
from handspun.engine.memory import by_images, by_rows
from handspun.engine.parameters import Shape
from handspun.engine.tape import Frame, Tape
from handspun.layers.base import Layer, flat_size
from handspun.layers.copies import Copies, copy_each, in_rows
from handspun.layers.sums import sum_type


class BatchNorm(Layer):
    """y = γ · x̂ + β, x̂ = (x - μ)/σ, with μ and σ of each feature over the batch. Ioffe and Szegedy 2015, arXiv:1502.03167.

    x (N, D); γ, β (D,); in training μ = mean(x) and σ = √(mean((x - μ)²) + ε), both (D,), over the N rows. In pictures
    (N, C, H, W) each channel is a feature, and its N · H · W values are the rows.

    γ and β:  dγ = Σ_n dy · x̂,  dβ = Σ_n dy.
    x: with g = dy · γ = ∂L/∂x̂, x reaches the loss directly, through μ and through σ. From ∂μ/∂x_n = 1/N and
    ∂σ/∂x_n = x̂_n/N:

        dx = (g - mean(g) - x̂ · mean(g · x̂)) / σ = γ/σ · (dy - dβ/N - x̂ · dγ/N)          (means over the batch)

    Backward needs x̂ = (x - μ)/σ; x - μ is kept, because the division by σ then costs one value per feature, not a pass.

    In inference running averages of mean and variance replace those of the batch. The layer is then linear: dx = dy · γ/σ.
    After each step running = (1 - momentum) · running + momentum · batch, with the unbiased variance (N - 1), as in
    PyTorch. A batch of one row, as the last of an epoch may be, has no variance: the pass writes NaN, and the running variance
    does not change. A variance of 0 would shrink it by a tenth just before the epoch is evaluated.

    If a batch is computed in micro-batches, each is normalized by its own mean and variance ("ghost batches", Hoffer, Hubara
    and Soudry 2017, arXiv:1705.08741), and the running averages take the mean over them.

    Args:
        momentum: the weight of a new batch in the running averages, 0 <= momentum < 1. The default is PyTorch's; Keras's
            0.99 is the weight of the old average.
        epsilon: added to the variance, above 0: a pixel that is always black has none. The default is PyTorch's; Keras has
            1e-3.
    """

    gamma: np.ndarray  # (D,)
    beta: np.ndarray  # (D,)
    running_mean: np.ndarray  # (D,)
    running_variance: np.ndarray  # (D,)

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.momentum = number_in("BatchNorm", "momentum", momentum, 0.0, 1.0)
        self.epsilon = number_in("BatchNorm", "epsilon", epsilon, 1e-30, 1.0)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            flat_size(self, input_shape)
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"gamma": input_shape[:1], "beta": input_shape[:1]}

    def statistic_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"running_mean": input_shape[:1], "running_variance": input_shape[:1]}

    def initialize(self, rng: np.random.Generator) -> None:
        self.gamma[...] = self.running_variance[...] = 1.0
        self.beta[...] = self.running_mean[...] = 0.0

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        precise = sum_type(x) if tape.training else None
        copies, x, centred, y, result = here.plan(x, _plan)  # features on axis 1
        copy_each(copies)
        if tape.training:
            count = x.size // x.shape[1]
            mean = _sum(x, precise) / count  # (D,)
            np.subtract(x, _spread(mean, x), out=centred)
            variance = _sum_of_products(centred, centred, precise) / count  # (D,)
            here.statistics["running_mean"][...] = mean
            here.statistics["running_variance"][...] = variance * (count / (count - 1)) if count > 1 else np.nan
        else:
            np.subtract(x, _spread(self.running_mean, x), out=centred)
            variance = self.running_variance
        sigma = np.sqrt(variance + self.epsilon)  # (D,)
        np.multiply(centred, _spread(self.gamma / sigma, x), out=y)
        y += _spread(self.beta, x)
        here["centred"], here["sigma"] = centred, sigma
        return result

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        centred, sigma = here["centred"], here["sigma"]
        d_gamma, d_beta = here.gradient["gamma"], here.gradient["beta"]
        precise, rows = sum_type(dy), _by_feature(dy)  # dy with the features on axis 1
        np.divide(_sum_of_products(rows, centred, precise), sigma, out=d_gamma)
        d_beta[...] = _sum(rows, precise)
        dx = here.buffer("dx", rows.shape)
        if tape.training:
            count = rows.size // rows.shape[1]
            np.multiply(centred, _spread(d_gamma / (count * sigma), rows), out=dx)
            np.subtract(rows, dx, out=dx)
            dx -= _spread(d_beta / count, rows)
            dx *= _spread(self.gamma / sigma, rows)
        else:
            np.multiply(rows, _spread(self.gamma / sigma, rows), out=dx)
        return _back(dx, dy)

    @np.errstate(under="ignore")
    def update_statistics(self, seen: Mapping[str, np.ndarray]) -> None:
        self.running_mean += self.momentum * (seen["running_mean"] - self.running_mean)
        if not math.isnan(seen["running_variance"][0]):  # NaN for all features, or for none
            self.running_variance += self.momentum * (seen["running_variance"] - self.running_variance)

    def config(self) -> dict[str, Any]:
        return {"momentum": self.momentum, "epsilon": self.epsilon}


# Features are on axis 1: the columns of a matrix (N, D), or the channels of pictures, (H, C, W · N) in memory.


def _plan(x: np.ndarray, here: Frame) -> tuple[Copies, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The copies to begin with; x, x - μ and y by feature; and y in the shape of x."""
    rows, copies = (x, []) if x.ndim == 2 else in_rows(x, here)
    rows = rows if x.ndim == 2 else rows.reshape(*rows.shape[:2], -1)
    y = here.buffer("y", rows.shape)
    return copies, rows, here.buffer("centred", rows.shape), y, _back(y, x)


def _by_feature(x: np.ndarray) -> np.ndarray:
    """(N, D) unchanged, pictures (N, C, H, W) as (H, C, W · N)."""
    return x if x.ndim == 2 else by_rows(x).reshape(x.shape[2], x.shape[1], -1)


def _back(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The reverse: y as a batch of the shape of x."""
    if x.ndim == 2:
        return y
    images, channels, height, width = x.shape
    return by_images(y.reshape(height, channels, width, images))


def _sum(x: np.ndarray, precise: type[np.float64] | None) -> np.ndarray:
    """The sum over all values of each feature, (D,)."""
    return np.add.reduce(x, axis=0 if x.ndim == 2 else (0, 2), dtype=precise).astype(x.dtype, copy=False)


def _sum_of_products(a: np.ndarray, b: np.ndarray, precise: type[np.float64] | None) -> np.ndarray:
    """Σ a · b over all values of each feature, (D,)."""
    if a.ndim == 2:
        return np.einsum("nd,nd->d", a, b)
    return np.add.reduce(np.vecdot(a, b, dtype=precise), axis=0).astype(a.dtype, copy=False)


def _spread(feature: np.ndarray, x: np.ndarray) -> np.ndarray:
    """One value per feature, (D,), in a shape that combines with ``x``."""
    return feature if x.ndim == 2 else feature[:, None]
