"""``check_gradients`` with invalid arguments, a user's own layers, and batches of one."""

import numpy as np
import pytest

from handspun import (
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    Loss,
    MeanSquaredError,
    Sequential,
    UsageError,
    check_gradients,
    mlp,
)

X = np.random.default_rng(0).normal(size=(5, 4))
Y = np.array([0, 1, 2, 0, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"elements": 0}, "elements must be a whole number above 0"),
        ({"elements": 2.5}, "elements must be a whole number"),
        ({"directions": -1}, "directions must be a whole number"),
        ({"directions": "3"}, "directions must be a whole number"),
        ({"tolerance": 0.0}, "tolerance must be a finite number"),
        ({"tolerance": -1e-6}, "tolerance must be a finite number"),
        ({"tolerance": np.nan}, "tolerance must be a finite number"),
        ({"tolerance": "small"}, "tolerance must be a finite number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"loss": MeanSquaredError}, r"the class MeanSquaredError: make one, MeanSquaredError\(…\)"),
        ({"loss": "mse"}, "loss: Loss was expected, got 'mse'"),
        ({"network": "mlp"}, "network: Sequential was expected"),
        ({"x": np.ma.array(X, mask=X > 1)}, "masked array"),
        ({"x": X.astype(complex)}, "complex"),
        ({"x": X.astype(int)}, "uint8"),
        ({"x": X[:, :3]}, r"\(3,\) each, but the network takes \(4,\)"),
        ({"x": np.where(X > 1, np.nan, X)}, "not finite numbers"),
        ({"x": X[:0], "y": Y[:0]}, "x has 0 inputs"),
        ({"y": Y[:3]}, r"x has 5 inputs, y has the shape \(3,\)"),
        ({"y": 1}, r"y has the shape \(\)"),
        ({"y": [[0], [1, 2], [0], [0], [0]]}, "differ in length"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    given = {"network": mlp(4, [3], 3), "x": X, "y": Y, **arguments}
    with pytest.raises(UsageError, match=message):
        check_gradients(**given)


def test_without_directions_only_elements_are_checked():
    report = check_gradients(mlp(4, [3], 3), X, Y, directions=0, elements=1)
    assert report.passed
    assert report.directional == 0.0
    assert set(report.checked.values()) == {1}


@pytest.mark.parametrize("training", [True, False])
def test_one_image_is_enough(training):
    assert check_gradients(mlp(4, [3], 3, "tanh"), X[:1], Y[:1], training=training).passed


def test_lists_and_other_types_of_floats_are_accepted():
    for x in (X.tolist(), X.astype(np.float16), X.astype(">f8"), np.asfortranarray(X)):
        assert check_gradients(mlp(4, [3], 3, "tanh"), x, Y.tolist(), elements=5).passed


def test_huge_inputs_are_refused_by_the_loss():
    with pytest.raises(UsageError, match="MeanSquaredError gave the value inf"):
        check_gradients(mlp(4, [3], 3), np.full((5, 4), 1e300), Y, MeanSquaredError())


class Halved(Layer):
    """A user's own layer: half of its input."""

    def forward(self, x, tape):
        return 0.5 * x

    def backward(self, dy, tape):
        return 0.5 * dy


class Forgetful(Halved):
    def backward(self, dy, tape):
        return None


class Flat(Halved):
    def backward(self, dy, tape):
        return np.ones(len(dy))


def test_a_users_own_layer_is_checked():
    assert check_gradients(Sequential([Halved(), Dense(3)], (4,)), X, Y).passed

    class Wrong(Halved):
        def backward(self, dy, tape):
            return 0.5005 * dy

    report = check_gradients(Sequential([Wrong(), Dense(3)], (4,)), X, Y)
    assert report.elementwise["input"] == pytest.approx(1e-3, rel=0.02)
    assert not report.passed


@pytest.mark.parametrize(("kind", "found"), [(Forgetful, "nothing"), (Flat, r"\(5,\)")])
def test_a_backward_that_returns_no_input_gradient_is_refused(kind, found):
    with pytest.raises(UsageError, match=rf"backward gave {found} for inputs \(5, 4\)"):
        check_gradients(Sequential([kind(), Dense(3)], (4,)), X, Y)


def test_pictures_and_batch_statistics_are_checked():
    network = Sequential([Conv2D(3, 3), BatchNorm(), Flatten(), Dense(3)], (1, 6, 6))
    images = np.random.default_rng(1).integers(0, 256, (5, 6, 6), np.uint8)
    report = check_gradients(network, images, Y)
    assert report.passed, report
    assert report.checked["input"] == 50


class AbsoluteError(Loss):
    """A user's own loss, in five lines."""

    def per_sample(self, outputs, targets):
        difference = outputs - targets
        return np.abs(difference).mean(axis=1), np.sign(difference) / outputs.shape[1]


def test_a_users_own_loss_is_checked():
    y = np.random.default_rng(2).normal(size=(5, 3))
    assert check_gradients(mlp(4, [3], 3, "tanh"), X, y, AbsoluteError()).passed

    class WrongError(AbsoluteError):
        def per_sample(self, outputs, targets):
            values, gradients = super().per_sample(outputs, targets)
            return values, 1.001 * gradients

    report = check_gradients(mlp(4, [3], 3, "tanh"), X, y, WrongError())
    assert not report.passed
    assert report.directional == pytest.approx(1e-3, rel=0.02)


@pytest.mark.parametrize("targets", [[0, 1, 2, 0, 3], [0, 1, 2, 0, -1], ["a"] * 5, np.eye(4), [0.0, 1.0, 2.0, 0.0, 1.0]])
def test_targets_that_do_not_fit_are_refused(targets):
    with pytest.raises(UsageError):
        check_gradients(mlp(4, [3], 3), X, targets)


def test_a_column_of_classes_is_accepted():
    plain, column = (check_gradients(mlp(4, [3], 3), X, y, elements=3) for y in (Y, Y[:, None]))
    assert plain == column
