"""A network: structure, copies, description."""

import copy
import pickle

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.layers import Dense, Dropout, Flatten, LayerNorm, ReLU, Tanh
from handspun.layers.initializers import GlorotNormal
from handspun.networks.architectures import cnn, mlp
from handspun.networks.sequential import Sequential
from handspun.training import fit


def test_summary_has_the_numbers_of_each_layer_and_the_totals():
    lines = mlp(784, [128, 64], 10, dropout=0.25).summary().splitlines()
    cells = [line.split() for line in lines]
    assert cells[0] == ["layer", "kind", "output", "parameters", "bytes"]
    assert cells[2] == ["input", "(784,)"]
    assert cells[3] == ["dense1", "Dense(128)", "(128,)", "100,480", "401,920"]
    assert cells[4] == ["relu1", "ReLU()", "(128,)"]
    assert cells[5] == ["dropout1", "Dropout(rate=0.25)", "(128,)"]
    assert cells[6] == ["dense2", "Dense(64)", "(64,)", "8,256", "33,024"]
    assert cells[9] == ["dense3", "Dense(10)", "(10,)", "650", "2,600"]
    assert cells[-1] == ["total", "109,386", "437,544"]
    assert len(lines) == 12


def test_summary_of_float64_counts_eight_bytes_a_value():
    assert mlp(2, [], 1, dtype=np.float64).summary().splitlines()[-1].split() == ["total", "3", "24"]


def test_network_without_layers_is_refused():
    with pytest.raises(UsageError, match="at least one layer"):
        Sequential([], (3,))


@pytest.mark.parametrize("input_shape", [(), (0,), (3, -1)])
def test_an_empty_input_shape_is_refused(input_shape):
    with pytest.raises(UsageError, match="input_shape"):
        Sequential([Flatten()], input_shape)


def test_a_layer_cannot_be_used_twice():
    layer = Dense(3)
    Sequential([layer], (3,))
    with pytest.raises(UsageError, match=r"already part of a network \(dense1\)"):
        Sequential([layer], (3,))
    twice = Dense(3)
    with pytest.raises(UsageError, match="already part of a network"):
        Sequential([twice, ReLU(), twice], (3,))


def test_layers_of_a_network_that_was_refused_can_be_used_again():
    layers = [Dense(3), ReLU()]
    with pytest.raises(UsageError, match="Flatten"):
        Sequential(layers, (2, 2))
    assert Sequential([Flatten(), *layers], (2, 2)).output_shape == (3,)


def test_classes_are_kept_as_text_by_config_and_copy():
    network = mlp(4, [3], 3, classes=["one", 2, "three"])
    assert network.classes == ("one", "2", "three")
    assert network.copy().classes == network.classes
    assert Sequential.from_config(network.config()).classes == network.classes
    assert mlp(4, [3], 1, classes=["no", "yes"]).classes == ("no", "yes")


def test_copy_is_independent_and_may_have_another_precision():
    network = mlp(4, [3], 2, norm="batch")
    network.statistics.vector[...] = 1.25
    twin, double = network.copy(), network.copy(dtype=np.float64)
    assert twin.config() == network.config()
    assert twin.parameters.vector.tobytes() == network.parameters.vector.tobytes()
    assert double.dtype == np.float64
    np.testing.assert_array_equal(double.parameters.vector, network.parameters.vector)
    np.testing.assert_array_equal(double.statistics.vector, network.statistics.vector)
    before = network.parameters.vector.tobytes()
    twin.parameters.vector[...] = 0.0
    twin.statistics.vector[...] = 0.0
    double.layers[0].weight[...] = 5.0
    assert network.parameters.vector.tobytes() == before
    assert (network.statistics.vector == 1.25).all()


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))], ids=["deep", "pickled"]
)
@pytest.mark.parametrize(
    "make", [lambda: cnn((12, 12), 3, kernel_size=3, norm="batch"), lambda: mlp(144, [5], 3)], ids=["cnn", "mlp"]
)
def test_copied_or_pickled_network_is_whole_and_independent(make, copied):
    network = make()
    x = np.random.default_rng(3).random((4, 144), np.float32)
    expected = [network.logits(x[i : i + 1]) for i in range(4)]  # which leaves a tape behind
    twin = copied(network)
    for i in range(4):
        np.testing.assert_array_equal(twin.logits(x[i : i + 1]), expected[i])
    before = network.parameters.vector.copy()
    fit(twin, (x, np.array([0, 1, 2, 0])), epochs=3, batch_size=2)
    assert np.abs(twin.logits(x[:1]) - expected[0]).max() > 1e-3
    np.testing.assert_array_equal(network.parameters.vector, before)
    np.testing.assert_array_equal(network.logits(x[:1]), expected[0])


def test_config_is_plain_data_that_makes_the_same_structure():
    network = Sequential([Flatten(), Dense(3, initializer=GlorotNormal()), LayerNorm(), Tanh(), Dropout(0.1)], (2, 2))
    twin = Sequential.from_config(network.config())
    assert twin.config() == network.config()
    assert repr(twin) == repr(network)
    assert not twin.parameters.vector.any()


def test_layers_of_a_network_with_wrong_classes_can_be_used_again():
    layer = Dense(2)
    with pytest.raises(UsageError, match="1 classes were given for 2 outputs"):
        Sequential([layer], (4,), classes=["a"])
    assert Sequential([layer], (4,), classes=["a", "b"]).classes == ("a", "b")
