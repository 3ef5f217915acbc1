"""The table of cases that every layer is tested with, and how to run a layer alone."""

import numpy as np
import pytest

from handspun.layers import (
    GELU,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    SpatialDropout,
    Tanh,
)
from handspun.layers.initializers import GlorotUniform, Orthogonal
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss

CASES = [
    ("dense", lambda: Dense(5), (4,)),
    ("dense-without-bias", lambda: Dense(3, bias=False, initializer=GlorotUniform()), (6,)),
    ("dense-one-unit", lambda: Dense(1, initializer=Orthogonal(gain=2.0)), (1,)),
    ("relu", ReLU, (7,)),
    ("relu-pictures", ReLU, (2, 3, 2)),
    ("leaky-relu", LeakyReLU, (7,)),
    ("leaky-relu-steep", lambda: LeakyReLU(0.3), (3, 2)),
    ("sigmoid", Sigmoid, (3, 2)),
    ("tanh", Tanh, (3, 2)),
    ("gelu", GELU, (3, 2)),
    ("silu", SiLU, (3, 2)),
    ("dropout", lambda: Dropout(0.4), (3, 4)),
    ("dropout-off", lambda: Dropout(0.0), (4,)),
    ("batchnorm", lambda: BatchNorm(momentum=0.3, epsilon=1e-3), (4,)),
    ("layernorm", lambda: LayerNorm(epsilon=1e-3), (5,)),
    ("batchnorm-pictures", lambda: BatchNorm(momentum=0.3, epsilon=1e-3), (3, 2, 4)),
    ("flatten", Flatten, (2, 3, 2)),
    ("spatial-dropout", lambda: SpatialDropout(0.4), (4, 3, 2)),
    ("conv2d", lambda: Conv2D(3, 3), (2, 5, 6)),
    ("conv2d-without-bias", lambda: Conv2D(2, 1, bias=False), (3, 2, 3)),
    ("conv2d-same", lambda: Conv2D(2, (3, 2), padding="same"), (2, 4, 5)),
    ("conv2d-same-stride", lambda: Conv2D(2, 3, padding="same", stride=2), (2, 5, 6)),
    ("conv2d-stride", lambda: Conv2D(2, (2, 3), stride=(3, 2)), (2, 7, 8)),
    ("conv2d-much-padding", lambda: Conv2D(2, (2, 1), padding=(2, 3), stride=(1, 2)), (1, 3, 3)),
    ("conv2d-dilation", lambda: Conv2D(2, (2, 3), dilation=(3, 2), padding=1, stride=(2, 1)), (2, 6, 6)),
    ("conv2d-groups", lambda: Conv2D(4, (3, 2), groups=2, padding=1), (6, 4, 4)),
    ("conv2d-depthwise", lambda: Conv2D(3, 3, groups=3, padding="same", dilation=2), (3, 5, 5)),
    ("maxpool2d", lambda: MaxPool2D(2), (2, 4, 6)),
    ("maxpool2d-rest", lambda: MaxPool2D((3, 2)), (2, 7, 5)),
    ("maxpool2d-overlapping", lambda: MaxPool2D(3, stride=2, padding=1), (2, 5, 6)),
    ("maxpool2d-of-one", lambda: MaxPool2D(1, stride=(2, 3)), (1, 4, 4)),
    ("avgpool2d", lambda: AvgPool2D(2), (2, 4, 6)),
    ("avgpool2d-overlapping", lambda: AvgPool2D((3, 2), stride=(2, 1), padding=1), (2, 5, 4)),
    ("globalavgpool", GlobalAvgPool, (3, 4, 2)),
    ("residual", lambda: Residual([Dense(4), Tanh(), Dense(4)]), (4,)),
    ("residual-projection", lambda: Residual([Dense(3), BatchNorm(), Sigmoid()]), (4,)),
    ("residual-pictures", lambda: Residual([Conv2D(2, 3, padding="same"), BatchNorm(), Tanh()]), (2, 3, 4)),
    (
        "residual-stride",
        lambda: Residual([Conv2D(3, 3, padding="same", stride=2), Residual([Tanh(), Conv2D(3, 1)])]),
        (2, 5, 4),
    ),
]
every_layer = pytest.mark.parametrize(("factory", "input_shape"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])


class Projection(Loss):
    """L = Σ y · t. Its gradient with respect to y is t, so only the layer is checked."""

    def per_sample(self, outputs, targets):
        return (outputs * targets).reshape(len(outputs), -1).sum(axis=1), targets

    def total_weight(self, targets, sample_weight=None):
        return 1.0


def build(factory, input_shape, dtype=np.float64):
    """A network of one layer, with parameters and statistics that are all different."""
    network = Sequential([factory()], input_shape, dtype=dtype)
    rng = np.random.default_rng(1)
    network.parameters.vector[...] = rng.normal(0.5, 1.0, network.parameters.vector.size)
    network.statistics.vector[...] = rng.uniform(0.5, 2.0, network.statistics.vector.size)
    return network


def off_kinks(rows, shape, seed=2):
    """Values with 0.1 <= |x| <= 2."""
    rng = np.random.default_rng(seed)
    size = (rows, *shape)
    return rng.uniform(0.1, 2.0, size) * rng.choice([-1.0, 1.0], size)


def single(layer, input_shape, **values):
    """The layer in a float64 network, with these parameters."""
    network = Sequential([layer], input_shape, dtype=np.float64)
    for name, value in values.items():
        getattr(layer, name)[...] = value
    return network


def run(network, x, dy, *, training=False):
    """The output, the gradient with respect to the input, and the tape."""
    tape = network.tape(training=training, rng=np.random.default_rng(0), input_gradient=True)
    y = network.forward(np.array(x, np.float64), tape)
    return y, network.backward(np.array(dy, np.float64), tape), tape
