"""The layers, one file each."""

from handspun.errors import unknown_name
from handspun.layers.base import Layer
from handspun.layers.batchnorm import BatchNorm
from handspun.layers.dense import Dense
from handspun.layers.dropout import Dropout
from handspun.layers.flatten import Flatten
from handspun.layers.gelu import GELU
from handspun.layers.layernorm import LayerNorm
from handspun.layers.relu import LeakyReLU, ReLU
from handspun.layers.sigmoid import Sigmoid
from handspun.layers.silu import SiLU
from handspun.layers.tanh import Tanh

#: Every layer that a model file may name.
LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind for kind in (Dense, ReLU, LeakyReLU, Sigmoid, Tanh, GELU, SiLU, Dropout, BatchNorm, LayerNorm, Flatten)
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


__all__ = [
    "ACTIVATIONS",
    "GELU",
    "LAYERS",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Tanh",
    "activation",
    "normalization",
]
