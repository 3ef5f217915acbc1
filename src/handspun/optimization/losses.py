"""What training minimises.

A loss defines ``per_sample``: what each sample costs, and how that cost changes with the network's outputs. The rest is the
same for every loss, and in the base class. The value of a batch is the weighted mean Σ_n w_n ℓ_n / Σ_n w_n, and its gradient
is the derivative of that value. The micro-batches of a batch share one denominator, so their values and gradients add up to
those of the batch.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from handspun import checks
from handspun.errors import UsageError, unknown_name


class Loss(abc.ABC):
    """The cost of outputs (N, …), one row per sample, given their targets.

    A loss of your own is a class with ``per_sample``; ``fit`` does the rest, and ``check_gradients`` checks the derivative:

        class AbsoluteError(handspun.Loss):
            def per_sample(self, outputs, targets):
                difference = outputs - targets  # (N, C)
                return np.abs(difference).mean(axis=1), np.sign(difference) / outputs.shape[1]
    """

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "__call__" in vars(cls) or "weighted_mean" in vars(cls):
            raise UsageError(
                f"{cls.__name__}: a loss defines per_sample(outputs, targets), which returns a value for each sample, (N,), "
                "and the gradient of each value with respect to its outputs. Weights, means and micro-batches are not its work."
            )

    @abc.abstractmethod
    def per_sample(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cost ℓ_n of each sample, (N,), and ∂ℓ_n/∂outputs_n, of the shape of ``outputs``.

        Args:
            outputs: (N, …), as the network returns them; not to be changed.
            targets: as ``prepare_targets`` returns them: classes (N,), or numbers of the shape and type of ``outputs``.
        """

    def prepare_targets(self, targets: Any, outputs: tuple[int, ...], dtype: np.typing.DTypeLike = np.float64) -> np.ndarray:
        """The user's targets, in the form that ``per_sample`` takes.

        Args:
            targets: classes, whole numbers (N,) or (N, 1); or numbers, as many as there are outputs.
            outputs: the shape of the outputs, (N, …).
            dtype: the floating-point type of the outputs.

        Returns:
            Classes (N,) intp, or numbers of the shape ``outputs``; micro-batches convert them to the type of the outputs.

        Raises:
            UsageError: targets of the wrong number, shape or kind, classes out of range, or numbers that are not finite.
        """
        array = checks.plain_array("targets", targets)
        count, wanted = outputs[0], math.prod(outputs[1:])
        whole = array.dtype.kind in "iub"
        if whole and (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1 and wanted > 1)):
            return self._classes(array, outputs)
        if len(array) != count if array.ndim else True:
            raise UsageError(f"{count} images and {len(array) if array.ndim else 1} targets; each image needs one target.")
        if array.dtype.kind not in "iufb":
            raise UsageError(f"targets must be numbers, got {array.dtype}. Number the classes: 0, 1, 2, …")
        if array.size != count * wanted:
            hint = " If they are classes, give whole numbers: targets.astype(int)." if array.size == count else ""
            raise UsageError(f"the outputs have shape {outputs}, the targets {array.shape}: they must agree.{hint}")
        largest = max(float(array.max()), -float(array.min()))  # NaN if any value is
        if not math.isfinite(largest):
            raise UsageError("targets hold values that are not finite numbers.")
        if largest > float(np.finfo(dtype).max):
            raise UsageError(f"targets hold values that are too large for {np.dtype(dtype)}. Scale them.")
        return array.reshape(outputs)

    def _classes(self, labels: np.ndarray, outputs: tuple[int, ...]) -> np.ndarray:
        if len(outputs) != 2:
            raise UsageError(
                f"Classes as targets need outputs (N, classes), but the last layer gives {outputs[1:]} for each image. Put "
                "Flatten() and Dense(classes), or GlobalAvgPool(), at the end."
            )
        try:
            return checks.labels(labels, outputs[0], max(outputs[1], 2), name="targets")
        except UsageError as error:
            if outputs[1] > 1:
                raise
            raise UsageError(f"{error} Give numbers that are not classes as floats: targets.astype(float).") from error

    def total_weight(self, targets: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """Σ_n w_n: the denominator that makes the sum over these samples a mean."""
        return float(len(targets)) if sample_weight is None else float(sample_weight.sum())

    def __call__(self, outputs: Any, targets: Any, sample_weight: Any = None) -> tuple[float, np.ndarray]:
        """The weighted mean over the samples, and its gradient with respect to ``outputs``, of the same shape.

        Args:
            outputs: (N, …) as a network gives them; the gradient has their type, but float32 for float16, whose sums overflow.
            targets: see ``prepare_targets``.
            sample_weight: (N,) finite and not negative; None for 1 each. If all are 0, value and gradient are 0.

        Raises:
            UsageError: arguments that do not fit each other.
        """
        outputs = checks.plain_array("outputs", outputs)
        if outputs.ndim < 2 or outputs.dtype.kind not in "fiub" or not outputs.size:
            raise UsageError(f"outputs must be numbers (N, …), a row for each image, got {outputs.dtype} {outputs.shape}.")
        if outputs.dtype.kind != "f" or outputs.dtype == np.float16:
            outputs = outputs.astype(np.float32 if outputs.dtype == np.float16 else np.float64)
        targets = self.prepare_targets(targets, outputs.shape, outputs.dtype)
        return self.weighted_mean(outputs, targets, checks.sample_weight(sample_weight, len(outputs)))

    def weighted_mean(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        sample_weight: np.ndarray | None = None,
        normalizer: float | None = None,
    ) -> tuple[float, np.ndarray]:
        """``__call__`` for arguments that were checked; ``normalizer`` is the total weight of the batch that they belong to."""
        if targets.shape == outputs.shape:  # others, such as a class for each pixel, are what ``prepare_targets`` made of them
            targets = targets.astype(outputs.dtype, copy=False)
        total = self.total_weight(targets, sample_weight) if normalizer is None else normalizer
        # A batch in which nothing counts teaches nothing.
        return self._weighted_mean(outputs, targets, sample_weight, 1.0 / total if total > 0.0 else 0.0)

    def _weighted_mean(
        self, outputs: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray | None, scale: float
    ) -> tuple[float, np.ndarray]:
        """``weighted_mean``, where ``scale`` makes the weighted sum a mean."""
        values, gradients = self.per_sample(outputs, targets)
        if np.shape(values) != outputs.shape[:1] or np.shape(gradients) != outputs.shape:
            raise UsageError(
                f"{type(self).__name__}.per_sample must return a value for each sample, {outputs.shape[:1]}, and gradients "
                f"{outputs.shape}; got {np.shape(values)} and {np.shape(gradients)}."
            )
        gradient = np.empty_like(outputs)
        if sample_weight is None:
            return float(np.add.reduce(values)) * scale, np.multiply(gradients, scale, out=gradient, casting="same_kind")
        weight = (sample_weight * scale).reshape(-1, *[1] * (outputs.ndim - 1))
        return float(values @ sample_weight) * scale, np.multiply(gradients, weight, out=gradient, casting="same_kind")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities e^z_c / Σ_k e^z_k for each row of ``logits`` (N, C).

    The fraction does not change when the largest logit is first subtracted from all. Then no exponential exceeds 1 and their
    sum is at least 1: nothing can overflow.

    Raises:
        UsageError: not two axes.
    """
    if np.ndim(logits) != 2:
        raise UsageError(f"softmax takes logits (N, C), a row for each image, got {np.shape(logits)}.")
    p = np.exp(logits - np.maximum.reduce(logits, axis=1, keepdims=True))
    p /= np.add.reduce(p, axis=1, keepdims=True)
    return p


class SoftmaxCrossEntropy(Loss):
    """ℓ = -Σ_c t_c log p_c with p = softmax(z): from logits z to the loss in one step.

    t is the target distribution: 1 at the right class, or (N, C) probabilities. With label smoothing ε (Szegedy et al.
    2016, arXiv:1512.00567) t_c = (1 - ε)[c = y] + ε/C. With class weights each t_c is multiplied by the weight of its class.

    From ∂log p_c/∂z_k = [c = k] - p_k:   ∂ℓ/∂z_k = p_k Σ_c t_c - t_k, which is p - t for plain targets.

    The mean is PyTorch's. For classes it is weighted: a sample counts with the weight of its class, Σ_n ℓ_n / Σ_n w_{y_n}. For
    probabilities there is no such weight, and the mean is Σ_n ℓ_n / N.

    Args:
        label_smoothing: ε, 0 <= ε < 1.
        class_weight: (C,) not negative, or None for all 1.
    """

    def __init__(self, *, label_smoothing: float = 0.0, class_weight: Sequence[float] | np.ndarray | None = None) -> None:
        self.label_smoothing = checks.number_in("SoftmaxCrossEntropy", "label_smoothing", label_smoothing, 0.0, 1.0)
        self.class_weight = None if class_weight is None else _class_weight(class_weight)

    def per_sample(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Class by class, (C, N): a reduction over the few values of a row takes NumPy ten times as long as one over rows.
        z = np.ascontiguousarray(outputs.T)
        z = z - np.maximum.reduce(z, axis=0)  # as in softmax: nothing overflows
        gradient = np.exp(z)
        total = np.add.reduce(gradient, axis=0)  # (N,), at least 1
        gradient /= total  # p
        log_total = np.log(total)  # log p = z - log_total
        if targets.ndim == 1 and self.class_weight is None:
            # The common case touches one value per sample instead of making a table: t is ε/C, and 1 - ε more at one class.
            right = np.multiply(targets, len(targets), dtype=np.intp) + np.arange(len(targets))  # (N,) flat places
            losses = log_total - (1.0 - self.label_smoothing) * z.reshape(-1)[right]  # (N,)
            gradient.reshape(-1)[right] -= 1.0 - self.label_smoothing
            if self.label_smoothing:
                losses -= self.label_smoothing / len(z) * np.add.reduce(z, axis=0)
                gradient -= self.label_smoothing / len(z)
        else:
            t = self._distribution(targets, outputs).T  # (C, N)
            # t log p is 0 where t is 0, even if log p is minus infinity, as for an impossible class.
            losses = -np.add.reduce(np.multiply(t, z - log_total, out=np.zeros_like(z), where=t != 0.0), axis=0)
            gradient *= np.add.reduce(t, axis=0)
            gradient -= t
        return losses, gradient.T

    def _distribution(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The target distribution t, (N, C), of the type of the outputs."""
        t = _numbers(targets, outputs)
        if self.label_smoothing:
            t = (1.0 - self.label_smoothing) * t + self.label_smoothing / outputs.shape[1]
        if self.class_weight is not None:
            t = t * self.class_weight
        return t.astype(outputs.dtype, copy=False)

    def prepare_targets(self, targets: Any, outputs: tuple[int, ...], dtype: np.typing.DTypeLike = np.float64) -> np.ndarray:
        if len(outputs) != 2:
            raise UsageError(
                f"SoftmaxCrossEntropy takes a row of logits for each image, but the last layer gives {outputs[1:]}. Put "
                "Flatten() and Dense(classes), or GlobalAvgPool(), at the end."
            )
        if outputs[1] == 1:
            raise UsageError("SoftmaxCrossEntropy needs at least two outputs; for one, use SigmoidBinaryCrossEntropy.")
        if self.class_weight is not None and len(self.class_weight) != outputs[1]:
            raise UsageError(f"{len(self.class_weight)} class weights for {outputs[1]} classes.")
        return super().prepare_targets(targets, outputs, dtype)

    def total_weight(self, targets: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        if self.class_weight is None or targets.ndim > 1:
            return super().total_weight(targets, sample_weight)
        weights = self.class_weight[targets]  # (N,)
        return float(weights.sum() if sample_weight is None else weights @ sample_weight)


class _ElementwiseLoss(Loss):
    """A loss that is a mean over all outputs of each sample: ℓ_n = (1/K) Σ_k e(z_nk, t_nk), for K outputs in any shape."""

    @abc.abstractmethod
    def _elements(self, z: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The errors e and the derivatives ∂e/∂z of all elements, both of the shape of ``z``."""

    def per_sample(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        errors, gradients = self._elements(outputs, _numbers(targets, outputs))
        gradients *= 1.0 / math.prod(outputs.shape[1:])
        return errors.reshape(len(errors), -1).mean(axis=1), gradients

    def _weighted_mean(
        self, outputs: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray | None, scale: float
    ) -> tuple[float, np.ndarray]:
        own = type(self).per_sample is not _ElementwiseLoss.per_sample
        if own or (targets.ndim > 1 and targets.shape != outputs.shape):  # which a subclass may bring about
            return super()._weighted_mean(outputs, targets, sample_weight, scale)
        # Like per_sample, but 1/K and the scale are one factor, which rounds once less. Trained bytes depend on it.
        errors, gradient = self._elements(outputs, _numbers(targets, outputs))
        values = errors.reshape(len(errors), -1).mean(axis=1)
        gradient *= scale / math.prod(outputs.shape[1:])
        if sample_weight is None:
            return float(np.add.reduce(values)) * scale, gradient
        gradient *= sample_weight.reshape(-1, *[1] * (outputs.ndim - 1))
        return float(values @ sample_weight) * scale, gradient


class MeanSquaredError(_ElementwiseLoss):
    """ℓ_n = (1/K) Σ_k (z_nk - t_nk)², so ∂ℓ_n/∂z_nk = 2 (z_nk - t_nk)/K. Classes count as one-hot targets."""

    def _elements(self, z: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = z - t
        return difference * difference, 2.0 * difference


class SigmoidBinaryCrossEntropy(_ElementwiseLoss):
    """ℓ_n = (1/K) Σ_k -(t log p + (1 - t) log(1 - p)) with p = σ(z), from logits z; each output is a separate yes or no.

    With log σ(z) = -log(1 + e⁻ᶻ) it becomes  max(z, 0) - z t + log(1 + e^-|z|),  in which nothing can overflow.

    ∂/∂z = σ(z) - t, which is  q - t  for z < 0 and  (1 - t) - q  for z >= 0  with q = σ(-|z|) = e^-|z|/(1 + e^-|z|): so an
    output that is right and confident has a small gradient, not 0. Targets have the shape of the outputs, or are classes
    (N,): 0 and 1 for one output, one-hot for several.
    """

    def _elements(self, z: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e = np.exp(-np.abs(z))
        losses = np.maximum(z, 0.0) - z * t + np.log1p(e)
        q = e / (1.0 + e)
        return losses, np.where(z < 0.0, q - t, (1.0 - t) - q)


def _numbers(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Targets as numbers of the shape and type of the outputs: classes become one-hot, or 0 and 1 for one output."""
    if targets.ndim > 1:
        return targets
    if outputs.shape[1] == 1:
        return targets[:, None].astype(outputs.dtype)
    hot = np.zeros_like(outputs)
    hot[np.arange(len(targets)), targets] = 1.0
    return hot


def _class_weight(class_weight: Any) -> np.ndarray:
    """The weights of the classes, (C,) float64; UsageError unless they are finite and not negative."""
    weight = checks.plain_array("SoftmaxCrossEntropy: class_weight", class_weight)
    if weight.ndim != 1 or weight.dtype.kind not in "biuf" or not (np.isfinite(weight) & (weight >= 0)).all():
        raise UsageError("SoftmaxCrossEntropy: class_weight must be one finite number, not negative, for each class.")
    return weight.astype(np.float64)


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
