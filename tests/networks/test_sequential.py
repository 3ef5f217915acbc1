"""Networks: one vector and its views, shapes, prediction, structure."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.layers import BatchNorm, Dense, Dropout, Flatten, LayerNorm, ReLU, Tanh
from handspun.layers.initializers import GlorotNormal, HeNormal, LeCunNormal
from handspun.networks.architectures import cnn, mlp
from handspun.networks.sequential import ROWS_A_PIECE, Sequential, size_of
from handspun.training import fit


def images(count, shape=(784,), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


# Parameters and views --------------------------------------------------------------------------------------------------


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


def test_same_seed_gives_the_same_weights_and_another_seed_others():
    vectors = [mlp(20, [10], 5, seed=seed).parameters.vector.tobytes() for seed in (0, 0, 1)]
    assert vectors[0] == vectors[1] != vectors[2]


def test_without_a_seed_all_parameters_are_zero():
    assert not mlp(20, [10], 5, seed=None).parameters.vector.any()


def test_tape_for_inference_has_no_gradient():
    with pytest.raises(RuntimeError, match="training=True"):
        _ = mlp(3, [], 2).tape().gradient


def test_backward_returns_the_gradient_by_the_input_only_where_asked():
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


# Structure -------------------------------------------------------------------------------------------------------------


def test_mlp_of_the_classical_size_has_109386_parameters():
    network = mlp(784, [128, 64], 10)
    assert network.parameters.vector.size == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10 == 109_386
    assert network.output_shape == (10,)


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
def test_mlp_refuses_what_cannot_be(arguments, message):
    with pytest.raises(UsageError, match=message):
        mlp(**{"input_size": 4, "hidden_layers": [3], "output_size": 2, **arguments})


def test_network_without_layers_is_refused():
    with pytest.raises(UsageError, match="at least one layer"):
        Sequential([], (3,))


@pytest.mark.parametrize("input_shape", [(), (0,), (3, -1)])
def test_input_shape_that_holds_nothing_is_refused(input_shape):
    with pytest.raises(UsageError, match="input_shape"):
        Sequential([Flatten()], input_shape)


def test_layer_that_is_part_of_a_network_is_refused_in_another_and_twice_in_one():
    layer = Dense(3)
    Sequential([layer], (3,))
    with pytest.raises(UsageError, match=r"part of a network already \(dense1\)"):
        Sequential([layer], (3,))
    twice = Dense(3)
    with pytest.raises(UsageError, match="part of a network already"):
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


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_tape_is_not_copied(copied):
    with pytest.raises(TypeError, match=r"network\.tape\(\)"):
        copied(mlp(4, [3], 2).tape())


def test_config_is_plain_data_that_makes_the_same_structure():
    network = Sequential([Flatten(), Dense(3, initializer=GlorotNormal()), LayerNorm(), Tanh(), Dropout(0.1)], (2, 2))
    twin = Sequential.from_config(network.config())
    assert twin.config() == network.config()
    assert repr(twin) == repr(network)
    assert not twin.parameters.vector.any()


def test_size_is_found_without_taking_memory_for_it():
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


# Prediction ------------------------------------------------------------------------------------------------------------


def test_logits_equal_the_plain_products():
    network = mlp(6, [5], 3, seed=3, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(4, 6))
    first, _, last = network.layers
    hidden = [[max(0.0, sum(x[n, j] * first.weight[j, k] for j in range(6))) for k in range(5)] for n in range(4)]
    expected = [[sum(row[j] * last.weight[j, k] for j in range(5)) for k in range(3)] for row in hidden]
    np.testing.assert_allclose(network.logits(x), expected, rtol=1e-13)


def test_bytes_mean_what_their_255th_parts_mean():
    network = mlp(784, [16], 10)
    pixels = images(20)
    np.testing.assert_array_equal(network.logits(pixels), network.logits(pixels * np.float32(1 / 255)))
    # x · (1/255) and x/255 differ by a rounding of the last bit.
    np.testing.assert_allclose(network.logits(pixels), network.logits(pixels / 255), rtol=0, atol=2e-6)


def test_numbers_that_are_no_bytes_are_taken_as_they_are():
    network = mlp(3, [], 2, dtype=np.float64)
    expected = network.logits(np.array([[1.0, 2.0, 3.0]]))
    for kind in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(network.logits(np.array([[1, 2, 3]], kind)), expected)
    np.testing.assert_array_equal(network.logits([[1.0, 2.0, 3.0]]), expected)
    np.testing.assert_array_equal(network.logits(np.array([[True, False, True]])), network.logits([[1.0, 0.0, 1.0]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mlp(6, 16, 2), r"hidden_layers must be whole numbers in a row, such as \[128, 64\]; got 16"),
        (lambda: cnn(28, 2), r"input_shape must be whole numbers in a row, such as \(28, 28\)"),
        (lambda: Sequential([Dense(2)], 4), "input_shape must be whole numbers in a row"),
    ],
)
def test_a_single_number_is_no_row_of_them(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_layers_of_a_network_that_came_to_nothing_can_be_used_again():
    layer = Dense(2)
    with pytest.raises(UsageError, match="1 classes were given for 2 outputs"):
        Sequential([layer], (4,), classes=["a"])
    assert Sequential([layer], (4,), classes=["a", "b"]).classes == ("a", "b")


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint16])
def test_numbers_that_may_be_pixels_or_not_are_refused(kind):
    network, images = mlp(3, [], 2), np.array([[1, 2, 3]], kind)
    for use in (network.logits, network.predict, network.answer, lambda x: fit(network, (x, [1]))):
        with pytest.raises(UsageError, match=rf"{np.dtype(kind)}.*uint8.*float32"):
            use(images)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_there_is_no_answer_to_what_is_no_number(value):
    network, images = mlp(3, [], 2), np.zeros((4, 3))
    images[2, 1] = value
    for ask in (network.predict, network.predict_proba, network.answer):
        with pytest.raises(UsageError, match="Image 2, counted from 0, holds values that are not finite"):
            ask(images)


def test_no_images_have_no_answers():
    answers = mlp(784, [], 10).answer(np.zeros((0, 28, 28), np.uint8))
    assert answers.probabilities.shape == (0, 10)
    assert len(answers.verdict) == len(answers.predicted) == 0


def test_images_of_another_shape_with_as_many_values_are_taken():
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


@pytest.mark.parametrize("count", [1, ROWS_A_PIECE - 1, ROWS_A_PIECE, ROWS_A_PIECE + 1, 2 * ROWS_A_PIECE + 7])
def test_logits_in_pieces_equal_those_of_the_whole(count):
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


def test_prediction_is_the_largest_logit_even_where_probabilities_are_equal_after_rounding():
    network = mlp(1, [], 2)
    network.parameters["dense1.weight"][...] = [[0.0, 1.0]]
    x = np.array([[1e-9]])
    assert network.predict_proba(x).tolist() == [[0.5, 0.5]]
    assert network.logits(x).argmax(axis=1).tolist() == [1]
    assert network.predict(x).tolist() == [1]


def test_batches_of_another_precision_than_the_network_are_converted():
    network = mlp(4, [3], 2)
    assert network.logits(np.ones((2, 4))).dtype == np.float32
    assert network.copy(dtype=np.float64).logits(np.ones((2, 4), np.float32)).dtype == np.float64
