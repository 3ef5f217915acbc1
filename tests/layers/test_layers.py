"""Every layer goes through the same contract."""

import copy
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from layer_cases import CASES, Projection, both_modes, build, every_layer, off_kinks

from handspun.engine.memory import by_images
from handspun.layers import (
    ACTIVATIONS,
    LAYERS,
    layers_from_config,
)
from handspun.networks import modelfile
from handspun.networks.gradcheck import check_gradients
from handspun.networks.sequential import Sequential


def test_table_of_cases_covers_all_layers():
    assert {type(factory()) for _, factory, _ in CASES} == set(LAYERS.values())
    assert set(ACTIVATIONS.values()) <= set(LAYERS.values())


@every_layer
@both_modes
def test_layer_gradients_pass_the_gradient_check(factory, input_shape, training):
    network = build(factory, input_shape)
    targets = np.random.default_rng(3).normal(size=(6, *network.output_shape))
    report = check_gradients(
        network, off_kinks(6, input_shape), targets, Projection(), tolerance=1e-7, training=training, elements=1000
    )
    assert report.passed, report
    assert report.checked == {
        **{name: view.size for name, view in network.parameters.items()},
        "input": 6 * math.prod(input_shape),
    }


@every_layer
@both_modes
def test_layer_gradients_equal_plain_central_differences(factory, input_shape, training):
    network = build(factory, input_shape)
    x = off_kinks(5, input_shape)
    dy = np.random.default_rng(3).normal(size=(5, *network.output_shape))

    def forward_backward():
        tape = network.tape(training=training, rng=np.random.default_rng(9), input_gradient=True)
        y = network.forward(x, tape).copy()
        return y, network.backward(dy, tape).copy(), tape.gradient.vector.copy()

    _, dx, gradient = forward_backward()
    for array, derivative in ((x, dx), (network.parameters.vector, gradient)):
        flat, numeric = array.reshape(-1), np.empty(array.size)
        for i in range(array.size):
            before = flat[i]
            flat[i] = before + 1e-5
            above = np.sum(forward_backward()[0] * dy)
            flat[i] = before - 1e-5
            below = np.sum(forward_backward()[0] * dy)
            flat[i] = before
            numeric[i] = (above - below) / 2e-5
        scale = max(1.0, np.abs(derivative).max(initial=0.0))
        np.testing.assert_allclose(derivative.reshape(-1), numeric, rtol=0, atol=1e-7 * scale)


