"""How good predictions are, and how sure one can be of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from handspun.errors import UsageError


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows of ``outputs`` (N, C) whose largest value is at the label (N,)."""
    return correct(outputs, labels) / len(labels)


def correct(outputs: np.ndarray, labels: np.ndarray) -> int:
    """How many rows of ``outputs`` (N, C) have their largest value at the label (N,). One output means a yes above 0."""
    predicted = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.0
    return int(np.count_nonzero(predicted == labels))


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C): row is the true class, column the predicted one."""
    pairs = labels.astype(np.intp) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class, all (C,). A score whose denominator is 0 is 0."""

    precision: np.ndarray  # of those called c, the share that are c
    recall: np.ndarray  # of those that are c, the share called c
    f1: np.ndarray  # the harmonic mean of both
    support: np.ndarray  # how many are c


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Precision, recall and F1 of each class from a confusion matrix (C, C)."""
    hits = np.diagonal(confusion).astype(float)  # (C,)
    called, support = confusion.sum(axis=0), confusion.sum(axis=1)  # (C,)
    precision = hits / np.maximum(called, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2.0 * hits / np.maximum(called + support, 1)
    return ClassScores(precision, recall, f1, support)


def wilson_interval(hits: int, total: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The interval of a proportion at the confidence that ``z`` stands for, by default 95 %. Wilson 1927, JASA 22.

    All proportions p from which the observed share h lies less than z standard errors √(p (1 - p)/n) away. Unlike
    h ± z √(h (1 - h)/n) it is right for shares near 1, where classifiers live.
    """
    if total < 1 or not 0 <= hits <= total:
        raise UsageError(f"wilson_interval: {hits} of {total} is not a proportion.")
    share = hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == total else centre + half
    return low, high


def mcnemar(only_a: int, only_b: int) -> float:
    """The two-sided p-value of McNemar's exact test. McNemar 1947, Psychometrika 12.

    Of the samples on which two classifiers differ in being right, A alone is right on ``only_a`` and B alone on ``only_b``.
    Were both equally good, each of these n samples would fall to either side like a coin: the p-value is the probability of
    a split at least as uneven, 2 Σ_{k <= min} C(n, k)/2ⁿ.
    """
    n, fewer = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(fewer + 1)]
    return min(1.0, 2.0 * math.fsum(math.exp(value) for value in logs))


@dataclass(frozen=True)
class Reliability:
    """How far one may trust probabilities: answers sorted into B bins of equal width by how sure they were.

    Attributes:
        confidence: (B,), the mean probability of the answers of each bin; 0 in an empty one.
        accuracy: (B,), the share of them that is right; 0 in an empty one.
        count: (B,), how many they are.
        error: the expected calibration error, Σ_b count_b/N |accuracy_b - confidence_b|, from 0 to 1.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> Reliability:
    """Reliability of probabilities (N, C) by labels (N,).

    Of all answers given with 80 %, four in five should be right. Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated
    Probabilities Using Bayesian Binning" (AAAI); Guo et al. 2017, with 15 bins.

    Raises:
        UsageError: no images, or labels that are not one for each of them.
    """
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or not len(labels):
        raise UsageError(f"Probabilities (N, C) need N labels, got {probabilities.shape} and {labels.shape}.")
    sure = probabilities.max(axis=1).astype(np.float64)  # (N,)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)  # (N,)
    number = np.minimum((sure * bins).astype(np.intp), bins - 1)  # (N,), the bin of each
    count = np.bincount(number, minlength=bins)  # (B,)
    confidence = np.bincount(number, sure, bins) / np.maximum(count, 1)
    accuracy = np.bincount(number, right, bins) / np.maximum(count, 1)
    error = float(np.sum(count * np.abs(accuracy - confidence)) / len(labels))
    return Reliability(confidence, accuracy, count, error)
