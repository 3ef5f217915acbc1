"""How good predictions are, and how certain that is.

Every function checks what it is given, because NumPy would broadcast labels (N, 1) and wrap small integers around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun import checks
from handspun.errors import UsageError


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows of ``outputs`` (N, C) whose largest value is at the label (N,). A single output means yes above 0.

    Raises:
        UsageError: no outputs, outputs of another shape or with NaN, or labels that are not one class for each of them.
    """
    outputs = _by_class("outputs", outputs)
    return correct(outputs, checks.labels(labels, len(outputs), max(outputs.shape[1], 2))) / len(outputs)


def correct(outputs: np.ndarray, labels: np.ndarray) -> int:
    """The number of right rows, as in ``accuracy``, of arrays that were checked before."""
    predicted = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.0
    return int(np.count_nonzero(predicted == labels))


def _by_class(name: str, value: Any) -> np.ndarray:
    """``value`` as numbers (N, C) without NaN, or a UsageError."""
    array = checks.plain_array(name, value)
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind not in "iubf":
        one = f" To compare predicted classes with labels: np.mean({name} == labels)." if array.ndim == 1 else ""
        raise UsageError(f"{name} must be numbers (N, C), a row per image; got {array.dtype} {array.shape}.{one}")
    if np.isnan(array).any():
        raise UsageError(f"{name} row {int(np.isnan(array).any(axis=1).argmax())}, counted from 0, is NaN: not an answer.")
    return array


def _count(name: str, value: Any) -> int:
    """``value`` as a Python integer, which never wraps around, or a UsageError unless it is a whole number, 0 or above."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 0:
        raise UsageError(f"{name} must be a whole number, 0 or above, got {value!r}.")
    return int(value)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C): row is the true class, column the predicted one.

    Args:
        labels: (N,), the true classes.
        predicted: (N,), the predicted classes.
        classes: C.

    Raises:
        UsageError: no labels; labels and predictions that differ in length, or are not classes.
    """
    classes = checks.positive_integer("confusion_matrix", "classes", classes)
    labels = checks.labels(labels, None, classes)
    pairs = labels * classes + checks.labels(predicted, len(labels), classes, name="predicted")
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class, all (C,). A score whose denominator is 0 is 0."""

    precision: np.ndarray  # of those called c, the share that are c
    recall: np.ndarray  # of those that are c, the share called c
    f1: np.ndarray  # the harmonic mean of both
    support: np.ndarray  # how many are c


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Precision, recall and F1 of each class from a confusion matrix (C, C).

    Raises:
        UsageError: not a square array of counts; shares would give other scores.
    """
    confusion = checks.plain_array("confusion", confusion)
    if confusion.ndim != 2 or len(set(confusion.shape)) != 1 or confusion.dtype.kind not in "iu" or (confusion < 0).any():
        raise UsageError(
            "confusion must be counts (C, C), whole numbers, as confusion_matrix returns them; "
            f"got {confusion.dtype} {confusion.shape}."
        )
    hits = np.diagonal(confusion).astype(float)  # (C,)
    called, support = confusion.sum(axis=0), confusion.sum(axis=1)  # (C,)
    precision = hits / np.maximum(called, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2.0 * hits / np.maximum(called + support, 1)
    return ClassScores(precision, recall, f1, support)


def wilson_interval(hits: int, total: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The confidence interval of a proportion, by default at 95 % (z = 1.96). Wilson 1927, JASA 22.

    It holds all proportions p from which the observed share h is less than z standard errors √(p (1 - p)/n) away. Unlike
    h ± z √(h (1 - h)/n) it is right for shares near 1, which classifiers have.

    Raises:
        UsageError: not 0 <= hits <= total with total above 0, in whole numbers, or z not a finite number from 0 on.
    """
    hits, total = _count("wilson_interval: hits", hits), _count("wilson_interval: total", total)
    z = checks.number_in("wilson_interval", "z", z, 0.0, math.inf)
    if total < 1 or hits > total:
        raise UsageError(f"wilson_interval: {hits} of {total} is not a proportion.")
    share = hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == total else centre + half
    return low, high


def mcnemar(only_a: int, only_b: int) -> float:
    """The two-sided p-value of McNemar's exact test. McNemar 1947, Psychometrika 12.

    ``only_a`` samples are right by classifier A alone, ``only_b`` by B alone. If both were equally good, each of these n
    samples would be a fair coin toss: the p-value is the probability of a split at least as uneven, 2 Σ_{k <= min} C(n, k)/2ⁿ.

    Raises:
        UsageError: other than whole numbers, 0 or above.
    """
    only_a, only_b = _count("mcnemar: only_a", only_a), _count("mcnemar: only_b", only_b)
    n, fewer = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(fewer + 1)]
    return min(1.0, 2.0 * math.fsum(math.exp(value) for value in logs))


@dataclass(frozen=True)
class Reliability:
    """How well probabilities match accuracy: answers in B bins of equal width by their probability.

    Attributes:
        confidence: (B,), the mean probability of the answers in each bin; 0 in an empty one.
        accuracy: (B,), the share of them that is right; 0 in an empty one.
        count: (B,), the number of answers.
        error: the expected calibration error, Σ_b count_b/N |accuracy_b - confidence_b|, from 0 to 1.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> Reliability:
    """The reliability of probabilities (N, C) for labels (N,).

    Of all answers given with 80 %, four in five should be right. Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated
    Probabilities Using Bayesian Binning" (AAAI); Guo et al. 2017, with 15 bins.

    Raises:
        UsageError: no images, values that are not probabilities, labels that are not one class for each image, or ``bins`` not
            a whole number above 0.
    """
    probabilities = _by_class("probabilities", probabilities)
    labels = checks.labels(labels, len(probabilities), probabilities.shape[1])
    bins = checks.positive_integer("reliability", "bins", bins)
    if probabilities.min() < 0.0 or probabilities.max() > 1.0 + 1e-5:  # a softmax in float32 may round to above 1
        raise UsageError("probabilities must lie between 0 and 1. Logits need a softmax first: softmax(logits).")
    sure = probabilities.max(axis=1).astype(np.float64)  # (N,)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)  # (N,)
    number = np.minimum((sure * bins).astype(np.intp), bins - 1)  # (N,), the bin of each
    count = np.bincount(number, minlength=bins)  # (B,)
    confidence = np.bincount(number, sure, bins) / np.maximum(count, 1)
    accuracy = np.bincount(number, right, bins) / np.maximum(count, 1)
    error = float(np.sum(count * np.abs(accuracy - confidence)) / len(labels))
    return Reliability(confidence, accuracy, count, error)
