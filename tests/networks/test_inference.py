"""Logits, probabilities and classes of images, in chunks and in every type."""

import gc
import weakref

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.networks.architectures import cnn, mlp
from handspun.networks.inference import ROWS_A_CHUNK
from handspun.training import fit


def images(count, shape=(784,), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def test_logits_equal_the_plain_products():
    network = mlp(6, [5], 3, seed=3, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(4, 6))
    first, _, last = network.layers
    hidden = [[max(0.0, sum(x[n, j] * first.weight[j, k] for j in range(6))) for k in range(5)] for n in range(4)]
    expected = [[sum(row[j] * last.weight[j, k] for j in range(5)) for k in range(3)] for row in hidden]
    np.testing.assert_allclose(network.logits(x), expected, rtol=1e-13)


def test_uint8_pixels_become_0_to_1():
    network = mlp(784, [16], 10)
    pixels = images(20)
    np.testing.assert_array_equal(network.logits(pixels), network.logits(pixels * np.float32(1 / 255)))
    # x · (1/255) and x/255 differ by a rounding of the last bit.
    np.testing.assert_allclose(network.logits(pixels), network.logits(pixels / 255), rtol=0, atol=2e-6)


def test_floats_are_not_scaled():
    network = mlp(3, [], 2, dtype=np.float64)
    expected = network.logits(np.array([[1.0, 2.0, 3.0]]))
    for kind in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(network.logits(np.array([[1, 2, 3]], kind)), expected)
    np.testing.assert_array_equal(network.logits([[1.0, 2.0, 3.0]]), expected)
    np.testing.assert_array_equal(network.logits(np.array([[True, False, True]])), network.logits([[1.0, 0.0, 1.0]]))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (np.int64, r"int64.*uint8.*float32"),
        (np.int8, r"int8.*uint8.*float32"),
        (np.uint16, r"uint16.*uint8.*float32"),
        (np.complex64, "complex"),
        (object, r"int64.*uint8.*float32"),
    ],
)
def test_types_that_may_be_pixels_or_numbers_are_refused(kind, message):
    network, images = mlp(3, [], 2), np.array([[1, 2, 3]], kind)
    for use in (network.logits, network.predict, network.answer, lambda x: fit(network, (x, [1]))):
        with pytest.raises(UsageError, match=message):
            use(images)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_images_that_are_not_finite_are_refused(value):
    network, images = mlp(3, [], 2), np.zeros((4, 3))
    images[2, 1] = value
    for ask in (network.predict, network.predict_proba, network.answer):
        with pytest.raises(UsageError, match="Image 2, counted from 0, holds values that are not finite"):
            ask(images)


def test_no_images_have_no_answers():
    answers = mlp(784, [], 10).answer(np.zeros((0, 28, 28), np.uint8))
    assert answers.probabilities.shape == (0, 10)
    assert len(answers.verdict) == len(answers.predicted) == 0


def test_images_of_another_shape_with_as_many_values_are_accepted():
    network = mlp(784, [16], 10)
    flat = images(5)
    np.testing.assert_array_equal(network.logits(flat.reshape(5, 28, 28)), network.logits(flat))
    np.testing.assert_array_equal(network.logits(np.asfortranarray(flat)), network.logits(flat))
    np.testing.assert_array_equal(network.logits(images(10)[::2]), network.logits(images(10)[::2].copy()))


@pytest.mark.parametrize("shape", [(5, 783), (5, 27, 28), (784,), (5, 28, 28, 3), (28, 28)])
def test_images_of_another_size_are_refused_with_both_shapes(shape):
    with pytest.raises(UsageError) as caught:
        mlp(784, [4], 10).predict(np.zeros(shape))
    assert str(shape[1:]) in str(caught.value)
    assert "(784,)" in str(caught.value)


@pytest.mark.parametrize("count", [1, ROWS_A_CHUNK - 1, ROWS_A_CHUNK, ROWS_A_CHUNK + 1, 2 * ROWS_A_CHUNK + 7])
def test_logits_in_chunks_equal_those_of_the_whole(count):
    network = mlp(20, [8], 3, dtype=np.float64, norm="batch")
    x = np.random.default_rng(1).normal(size=(count, 20))
    whole = network.forward(x, network.tape())
    np.testing.assert_allclose(network.logits(x), whole, rtol=1e-13, atol=1e-14)