@every_layer
def test_batch_equals_one_by_one_in_inference(factory, input_shape):
    network = build(factory, input_shape)
    x = off_kinks(9, input_shape)
    together = network.logits(x)
    apart = np.concatenate([network.logits(x[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(together, apart, rtol=1e-13, atol=1e-14)


@every_layer
def test_inference_is_deterministic_and_changes_nothing(factory, input_shape):
    network = build(factory, input_shape, np.float32)
    x = off_kinks(6, input_shape).astype(np.float32)
    before = (network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), x.tobytes())
    first = network.logits(x).tobytes()
    assert network.logits(x).tobytes() == first
    assert (network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), x.tobytes()) == before


@every_layer
def test_a_training_pass_changes_nothing_but_its_tape(factory, input_shape):
    network = build(factory, input_shape, np.float32)
    x = off_kinks(6, input_shape).astype(np.float32)
    dy = off_kinks(6, network.output_shape, seed=4).astype(np.float32)
    before = [array.tobytes() for array in (network.parameters.vector, network.statistics.vector, x, dy)]
    tape = network.tape(training=True, rng=np.random.default_rng(0), input_gradient=True)
    network.forward(x, tape)
    network.backward(dy, tape)
    assert [array.tobytes() for array in (network.parameters.vector, network.statistics.vector, x, dy)] == before


@every_layer
def test_config_makes_the_same_layer_again(factory, input_shape):
    network = build(factory, input_shape, np.float32)
    config = {"kind": type(network.layers[0]).__name__, **factory().config()}
    twin = Sequential(layers_from_config([config]), input_shape, seed=None)
    twin.parameters.vector[...] = network.parameters.vector
    twin.statistics.vector[...] = network.statistics.vector
    assert twin.layers[0].config() == network.layers[0].config()
    x = off_kinks(4, input_shape).astype(np.float32)
    outputs = []
    for each in (network, twin):
        tape = each.tape(training=True, rng=np.random.default_rng(0))
        outputs.append((each.forward(x, tape).tobytes(), each.logits(x).tobytes()))
    assert outputs[0] == outputs[1]


@every_layer
def test_saved_and_loaded_layer_predicts_the_same_bits(factory, input_shape, tmp_path):
    network = build(factory, input_shape, np.float32)
    modelfile.save(network, tmp_path / "model.npz")
    loaded = modelfile.load(tmp_path / "model.npz")
    x = off_kinks(5, input_shape).astype(np.float32)
    assert loaded.logits(x).tobytes() == network.logits(x).tobytes()
    assert loaded.config() == network.config()


@every_layer
@both_modes
def test_two_threads_give_the_results_of_one(factory, input_shape, training):
    network = build(factory, input_shape, np.float32)
    batches = [off_kinks(40, input_shape, seed).astype(np.float32) for seed in (5, 6)]
    gradients = [off_kinks(40, network.output_shape, seed).astype(np.float32) for seed in (7, 8)]
    barrier = threading.Barrier(2)

    def work(which, rounds, wait):
        if wait:
            barrier.wait(timeout=20)
        tape = network.tape(training=training, rng=np.random.default_rng(which), input_gradient=True)
        results = []
        for _ in range(rounds):
            y = network.forward(batches[which], tape).tobytes()
            dx = network.backward(gradients[which], tape).tobytes()
            results.append((y, dx, tape.gradient.vector.tobytes()))
        return results

    alone = [work(which, 15, False) for which in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda which: work(which, 15, True), (0, 1)))
    assert together == alone


@every_layer
def test_batches_of_other_sizes_do_not_disturb_each_other(factory, input_shape):
    network = build(factory, input_shape)
    rng = np.random.default_rng(0)
    tape = network.tape(training=True, rng=rng, input_gradient=True)
    for seed, rows in enumerate((8, 3, 8, 1, 11, 2)):
        x, dy = off_kinks(rows, input_shape, seed), off_kinks(rows, network.output_shape, seed + 50)
        fresh = network.tape(training=True, rng=copy.deepcopy(rng), input_gradient=True)
        expected = [network.forward(x, fresh).copy(), network.backward(dy, fresh).copy(), fresh.gradient.vector]
        actual = [network.forward(x, tape).copy(), network.backward(dy, tape).copy(), tape.gradient.vector]
        for one, other in zip(expected, actual, strict=True):
            assert one.tobytes() == other.tobytes()


@every_layer
@pytest.mark.parametrize("order", ["usual", "image last"])
def test_new_values_in_the_same_array_are_used(factory, input_shape, order):
    network = build(factory, input_shape)
    tape = network.tape(training=True, rng=np.random.default_rng(0), input_gradient=True)
    x = np.empty((3, *input_shape))
    if order == "image last" and len(input_shape) == 3:
        height, width = input_shape[1:]
        x = by_images(np.empty((height, input_shape[0], width, 3)))
    for seed, smaller_between in enumerate((False, False, True, False)):
        if smaller_between:
            network.forward(off_kinks(2, input_shape, 90), tape)
        x[...], dy = off_kinks(3, input_shape, seed), off_kinks(3, network.output_shape, seed + 50)
        tape.draw_from(lambda seed=seed: np.random.default_rng(seed))
        fresh = network.tape(training=True, rng=np.random.default_rng(seed), input_gradient=True)
        expected = [network.forward(x, fresh).copy(), network.backward(dy, fresh).copy(), fresh.gradient.vector]
        actual = [network.forward(x, tape).copy(), network.backward(dy, tape).copy(), tape.gradient.vector]
        for one, other in zip(expected, actual, strict=True):
            assert one.tobytes() == other.tobytes()


@every_layer
def test_arrays_of_another_type_leave_no_trace(factory, input_shape):
    network = build(factory, input_shape)
    tape = network.tape()
    network.forward(np.ones((3, *input_shape), np.float32), tape)
    x = off_kinks(3, input_shape)
    assert network.forward(x, tape).tobytes() == network.forward(x, network.tape()).tobytes()


@every_layer
def test_repr_names_the_layer(factory, input_shape):
    layer = factory()
    assert repr(layer).startswith(f"{type(layer).__name__}(")
