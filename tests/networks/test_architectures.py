"""The usual networks are made of the layers that their arguments name."""

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.layers import Dense
from handspun.layers.initializers import GlorotNormal, HeNormal, LeCunNormal
from handspun.networks.architectures import cnn, mlp
from handspun.networks.sequential import Sequential


def test_mlp_of_the_classical_size_has_109386_parameters():
    network = mlp(784, [128, 64], 10)
    assert network.parameters.vector.size == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10 == 109_386
    assert network.output_shape == (10,)


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_mlp_puts_norm_activation_and_dropout_after_each_hidden_layer():
    assert kinds(mlp(4, [], 2)) == ["Dense"]
    assert kinds(mlp(4, [3, 3], 2)) == ["Dense", "ReLU", "Dense", "ReLU", "Dense"]
    network = mlp(4, [3], 2, "gelu", dropout=0.5, norm="batch")
    assert kinds(network) == ["Dense", "BatchNorm", "GELU", "Dropout", "Dense"]
    assert network.layers[3].rate == 0.5
    assert kinds(mlp(4, [3], 2, "leaky-relu", norm="layer")) == ["Dense", "LayerNorm", "LeakyReLU", "Dense"]


def test_mlp_chooses_the_initializer_by_the_activation():
    chosen = {name: mlp(4, [3], 2, name).layers[0].initializer for name in ("relu", "gelu", "sigmoid", "tanh")}
    assert chosen == {"relu": HeNormal(), "gelu": HeNormal(), "sigmoid": GlorotNormal(), "tanh": GlorotNormal()}
    assert mlp(4, [3], 2, initializer=LeCunNormal()).layers[2].initializer == LeCunNormal()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "reul"}, 'did you mean "relu"'),
        ({"norm": "bach"}, 'did you mean "batch"'),
        ({"dropout": 1.0}, "rate"),
        ({"hidden_layers": [0]}, "units"),
        ({"hidden_layers": [3.5]}, "units"),
        ({"output_size": 0}, "units"),
        ({"input_size": 0}, "input_shape"),
        ({"input_size": -4}, "input_shape"),
        ({"dtype": np.float16}, "float16"),
        ({"dtype": np.int64}, "int64"),
        ({"classes": ["a", "b", "c"]}, "3 classes were given for 2 outputs"),
    ],
)
def test_mlp_refuses_invalid_arguments(arguments, message):
    with pytest.raises(UsageError, match=message):
        mlp(**{"input_size": 4, "hidden_layers": [3], "output_size": 2, **arguments})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mlp(6, 16, 2), r"hidden_layers must be whole numbers in a row, such as \[128, 64\]; got 16"),
        (lambda: cnn(28, 2), r"input_shape must be whole numbers in a row, such as \(28, 28\)"),
        (lambda: Sequential([Dense(2)], 4), "input_shape must be whole numbers in a row"),
    ],
)
def test_a_single_number_is_not_a_list_of_sizes(make, message):
    with pytest.raises(UsageError, match=message):
        make()
