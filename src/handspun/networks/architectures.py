"""The usual networks: a multilayer perceptron, a convolutional network, and both written in one line."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from handspun.checks import in_a_row
from handspun.layers import (
    AvgPool2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Layer,
    MaxPool2D,
    Residual,
    activation as make_activation,
    normalization,
)
from handspun.layers.initializers import GlorotNormal, HeNormal, Initializer
from handspun.networks.sequential import Sequential


def mlp(
    input_size: int,
    hidden_layers: Sequence[int],
    output_size: int,
    activation: str = "relu",
    *,
    dropout: float = 0.0,
    norm: str | None = None,
    seed: int | None = 0,
    dtype: np.typing.DTypeLike = np.float32,
    classes: Sequence[str] | None = None,
    initializer: Any = None,
) -> Sequential:
    """A multilayer perceptron: Dense, then norm, activation and dropout after each hidden layer, then a Dense of logits.

    Args:
        input_size: number of values in an input, for example 784.
        hidden_layers: units of each hidden layer; an empty list makes a linear classifier.
        output_size: number of classes.
        activation: "relu", "leaky-relu", "sigmoid", "tanh", "gelu" or "silu".
        dropout: the rate of dropout after each hidden layer.
        norm: None, "batch" or "layer": the normalization before each activation.
        seed: of the initial weights.
        dtype: float32 or float64.
        classes: the names of the outputs.
        initializer: of all weights; by default He for the ReLU family, Glorot for sigmoid and tanh.

    Raises:
        UsageError: a name is unknown, or a size or rate invalid.
    """
    initializer = initializer or usual_initializer(activation)
    layers = body(hidden_layers, activation, dropout=dropout, norm=norm, initializer=initializer)
    layers.append(Dense(output_size, initializer=initializer))
    return Sequential(layers, (input_size,), seed=seed, dtype=dtype, classes=classes)


def cnn(
    input_shape: Sequence[int],
    output_size: int,
    *,
    channels: Sequence[int] = (16, 32),
    kernel_size: int = 5,
    padding: str | int = "valid",
    hidden_layers: Sequence[int] = (128,),
    activation: str = "relu",
    dropout: float = 0.0,
    norm: str | None = None,
    seed: int | None = 0,
    dtype: np.typing.DTypeLike = np.float32,
    classes: Sequence[str] | None = None,
) -> Sequential:
    """A convolutional network: convolution, norm, max-pooling of 2 x 2 and activation for each of ``channels``, then an MLP.

    The activation comes after the pooling: since it is monotone (GELU and SiLU nearly so) the result is the same, for a
    quarter of the work. Weights are initialized as in ``mlp``.

    Args:
        input_shape: channels, rows and columns of a picture; (28, 28) means (1, 28, 28).
        output_size: number of classes.
        channels: filters of each convolution.
        kernel_size: rows and columns of a filter.
        padding: "valid", "same" or a number of zeros around the picture.
        hidden_layers: units of each dense layer after the convolutions.
        activation: "relu", "leaky-relu", "sigmoid", "tanh", "gelu" or "silu".
        dropout: the rate of dropout after each hidden layer.
        norm: None or "batch": the normalization after each convolution and hidden dense layer.
        seed: of the initial weights.
        dtype: float32 or float64.
        classes: the names of the outputs.

    Raises:
        UsageError: a name is unknown, a size or rate invalid, or the pictures are too small for so many poolings.
    """
    shape = in_a_row("input_shape", input_shape, "(28, 28) or (3, 32, 32)")
    layers = body(
        hidden_layers, activation, channels=channels, kernel_size=kernel_size, padding=padding, dropout=dropout, norm=norm
    )
    layers.append(Dense(output_size, initializer=usual_initializer(activation)))
    return Sequential(layers, (1, *shape) if len(shape) == 2 else shape, seed=seed, dtype=dtype, classes=classes)


def body(
    hidden_layers: Sequence[int],
    activation: str,
    *,
    channels: Sequence[int] | None = None,
    kernel_size: int = 3,
    padding: str | int = "same",
    dropout: float = 0.0,
    norm: str | None = None,
    initializer: Initializer | None = None,
) -> list[Layer]:
    """All layers but the last of ``mlp`` (if ``channels`` is None), ``cnn`` and recipes, which explain the arguments.

    Every Conv2D and Dense has a bias, even before a norm, which makes it redundant: the published networks have them.
    """
    initializer = initializer or usual_initializer(activation)
    layers: list[Layer] = []
    for filters in in_a_row("channels", channels or (), "[16, 32]"):
        layers.append(Conv2D(filters, kernel_size, padding=padding, initializer=initializer))
        layers += [*normalization(norm), MaxPool2D(2), make_activation(activation)]
    if channels is not None:
        layers.append(Flatten())
    for units in in_a_row("hidden_layers", hidden_layers, "[128, 64]"):
        layers += [Dense(units, initializer=initializer), *normalization(norm), make_activation(activation)]
        if dropout:
            layers.append(Dropout(dropout))
    return layers


def usual_initializer(activation: str) -> Initializer:
    """The default initializer: Glorot's for sigmoid and tanh, He's for the ReLU family."""
    return GlorotNormal() if activation in ("sigmoid", "tanh") else HeNormal()


def structure(network: Sequential) -> str:
    """The network in one line, in the notation of Cireşan et al. 2011: "28x28-16C5-MP2-128-10".

    A number alone is a dense layer, C a convolution with its filters and kernel, MP and AP poolings with their window, GAP the
    mean of each channel, R(…) a residual block. Layers without a size are left out.
    """
    sizes = [math.prod(network.input_shape)]
    if network.takes_pictures:
        channels, *sizes = network.input_shape
        sizes += [channels] if channels > 1 else []
    return "-".join(["x".join(map(str, sizes)), *_in_short(network.layers)])


def _in_short(layers: Sequence[Layer]) -> list[str]:
    found = []
    for layer in layers:
        match layer:
            case Dense():
                found.append(str(layer.units))
            case Conv2D():
                kernel = sorted(set(layer.kernel_size))
                found.append(f"{layer.filters}C{'x'.join(map(str, layer.kernel_size if len(kernel) > 1 else kernel))}")
            case MaxPool2D() | AvgPool2D():
                found.append(f"{'M' if isinstance(layer, MaxPool2D) else 'A'}P{layer.size[0]}")
            case GlobalAvgPool():
                found.append("GAP")
            case Residual():
                found.append(f"R({'-'.join(_in_short(layer.layers))})")
    return found
