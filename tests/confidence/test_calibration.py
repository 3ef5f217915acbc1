"""Answers are as sure as they may be, and doubtful where they should be."""

import hashlib
import json

import numpy as np
import pytest

from handspun import Confidence, Dense, ModelFileError, Sequential, UsageError, cnn, fit, fit_confidence, load, mlp, save
from handspun.confidence.calibration import find_threshold, fit_temperature
from handspun.networks.answers import Head, energy
from handspun.optimization.losses import SoftmaxCrossEntropy, softmax


def drawn(rng, size, temperature):
    """Logits (size, 4), and labels (size,) drawn from softmax(logits/temperature), which is the truth about them."""
    logits = rng.normal(0.0, 4.0, (size, 4))
    cumulative = softmax(logits / temperature).cumsum(axis=1)
    return logits, (rng.random((size, 1)) > cumulative).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_drawn_labels_is_found(temperature):
    logits, labels = drawn(np.random.default_rng(0), 40_000, temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


def test_no_other_temperature_has_a_smaller_cross_entropy():
    logits, labels = drawn(np.random.default_rng(1), 500, 1.7)
    best = fit_temperature(logits, labels)

    def loss(temperature):  # with what holds few images back, which weighs as much as one of the 500
        return 500 * SoftmaxCrossEntropy()(logits / temperature, labels)[0] + 1 / temperature + np.log(temperature)

    around = best * np.array([0.9, 0.99, 0.999, 1.001, 1.01, 1.1])
    assert all(loss(best) < loss(temperature) for temperature in around)


def test_a_few_correct_answers_do_not_make_it_certain():
    logits = np.tile([[4.0, 0.0], [0.0, 3.0]], (10, 1))
    temperature = fit_temperature(logits, np.tile([0, 1], 10))
    assert 0.5 < temperature < 1.0
    assert softmax(logits / temperature).max() < 0.9999
    wrong = fit_temperature(logits, np.tile([1, 0], 10))
    assert 1.0 < wrong < 20.0


@pytest.mark.parametrize(("rate", "below"), [(0.0, 0), (0.1, 1), (0.19, 1), (0.25, 2), (0.99, 9)])
def test_the_threshold_leaves_the_share_below_it_rounded_down(rate, below):
    scores = np.random.default_rng(0).permutation(10) * 1.5
    threshold = find_threshold(scores, rate)
    assert threshold in scores
    assert np.count_nonzero(scores < threshold) == below


@pytest.fixture
def network():
    return mlp(12, [8], 3, seed=4, classes=["a", "b", "c"])


def test_the_rate_of_false_rejection_is_as_requested(network, blobs):
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


def test_without_confidence_nothing_is_unknown(network, blobs):
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


def test_equal_numbers_are_not_a_blank_picture():
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
def test_data_that_confidence_cannot_be_fitted_to_are_refused(network, blobs, labels, rate, message):
    with pytest.raises(UsageError, match=message):
        fit_confidence(network, blobs[0], labels, false_reject_rate=rate)


def test_with_a_single_output_the_least_certain_are_unknown():
    network = Sequential([Dense(1)], (1,))
    network.parameters["dense1.weight"][...] = 1.0
    z = np.linspace(-10.0, 10.0, 1001)[:, None]
    network.confidence = fit_confidence(network, z, z[:, 0] > 0, false_reject_rate=0.05)
    answers = network.answer(z)
    # A twentieth of all, those about zero, where no and yes are as probable as each other.
    np.testing.assert_array_equal(answers.verdict == "unknown", np.abs(z[:, 0]) < 0.495)
    np.testing.assert_allclose(answers.score, answers.score[::-1], rtol=1e-5)
    np.testing.assert_allclose(
        network.predict_proba(z), np.column_stack([1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))]), rtol=1e-5
    )


def test_a_score_that_is_nan_makes_the_verdict_unknown(network, blobs):
    huge = Head(np.full((network.feature_count, 2), 3e38, np.float32), np.zeros(2), np.array([1.0, -1.0]), np.zeros(1))
    network.confidence = Confidence(1.0, -1e9, 0.01, huge)
    images = np.full((3, 12), 100.0)
    answers = network.answer(images)
    assert np.isnan(answers.score).all()
    assert set(answers.verdict) == {"unknown"}


def test_a_network_with_nan_weights_gives_no_answer(network, blobs):
    network.confidence = fit_confidence(network, *blobs)
    network.parameters.vector[...] = np.nan
    with pytest.raises(UsageError, match="weights are not finite numbers: its training diverged"):
        network.answer(blobs[0])


def test_energy_is_a_smooth_maximum_that_does_not_overflow():
    logits = np.array([[0.0, 0.0], [1000.0, 0.0], [-1000.0, -1001.0]])
    assert energy(logits) == pytest.approx([np.log(2.0), 1000.0, -1000.0 + np.log1p(np.exp(-1.0))])


@pytest.fixture
def head():
    """For 8 features: D = 8, H = 2."""
    rng = np.random.default_rng(5)
    arrays = rng.normal(size=(8, 2)), rng.normal(3.0, 1.0, 2), rng.normal(size=2), rng.normal(size=1)
    return Head(*(array.astype(np.float32) for array in arrays))


