"""How well a network classifies images that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handspun import checks
from handspun.augment.views import mean_over_views
from handspun.evaluation.metrics import (
    ClassScores,
    Reliability,
    class_scores,
    confusion_matrix,
    correct,
    reliability,
    wilson_interval,
)
from handspun.networks.answers import two_or_more
from handspun.networks.inference import answerable, class_logits
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss, SoftmaxCrossEntropy, softmax


def loss_and_accuracy(network: Sequential, images: np.ndarray, targets: np.ndarray, loss: Loss) -> tuple[float, float | None]:
    """The mean loss in inference mode, and the accuracy if the targets are classes, otherwise None."""
    outputs = network.logits(images)
    value, _ = loss.weighted_mean(outputs, targets)
    if targets.ndim == 1 and targets.dtype.kind in "iub":
        return value, correct(outputs, targets) / len(targets)
    return value, None


@dataclass(frozen=True)
class Evaluation:
    """The result of ``evaluate`` for N images and C classes.

    Attributes:
        accuracy: the share of correct answers, from 0 to 1.
        interval: the 95 % interval of the accuracy (Wilson's).
        loss: mean cross-entropy in nats, of the plain softmax.
        confusion: counts (C, C), row the true class, column the predicted one.
        scores: precision, recall, F1 and support of each class.
        probabilities: (N, C), calibrated if the network has a ``Confidence`` and views were not asked for.
        predicted: (N,), the most probable class, also of images with the verdict "unknown".
        reliability: how well the probabilities match the accuracy.
        plain_reliability: the same for the plain softmax, for comparison.
        unknown_rate: the share of images that the network calls unknown; None if probabilities are not calibrated.
    """

    accuracy: float
    interval: tuple[float, float]
    loss: float
    confusion: np.ndarray
    scores: ClassScores
    probabilities: np.ndarray
    predicted: np.ndarray
    reliability: Reliability
    plain_reliability: Reliability
    unknown_rate: float | None


@np.errstate(all="ignore")
def evaluate(network: Sequential, images: np.ndarray, labels: np.ndarray, *, views: bool = False) -> Evaluation:
    """Compare the network's answers for ``images`` (N, …) with ``labels`` (N,).

    Args:
        network: the network.
        images: (N, …).
        labels: (N,), the right answers.
        views: average the probabilities over nine views of each picture, as in ``Sequential.answer``. They are not calibrated
            then.

    Raises:
        UsageError: as ``Sequential.answer``; no images; labels that are not one of the network's classes for each image.
    """
    images = answerable(network, images)
    classes = max(network.output_shape[-1], 2)
    labels = checks.labels(labels, len(images), classes)
    unknown = None
    if views:
        plain = probabilities = mean_over_views(network.predict_proba, images)  # (N, C)
        outputs = np.log(np.maximum(plain, np.finfo(plain.dtype).tiny))  # whose softmax these probabilities are
    else:
        features, outputs = class_logits(network, images, keep_features=True)  # (N, D)
        outputs = two_or_more(outputs)  # (N, C)
        plain = probabilities = softmax(outputs)  # (N, C)
        if confidence := network.confidence:
            probabilities = confidence.probabilities(outputs)
            unknown = float(np.mean(~(confidence.score(features, outputs) >= confidence.threshold)))
    predicted = outputs.argmax(axis=1)
    hits = int(np.count_nonzero(predicted == labels))
    confusion = confusion_matrix(labels, predicted, classes)
    return Evaluation(
        accuracy=hits / len(labels),
        interval=wilson_interval(hits, len(labels)),
        loss=SoftmaxCrossEntropy()(outputs, labels)[0],
        confusion=confusion,
        scores=class_scores(confusion),
        probabilities=probabilities,
        predicted=predicted,
        reliability=reliability(probabilities, labels),
        plain_reliability=reliability(plain, labels),
        unknown_rate=unknown,
    )
