"""How sure a network may be, and when it should say that it does not know.

A softmax always names a class, and networks trained until they make no mistakes name it too loudly (Guo, Pleiss, Sun and
Weinberger 2017, "On Calibration of Modern Neural Networks", ICML): of the answers given with 90 %, more than a tenth may be
wrong. And of a picture that shows none of the classes it still says which one it is most like. ``Confidence`` holds what mends
both: few numbers, found on images that were held out from training (``confidence.calibration``), and kept in the model file.

``Sequential.answer`` is what everything asks that shows answers to people.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun.errors import UsageError, unknown_name
from handspun.optimization.losses import softmax

#: What a network may say of a picture: that there is nothing on it, that it shows a class, or that it shows none.
EMPTY, KNOWN, UNKNOWN = "empty", "known", "unknown"


@dataclass(frozen=True)
class Answers:
    """What ``Sequential.answer`` says of N images.

    Attributes:
        probabilities: (N, C), of each class, calibrated where the network has a ``Confidence``; all 0 for an empty picture.
        predicted: (N,) intp, the most probable class, also where the verdict is "unknown" (it is then what the picture is most
            like); -1 for an empty picture.
        score: (N,), how much an image is like what the network knows: the larger the more. NaN without ``Confidence``.
        verdict: (N,) text: "known", "unknown" (none of the classes) or "empty" (all pixels alike).
    """

    probabilities: np.ndarray
    predicted: np.ndarray
    score: np.ndarray
    verdict: np.ndarray


@dataclass(frozen=True, eq=False)
class Head:
    """A second, small head beside that of the classes: it says whether an image shows any of them.

    It sees the same features f, the input of the network's last layer, and learned to tell those of images of the classes from
    those of other things: see ``confidence.exposure``.

        s = relu(f W + b) · v + c        above 0: rather one of the classes

    Attributes:
        hidden_weight: W, (D, H).
        hidden_bias: b, (H,).
        weight: v, (H,).
        bias: c, (1,).
    """

    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        """UsageError for arrays that do not fit together or are no numbers."""
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
        """All of it by its names."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclass(frozen=True)
class Confidence:
    """What makes honest answers of a network's features and logits.

    Attributes:
        temperature: what logits are divided by before the softmax: above 1 where the network is too sure of itself.
        threshold: an image whose score is below it is "unknown".
        false_reject_rate: the share of images of the classes, held out from training, whose score is below the threshold.
        head: what makes the score; None where it is made of the logits.
    """

    temperature: float
    threshold: float
    false_reject_rate: float
    head: Head | None = None

    def __post_init__(self) -> None:
        """UsageError for what cannot be meant."""
        numbers = (self.temperature, self.threshold, self.false_reject_rate)
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            raise UsageError(f"Confidence: temperature, threshold and false_reject_rate must be finite numbers, got {numbers}.")
        if self.temperature <= 0:
            raise UsageError(f"Confidence: the temperature must be above 0, got {self.temperature}.")
        if not 0 <= self.false_reject_rate < 1:
            raise UsageError(f"Confidence: false_reject_rate is a share from 0 to below 1, got {self.false_reject_rate}.")

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """softmax(z/T), (N, C), for logits z (N, C). T changes no answer, only how sure it is."""
        return softmax(logits * (1.0 / self.temperature))

    def score(self, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """How much images are like the classes, (N,), from features (N, D) and logits (N, C): by the head, or by the energy."""
        return energy(logits) if self.head is None else self.head(features)

    def as_dict(self) -> dict[str, float]:
        """The numbers as plain data, ready for JSON; the head's arrays are not among them."""
        return {name: getattr(self, name) for name in NUMBERS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], head: Head | None) -> Confidence:
        """The opposite; UsageError for a name or a value that cannot be."""
        for name in values:
            if name not in NUMBERS:
                raise unknown_name("entry of the confidence", str(name), NUMBERS)
        for name in NUMBERS:
            if name not in values:
                raise UsageError(f'Confidence lacks "{name}".')
        return cls(**values, head=head)


#: What of a ``Confidence`` is a plain number.
NUMBERS = ("temperature", "threshold", "false_reject_rate")


def energy(logits: np.ndarray) -> np.ndarray:
    """The log of Σ_c e^{z_c}, (N,), for logits z (N, C): a smooth maximum, high where any class is clearly seen.

    It is minus the energy of Liu, Wang, Owens and Li 2020, "Energy-based Out-of-distribution Detection" (NeurIPS). Unlike the
    largest probability it does not forget how large the logits were, and what shows no class makes small ones.
    """
    highest = logits.max(axis=1, keepdims=True)  # (N, 1), taken out first so that nothing overflows
    return highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))


def answers(
    features: np.ndarray,
    logits: np.ndarray,
    empty: np.ndarray,
    confidence: Confidence | None,
    probabilities: np.ndarray | None = None,
) -> Answers:
    """What is to be said of N images.

    Args:
        features: (N, D), the input of the network's last layer.
        logits: (N, C).
        empty: (N,) bool, which of them have nothing on them.
        confidence: the network's, if it has one.
        probabilities: (N, C), to be told instead of those of the logits.
    """
    predicted = (logits if probabilities is None else probabilities).argmax(axis=1)  # (N,)
    verdict = np.full(len(logits), KNOWN, "U7")  # (N,)
    if probabilities is None:
        probabilities = softmax(logits) if confidence is None else confidence.probabilities(logits)  # (N, C)
    if confidence is None:
        score = np.full(len(logits), np.nan)  # (N,)
    else:
        score = confidence.score(features, logits)
        verdict[~(score >= confidence.threshold)] = UNKNOWN  # also where a network that has diverged gives NaN
    if empty.any():
        verdict[empty] = EMPTY
        probabilities[empty] = 0.0
        predicted[empty] = -1
    return Answers(probabilities, predicted, score, verdict)


def is_empty(images: np.ndarray) -> np.ndarray:
    """Which of N pictures have nothing on them, (N,) bool: bytes that are all alike.

    Where inputs are no bytes they need not be pictures, and none counts as empty.
    """
    if images.dtype != np.uint8:
        return np.zeros(len(images), bool)
    pixels = images.reshape(len(images), math.prod(images.shape[1:]))  # (N, D), also where there are none
    return (pixels == pixels[:, :1]).all(axis=1)
