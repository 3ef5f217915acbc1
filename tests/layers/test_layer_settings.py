"""Settings that a layer cannot have are refused."""

import json
import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    SpatialDropout,
    activation,
    normalization,
)
from handspun.layers.initializers import HeNormal, Orthogonal, ScaledNormal
from handspun.networks.sequential import Sequential

NO_NUMBER = [True, np.bool_(True), "1", "half", None, [0.5], np.array([0.5]), math.nan, 1 + 0j, 10**400]
NO_WHOLE_NUMBER = [*NO_NUMBER[:-1], 2.0, np.float32(2), 0, -1]
NO_PAIR = [True, "2", 2.0, (2,), (2, 2, 2), (2, 0.5), [2, "2"], (True, 2), np.array([2, 2]), -1, {2, 3}, math.nan]
NO_SHARE = [*NO_NUMBER, -0.1, 1, 1.5, math.inf]
NO_EPSILON = [*NO_NUMBER, 0, -1e-5, 1.0, math.inf]

#: A constructor, the argument that it gets, and what that cannot be.
WRONG = [
    (lambda v: Dense(v), "units", NO_WHOLE_NUMBER),
    (lambda v: Dense(2, bias=v), "bias", ["no", None, 1, 0.0, [True]]),
    (lambda v: Dense(2, initializer=v), "initializer", [HeNormal, "he", 0.1, {"kind": "HeNormal"}]),
    (lambda v: Conv2D(v, 3), "filters", NO_WHOLE_NUMBER),
    (lambda v: Conv2D(2, v), "kernel_size", [*NO_PAIR, 0, None]),
    (lambda v: Conv2D(2, 3, stride=v), "stride", [*NO_PAIR, 0, None]),
    (lambda v: Conv2D(2, 3, padding=v), "padding", ["Same", *(v for v in NO_PAIR if not isinstance(v, str)), None]),
    (lambda v: Conv2D(2, 3, dilation=v), "dilation", [*NO_PAIR, 0, None]),
    (lambda v: Conv2D(4, 3, groups=v), "groups", [*NO_WHOLE_NUMBER, 3]),
    (lambda v: Conv2D(2, 3, bias=v), "bias", ["no", None, 1]),
    (lambda v: Conv2D(2, 3, initializer=v), "initializer", [HeNormal, "he", 0.1]),
    (lambda v: MaxPool2D(v), "size", [*NO_PAIR, 0, None]),
    (lambda v: MaxPool2D(2, stride=v), "stride", [*NO_PAIR, 0]),
    (lambda v: AvgPool2D(2, padding=v), "padding", [*NO_PAIR, 2, (0, 2), None]),
    (lambda v: Dropout(v), "rate", NO_SHARE),
    (lambda v: SpatialDropout(v), "rate", NO_SHARE),
    (lambda v: LeakyReLU(v), "slope", NO_SHARE),
    (lambda v: BatchNorm(momentum=v), "momentum", NO_SHARE),
    (lambda v: BatchNorm(epsilon=v), "epsilon", NO_EPSILON),
    (lambda v: LayerNorm(epsilon=v), "epsilon", NO_EPSILON),
    (lambda v: Residual(v), "layer", [[], None, Dense(2), Dense, [Dense], [Dense(2), "relu"], "relu", 3]),
    (lambda v: ScaledNormal(v), "scale", [*NO_NUMBER, 0, -1.0, math.inf]),
    (lambda v: Orthogonal(v), "gain", [*NO_NUMBER, math.inf]),
    (lambda v: activation(v), "activation", ["rellu", None, ReLU, ["relu"], 3]),
    (lambda v: normalization(v), "norm", ["batchnorm", BatchNorm, ["batch"], True]),
]


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [(make, name, value) for make, name, values in WRONG for value in values],
    ids=lambda value: repr(value)[:30] if not callable(value) else None,
)
def test_wrong_settings_of_a_layer_are_refused(make, name, value):
    with pytest.raises(UsageError, match=name):
        make(value)


@pytest.mark.parametrize(
    ("made", "config"),
    [
        (lambda: Dense(np.int64(3), bias=np.bool_(False)), {"units": 3, "bias": False}),
        (lambda: Conv2D(np.uint8(2), np.int32(3)), {"filters": 2, "kernel_size": [3, 3]}),
        (lambda: Conv2D(2, [3, np.int64(2)], stride=(1, 2)), {"kernel_size": [3, 2], "stride": [1, 2]}),
        (lambda: Dropout(0), {"rate": 0.0}),
        (lambda: Dropout(np.float32(0.5)), {"rate": 0.5}),
        (lambda: BatchNorm(momentum=np.float64(0.25)), {"momentum": 0.25}),
        (lambda: MaxPool2D((np.int16(2), 3)), {"size": [2, 3]}),
    ],
    ids=lambda value: "" if callable(value) else str(value),
)
def test_numpy_numbers_and_lists_are_accepted(made, config):
    found = made().config()
    assert {name: found[name] for name in config} == config
    json.dumps(found)  # plain values, as model files need them


def test_unknown_activation_names_the_nearest():
    with pytest.raises(UsageError, match='did you mean "relu"'):
        activation("rellu")


@pytest.mark.parametrize("layer", [Dense(3), BatchNorm(), LayerNorm()], ids=repr)
def test_layers_for_rows_ask_for_flatten_before_them(layer):
    with pytest.raises(UsageError, match=r"\(28, 28\).*Flatten"):
        Sequential([layer], (28, 28))
