"""The layers: one file each, with the derivation, ``forward``, and ``backward`` right below it.

A layer knows the tape that it writes to, and nothing of networks, losses or training. Begin with ``base.py`` (what a layer is)
and ``dense.py``, then ``conv2d.py``.
"""

from collections.abc import Sequence
from typing import Any

from handspun.errors import unknown_name
from handspun.layers.base import Layer
from handspun.layers.batchnorm import BatchNorm
from handspun.layers.conv2d import Conv2D
from handspun.layers.dense import Dense
from handspun.layers.dropout import Dropout, SpatialDropout
from handspun.layers.flatten import Flatten
from handspun.layers.gelu import GELU
from handspun.layers.globalavgpool import GlobalAvgPool
from handspun.layers.layernorm import LayerNorm
from handspun.layers.pooling import AvgPool2D, MaxPool2D
from handspun.layers.relu import LeakyReLU, ReLU
from handspun.layers.residual import Residual
from handspun.layers.sigmoid import Sigmoid
from handspun.layers.silu import SiLU
from handspun.layers.tanh import Tanh

#: Every layer that a model file may name; ``handspun.register`` adds to them.
LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Dense,
        Conv2D,
        MaxPool2D,
        AvgPool2D,
        GlobalAvgPool,
        ReLU,
        LeakyReLU,
        Sigmoid,
        Tanh,
        GELU,
        SiLU,
        Dropout,
        SpatialDropout,
        BatchNorm,
        LayerNorm,
        Flatten,
        Residual,
    )
}

#: The activation functions by the names used in recipes and on the command line.
ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "gelu": GELU,
    "silu": SiLU,
}


def activation(name: str) -> Layer:
    """A new activation layer by its name; UsageError with the nearest right name for an unknown one."""
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()


def normalization(name: str | None) -> list[Layer]:
    """What is put between a linear layer and its activation: nothing for None, or the norm "batch" or "layer"."""
    if name is None:
        return []
    norms: dict[str, type[Layer]] = {"batch": BatchNorm, "layer": LayerNorm}
    if name not in norms:
        raise unknown_name("norm", name, norms)
    return [norms[name]()]


def layers_from_config(configs: Sequence[dict[str, Any]]) -> list[Layer]:
    """The layers that ``Sequential.config`` describes; UsageError for an unknown kind."""
    layers = []
    for config in configs:
        settings = dict(config)
        kind = settings.pop("kind")
        if kind not in LAYERS:
            raise unknown_name("layer", str(kind), LAYERS)
        layers.append(LAYERS[kind].from_config(settings))
    return layers


__all__ = [
    "ACTIVATIONS",
    "GELU",
    "LAYERS",
    "AvgPool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Residual",
    "SiLU",
    "Sigmoid",
    "SpatialDropout",
    "Tanh",
    "activation",
    "layers_from_config",
    "normalization",
]
