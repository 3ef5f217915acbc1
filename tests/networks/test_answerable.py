"""No class is named where there is none to name: values that are not finite, outputs that are pictures, no images."""

import numpy as np
import pytest

from handspun import Conv2D, Dense, Flatten, GlobalAvgPool, ReLU, Sequential, UsageError, cnn, evaluate, fit_confidence, mlp
from handspun.confidence.exposure import fit_head
from handspun.layers import GELU
from handspun.networks.answers import check_class_outputs

LABELS = np.array([1, 2, 3])

ASK = {
    "predict": lambda network, images: network.predict(images),
    "predict_proba": lambda network, images: network.predict_proba(images),
    "answer": lambda network, images: network.answer(images),
    "evaluate": lambda network, images: evaluate(network, images, LABELS),
    "fit_confidence": lambda network, images: fit_confidence(network, images, LABELS),
    "fit_head": lambda network, images: fit_head(network, images, [images]),
}
ask = pytest.mark.parametrize("ask", ASK.values(), ids=ASK)


@ask
@pytest.mark.parametrize(
    ("images", "value"),
    [
        (np.full((3, 30), 1e300), r"1e\+300"),
        (np.random.default_rng(0).choice([-3e38, 3e38], (3, 30)).astype(np.float32), r"3e\+38"),
    ],
    ids=["float64", "float32"],
)
def test_images_that_overflow_have_no_answer(ask, images, value):
    with pytest.raises(UsageError, match=rf"Image 0, counted from 0, .*{value}.*too large for float32.*Scale the images"):
        ask(mlp(30, [8, 8], 4), images)


def test_the_message_names_the_first_image_that_overflows():
    images = np.zeros((5, 30))
    images[3] = 1e300
    with pytest.raises(UsageError, match="Image 3,"):
        mlp(30, [8, 8], 4).predict(images)
    assert mlp(30, [8, 8], 4).predict(images[:3]).shape == (3,)
    assert np.isfinite(mlp(30, [8, 8], 4, dtype=np.float64).predict_proba(images)).all()


@ask
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_have_no_answer(ask, value):
    network = mlp(30, [8], 4)
    network.parameters.vector[3] = value
    with pytest.raises(UsageError, match="weights are not finite numbers: its training diverged"):
        ask(network, np.ones((3, 30), np.float32))


@ask
def test_weights_that_overflow_have_no_answer(ask):
    network = mlp(30, [8], 4)
    network.parameters.vector[...] = 3e38
    with pytest.raises(UsageError, match=r"weights \(up to 3e\+38\) are too large for float32"):
        ask(network, np.ones((3, 30), np.float32))


@ask
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_that_are_not_finite_have_no_answer(ask, value):
    images = np.ones((3, 30))
    images[1, 4] = value
    with pytest.raises(UsageError, match="Image 1, counted from 0, holds values that are not finite"):
        ask(mlp(30, [8], 4), images)


def test_a_network_without_parameters_names_the_images_that_overflow():
    with pytest.raises(UsageError, match=r"weights \(up to 0\)"):
        Sequential([Flatten(), GELU()], (2, 3)).predict(np.full((1, 6), 1e300))


@ask
@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (
            lambda: Conv2D(10, 3),
            (1, 28, 28),
            r"a picture \(10, 26, 26\)\. Put Flatten\(\) and Dense\(10\), or GlobalAvgPool\(\), at the end",
        ),
        (lambda: Conv2D(10, 28), (1, 28, 28), r"a picture \(10, 1, 1\)\. Put Flatten\(\), or GlobalAvgPool\(\), at the end"),
        (ReLU, (4, 5), r"an array \(4, 5\)\. Put Flatten\(\) and Dense\(4\) at the end"),
    ],
    ids=["pictures", "one pixel", "rows"],
)
def test_outputs_that_are_pictures_name_the_missing_layer(ask, make, shape, message):
    with pytest.raises(UsageError, match=message):
        ask(Sequential([make()], shape), np.ones((3, *shape)))


@pytest.mark.parametrize(
    "end", [lambda: [Flatten(), Dense(10)], lambda: [GlobalAvgPool()]], ids=["Flatten and Dense", "GlobalAvgPool"]
)
def test_the_layers_that_the_message_names_are_enough(end):
    network = Sequential([Conv2D(10, 3), *end()], (1, 8, 8))
    check_class_outputs(network.output_shape)
    assert network.predict(np.ones((3, 8, 8))).shape == (3,)


def test_logits_may_be_pictures():
    assert Sequential([Conv2D(10, 3)], (1, 28, 28)).logits(np.ones((3, 28, 28))).shape == (3, 10, 26, 26)


@pytest.mark.parametrize(("make", "shape"), [(lambda: mlp(784, [5], 10), (784,)), (lambda: cnn((28, 28), 10), (28, 28))])
def test_no_images_have_empty_answers(make, shape):
    network, none = make(), np.empty((0, *shape))
    assert network.predict(none).shape == (0,)
    assert network.predict_proba(none).shape == (0, 10)
    answers = network.answer(none.astype(np.uint8))
    assert answers.probabilities.shape == (0, 10)
    assert answers.predicted.shape == answers.score.shape == answers.verdict.shape == (0,)


@pytest.mark.parametrize("judge", [evaluate, fit_confidence])
def test_no_images_cannot_be_judged(judge):
    with pytest.raises(UsageError, match="there are no images"):
        judge(mlp(784, [5], 10), np.empty((0, 784)), [])


def test_one_image_is_judged():
    network = mlp(3, [], 2)
    image = np.array([[0.5, 0.0, 0.0]])
    label = network.predict(image)
    result = evaluate(network, image, label)
    assert result.accuracy == 1.0
    assert result.confusion.sum() == 1
    assert evaluate(network, image, 1 - label).accuracy == 0.0


def test_one_class_is_always_right():
    network = mlp(3, [4], 1)
    network.parameters.vector[...] = -1.0
    result = evaluate(network, np.ones((5, 3)), np.zeros(5, int))
    assert result.accuracy == 1.0
    assert result.confusion.tolist() == [[5, 0], [0, 0]]


@pytest.mark.parametrize("convert", [lambda y: y[:, None], list, lambda y: y.astype(np.uint8), lambda y: y.astype(object)])
def test_labels_in_other_forms_give_the_same_evaluation(convert):
    network, images = mlp(12, [5], 4, seed=1), np.random.default_rng(0).random((200, 12))
    labels = np.random.default_rng(1).integers(0, 4, 200)
    plain, other = evaluate(network, images, labels), evaluate(network, images, convert(labels))
    assert (plain.accuracy, plain.loss, plain.interval) == (other.accuracy, other.loss, other.interval)
    np.testing.assert_array_equal(plain.confusion, other.confusion)
    np.testing.assert_array_equal(plain.reliability.accuracy, other.reliability.accuracy)
    assert fit_confidence(network, images, labels) == fit_confidence(network, images, convert(labels))


@pytest.mark.parametrize("judge", [evaluate, fit_confidence])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0, 2.0], r"labels\.astype\(int\)"),
        (["a", "b", "c"], "text such as"),
        ([0, 1], r"got the shape \(2,\)"),
        ([0, 1, 4], "label 4 is out of range; the classes are 0 to 3"),
        ([0, 1, -1], "label -1 is out of range"),
        (np.eye(4)[:3], r"argmax\(axis=1\)"),
    ],
)
def test_labels_that_are_not_classes_are_refused(judge, labels, message):
    with pytest.raises(UsageError, match=message):
        judge(mlp(12, [5], 4), np.ones((3, 12)), labels)