def test_no_images_give_no_predictions():
    network = mlp(6, [4], 3)
    assert network.logits(np.empty((0, 6))).shape == (0, 3)
    assert network.predict_proba(np.empty((0, 6))).shape == (0, 3)
    assert network.predict(np.empty((0, 6))).tolist() == []


def test_results_of_one_prediction_survive_the_next():
    network = mlp(6, [4], 3)
    first = network.logits(images(3, (6,)))
    before = first.copy()
    network.logits(images(3, (6,), seed=1))
    np.testing.assert_array_equal(first, before)


def test_probabilities_are_the_softmax_of_the_logits():
    network = mlp(784, [16], 10, dtype=np.float64)
    pixels = images(50)
    p = network.predict_proba(pixels)
    e = np.exp(network.logits(pixels))
    np.testing.assert_allclose(p, e / e.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(network.predict(pixels), p.argmax(axis=1))


def test_one_output_gives_the_probabilities_of_no_and_yes():
    network = mlp(2, [], 1, dtype=np.float64)
    network.parameters["dense1.weight"][...] = [[1.0], [0.0]]
    p = network.predict_proba(np.array([[np.log(3.0), 0.0], [-1000.0, 0.0], [1000.0, 0.0]]))
    np.testing.assert_allclose(p, [[0.25, 0.75], [1, 0], [0, 1]], atol=1e-15)
    assert network.predict(np.array([[0.5, 0.0], [-0.5, 0.0]])).tolist() == [1, 0]
    # At exactly 0 both have 1/2: the first class, as everywhere where classes are equally probable.
    nothing = np.array([[0.0, 0.0], [1e-300, 0.0], [-1e-300, 0.0]])
    assert network.predict_proba(nothing)[0].tolist() == [0.5, 0.5]
    assert network.predict(nothing).tolist() == [0, 1, 0]
    assert network.answer(nothing).predicted[0] == 0


def test_the_largest_logit_wins_even_if_probabilities_round_to_equal():
    network = mlp(1, [], 2)
    network.parameters["dense1.weight"][...] = [[0.0, 1.0]]
    x = np.array([[1e-9]])
    assert network.predict_proba(x).tolist() == [[0.5, 0.5]]
    assert network.logits(x).argmax(axis=1).tolist() == [1]
    assert network.predict(x).tolist() == [1]


def test_images_are_converted_to_the_networks_precision():
    network = mlp(4, [3], 2)
    assert network.logits(np.ones((2, 4))).dtype == np.float32
    assert network.copy(dtype=np.float64).logits(np.ones((2, 4), np.float32)).dtype == np.float64


def test_nine_views_take_nine_passes(monkeypatch):
    network, passes = cnn((12, 12), 3, kernel_size=3), []
    forward = type(network.layers[0]).forward

    def counted(self, x, tape):
        if self is network.layers[0]:
            passes.append(len(x))
        return forward(self, x, tape)

    monkeypatch.setattr(type(network.layers[0]), "forward", counted)
    network.answer(images(4, (12, 12)), views=True)
    assert passes == [4] * 9


def test_a_pass_changes_nothing_in_a_network():
    network = cnn((12, 12), 3, kernel_size=3, norm="batch")
    before = {name: id(value) for name, value in vars(network).items()}
    vectors = network.parameters.vector.tobytes(), network.statistics.vector.tobytes()
    network.answer(images(40, (12, 12)), views=True)
    network.activations(images(2, (12, 12)))
    assert {name: id(value) for name, value in vars(network).items()} == before
    assert (network.parameters.vector.tobytes(), network.statistics.vector.tobytes()) == vectors


def test_tapes_of_a_network_are_freed_with_it():
    network = mlp(6, [4], 3)
    network.predict(images(3, (6,)))
    freed = weakref.ref(network.layers[0])
    del network
    gc.collect()
    assert freed() is None
