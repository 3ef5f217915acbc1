"""The check of gradients is checked: an error of 0.1 % that is planted anywhere must be found."""

import numpy as np
import pytest

from handspun.layers import LAYERS, Conv2D, Dense, Flatten, Residual, Tanh
from handspun.networks.architectures import mlp
from handspun.networks.gradcheck import check_gradients
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy

WITH_PARAMETERS = {
    "Dense": ("weight", "bias"),
    "Conv2D": ("weight", "bias"),
    "BatchNorm": ("gamma", "beta"),
    "LayerNorm": ("gamma", "beta"),
}
PARAMETERS = [(kind, name) for kind, names in WITH_PARAMETERS.items() for name in names]
ARGUMENTS = {"Dense": (5,), "Conv2D": (4, 3)}
OF_PICTURES = {"Conv2D", "MaxPool2D", "AvgPool2D", "GlobalAvgPool", "SpatialDropout"}


def make(kind):
    """The layer between two others: what it gets wrong reaches the input and the parameters below."""
    layer = Residual([Dense(5), Tanh()]) if kind == "Residual" else LAYERS[kind](*ARGUMENTS.get(kind, ()))
    if kind in OF_PICTURES:
        return Sequential([Conv2D(4, 1), layer, Flatten(), Dense(3)], (2, 4, 4), dtype=np.float64, seed=3)
    return Sequential([Dense(5), layer, Dense(3)], (4,), dtype=np.float64, seed=3)


def batch_for(kind):
    return batch(features=32) if kind in OF_PICTURES else batch()


def batch(rows=6, features=4, classes=3):
    rng = np.random.default_rng(4)
    return rng.normal(size=(rows, features)), rng.integers(0, classes, rows)


def everything(array):
    array *= 1.001


def largest_element(array):
    array.reshape(-1)[np.abs(array).argmax()] *= 1.001


def ordinary_element(array):
    size = np.abs(array).reshape(-1)
    order = np.argsort(size)[np.count_nonzero(size == 0) :]  # most gradients of a max-pooling are zero
    array.reshape(-1)[order[3 * len(order) // 4]] *= 1.001


spoilers = pytest.mark.parametrize("spoil", [everything, largest_element, ordinary_element], ids=lambda f: f.__name__)


def test_the_table_of_planted_errors_has_every_layer():
    found = {}
    for kind in LAYERS:
        layer = make(kind).layers[1]
        if names := layer.parameter_shapes((4, 4, 4) if kind in OF_PICTURES else (5,)):
            found[kind] = tuple(names)
    assert found == WITH_PARAMETERS


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_a_correct_layer_passes(kind):
    report = check_gradients(make(kind), *batch_for(kind), tolerance=1e-7)
    assert report.passed, report
    assert report.worst < 1e-7
    assert set(report.elementwise) == {*make(kind).parameters, "input"}


@pytest.mark.parametrize("kind", sorted(LAYERS))
@spoilers
def test_a_planted_error_in_the_input_gradient_is_found(kind, spoil, monkeypatch):
    right = LAYERS[kind].backward
    names = [layer.name for layer in make(kind).layers]

    def wrong(self, dy, tape):
        dx = right(self, dy, tape)
        if dx is not None and self.name in names[:-1]:
            dx = dx.copy()
            spoil(dx)
        return dx

    monkeypatch.setattr(LAYERS[kind], "backward", wrong)
    report = check_gradients(make(kind), *batch_for(kind), elements=200)
    assert not report.passed
    assert report.elementwise["input"] > 1e-5


@pytest.mark.parametrize(("kind", "name"), PARAMETERS)
@spoilers
def test_a_planted_error_in_a_parameter_gradient_is_found(kind, name, spoil, monkeypatch):
    right = LAYERS[kind].backward
    own = make(kind).layers[1].name

    def wrong(self, dy, tape):
        dx = right(self, dy, tape)
        if self.name == own:
            spoil(tape[self].gradient[name])
        return dx

    monkeypatch.setattr(LAYERS[kind], "backward", wrong)
    network = make(kind)
    report = check_gradients(network, *batch_for(kind), elements=200)
    assert not report.passed
    assert report.elementwise[f"{network.layers[1].name}.{name}"] > 1e-5
    assert max(error for array, error in report.elementwise.items() if not array.endswith(name)) < 1e-6


@pytest.mark.parametrize("share", [1e-3, 3e-4])
def test_an_error_in_an_array_of_small_gradients_has_its_full_size(share, monkeypatch):
    """Inputs near 0 make the first weights' gradient small beside that of the last biases."""
    right = Dense.backward

    def wrong(self, dy, tape):
        dx = right(self, dy, tape)
        if self.name == "dense1":
            tape[self].gradient["weight"] *= 1.001
        return dx

    network = Sequential([Dense(5, bias=False), Tanh(), Dense(3)], (4,), dtype=np.float64, seed=3)
    x, y = batch()
    tape = network.tape(training=True)
    for _ in range(2):  # the second time to measure what the first one has made of it
        _, dy = SoftmaxCrossEntropy()(network.forward(x, tape), y)
        network.backward(dy, tape)
        largest = [np.abs(tape.gradient[name]).max() for name in ("dense1.weight", "dense2.bias")]
        x = x * (share * largest[1] / largest[0])
    monkeypatch.setattr(Dense, "backward", wrong)
    report = check_gradients(network, x, y)
    assert report.elementwise["dense1.weight"] == pytest.approx(1e-3, rel=0.02)


def test_an_error_in_a_small_element_has_its_full_size(monkeypatch):
    right = Dense.backward

    def wrong(self, dy, tape):
        dx = right(self, dy, tape)
        if self.name == "dense1":
            gradient = tape[self].gradient["weight"].reshape(-1)
            size = np.abs(gradient)
            small = np.flatnonzero((size > 0.012 * size.max()) & (size < 0.1 * size.max()))
            assert small.size
            gradient[small] *= 1.001
        return dx

    monkeypatch.setattr(Dense, "backward", wrong)
    report = check_gradients(make("Tanh"), *batch())
    assert report.elementwise["dense1.weight"] == pytest.approx(1e-3, rel=0.02)


@pytest.mark.parametrize("kind", sorted(WITH_PARAMETERS))
def test_a_forgotten_parameter_gradient_is_found(kind, monkeypatch):
    right = LAYERS[kind].backward

    def wrong(self, dy, tape):
        dx = right(self, dy, tape)
        tape[self].gradient[WITH_PARAMETERS[kind][0]][...] = 0.0
        return dx

    monkeypatch.setattr(LAYERS[kind], "backward", wrong)
    assert not check_gradients(make(kind), *batch_for(kind)).passed


LOSSES = [
    (SoftmaxCrossEntropy(), "classes"),
    (SoftmaxCrossEntropy(label_smoothing=0.1), "classes"),
    (SoftmaxCrossEntropy(class_weight=[1.0, 0.2, 3.0]), "classes"),
    (SoftmaxCrossEntropy(label_smoothing=0.2, class_weight=[1.0, 0.2, 3.0]), "distributions"),
    (SoftmaxCrossEntropy(), "distributions"),
    (MeanSquaredError(), "classes"),
    (MeanSquaredError(), "distributions"),
    (SigmoidBinaryCrossEntropy(), "distributions"),
    (SigmoidBinaryCrossEntropy(), "classes"),
]


def targets_of(kind):
    x, y = batch()
    return (x, y) if kind == "classes" else (x, np.random.default_rng(5).dirichlet(np.ones(3), len(x)))


@pytest.mark.parametrize(("loss", "kind"), LOSSES)
def test_a_correct_network_passes_with_every_loss(loss, kind):
    report = check_gradients(mlp(4, [6], 3, "tanh"), *targets_of(kind), loss, tolerance=1e-7)
    assert report.passed, report


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), MeanSquaredError(), SigmoidBinaryCrossEntropy()])
def test_a_planted_error_in_the_gradient_of_a_loss_is_found(loss, monkeypatch):
    right = type(loss).__call__

    def wrong(self, *arguments):
        value, gradient = right(self, *arguments)
        return value, gradient * 1.001

    monkeypatch.setattr(type(loss), "__call__", wrong)
    report = check_gradients(mlp(4, [6], 3, "tanh"), *batch(), loss)
    assert not report.passed
    assert 5e-4 < report.directional < 2e-3


