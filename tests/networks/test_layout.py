"""All parameters are one vector with named views, and what a pass writes has the same layout."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest

from handspun.layers import BatchNorm, Dense
from handspun.networks.architectures import mlp
from handspun.networks.layout import size_of
from handspun.networks.sequential import Sequential


def test_views_and_vector_are_the_same_memory():
    network = Sequential([Dense(3), BatchNorm(), Dense(2, bias=False)], (4,))
    first, norm, last = network.layers
    names = ["dense1.weight", "dense1.bias", "batchnorm1.gamma", "batchnorm1.beta", "dense2.weight"]
    assert list(network.parameters) == names
    assert network.parameters.vector.shape == (12 + 3 + 3 + 3 + 6,)
    network.parameters.vector[...] = np.arange(27)
    assert first.weight.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert first.bias.tolist() == [12, 13, 14]
    assert norm.gamma.tolist() == [15, 16, 17]
    assert last.weight.tolist() == [[21, 22], [23, 24], [25, 26]]
    last.weight[2, 1] = 99.0
    assert network.parameters.vector[26] == 99.0
    assert network.parameters["dense2.weight"] is last.weight
    assert np.shares_memory(norm.running_mean, network.statistics.vector)
    assert list(network.statistics) == ["batchnorm1.running_mean", "batchnorm1.running_variance"]


def test_gradient_on_a_tape_has_the_layout_of_the_parameters():
    network = mlp(4, [3], 2)
    tape = network.tape(training=True)
    assert {name: view.shape for name, view in tape.gradient.items()} == {
        name: view.shape for name, view in network.parameters.items()
    }
    tape[network.layers[0]].gradient["bias"][...] = 7.0
    assert tape.gradient.vector[network.parameters.slices["dense1.bias"]].tolist() == [7, 7, 7]
    assert np.count_nonzero(tape.gradient.vector) == 3


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_decayed_parts_are_exactly_the_weights(norm):
    network = mlp(4, [3, 3], 2, norm=norm)
    network.parameters.vector[...] = 0.0
    for part in network.decayed:
        network.parameters.vector[part] = 1.0
    for name, view in network.parameters.items():
        assert (view == (1.0 if name.endswith("weight") else 0.0)).all(), name


def test_the_seed_decides_the_initial_weights():
    vectors = [mlp(20, [10], 5, seed=seed).parameters.vector.tobytes() for seed in (0, 0, 1)]
    assert vectors[0] == vectors[1] != vectors[2]


def test_without_a_seed_all_parameters_are_zero():
    assert not mlp(20, [10], 5, seed=None).parameters.vector.any()


def test_tape_for_inference_has_no_gradient():
    with pytest.raises(RuntimeError, match="training=True"):
        _ = mlp(3, [], 2).tape().gradient


def test_backward_returns_the_input_gradient_only_if_asked():
    network = mlp(3, [4], 2, dtype=np.float64)
    x, dy = np.ones((5, 3)), np.ones((5, 2))
    results = []
    for asked in (False, True):
        tape = network.tape(training=True, input_gradient=asked)
        network.forward(x, tape)
        results.append((network.backward(dy, tape), tape.gradient.vector.tobytes()))
    assert results[0][0] is None
    assert results[1][0].shape == (5, 3)
    assert results[0][1] == results[1][1]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_tape_is_not_copied(copied):
    with pytest.raises(TypeError, match=r"network\.tape\(\)"):
        copied(mlp(4, [3], 2).tape())


def test_the_size_is_found_without_allocating():
    config = {"input_shape": [784], "layers": [Dense(10**9).config() | {"kind": "Dense"}]}
    config["layers"] += [BatchNorm().config() | {"kind": "BatchNorm"}, Dense(10**9).config() | {"kind": "Dense"}]
    tracemalloc.start()
    try:
        sizes = size_of(config)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == (784 * 10**9 + 10**9 + 2 * 10**9 + 10**18 + 10**9, 2 * 10**9)
    assert peak < 1_000_000
