"""PyTorch's functions as layers of handspun.

Each function takes the arguments of the function of ``torch.nn.functional`` of its name and returns a ``Twin``, or raises
``NotExpressibleError``. Arrays that handspun has in another shape are turned into its shape, gradients too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from judging import NotExpressibleError, run_layer

import handspun as hs

Turn = Callable[[np.ndarray], np.ndarray]


def array(tensor: torch.Tensor) -> np.ndarray:
    """A tensor's values."""
    return tensor.detach().numpy()


def same(values: np.ndarray) -> np.ndarray:
    """What is in handspun's shape already."""
    return values


@dataclass(frozen=True)
class Twin:
    """What computes the same in handspun.

    Attributes:
        run: from dy, in handspun's shape, to the results by name: "y", and the gradients by the names in ``leaves``.
        outputs: turns theirs y and dy into handspun's shape.
        leaves: the tensors whose gradients are compared, each with what turns its gradient into handspun's shape.
        kept: the tensors that their pass changes, by the names that ``run`` gives to what they should then be.
    """

    run: Callable[[np.ndarray], Mapping[str, np.ndarray]]
    outputs: Turn = same
    leaves: dict[str, tuple[torch.Tensor, Turn]] = field(default_factory=dict)
    kept: dict[str, torch.Tensor] = field(default_factory=dict)


def layer_twin(
    layer: hs.Layer,
    x: torch.Tensor,
    inputs: Turn,
    outputs: Turn | None = None,
    parameters: Mapping[str, tuple[torch.Tensor | None, Turn]] | None = None,
    *,
    training: bool = False,
    kept: Mapping[str, torch.Tensor] | None = None,
) -> Twin:
    """A layer that sees x as ``inputs`` of it, with parameters as turned; those that are None stay as they begin."""
    if 0 in x.shape[1:]:
        raise NotExpressibleError("inputs without values")
    given = {name: (tensor, turn) for name, (tensor, turn) in (parameters or {}).items() if tensor is not None}
    before = {name: array(tensor).copy() for name, tensor in (kept or {}).items()}

    def run(dy: np.ndarray) -> dict[str, np.ndarray]:
        values = {name: turn(array(tensor)) for name, (tensor, turn) in given.items()}
        done = run_layer(layer, inputs(array(x)), values, statistics=before, training=training, dy=dy)
        return {"y": done.y, "x": done.dx, **done.gradient, **done.statistics}

    return Twin(run, outputs or inputs, {"x": (x, inputs), **given}, dict(kept or {}))


# Layers ----------------------------------------------------------------------------------------------------------------


def _pictures(dimensions: int) -> Turn:
    """Turns an array with that many axes after the channels, with or without batch, into (N, C, H, W)."""

    def turn(x: np.ndarray) -> np.ndarray:
        x = x if x.ndim == dimensions + 2 else x[None]
        return x if dimensions == 2 else x[:, :, None, :]

    return turn


