"""What a network answers about a picture: class, calibrated probabilities, and "unknown" if it should not answer.

A softmax always names a class, and networks trained until they make no errors are too confident (Guo, Pleiss, Sun and
Weinberger 2017, "On Calibration of Modern Neural Networks", ICML): of the answers given with 90 %, more than a tenth may be
wrong. For a picture of none of the classes a softmax still names the most similar one. ``Confidence`` corrects both with a few
numbers, which are fitted to images held out from training (``confidence.calibration``) and kept in the model file.

All code that shows answers to people uses ``Sequential.answer``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun.engine.memory import Shape
from handspun.errors import UsageError, unknown_name
from handspun.optimization.losses import softmax

#: The verdicts on a picture: nothing in it, one of the classes, none of the classes.
EMPTY, KNOWN, UNKNOWN = "empty", "known", "unknown"


@dataclass(frozen=True)
class Answers:
    """The result of ``Sequential.answer`` for N images.

    Attributes:
        probabilities: (N, C), of each class, calibrated if the network has a ``Confidence``; all 0 for an empty picture.
        predicted: (N,) intp, the most probable class; for an unknown picture the most similar class, for an empty one -1.
        score: (N,), how similar an image is to those that the network knows: larger, more similar. NaN without ``Confidence``.
        verdict: (N,) text: "known", "unknown" (none of the classes) or "empty" (all pixels are equal).
    """

    probabilities: np.ndarray
    predicted: np.ndarray
    score: np.ndarray
    verdict: np.ndarray


@dataclass(frozen=True, eq=False)
class Head:
    """A second, small head, which says whether an image shows any of the classes.

    It takes the same features f, the input of the network's last layer, and was trained to tell images of the classes from
    other images: see ``confidence.exposure``.

        s = relu(f W + b) · v + c        above 0: probably one of the classes

    Attributes:
        hidden_weight: W, (D, H).
        hidden_bias: b, (H,).
        weight: v, (H,).
        bias: c, (1,).

    Raises:
        UsageError: arrays that do not fit together, or that do not hold finite numbers.
    """

    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        units = self.hidden_bias.shape
        shapes = tuple(array.shape for array in self.arrays().values())
        if len(units) != 1 or self.hidden_weight.ndim != 2 or shapes[0][1:] != units or shapes[2:] != (units, (1,)):
            raise UsageError(f"Head: the arrays must be (D, H), (H,), (H,) and (1,), got {', '.join(map(str, shapes))}.")
        if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in self.arrays().values()):
            raise UsageError("Head: the arrays must hold finite floating-point numbers.")

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The scores (N,) of features (N, D)."""
        hidden = features @ self.hidden_weight  # (N, H)
        hidden += self.hidden_bias
        np.maximum(hidden, 0.0, out=hidden)
        return hidden @ self.weight + self.bias

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by their names."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclass(frozen=True)
class Confidence:
    """Turns a network's features and logits into calibrated answers.

    Attributes:
        temperature: logits are divided by it before the softmax; above 1 for a network that is too confident.
        threshold: an image with a lower score is "unknown".
        false_reject_rate: the share of held-out images of the classes with a score below the threshold.
        head: gives the score; None if the score is the energy of the logits.

    Raises:
        UsageError: values that are not finite or out of range.
    """

    temperature: float
    threshold: float
    false_reject_rate: float
    head: Head | None = None

    def __post_init__(self) -> None:
        numbers = (self.temperature, self.threshold, self.false_reject_rate)
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            raise UsageError(f"Confidence: temperature, threshold and false_reject_rate must be finite numbers, got {numbers}.")
        if self.temperature <= 0:
            raise UsageError(f"Confidence: the temperature must be above 0, got {self.temperature}.")
        if not 0 <= self.false_reject_rate < 1:
            raise UsageError(f"Confidence: false_reject_rate is a share from 0 to below 1, got {self.false_reject_rate}.")

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """softmax(z/T), (N, C), for logits z (N, C). T changes how confident an answer is, not which class it names."""
        return softmax(logits * (1.0 / self.temperature))

    def score(self, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """How similar images are to the classes, (N,), from features (N, D) and logits (N, C): by the head, or the energy."""
        return energy(logits) if self.head is None else self.head(features)

    def as_dict(self) -> dict[str, float]:
        """The numbers as plain data, ready for JSON, without the head's arrays."""
        return {name: getattr(self, name) for name in NUMBERS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], head: Head | None) -> Confidence:
        """The reverse of ``as_dict``. Raises UsageError for a name or value that is missing or wrong."""
        for name in values:
            if name not in NUMBERS:
                raise unknown_name("entry of the confidence", str(name), NUMBERS)
        for name in NUMBERS:
            if name not in values:
                raise UsageError(f'Confidence lacks "{name}".')
        return cls(**values, head=head)


