"""Teaching a network what it does not know: outlier exposure.

The logits of a network trained only on digits say little about other pictures: every letter resembles some digit. Hendrycks,
Mazeika and Dietterich 2019, "Deep Anomaly Detection with Outlier Exposure" (ICLR), train a network on pictures of none of its
classes too, and find that it then also recognises kinds of such pictures that it was not trained on. Here the network does not
change: a second, small head learns "one of the classes, or something else" from the features before the last layer (see
``handspun.networks.answers.Head``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from handspun.errors import UsageError
from handspun.networks.answers import Head
from handspun.networks.architectures import mlp
from handspun.networks.inference import answerable, class_logits
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import SigmoidBinaryCrossEntropy
from handspun.optimization.optimizers import AdamW
from handspun.optimization.schedules import Cosine
from handspun.training import fit

#: Hidden units of the head, chosen on pictures that were used neither to train it nor to measure a published rate.
UNITS = 64


def fit_head(
    network: Sequential, known: np.ndarray, others: Sequence[np.ndarray], *, units: int = UNITS, seed: int = 0
) -> Head:
    """A head that tells images of the network's classes from other things; the network is not changed.

    Args:
        network: a trained classifier.
        known: (N, …), images of its classes, prepared by the contract, in all the variations that it should recognise.
        others: images of none of its classes, prepared by the contract: one array (M, …) for each kind. All kinds have the same
            weight, however many images they have, and together they have the weight of ``known``.
        units: hidden units.
        seed: the seed of the initial weights and of the order of training.

    Raises:
        UsageError: no images, or images of another size or type.
    """
    if isinstance(others, np.ndarray):
        raise UsageError("others must be a list with one array of images for each kind; for a single kind: [others].")
    arrays = [answerable(network, images) for images in (known, *others)]
    if len(arrays) < 2 or not all(len(images) for images in arrays):
        raise UsageError("A head learns from images of the classes and from other things: there must be some of each.")
    kinds = [class_logits(network, images, keep_features=True)[0] for images in arrays]  # (N, D), (M, D), …
    mean, deviation = kinds[0].mean(axis=0), kinds[0].std(axis=0) + 1e-6  # (D,)
    features = (np.concatenate(kinds) - mean) / deviation  # (N + ΣM, D)
    is_known = np.concatenate([np.full(len(kind), number == 0, np.intp) for number, kind in enumerate(kinds)])  # (N + ΣM,)
    shares = [len(others), *(1 for _ in others)]
    weight = np.concatenate([np.full(len(kind), share / len(kind)) for kind, share in zip(kinds, shares, strict=True)])
    head = mlp(features.shape[1], [units], 1, seed=seed, dtype=network.dtype)
    fit(
        head,
        (features, is_known),
        epochs=15,
        batch_size=256,
        loss=SigmoidBinaryCrossEntropy(),
        optimizer=AdamW(2e-3, weight_decay=0.1),
        schedule=Cosine(),
        sample_weight=weight / weight.mean(),
        seed=seed,
        progress=False,
    )
    first, second = head.parameters["dense1.weight"], head.parameters["dense2.weight"]  # (D, H), (H, 1)
    # ((f - mean)/deviation) W + b = f (W/deviation) + (b - (mean/deviation) W): the head needs no normalised features.
    return Head(
        hidden_weight=first / deviation[:, None],
        hidden_bias=head.parameters["dense1.bias"] - (mean / deviation) @ first,
        weight=second[:, 0].copy(),
        bias=head.parameters["dense2.bias"].copy(),
    )
