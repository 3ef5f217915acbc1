"""Teaching a network what it does not know: outlier exposure.

The logits of a network that has only ever seen digits say little about what is no digit: a letter has much in common with some
digit. Hendrycks, Mazeika and Dietterich 2019, "Deep Anomaly Detection with Outlier Exposure" (ICLR), show a network things that
are none of its classes, and find that it then recognises others, too, which it was not shown. Here the network stays as it is:
what it makes of a picture before its last layer is enough for a second, small head to learn "one of the classes, or something
else" (see ``handspun.networks.answers.Head``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from handspun.errors import UsageError
from handspun.networks.answers import Head
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import SigmoidBinaryCrossEntropy
from handspun.optimization.optimizers import AdamW
from handspun.optimization.schedules import Cosine
from handspun.training import fit

#: Hidden units of the head, chosen on things that it was not taught and that no published rate is measured on.
UNITS = 64


def fit_head(
    network: Sequential, known: np.ndarray, others: Sequence[np.ndarray], *, units: int = UNITS, seed: int = 0
) -> Head:
    """A head that tells images of the network's classes from other things; the network stays as it is.

    Args:
        network: trained.
        known: (N, …), images of its classes, brought to the contract, in all the states in which they are to be recognised.
        others: things that are none of its classes, one array (M, …) a kind, brought to the contract. Kinds count alike,
            however many there are of each, and together they count as much as ``known``.
        units: hidden units.
        seed: from which initial weights and orders are drawn.

    Raises:
        UsageError: no images, or images of another size than the network's.
    """
    if not len(known) or not others or not all(len(kind) for kind in others):
        raise UsageError("A head learns from images of the classes and from other things: there must be some of each.")
    kinds = [network.features_and_logits(images)[0] for images in (known, *others)]  # (N, D), (M, D), …
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
    # ((f - mean)/deviation) W + b = f (W/deviation) + (b - (mean/deviation) W): the head takes features as they are.
    return Head(
        hidden_weight=first / deviation[:, None],
        hidden_bias=head.parameters["dense1.bias"] - (mean / deviation) @ first,
        weight=second[:, 0].copy(),
        bias=head.parameters["dense2.bias"].copy(),
    )
