"""Settings that a layer cannot have are refused."""

import math

import pytest

from handspun.errors import UsageError
from handspun.layers import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    LeakyReLU,
    activation,
)
from handspun.networks.sequential import Sequential


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(0),
        lambda: Dense(-3),
        lambda: Dense(2.5),
        lambda: Dense(True),
        lambda: Dense("10"),
        lambda: Dropout(1.0),
        lambda: Dropout(-0.1),
        lambda: Dropout(math.nan),
        lambda: Dropout("half"),
        lambda: LeakyReLU(1.0),
        lambda: LeakyReLU(-0.01),
        lambda: BatchNorm(momentum=1.5),
        lambda: BatchNorm(epsilon=-1e-5),
        lambda: BatchNorm(epsilon=0.0),
        lambda: LayerNorm(epsilon=0.0),
        lambda: LayerNorm(epsilon=math.inf),
        lambda: activation("rellu"),
    ],
)
def test_wrong_settings_of_a_layer_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_unknown_activation_names_the_nearest():
    with pytest.raises(UsageError, match='did you mean "relu"'):
        activation("rellu")


@pytest.mark.parametrize("layer", [Dense(3), BatchNorm(), LayerNorm()], ids=repr)
def test_layers_for_rows_ask_for_flatten_before_them(layer):
    with pytest.raises(UsageError, match=r"\(28, 28\).*Flatten"):
        Sequential([layer], (28, 28))