def large_network():
    rng = np.random.default_rng(6)
    x = rng.uniform(0, 1, (8, 784)) * (rng.random((8, 784)) < 0.2)
    return mlp(784, [128, 64], 10, seed=1), x, rng.integers(0, 10, 8)


def test_a_network_of_100_000_parameters_passes():
    network, x, y = large_network()
    report = check_gradients(network, x, y, elements=3, directions=5, tolerance=1e-6)
    assert report.passed, report
    assert report.checked["dense1.weight"] == 3


@pytest.mark.parametrize("name", ["dense1.weight", "dense2.weight", "dense3.weight"])
def test_random_directions_find_an_error_among_100_000_parameters(name, monkeypatch):
    right = Dense.backward

    def wrong(self, dy, tape):
        dx = right(self, dy, tape)
        if name.startswith(self.name):
            tape[self].gradient["weight"] *= 1.001
        return dx

    monkeypatch.setattr(Dense, "backward", wrong)
    network, x, y = large_network()
    report = check_gradients(network, x, y, elements=1, directions=5)
    assert report.directional > 1e-5


def test_the_check_leaves_network_and_arguments_unchanged():
    network = make("BatchNorm")
    x, y = batch()
    before = [a.tobytes() for a in (network.parameters.vector, network.statistics.vector, x, y)]
    check_gradients(network, x, y)
    assert [a.tobytes() for a in (network.parameters.vector, network.statistics.vector, x, y)] == before


def test_the_check_takes_uint8_pictures_and_lists():
    network = Sequential([Flatten(), Dense(3)], (2, 2))
    images = np.random.default_rng(0).integers(0, 256, (5, 2, 2), np.uint8)
    report = check_gradients(network, images, [0, 1, 2, 0, 1], tolerance=1e-7)
    assert report.passed, report
    assert report.checked == {"dense1.weight": 12, "dense1.bias": 3, "input": 20}


def test_network_without_parameters_is_checked_by_its_input():
    report = check_gradients(Sequential([LAYERS["Tanh"]()], (3,)), *batch(features=3))
    assert report.passed
    assert list(report.elementwise) == ["input"]
    assert report.directional == 0.0
