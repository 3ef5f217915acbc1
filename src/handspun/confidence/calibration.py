"""Finding a network's ``Confidence`` on images that were held out from its training.

On those that it was trained on a network is surer than anywhere else, so what is fitted to them is wrong for all others.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from handspun.errors import UsageError
from handspun.networks.answers import Confidence, Head
from handspun.networks.sequential import Sequential, two_or_more
from handspun.optimization.losses import softmax

#: The temperatures that are tried: where all held-out images are read rightly, the cross-entropy falls without end as T → 0.
COLDEST, HOTTEST = 0.05, 20.0

#: The share of held-out images of the classes that may be called unknown.
FALSE_REJECT_RATE = 0.01


def fit_confidence(
    network: Sequential,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    head: Head | None = None,
    false_reject_rate: float = FALSE_REJECT_RATE,
) -> Confidence:
    """Temperature and threshold for ``network``, which stays as it is: set its ``confidence`` to the result.

    Args:
        network: trained, to tell classes apart.
        images: (N, …), held out from training, brought to the contract.
        labels: (N,), the class of each.
        head: what scores images, from ``handspun.confidence.exposure.fit_head``; None for the energy of the logits.
        false_reject_rate: the share of these images that is to be called unknown.

    Raises:
        UsageError: no images, labels that do not fit, or a rate that is none.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iub" or not len(labels):
        raise UsageError(f"{len(images)} images need {len(images)} whole numbers as labels; got an array {labels.shape}.")
    if not 0.0 <= false_reject_rate < 1.0:
        raise UsageError(f"false_reject_rate is a share from 0 to below 1, got {false_reject_rate}.")
    features, outputs = network.features_and_logits(images)  # (N, D)
    logits = two_or_more(outputs)  # (N, C)
    labels = labels.astype(np.intp)
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise UsageError(f"Labels go from 0 to {logits.shape[1] - 1}; got {labels.min()} to {labels.max()}.")
    unlimited = Confidence(fit_temperature(logits, labels), 0.0, false_reject_rate, head)
    return dataclasses.replace(unlimited, threshold=find_threshold(unlimited.score(features, logits), false_reject_rate))


def find_threshold(scores: np.ndarray, rate: float) -> float:
    """The one of the scores (N,) that a share ``rate`` of them, rounded down, lies below."""
    return float(np.sort(scores)[int(rate * len(scores))])


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T with which softmax(z/T) has the least cross-entropy, for logits z (N, C) and labels (N,).

    With β = 1/T the mean of ℓ(β) = log Σ_k e^{β z_k} - β z_y is convex in β:

        dℓ/dβ = Σ_k p_k z_k - z_y,    d²ℓ/dβ² = Σ_k p_k z_k² - (Σ_k p_k z_k)² >= 0,    p = softmax(β z),

    so the slope has one zero, and halving the interval around it, on a scale of logarithms, finds it. Guo et al. 2017, section
    4.2: of all methods of calibration the simplest, and the best of those that they compared.

    Few images that are all read right would make β infinite, and every answer certain. So β is held near 1 by β - log β - 1,
    the negative logarithm of a gamma distribution that has its peak there, which weighs as much as one image: with thousands of
    images it is nothing. It is convex as well, and its slope is 1 - 1/β.
    """
    z = logits.astype(np.float64)
    right = z[np.arange(len(z)), labels].sum()
    low, high = np.log(1.0 / HOTTEST), np.log(1.0 / COLDEST)  # of β
    for _ in range(50):
        middle = 0.5 * (low + high)
        slope = (softmax(np.exp(middle) * z) * z).sum() - right + 1.0 - np.exp(-middle)
        low, high = (low, middle) if slope > 0.0 else (middle, high)
    return float(np.exp(-0.5 * (low + high)))
