"""PyTorch's functions as softmax and losses of handspun: see ``torch_layers``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from judging import NotExpressibleError, run_loss
from torch_layers import Turn, Twin, array

import handspun as hs


def _rows(axis: int) -> Turn:
    """Turns the values along ``axis`` into rows (N, C)."""
    return lambda x: np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]) if x.ndim else x.reshape(1, 1)


def softmax(input: torch.Tensor, dim: int, dtype: Any = None, _stacklevel: int = 3) -> Twin:
    """The function ``softmax``, which has no gradient of its own: only values."""
    if not input.numel():
        raise NotExpressibleError("inputs without values")
    rows = _rows(dim)
    return Twin(lambda dy: {"y": hs.softmax(rows(array(input)))}, rows)


def log_softmax(input: torch.Tensor, dim: int, dtype: Any = None, _stacklevel: int = 3) -> Twin:
    """Log p_c is the cross-entropy with the target c, but for its sign; so is its gradient."""
    if not input.numel():
        raise NotExpressibleError("inputs without values")
    rows = _rows(dim)
    z = rows(array(input))  # (N, C)
    if z.shape[1] < 2:
        raise NotExpressibleError("a single class")

    def run(dy: np.ndarray) -> dict[str, np.ndarray]:
        targets = np.arange(z.shape[1])
        loss = hs.SoftmaxCrossEntropy()
        each = [run_loss(loss, np.tile(row, (len(targets), 1)), targets, "none") for row in z]
        y = [-values for values, _ in each]
        return {"y": np.stack(y), "x": np.stack([-d @ gradient for d, (_, gradient) in zip(dy, each, strict=True)])}

    return Twin(run, rows, {"x": (input, rows)})


def _loss_twin(
    loss: hs.Loss,
    x: torch.Tensor,
    rows: Turn,
    targets: np.ndarray,
    reduction: str,
    weights: np.ndarray | None = None,
    factor: float = 1.0,
    *,
    gradient: bool = True,
) -> Twin:
    def run(dy: np.ndarray) -> dict[str, np.ndarray]:
        value, slope = run_loss(loss, rows(array(x)), targets, reduction, weights)
        return {"y": value * factor, "x": slope * factor * dy.reshape(-1, 1)}

    shape = (-1,) if reduction == "none" else ()
    return Twin(run, lambda y: y.reshape(shape), {"x": (x, rows)} if gradient else {})


def cross_entropy(
    input: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    gradient: bool = True,
) -> Twin:
    """SoftmaxCrossEntropy with the classes along axis 1, or 0 where there is no batch; weight 0 for what is ignored."""
    rows = _rows(0 if input.ndim == 1 else 1)
    if rows(array(input)).shape[1] < 2:
        raise NotExpressibleError("a single class")
    loss = hs.SoftmaxCrossEntropy(class_weight=None if weight is None else array(weight), label_smoothing=label_smoothing)
    if target.dtype.is_floating_point:
        return _loss_twin(loss, input, rows, rows(array(target)), reduction)
    labels = array(target).reshape(-1)
    counted = labels != ignore_index
    weights = None if counted.all() else counted.astype(np.float64)
    return _loss_twin(loss, input, rows, np.where(counted, labels, 0), reduction, weights, gradient=gradient)


def nll_loss(input: torch.Tensor, target: torch.Tensor, *args: Any, **kwargs: Any) -> Twin:
    """Of log-probabilities: the value of SoftmaxCrossEntropy, but not its gradient, which goes on to the logits."""
    if not np.allclose(np.exp(array(input)).sum(axis=0 if input.ndim == 1 else 1), 1.0):
        raise NotExpressibleError("a negative log-likelihood of inputs that are no log-probabilities")
    return cross_entropy(input, target, *args, gradient=False, **kwargs)


def _elementwise_loss(loss: hs.Loss, x: torch.Tensor, target: torch.Tensor, reduction: str, weight: Any = None) -> Twin:
    """A loss over all values, in one row for each input; with weights or without a mean each value is a row of its own."""
    if not x.numel():
        raise NotExpressibleError("inputs without values")
    targets, weights = array(target), None
    if weight is not None:
        weights = np.broadcast_to(array(weight), targets.shape).reshape(-1)
    if reduction == "mean" and weights is None and x.ndim > 1:
        return _loss_twin(loss, x, lambda z: z.reshape(len(x), -1), targets.reshape(len(x), -1), reduction)
    if reduction == "mean":  # theirs divides by the number of values, not by their weights
        reduction, factor = "sum", 1.0 / x.numel()
    else:
        factor = 1.0
    return _loss_twin(loss, x, lambda z: z.reshape(-1, 1), targets.reshape(-1, 1), reduction, weights, factor)


def mse_loss(input: torch.Tensor, target: torch.Tensor, reduction: str = "mean") -> Twin:
    """MeanSquaredError."""
    return _elementwise_loss(hs.MeanSquaredError(), input, target, reduction)


def binary_cross_entropy_with_logits(
    input: torch.Tensor, target: torch.Tensor, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Twin:
    """SigmoidBinaryCrossEntropy."""
    if pos_weight is not None:
        raise NotExpressibleError("a weight of the positive targets")
    return _elementwise_loss(hs.SigmoidBinaryCrossEntropy(), input, target, reduction, weight)


#: The functions of PyTorch that are no layers here, by name.
LOSSES: dict[str, Callable[..., Twin]] = {
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "cross_entropy": cross_entropy,
    "log_softmax": log_softmax,
    "mse_loss": mse_loss,
    "nll_loss": nll_loss,
    "softmax": softmax,
}
