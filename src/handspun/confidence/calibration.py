"""Fitting a network's ``Confidence`` to images that were held out from its training.

A network is more confident on its training images than on others, so values fitted to them would be wrong for others.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from handspun import checks
from handspun.networks.answers import Confidence, Head, two_or_more
from handspun.networks.inference import answerable, class_logits
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import softmax

#: The limits of the temperature. If all held-out images are classified correctly, the cross-entropy falls forever as T → 0.
COLDEST, HOTTEST = 0.05, 20.0

#: The share of held-out images of the classes that may be called unknown.
FALSE_REJECT_RATE = 0.01


@np.errstate(all="ignore")
def fit_confidence(
    network: Sequential,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    head: Head | None = None,
    false_reject_rate: float = FALSE_REJECT_RATE,
) -> Confidence:
    """Temperature and threshold for ``network``, which is not changed: set its ``confidence`` to the result.

    Args:
        network: a trained classifier.
        images: (N, …), held out from training, prepared by the contract.
        labels: (N,), the class of each.
        head: scores the images, from ``handspun.confidence.exposure.fit_head``; None for the energy of the logits.
        false_reject_rate: the share of these images that will be called unknown.

    Raises:
        UsageError: images as for ``Sequential.answer``; no images; labels that are not classes of the network, one per image;
            a rate outside [0, 1).
    """
    images = answerable(network, images)
    labels = checks.labels(labels, len(images), max(network.output_shape[-1], 2))
    false_reject_rate = checks.number_in("fit_confidence", "false_reject_rate", false_reject_rate, 0.0, 1.0)
    features, outputs = class_logits(network, images, keep_features=True)  # (N, D)
    logits = two_or_more(outputs)  # (N, C)
    unlimited = Confidence(fit_temperature(logits, labels), 0.0, false_reject_rate, head)
    return dataclasses.replace(unlimited, threshold=find_threshold(unlimited.score(features, logits), false_reject_rate))


def find_threshold(scores: np.ndarray, rate: float) -> float:
    """The threshold below which a share ``rate`` of the ``scores`` (N,) lies; the number of those is rounded down."""
    return float(np.sort(scores)[int(rate * len(scores))])


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T at which softmax(z/T) has the smallest cross-entropy, for logits z (N, C) and labels (N,).

    With β = 1/T the mean of ℓ(β) = log Σ_k e^{β z_k} - β z_y is convex in β:

        dℓ/dβ = Σ_k p_k z_k - z_y,    d²ℓ/dβ² = Σ_k p_k z_k² - (Σ_k p_k z_k)² >= 0,    p = softmax(β z),

    so the slope has one zero, which bisection of log β finds. Guo et al. 2017, section 4.2: the simplest method of calibration,
    and the best of those that they compared.

    A few images that are all classified correctly would make β infinite, and every answer certain. So a convex term with its
    minimum at β = 1 is added: β - log β - 1, with slope 1 - 1/β, the negative logarithm of a gamma density. It counts as much
    as one image, so with thousands of images it has no effect.
    """
    z = logits.astype(np.float64)
    right = z[np.arange(len(z)), labels].sum()
    low, high = np.log(1.0 / HOTTEST), np.log(1.0 / COLDEST)  # of β
    for _ in range(50):
        middle = 0.5 * (low + high)
        slope = (softmax(np.exp(middle) * z) * z).sum() - right + 1.0 - np.exp(-middle)
        low, high = (low, middle) if slope > 0.0 else (middle, high)
    return float(np.exp(-0.5 * (low + high)))
