"""A program that writes an untrained reference network: ``python -m benchmarks.write_model LIBRARY FILE``."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.contenders.base import HIDDEN
from benchmarks.data import CLASSES, PIXELS


def handspun(path: str) -> None:
    """As handspun's model file."""
    from handspun.networks.architectures import mlp
    from handspun.networks.modelfile import save

    save(mlp(PIXELS, HIDDEN, CLASSES), path)


def torch(path: str) -> None:
    """As a state_dict."""
    import torch

    from benchmarks.contenders.pytorch import reference_network

    torch.save(reference_network().state_dict(), path)


def sklearn(path: str) -> None:
    """As a pickle by joblib, which scikit-learn recommends; it needs a step of training to have weights."""
    import joblib
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(HIDDEN, batch_size=CLASSES)
    network.partial_fit(np.zeros((CLASSES, PIXELS), np.float32), np.arange(CLASSES), classes=np.arange(CLASSES))
    joblib.dump(network, path)


if __name__ == "__main__":
    {"handspun": handspun, "torch": torch, "sklearn": sklearn}[sys.argv[1]](sys.argv[2])
