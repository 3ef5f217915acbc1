"""A loss that a user writes: five lines, and nothing about it can be forgotten."""

import numpy as np
import pytest

import handspun as hs

RNG = np.random.default_rng(6)
X = RNG.normal(size=(90, 5))
Y = RNG.normal(size=(90, 3))
CLASSES = RNG.integers(0, 3, 90)


class OwnSquares(hs.Loss):
    def per_sample(self, outputs, targets):
        difference = outputs - targets
        return (difference**2).mean(axis=1), 2 * difference / outputs.shape[1]


class Huber(hs.Loss):
    """With a parameter, and targets that are classes."""

    def __init__(self, delta=1.0):
        self.delta = delta

    def per_sample(self, outputs, targets):
        difference = outputs - np.eye(outputs.shape[1])[targets]
        small = np.abs(difference) <= self.delta
        values = np.where(small, 0.5 * difference**2, self.delta * (np.abs(difference) - 0.5 * self.delta))
        return values.sum(axis=1), np.clip(difference, -self.delta, self.delta)


def trained(loss, batch_size, **more):
    network = hs.mlp(5, [6], 3, "tanh", dtype=np.float64, seed=2)
    history = hs.fit(network, (X, Y), epochs=3, batch_size=batch_size, loss=loss, optimizer=hs.SGD(0.1), threads=1, **more)
    return network.parameters.vector, history["loss"]


@pytest.mark.parametrize("batch_size", [None, 20])
@pytest.mark.parametrize("weight", [None, RNG.uniform(0, 2, 90)], ids=["plain", "weighted"])
def test_a_custom_loss_trains_like_the_included_one(batch_size, weight):
    own, included = (trained(loss, batch_size, sample_weight=weight) for loss in (OwnSquares(), hs.MeanSquaredError()))
    np.testing.assert_allclose(own[0], included[0], rtol=1e-10)
    np.testing.assert_allclose(own[1], included[1], rtol=1e-12)


@pytest.mark.parametrize(("loss", "targets"), [(OwnSquares(), Y), (Huber(0.3), CLASSES)])
def test_gradients_of_a_custom_loss_are_checked(loss, targets):
    assert hs.check_gradients(hs.mlp(5, [4], 3, "tanh"), X[:20], targets[:20], loss).passed


def test_a_wrong_gradient_is_found():
    class Wrong(OwnSquares):
        def per_sample(self, outputs, targets):
            values, gradients = super().per_sample(outputs, targets)
            return values, gradients * 1.001

    assert not hs.check_gradients(hs.mlp(5, [4], 3, "tanh"), X[:20], Y[:20], Wrong()).passed


def test_classes_give_an_accuracy_whatever_the_loss():
    network = hs.mlp(5, [16], 3, seed=0)
    history = hs.fit(network, (X.astype(np.float32), CLASSES), epochs=2, loss=Huber())
    assert 0 <= history["accuracy"][-1] <= 1
    assert history["loss"][1] < history["loss"][0]


def test_a_loss_that_overrides_the_base_class_is_refused():
    with pytest.raises(hs.UsageError, match=r"Old: a loss defines per_sample\(outputs, targets\)"):

        class Old(hs.Loss):
            def __call__(self, outputs, targets, sample_weight=None, normalizer=None):
                return 0.0, outputs


@pytest.mark.parametrize(
    "result",
    [
        lambda z, t: (0.0, z - t),
        lambda z, t: (((z - t) ** 2).mean(axis=1, keepdims=True), z - t),
        lambda z, t: ((z - t) ** 2, z - t),
        lambda z, t: (((z - t) ** 2).mean(axis=1), (z - t).mean(axis=1)),
    ],
    ids=["the mean", "a column", "all elements", "one gradient per sample"],
)
def test_values_and_gradients_of_another_shape_are_refused(result):
    class Odd(hs.Loss):
        def per_sample(self, outputs, targets):
            return result(outputs, targets)

    with pytest.raises(
        hs.UsageError, match=r"Odd.per_sample must return a value for each sample, \(64,\), and gradients \(64, 3\)"
    ):
        hs.fit(hs.mlp(5, [], 3), (X, Y), epochs=1, loss=Odd(), threads=1)


def test_a_gradient_may_be_read_only_or_of_another_type():
    class Odd(OwnSquares):
        def per_sample(self, outputs, targets):
            values, gradients = super().per_sample(outputs, targets)
            gradients = gradients.astype(np.float64)
            gradients.flags.writeable = False
            return values.tolist(), gradients

    network, other = (hs.mlp(5, [4], 3, seed=1) for _ in range(2))
    hs.fit(network, (X, Y), epochs=1, loss=Odd(), threads=1)
    hs.fit(other, (X, Y), epochs=1, loss=OwnSquares(), threads=1)
    np.testing.assert_allclose(network.parameters.vector, other.parameters.vector, rtol=1e-5, atol=1e-7)


