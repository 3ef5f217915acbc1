"""Model files for tests: a network of everything, files with other contents, and the error that they get."""

import hashlib
import json

import numpy as np
import pytest

from handspun.errors import ModelFileError
from handspun.layers import GELU, BatchNorm, Dense, Dropout, Flatten, LayerNorm, LeakyReLU
from handspun.layers.initializers import Orthogonal, ScaledNormal
from handspun.networks.modelfile import load
from handspun.networks.sequential import Sequential

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 2, 3), np.uint8)


def network_of_everything(dtype=np.float32):
    layers = [
        Flatten(),
        Dense(5, initializer=Orthogonal(gain=1.5)),
        BatchNorm(momentum=0.2),
        LeakyReLU(0.2),
        Dropout(0.25),
        Dense(4, bias=False, initializer=ScaledNormal(0.3)),
        LayerNorm(),
        GELU(),
        Dense(3),
    ]
    network = Sequential(layers, (2, 3), dtype=dtype, classes=["kα", "b", "c"], seed=2)
    rng = np.random.default_rng(3)
    network.parameters.vector[...] += rng.normal(0, 0.1, network.parameters.vector.size)
    network.statistics.vector[...] = rng.uniform(0.5, 1.5, network.statistics.vector.size)
    return network


def rewrite(path, change_header=None, **vectors):
    """Write the model again with another header or other vectors, and hashes that fit them."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive) | vectors
    header = json.loads(arrays["header"].tobytes())
    for name in header["sha256"]:
        header["sha256"][name] = hashlib.sha256(arrays[name].tobytes()).hexdigest()
    if change_header:
        change_header(header)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


def refused(path, match="model"):
    with pytest.raises(ModelFileError, match=match) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def names(folder):
    return sorted(path.name for path in folder.iterdir())