def _two(value: Any, dimensions: int, one: int = 1) -> tuple[int, int]:
    """An argument for rows and columns; one dimension is that of columns, with ``one`` for the row."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * dimensions
    return (one, values[0]) if dimensions == 1 else (values[0], values[-1])


def _conv(dimensions: int) -> Callable[..., Twin]:
    def conv(
        input: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Twin:
        turn = _pictures(dimensions)
        layer = hs.Conv2D(
            len(weight),
            _two(tuple(weight.shape[2:]), dimensions),
            stride=_two(stride, dimensions),
            padding=padding if isinstance(padding, str) else _two(padding, dimensions, 0),
            dilation=_two(dilation, dimensions),
            groups=groups,
            bias=bias is not None,
        )

        def filters(w: np.ndarray) -> np.ndarray:
            return (w if dimensions == 2 else w[:, :, None, :]).transpose(0, 2, 1, 3)

        return layer_twin(layer, input, turn, parameters={"weight": (weight, filters), "bias": (bias, same)})

    return conv


def _windows(input: torch.Tensor, dimensions: int, size: Any, stride: Any, padding: Any, ceil: bool) -> list[tuple[int, int]]:
    """Size, stride and padding of a pooling."""
    sizes, pads = _two(size, dimensions), _two(padding, dimensions, 0)
    steps = _two(size if stride is None or stride == () or stride == [] else stride, dimensions)
    extents = _pictures(dimensions)(array(input)).shape[2:]
    if ceil and any((n + 2 * p - k) % s for n, k, s, p in zip(extents, sizes, steps, pads, strict=True)):
        raise NotExpressibleError("windows that reach over the edge (ceil_mode)")
    return [sizes, steps, pads]


def _max_pool(dimensions: int) -> Callable[..., Twin]:
    def max_pool(
        input: torch.Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,  # their second output, which is not compared
    ) -> Twin:
        if _two(dilation, dimensions) != (1, 1):
            raise NotExpressibleError("pooling with dilation")
        size, steps, pads = _windows(input, dimensions, kernel_size, stride, padding, ceil_mode)
        return layer_twin(hs.MaxPool2D(size, stride=steps, padding=pads), input, _pictures(dimensions))

    return max_pool


def _avg_pool(dimensions: int) -> Callable[..., Twin]:
    def avg_pool(
        input: torch.Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Twin:
        size, steps, pads = _windows(input, dimensions, kernel_size, stride, padding, ceil_mode)
        if divisor_override:
            raise NotExpressibleError("a divisor that is not the size of the window")
        if any(pads) and not count_include_pad:
            raise NotExpressibleError("means that do not count the padding")
        return layer_twin(hs.AvgPool2D(size, stride=steps, padding=pads), input, _pictures(dimensions))

    return avg_pool


def _adaptive_avg_pool(dimensions: int) -> Callable[..., Twin]:
    def adaptive_avg_pool(input: torch.Tensor, output_size: Any) -> Twin:
        turn = _pictures(dimensions)
        extents = turn(array(input)).shape[2:]
        wanted = [n if size is None else size for n, size in zip(extents, _two(output_size, dimensions), strict=True)]
        if wanted == [1, 1]:
            return layer_twin(hs.GlobalAvgPool(), input, turn, lambda y: turn(y)[:, :, 0, 0])
        if any(n % size for n, size in zip(extents, wanted, strict=True)):
            raise NotExpressibleError("windows of different sizes")
        windows = tuple(n // size for n, size in zip(extents, wanted, strict=True))
        return layer_twin(hs.AvgPool2D(windows), input, turn)

    return adaptive_avg_pool


def linear(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Twin:
    """Dense, over all axes but the last; a weight of one axis is that of one output."""
    features = input.shape[-1]
    units = len(weight) if weight.ndim == 2 else 1
    parameters = {"weight": (weight, lambda w: w.reshape(units, features).T), "bias": (bias, lambda b: b.reshape(units))}
    layer = hs.Dense(units, bias=bias is not None)
    return layer_twin(layer, input, lambda x: x.reshape(-1, features), lambda y: y.reshape(-1, units), parameters)


def matmul(input: torch.Tensor, other: torch.Tensor) -> Twin:
    """Dense without bias."""
    if input.ndim < 2 or other.ndim != 2:
        raise NotExpressibleError("a product of vectors or of batches of matrices")
    if 0 in input.shape[1:] or 0 in other.shape:
        raise NotExpressibleError("inputs without values")
    inputs, units = input.shape[-1], other.shape[1]
    layer = hs.Dense(units, bias=False)
    turns = (lambda x: x.reshape(-1, inputs)), (lambda y: y.reshape(-1, units))
    return layer_twin(layer, input, *turns, {"weight": (other, same)})


def batch_norm(
    input: torch.Tensor,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Twin:
    """BatchNorm; of all axes after the channels."""
    if momentum is None:
        raise NotExpressibleError("running averages that are the mean over all batches")
    if not 0.0 <= momentum < 1.0:
        raise NotExpressibleError("a momentum below 0, or of 1 and more")
    if not input.numel():
        raise NotExpressibleError("inputs without values")
    layer = hs.BatchNorm(momentum=momentum, epsilon=eps)
    channels = input.shape[1]
    kept = {} if running_mean is None else {"running_mean": running_mean, "running_variance": running_var}
    return layer_twin(
        layer,
        input,
        lambda x: x if x.ndim == 2 else x.reshape(len(x), channels, 1, -1),
        parameters={"gamma": (weight, same), "beta": (bias, same)},
        training=training or not kept,
        kept=kept,
    )


def layer_norm(input: torch.Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Twin:
    """LayerNorm over the last axes, which become one."""
    if not 0.0 < eps < 1.0:
        raise NotExpressibleError("an epsilon below 0")
    size = math.prod(normalized_shape)

    def rows(x: np.ndarray) -> np.ndarray:
        return x.reshape(-1, size)

    def flat(values: np.ndarray) -> np.ndarray:
        return values.reshape(size)

    parameters = {"gamma": (weight, flat), "beta": (bias, flat)}
    return layer_twin(hs.LayerNorm(eps), input, rows, rows, parameters)


def elementwise(layer: hs.Layer, x: torch.Tensor, *, training: bool = False) -> Twin:
    """A layer that sees all values as one row."""
    if not x.numel():
        raise NotExpressibleError("inputs without values")
    return layer_twin(layer, x, lambda values: values.reshape(1, -1), training=training)


def leaky_relu(input: torch.Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Twin:
    """LeakyReLU."""
    if not 0.0 <= negative_slope < 1.0:
        raise NotExpressibleError("a slope below 0, or of 1 and more")
    return elementwise(hs.LeakyReLU(negative_slope), input)


def _dropout(kind: type[hs.Dropout]) -> Callable[..., Twin]:
    def dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Twin:
        if p == 1.0:
            raise NotExpressibleError("dropout of everything")
        if training and p:
            raise NotExpressibleError("random numbers of another generator")
        if kind is hs.Dropout:
            return elementwise(kind(p), input, training=training)
        return layer_twin(kind(p), input, _pictures(input.ndim - 2), training=training)

    return dropout


def flatten(input: torch.Tensor, start_dim: int = 0, end_dim: int = -1) -> Twin:
    """Flatten of all axes but the first."""
    if input.ndim < 2 or start_dim != 1 or end_dim not in (-1, input.ndim - 1):
        raise NotExpressibleError("flattening across the batch")
    return layer_twin(hs.Flatten(), input, same)


#: The functions of PyTorch that are layers here, by name.
LAYERS: dict[str, Callable[..., Twin]] = {
    "adaptive_avg_pool1d": _adaptive_avg_pool(1),
    "adaptive_avg_pool2d": _adaptive_avg_pool(2),
    "avg_pool1d": _avg_pool(1),
    "avg_pool2d": _avg_pool(2),
    "batch_norm": batch_norm,
    "conv1d": _conv(1),
    "conv2d": _conv(2),
    "dropout": _dropout(hs.Dropout),
    "dropout2d": _dropout(hs.SpatialDropout),
    "flatten": flatten,
    "gelu": lambda input, approximate="none": elementwise(hs.GELU(), input),
    "layer_norm": layer_norm,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "matmul": matmul,
    "max_pool1d": _max_pool(1),
    "max_pool2d": _max_pool(2),
    "mm": matmul,
    "relu": lambda input, inplace=False: elementwise(hs.ReLU(), input),
    "sigmoid": lambda input: elementwise(hs.Sigmoid(), input),
    "silu": lambda input, inplace=False: elementwise(hs.SiLU(), input),
    "tanh": lambda input: elementwise(hs.Tanh(), input),
}
