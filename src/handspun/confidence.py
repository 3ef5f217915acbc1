"""How sure a network may be, and when it should say that it does not know.

A softmax always names a class, and networks trained until they make no mistakes name it too loudly (Guo, Pleiss, Sun and
Weinberger 2017, "On Calibration of Modern Neural Networks", ICML): of the answers given with 90 %, more than a tenth may be
wrong. And of a picture that shows none of the classes it still says which one it is most like. ``Confidence`` holds what mends
both: few numbers, found on images that were held out from training (see ``handspun.calibration``), and kept in the model file.

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
from handspun.losses import softmax

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


@dataclass(frozen=True)
class Confidence:
    """What makes honest answers of logits.

    Attributes:
        temperature: what logits are divided by before the softmax: above 1 where the network is too sure of itself.
        threshold: an image whose score is below it is "unknown".
        false_reject_rate: the share of held-out images of the classes whose score is below the threshold.
    """

    temperature: float
    threshold: float
    false_reject_rate: float

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
        return softmax(logits / self.temperature)

    def score(self, logits: np.ndarray) -> np.ndarray:
        """How much images are like those of the classes, (N,), from their logits z (N, C): log Σ_c e^{z_c}.

        It is minus the energy of Liu, Wang, Owens and Li 2020, "Energy-based Out-of-distribution Detection" (NeurIPS).
        """
        highest = logits.max(axis=1, keepdims=True)  # (N, 1), taken out first so that nothing overflows
        return highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))

    def as_dict(self) -> dict[str, float]:
        """As plain data, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Confidence:
        """The opposite; UsageError for a name or a value that cannot be."""
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                raise unknown_name("entry of the confidence", str(name), names)
        for name in names:
            if name not in values:
                raise UsageError(f'Confidence lacks "{name}".')
        return cls(**values)


def answers(logits: np.ndarray, empty: np.ndarray, confidence: Confidence | None) -> Answers:
    """What is to be said of N images by their logits (N, C); ``empty`` (N,) bool tells which have nothing on them."""
    probabilities = softmax(logits) if confidence is None else confidence.probabilities(logits)  # (N, C)
    predicted = logits.argmax(axis=1)  # (N,)
    verdict = np.full(len(logits), KNOWN, "U7")  # (N,)
    score = np.full(len(logits), np.nan) if confidence is None else confidence.score(logits)  # (N,)
    if confidence is not None:
        verdict[score < confidence.threshold] = UNKNOWN
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
    pixels = images.reshape(len(images), -1)  # (N, D)
    return (pixels == pixels[:, :1]).all(axis=1)