#: The attributes of a ``Confidence`` that are plain numbers.
NUMBERS = ("temperature", "threshold", "false_reject_rate")


def energy(logits: np.ndarray) -> np.ndarray:
    """The energy log Σ_c e^{z_c}, (N,), for logits z (N, C): a smooth maximum, high if any class is clearly visible.

    Liu, Wang, Owens and Li 2020, "Energy-based Out-of-distribution Detection" (NeurIPS), with the opposite sign. Unlike the
    largest probability it keeps the size of the logits, which are small for pictures of none of the classes.
    """
    highest = logits.max(axis=1, keepdims=True)  # (N, 1), subtracted first so that nothing overflows
    return highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))


def check_class_outputs(output_shape: Shape) -> None:
    """Raise a UsageError that names the missing layer unless outputs are one number per class."""
    if len(output_shape) == 1:
        return
    what = "a picture" if len(output_shape) == 3 else "an array"
    pooling = ", or GlobalAvgPool()," if len(output_shape) == 3 else ""
    missing = "Flatten()" if math.prod(output_shape) == output_shape[0] else f"Flatten() and Dense({output_shape[0]})"
    raise UsageError(
        f"Classes need one output each, but the last output is {what} {output_shape}. Put {missing}{pooling} at the end of the "
        "network."
    )


def two_or_more(logits: np.ndarray) -> np.ndarray:
    """Logits (N, C) of at least two classes: a single output z for no or yes becomes (-z/2, z/2), by softmax 1 - σ(z), σ(z).

    (0, z) would give the same probabilities, but a low energy to every confident "no".
    """
    return logits if logits.shape[1] > 1 else logits * np.array([-0.5, 0.5], logits.dtype)


def answers(
    features: np.ndarray,
    logits: np.ndarray,
    empty: np.ndarray,
    confidence: Confidence | None,
    probabilities: np.ndarray | None = None,
) -> Answers:
    """The answers for N images.

    Args:
        features: (N, D), the input of the network's last layer.
        logits: (N, C).
        empty: (N,) bool, which images have nothing in them.
        confidence: the network's, if it has one.
        probabilities: (N, C), used instead of those of the logits.
    """
    predicted = (logits if probabilities is None else probabilities).argmax(axis=1)  # (N,)
    verdict = np.full(len(logits), KNOWN, "U7")  # (N,)
    if probabilities is None:
        probabilities = softmax(logits) if confidence is None else confidence.probabilities(logits)  # (N, C)
    if confidence is None:
        score = np.full(len(logits), np.nan)  # (N,)
    else:
        score = confidence.score(features, logits)
        verdict[~(score >= confidence.threshold)] = UNKNOWN  # also for NaN, the score of a network that has diverged
    if empty.any():
        verdict[empty] = EMPTY
        probabilities[empty] = 0.0
        predicted[empty] = -1
    return Answers(probabilities, predicted, score, verdict)


def is_empty(images: np.ndarray) -> np.ndarray:
    """Which of N pictures have nothing in them, (N,) bool: uint8 pixels that are all equal.

    Inputs of another type need not be pictures, and none of them counts as empty.
    """
    if images.dtype != np.uint8:
        return np.zeros(len(images), bool)
    pixels = images.reshape(len(images), math.prod(images.shape[1:]))  # (N, D), also for N = 0
    return (pixels == pixels[:, :1]).all(axis=1)
