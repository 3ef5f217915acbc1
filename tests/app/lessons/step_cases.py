"""Networks to step through, with all kinds of layers, and how the page reads what it is sent."""

import base64

import numpy as np

from handspun.app.lessons import steps
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
from handspun.networks.sequential import Sequential

RNG = np.random.default_rng(8)
SEEN = RNG.integers(0, 256, (6, 6), np.uint8)
COLOURED = RNG.integers(0, 256, (5, 7, 3), np.uint8)


def filled(network, seed=4):
    """The network, with parameters and statistics that are all different."""
    rng = np.random.default_rng(seed)
    network.parameters.vector[...] = rng.normal(0.0, 0.6, network.parameters.vector.size)
    network.statistics.vector[...] = rng.uniform(0.5, 2.0, network.statistics.vector.size)
    return network


def rows():
    """All layers for flat inputs."""
    inner = Residual([Dense(6, bias=False), LayerNorm(), GELU()])
    layers = [Flatten(), Dense(7), BatchNorm(), ReLU(), Dropout(0.5), inner, LeakyReLU(0.1), Dense(5), SiLU(), Dense(3)]
    return filled(Sequential(layers, (6, 6), dtype=np.float64))


def pictures():
    """All layers for pictures."""
    inner = Residual([Conv2D(4, 3, padding="same"), Sigmoid()])
    layers = [
        Conv2D(4, 3, bias=False, padding=1),
        BatchNorm(),
        SpatialDropout(0.5),
        MaxPool2D(2, stride=1),
        inner,
        Residual([Conv2D(3, 2, stride=2, padding="same"), Tanh()]),
        AvgPool2D(2, stride=1),
        GlobalAvgPool(),
        Dense(3),
    ]
    return filled(Sequential(layers, (3, 5, 7), dtype=np.float64))


def yes_or_no():
    return filled(Sequential([Flatten(), Dense(4), Tanh(), Dense(1)], (6, 6), dtype=np.float64))


CASES = {"rows": (rows, SEEN, 3), "pictures": (pictures, COLOURED, 3), "yes-or-no": (yes_or_no, SEEN, 2)}


def step_through(network, seen, label=1, learning_rate=0.05):
    classes = network.classes or [f"class {i}" for i in range(max(network.output_shape[-1], 2))]
    return steps.steps(network, classes, seen, label, learning_rate)


def array(value):
    return np.frombuffer(base64.b64decode(value["data"]), "<f4").reshape(value["shape"])


def arrays(step):
    """The arrays of a step by symbol; those of the update by the name of their parameter and their label."""
    return {(f"{a['group']} {a['label']}" if "group" in a else a["symbol"]): array(a["array"]) for a in step["arrays"]}


def in_phase(found, phase):
    return [step for step in found["steps"] if step["phase"] == phase]