def test_a_head_scores_the_features_before_the_last_layer(network, head, blobs):
    images, labels = blobs
    features, logits = network.features_and_logits(images)
    assert (features == network.activations(images)["relu1"]).all()
    assert (logits == network.logits(images)).all()
    expected = [
        sum(max(0.0, f @ head.hidden_weight[:, unit] + head.hidden_bias[unit]) * head.weight[unit] for unit in range(2))
        + head.bias[0]
        for f in features
    ]
    network.confidence = fit_confidence(network, images, labels, head=head, false_reject_rate=0.2)
    answers = network.answer(images)
    assert answers.score == pytest.approx(np.array(expected), rel=1e-4, abs=1e-4)
    assert np.count_nonzero(answers.verdict == "unknown") == 18


def test_features_are_flat_and_independent_of_chunks_and_threads():
    pytest.importorskip("threadpoolctl", reason="several threads need threadpoolctl")
    network = cnn((8, 8), 3, channels=(2,), kernel_size=3, hidden_layers=())
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8)).astype(np.uint8)
    features, logits = network.features_and_logits(images, threads=2)
    assert features.shape == (300, network.feature_count) == (300, 18)
    for i in (0, 31, 32, 299):
        one, z = network.features_and_logits(images[i : i + 1])
        assert one[0] == pytest.approx(features[i], rel=1e-5, abs=1e-6)
        assert z[0] == pytest.approx(logits[i], rel=1e-5, abs=1e-6)
    parameters = network.parameters
    assert features[7] @ parameters["dense1.weight"] + parameters["dense1.bias"] == pytest.approx(logits[7], abs=1e-5)


def test_the_features_of_a_single_layer_are_its_inputs():
    network = Sequential([Dense(2)], (3,), seed=0)
    images = np.arange(6.0).reshape(2, 3)
    assert (network.features_and_logits(images)[0] == images).all()


@pytest.mark.parametrize(
    "shapes", [((8, 2), (3,), (2,), (1,)), ((8, 2), (2,), (3,), (1,)), ((8, 2), (2,), (2,), (2,)), ((8,), (2,), (2,), (1,))]
)
def test_a_head_whose_arrays_do_not_fit_is_refused(shapes):
    with pytest.raises(UsageError, match="Head"):
        Head(*(np.zeros(shape) for shape in shapes))


def test_a_head_must_hold_finite_floats():
    with pytest.raises(UsageError, match="finite"):
        Head(np.full((8, 2), np.nan), np.zeros(2), np.zeros(2), np.zeros(1))
    with pytest.raises(UsageError, match="finite"):
        Head(np.zeros((8, 2), int), np.zeros(2), np.zeros(2), np.zeros(1))


def test_further_training_removes_the_confidence(network, blobs):
    network.confidence = fit_confidence(network, *blobs)
    fit(network, blobs, epochs=1)
    assert network.confidence is None


@pytest.mark.parametrize("with_head", [False, True])
def test_a_model_file_keeps_the_confidence(network, head, blobs, tmp_path, with_head):
    images, labels = blobs
    network.confidence = fit_confidence(network, images, labels, head=head if with_head else None, false_reject_rate=0.1)
    save(network, tmp_path / "model.npz")
    for twin in (load(tmp_path / "model.npz"), network.copy()):
        assert twin.confidence is not None
        assert twin.confidence.as_dict() == network.confidence.as_dict()
        mine, own = network.answer(images), twin.answer(images)
        assert (own.probabilities == mine.probabilities).all()
        assert (own.score == mine.score).all()
        assert (own.verdict == mine.verdict).all()
    save(load(tmp_path / "model.npz"), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()


def write_again(path, change):
    """Write a model file again after ``change(header, arrays)``, with the hashes of what it holds then."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    change(header, arrays)
    for name in header["sha256"]:
        if name in arrays:
            header["sha256"][name] = hashlib.sha256(arrays[name].tobytes()).hexdigest()
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header, arrays: arrays.pop("confidence.weight"), "lacks"),
        (lambda header, arrays: header["sha256"].pop("confidence.weight"), "cannot be understood"),
        (lambda header, arrays: arrays.update({"confidence.weight": np.zeros(3)}), "Head"),
        (lambda header, arrays: arrays.update({"confidence.bias": np.full(1, np.inf)}), "finite"),
        (lambda header, arrays: arrays.update({"confidence.hidden_weight": np.zeros((9, 2))}), "9 features"),
        (lambda header, arrays: arrays.update({"confidence.bias": np.zeros(1, np.uint8)}), "finite"),
    ],
)
def test_a_file_with_an_invalid_head_is_refused(network, head, tmp_path, change, message):
    path = tmp_path / "model.npz"
    network.confidence = Confidence(1.5, 2.0, 0.01, head)
    save(network, path)
    write_again(path, lambda header, arrays: None)
    load(path)
    write_again(path, change)
    with pytest.raises(ModelFileError, match=message):
        load(path)


def test_a_head_that_was_altered_is_refused(network, head, tmp_path):
    path = tmp_path / "model.npz"
    network.confidence = Confidence(1.5, 2.0, 0.01, head)
    save(network, path)
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    arrays["confidence.weight"] = arrays["confidence.weight"] * 1.001
    np.savez(path, **arrays)
    with pytest.raises(ModelFileError, match="altered"):
        load(path)


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
def test_a_file_with_an_invalid_confidence_is_refused(network, tmp_path, change, message):
    path = tmp_path / "model.npz"
    network.confidence = Confidence(1.5, 2.0, 0.01)
    save(network, path)
    write_again(path, lambda header, arrays: change(header["confidence"]))
    with pytest.raises(ModelFileError, match=message):
        load(path)