# Called by themselves ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "message"),
    [
        (hs.SoftmaxCrossEntropy(), X[:4, :3], [0, 1, 3, 0], "label 3 is out of range; the classes are 0 to 2"),
        (hs.SoftmaxCrossEntropy(), X[:4, :3], [0, 1, -1, 0], "label -1 is out of range"),
        (hs.SoftmaxCrossEntropy(), X[:4, :3], [0, 1, 2], r"4 images need 4 whole numbers as targets, got the shape \(3,\)"),
        (hs.SoftmaxCrossEntropy(), X[:4, :3], [0.0, 1.0, 2.0, 1.0], r"targets\.astype\(int\)"),
        (hs.SoftmaxCrossEntropy(), X[:4, :3], ["a", "b", "c", "a"], "targets"),
        (hs.SoftmaxCrossEntropy(), X[:4, :1], [0, 1, 1, 0], "needs at least two outputs"),
        (hs.SoftmaxCrossEntropy(), np.zeros((4, 3, 2, 2)), [0, 1, 1, 0], r"gives \(3, 2, 2\)\. Put Flatten\(\) and Dense"),
        (hs.MeanSquaredError(), np.zeros((4, 3, 2, 2)), [0, 1, 1, 0], r"gives \(3, 2, 2\)"),
        (hs.MeanSquaredError(), X[:4, :3], X[:4, :2], r"\(4, 3\), the targets \(4, 2\)"),
        (hs.MeanSquaredError(), X[:4, :3], X[:3, :3], "4 images and 3 targets"),
        (hs.MeanSquaredError(), X[0], X[0], "outputs must be numbers"),
        (hs.MeanSquaredError(), X[:4, :3], np.ma.masked_array(X[:4, :3], X[:4, :3] > 0), "masked"),
        (hs.MeanSquaredError(), X[:4, :3], X[:4, :3] * 1j, "complex"),
        (hs.SigmoidBinaryCrossEntropy(), X[:4, :1], [0, 1, 2, 0], "label 2 is out of range"),
        (hs.SigmoidBinaryCrossEntropy(), X[:4, :3], [[0, 1, np.nan]] * 4, "not finite"),
    ],
)
def test_the_loss_refuses_targets_that_do_not_fit(loss, outputs, targets, message):
    with pytest.raises(hs.UsageError, match=message):
        loss(outputs, targets)


@pytest.mark.parametrize("loss", [hs.SoftmaxCrossEntropy(), hs.MeanSquaredError(), hs.SigmoidBinaryCrossEntropy()])
def test_all_accepted_forms_of_labels_are_equivalent(loss):
    value, gradient = loss(X[:, :3], CLASSES)
    for labels in (
        CLASSES[:, None],
        CLASSES.astype(np.uint8),
        CLASSES.tolist(),
        CLASSES.astype(">i2"),
        np.repeat(CLASSES, 2)[::2],
    ):
        again, same = loss(X[:, :3], labels)
        assert again == value
        np.testing.assert_array_equal(same, gradient)


@pytest.mark.parametrize("weight", [np.ones(3), -np.ones(4), [1, 1, np.nan, 1], np.ones((4, 1))])
def test_the_loss_refuses_weights_that_do_not_fit(weight):
    with pytest.raises(hs.UsageError, match="sample_weight must be 4 finite numbers, none negative"):
        hs.MeanSquaredError()(X[:4, :3], X[:4, :3], weight)


@pytest.mark.parametrize("loss", [hs.MeanSquaredError(), hs.SigmoidBinaryCrossEntropy()])
def test_elementwise_losses_of_pictures_are_the_mean_over_all_outputs(loss):
    z, t, weight = RNG.normal(size=(4, 3, 5, 6)), RNG.random((4, 3, 5, 6)), np.array([1.0, 0.0, 2.5, 0.5])
    for sample_weight in (None, weight):
        value, gradient = loss(z, t, sample_weight)
        flat, flat_gradient = loss(z.reshape(4, -1), t.reshape(4, -1), sample_weight)
        assert value == pytest.approx(flat, rel=1e-14)
        np.testing.assert_allclose(gradient.reshape(4, -1), flat_gradient, rtol=1e-13)


def test_outputs_that_are_pictures_train_with_and_without_weights():
    x = RNG.random((8, 1, 6, 6)).astype(np.float32)
    for weight in (None, np.ones(8)):
        network = hs.Sequential([hs.Conv2D(1, 3, padding="same")], (1, 6, 6))
        expected = float(np.mean((network.logits(x) - x) ** 2))
        history = hs.fit(network, (x, x), epochs=1, batch_size=8, loss=hs.MeanSquaredError(), sample_weight=weight)
        assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_targets_of_another_shape_stay_as_a_loss_prepared_them():
    class Pixels(hs.Loss):
        def prepare_targets(self, targets, outputs, dtype=np.float64):
            return np.asarray(targets, np.intp)  # (N, H, W), a class for each pixel

        def per_sample(self, outputs, targets):
            hot = np.zeros_like(outputs)
            np.put_along_axis(hot, targets[:, None], 1.0, axis=1)
            difference = outputs - hot
            return (difference**2).mean(axis=(1, 2, 3)), 2.0 * difference / outputs[0].size

    images = RNG.random((8, 5, 5))
    classes = (images > 0.5).astype(int)
    hot = np.stack([classes == 0, classes == 1], axis=1).astype(float)
    losses = [
        hs.fit(hs.Sequential([hs.Conv2D(2, 3, padding=1)], (1, 5, 5), dtype=np.float64), (images, targets), loss=loss, epochs=3)
        for loss, targets in ((Pixels(), classes), (hs.MeanSquaredError(), hot))
    ]
    np.testing.assert_allclose(losses[0]["loss"], losses[1]["loss"], rtol=1e-12)
