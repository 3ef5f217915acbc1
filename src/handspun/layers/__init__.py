"""The layers, one file each: the derivation, then ``forward``, and ``backward`` right below it.

A layer knows only the tape that it writes to, not networks, losses or training. Begin with ``base.py`` (what a layer is)
and ``dense.py``, then ``conv2d.py``.
"""

from collections.abc import Sequence
from typing import Any

from handspun.checks import known
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

#: The activation functions by the names that recipes and the command line use.
ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "gelu": GELU,
    "silu": SiLU,
}

NORMS: dict[str, type[Layer]] = {"batch": BatchNorm, "layer": LayerNorm}


def activation(name: str) -> Layer:
    """A new activation layer by its name. Raises UsageError for an unknown one."""
    return known("activation", name, ACTIVATIONS)()


def normalization(name: str | None) -> list[Layer]:
    """The norm between a linear layer and its activation: "batch", "layer", or None for nothing. Raises UsageError."""
    return [] if name is None else [known("norm", name, NORMS)()]


def layers_from_config(configs: Sequence[dict[str, Any]]) -> list[Layer]:
    """The layers that ``Sequential.config`` describes. Raises UsageError for an unknown kind."""
    layers = []
    for config in configs:
        settings = dict(config)
        layers.append(known("layer", settings.pop("kind"), LAYERS).from_config(settings))
    return layers
