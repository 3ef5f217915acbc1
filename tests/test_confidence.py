"""Answers are as sure as they may be, and doubtful where they should be."""

import hashlib
import json

import numpy as np
import pytest

from handspun import Confidence, ModelFileError, UsageError, fit_confidence, load, mlp, save
from handspun.calibration import fit_temperature
from handspun.losses import SoftmaxCrossEntropy, softmax


def drawn(rng, size, temperature):
    """Logits (size, 4), and labels (size,) drawn from softmax(logits/temperature), which is the truth about them."""
    logits = rng.normal(0.0, 4.0, (size, 4))
    cumulative = softmax(logits / temperature).cumsum(axis=1)
    return logits, (rng.random((size, 1)) > cumulative).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature):
    logits, labels = drawn(np.random.default_rng(0), 40_000, temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


def test_no_other_temperature_has_a_smaller_cross_entropy():
    logits, labels = drawn(np.random.default_rng(1), 500, 1.7)
    best = fit_temperature(logits, labels)

    def loss(temperature):
        return SoftmaxCrossEntropy()(logits / temperature, labels)[0]

    around = best * np.array([0.9, 0.99, 0.999, 1.001, 1.01, 1.1])
    assert all(loss(best) < loss(temperature) for temperature in around)


def test_where_all_answers_are_right_the_temperature_stops_at_its_bound():
    assert fit_temperature(np.array([[5.0, 0.0], [0.0, 3.0]]), np.array([0, 1])) == pytest.approx(0.05)


@pytest.fixture
def network():
    return mlp(12, [8], 3, seed=4, classes=["a", "b", "c"])


def test_the_rate_of_false_rejection_is_that_asked_for(network, blobs):
    images, labels = blobs
    network.confidence = fit_confidence(network, images, labels, false_reject_rate=0.1)
    answers = network.answer(images)
    assert np.count_nonzero(answers.verdict == "unknown") == 9  # of 90
    assert answers.score[answers.verdict == "unknown"].max() < network.confidence.threshold
    assert network.confidence.false_reject_rate == 0.1


def test_answers_are_calibrated_and_name_the_same_classes(network, blobs):
    images, _ = blobs
    network.confidence = Confidence(temperature=2.0, threshold=-100.0, false_reject_rate=0.01)
    answers = network.answer(images)
    assert answers.probabilities == pytest.approx(softmax(network.logits(images) / 2.0))
    assert (answers.predicted == network.predict(images)).all()
    assert set(answers.verdict) == {"known"}


def test_without_confidence_probabilities_are_plain_and_nothing_is_unknown(network, blobs):
    images, _ = blobs
    answers = network.answer(images)
    assert (answers.probabilities == network.predict_proba(images)).all()
    assert set(answers.verdict) == {"known"}
    assert np.isnan(answers.score).all()


@pytest.mark.parametrize("value", [0, 90, 255])
@pytest.mark.parametrize("confidence", [None, Confidence(1.0, -100.0, 0.01), Confidence(1.0, 100.0, 0.01)])
def test_a_blank_picture_has_no_class(network, value, confidence):
    network.confidence = confidence
    images = np.full((2, 4, 3), value, np.uint8)
    images[1, 2, 1] ^= 1
    answers = network.answer(images)
    assert answers.verdict[0] == "empty"
    assert answers.predicted[0] == -1
    assert not answers.probabilities[0].any()
    assert answers.verdict[1] != "empty"
    assert answers.predicted[1] >= 0


def test_numbers_that_are_all_alike_are_no_blank_picture():
    answers = mlp(2, [], 2, seed=0).answer(np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert list(answers.verdict) == ["known", "known"]


def test_a_single_output_answers_no_and_yes():
    network = mlp(3, [], 1, seed=1)
    images = np.random.default_rng(0).normal(size=(20, 3))
    labels = np.arange(20) % 2
    network.confidence = fit_confidence(network, images, labels, false_reject_rate=0.25)
    answers = network.answer(images)
    z = network.logits(images)[:, 0] / network.confidence.temperature
    assert answers.probabilities[:, 1] == pytest.approx(1.0 / (1.0 + np.exp(-z)))
    assert (answers.predicted == network.predict(images)).all()
    assert np.count_nonzero(answers.verdict == "unknown") == 5


@pytest.mark.parametrize(
    ("labels", "rate", "message"),
    [
        (np.zeros(89, int), 0.01, "90 whole numbers"),
        (np.zeros(90), 0.01, "whole numbers"),
        (np.full(90, 3), 0.01, "0 to 2"),
        (np.full(90, -1), 0.01, "0 to 2"),
        (np.zeros(90, int), 1.0, "false_reject_rate"),
        (np.zeros(90, int), -0.1, "false_reject_rate"),
    ],
)
def test_what_cannot_be_fitted_to_is_refused(network, blobs, labels, rate, message):
    with pytest.raises(UsageError, match=message):
        fit_confidence(network, blobs[0], labels, false_reject_rate=rate)


def test_confidence_goes_with_the_model(network, blobs, tmp_path):
    images, labels = blobs
    network.confidence = fit_confidence(network, images, labels)
    save(network, tmp_path / "model.npz")
    for twin in (load(tmp_path / "model.npz"), network.copy()):
        assert twin.confidence == network.confidence
        assert (twin.answer(images).probabilities == network.answer(images).probabilities).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: entry.update(temperature=0.0), "above 0"),
        (lambda entry: entry.update(temperature="1"), "finite"),
        (lambda entry: entry.update(threshold=float("nan")), "finite"),
        (lambda entry: entry.update(false_reject_rate=1.0), "share"),
        (lambda entry: entry.update(treshold=1.0), "did you mean"),
        (lambda entry: entry.pop("threshold"), "lacks"),
    ],
)
def test_a_file_with_a_confidence_that_cannot_be_is_refused(network, tmp_path, change, message):
    path = tmp_path / "model.npz"
    network.confidence = Confidence(1.5, 2.0, 0.01)
    save(network, path)
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    assert header["sha256"]["parameters"] == hashlib.sha256(arrays["parameters"].tobytes()).hexdigest()
    change(header["confidence"])
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, allow_pickle=False, **arrays)
    with pytest.raises(ModelFileError, match=message):
        load(path)
