"""What training minimises.

A loss is called with the network's outputs and what they should have been, and returns its value *and* the derivative of
that very value by the outputs. Every value is a mean: Σ_n w_n ℓ_n / Σ_n w_n with the sample weights w, all 1 unless given.

A batch that is computed in pieces passes the total weight of the whole batch as ``normalizer`` with each piece; values and
gradients of the pieces then simply add up.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np

from handspun.checks import number_in
from handspun.errors import UsageError, unknown_name


class Loss(abc.ABC):
    """A function of outputs (N, C) and targets, differentiable by the outputs."""

    @abc.abstractmethod
    def __call__(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        sample_weight: np.ndarray | None = None,
        normalizer: float | None = None,
    ) -> tuple[float, np.ndarray]:
        """Value, and its gradient by ``outputs``, shape (N, C).

        Args:
            outputs: (N, C), as the network gives them.
            targets: integer classes (N,), or an array (N, C).
            sample_weight: (N,), not negative; None means all 1.
            normalizer: what the weighted sum is divided by; None means ``total_weight(targets, sample_weight)``.
        """

    def total_weight(self, targets: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """Σ_n w_n: what the loss of these samples is divided by to make it a mean."""
        return float(len(targets)) if sample_weight is None else float(sample_weight.sum())

    def _scale(self, targets: np.ndarray, sample_weight: np.ndarray | None, normalizer: float | None) -> float:
        """What makes the weighted sum a mean; 0 where all weights are 0, so that such a batch teaches nothing."""
        total = self.total_weight(targets, sample_weight) if normalizer is None else normalizer
        return 1.0 / total if total > 0.0 else 0.0


def _one_hot(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Targets as an array of the shape (N, C) and the type of the outputs."""
    if targets.ndim == 1 and outputs.shape[1] > 1:
        hot = np.zeros_like(outputs)
        hot[np.arange(len(targets)), targets] = 1.0
        return hot
    if targets.size != outputs.size:
        raise UsageError(f"The network's outputs have shape {outputs.shape}, the targets {targets.shape}.")
    return targets.reshape(outputs.shape).astype(outputs.dtype, copy=False)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities e^z_c / Σ_k e^z_k for each row of ``logits`` (N, C).

    The fraction does not change when the largest logit is first subtracted from all, after which no exponential exceeds 1
    and their sum is at least 1: nothing can overflow.
    """
    p = np.exp(logits - np.maximum.reduce(logits, axis=1, keepdims=True))
    p /= np.add.reduce(p, axis=1, keepdims=True)
    return p


class SoftmaxCrossEntropy(Loss):
    """ℓ = -Σ_c t_c log p_c with p = softmax(z): from logits z to the loss in one step.

    t is the target distribution: 1 at the right class, or (N, C) probabilities. With label smoothing ε (Szegedy et al.
    2016, arXiv:1512.00567) t_c = (1 - ε)[c = y] + ε/C. With class weights each t_c is multiplied by its class's weight,
    and a sample counts with the weight of its class in the mean, as in PyTorch.

    From ∂log p_c/∂z_k = [c = k] - p_k:   ∂ℓ/∂z_k = p_k Σ_c t_c - t_k, which is p - t for plain targets.

    Args:
        label_smoothing: ε, 0 <= ε < 1.
        class_weight: (C,) not negative, or None for all 1.
    """

    def __init__(self, *, label_smoothing: float = 0.0, class_weight: Sequence[float] | np.ndarray | None = None) -> None:
        self.label_smoothing = number_in("SoftmaxCrossEntropy", "label_smoothing", label_smoothing, 0.0, 1.0)
        self.class_weight = None if class_weight is None else np.array(class_weight, np.float64)
        if self.class_weight is not None and not (
            self.class_weight.ndim == 1 and np.isfinite(self.class_weight).all() and (self.class_weight >= 0).all()
        ):
            raise UsageError("SoftmaxCrossEntropy: class_weight must be one finite number, not negative, a class.")

    def total_weight(self, targets: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        if self.class_weight is None:
            return super().total_weight(targets, sample_weight)
        classes = targets.max() + 1 if targets.ndim == 1 else targets.shape[1]
        if classes > len(self.class_weight):
            raise UsageError(f"{len(self.class_weight)} class weights for {classes} classes.")
        weights = self.class_weight[targets] if targets.ndim == 1 else targets @ self.class_weight  # (N,)
        return float(weights.sum() if sample_weight is None else weights @ sample_weight)

    def __call__(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        sample_weight: np.ndarray | None = None,
        normalizer: float | None = None,
    ) -> tuple[float, np.ndarray]:
        if outputs.shape[1] == 1:
            raise UsageError("SoftmaxCrossEntropy needs two outputs or more; for one there is SigmoidBinaryCrossEntropy.")
        if self.class_weight is not None and len(self.class_weight) != outputs.shape[1]:
            raise UsageError(f"{len(self.class_weight)} class weights for {outputs.shape[1]} classes.")
        scale = self._scale(targets, sample_weight, normalizer)
        # Class by class, (C, N): a reduction over the few values of a row takes NumPy ten times as long as one over rows.
        z = np.ascontiguousarray(outputs.T)
        z = z - np.maximum.reduce(z, axis=0)  # as in softmax: nothing overflows
        gradient = np.exp(z)
        total = np.add.reduce(gradient, axis=0)  # (N,), at least 1
        gradient /= total  # p
        log_total = np.log(total)  # log p = z - log_total
        if targets.ndim == 1 and self.class_weight is None:
            # The common case touches one value a sample instead of making a table: t is ε/C but for 1 - ε more at one class.
            right = np.multiply(targets, len(targets), dtype=np.intp) + np.arange(len(targets))  # (N,) flat places
            losses = log_total - (1.0 - self.label_smoothing) * z.reshape(-1)[right]  # (N,)
            gradient.reshape(-1)[right] -= 1.0 - self.label_smoothing
            if self.label_smoothing:
                losses -= self.label_smoothing / len(z) * np.add.reduce(z, axis=0)
                gradient -= self.label_smoothing / len(z)
        else:
            t = self._distribution(targets, outputs).T  # (C, N)
            # t log p is 0 where t is, whatever log p: minus infinity of a class that is out of the question.
            losses = -np.add.reduce(np.multiply(t, z - log_total, out=np.zeros_like(z), where=t != 0.0), axis=0)
            gradient *= np.add.reduce(t, axis=0)
            gradient -= t
        if sample_weight is None:
            gradient *= scale
            return float(np.add.reduce(losses)) * scale, np.ascontiguousarray(gradient.T)
        gradient *= sample_weight * scale
        return float(losses @ sample_weight) * scale, np.ascontiguousarray(gradient.T)

    def _distribution(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        t = _one_hot(targets, outputs)
        if self.label_smoothing:
            t = (1.0 - self.label_smoothing) * t + self.label_smoothing / outputs.shape[1]
        if self.class_weight is not None:
            t = t * self.class_weight
        return t.astype(outputs.dtype, copy=False)


class _ElementwiseLoss(Loss):
    """A loss that is a mean over the outputs of each sample: ℓ_n = (1/C) Σ_c e(z_nc, t_nc)."""

    @abc.abstractmethod
    def _elements(self, z: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """E and ∂e/∂z for each element, both (N, C)."""

    def __call__(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        sample_weight: np.ndarray | None = None,
        normalizer: float | None = None,
    ) -> tuple[float, np.ndarray]:
        scale = self._scale(targets, sample_weight, normalizer)
        errors, gradient = self._elements(outputs, _one_hot(targets, outputs))
        losses = errors.mean(axis=1)  # (N,)
        gradient *= scale / outputs.shape[1]
        if sample_weight is None:
            return float(losses.sum()) * scale, gradient
        gradient *= sample_weight[:, None]
        return float(losses @ sample_weight) * scale, gradient


class MeanSquaredError(_ElementwiseLoss):
    """ℓ_n = (1/C) Σ_c (z_nc - t_nc)², so ∂ℓ_n/∂z_nc = 2 (z_nc - t_nc)/C. Integer classes count as one-hot targets."""

    def _elements(self, z: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = z - t
        return difference * difference, 2.0 * difference


class SigmoidBinaryCrossEntropy(_ElementwiseLoss):
    """ℓ_n = (1/C) Σ_c -(t log p + (1 - t) log(1 - p)) with p = σ(z), from logits z; each output is a yes or no of its own.

    With log σ(z) = -log(1 + e⁻ᶻ) it becomes  max(z, 0) - z t + log(1 + e^-|z|),  in which nothing can overflow.

    ∂/∂z = σ(z) - t, which is  q - t  for z < 0 and  (1 - t) - q  for z >= 0  with q = σ(-|z|) = e^-|z|/(1 + e^-|z|): so an
    output that is right, and sure of it, has a small gradient and not 0. Targets are (N, C), or (N,) of 0 and 1 for one output.
    """

    def _elements(self, z: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e = np.exp(-np.abs(z))
        losses = np.maximum(z, 0.0) - z * t + np.log1p(e)
        q = e / (1.0 + e)
        return losses, np.where(z < 0.0, q - t, (1.0 - t) - q)


LOSSES: dict[str, type[Loss]] = {
    "softmax-cross-entropy": SoftmaxCrossEntropy,
    "mean-squared-error": MeanSquaredError,
    "sigmoid-binary-cross-entropy": SigmoidBinaryCrossEntropy,
}


def loss_by_name(name: str) -> Loss:
    """A loss with its default settings; UsageError with the nearest right name for an unknown one."""
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    return LOSSES[name]()
