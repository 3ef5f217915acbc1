"""Metrics called by themselves: right for every form of labels, or one error; never broadcast, never wrapped around."""

import numpy as np
import pytest

from handspun import UsageError, accuracy, class_scores, confusion_matrix, mcnemar, wilson_interval
from handspun.evaluation.messy import evaluate_messy
from handspun.evaluation.metrics import reliability

OUTPUTS = np.eye(3)
PROBABILITIES = np.full((3, 3), 1 / 3)


def test_a_column_of_labels_is_not_broadcast():
    outputs = np.zeros((10, 3))
    outputs[:, 0] = 1
    assert accuracy(outputs, np.zeros((10, 1), int)) == 1.0
    assert accuracy(OUTPUTS, np.array([[2], [0], [1]])) == 0.0
    assert reliability(OUTPUTS, np.array([[0], [1], [1]])).accuracy[-1] == pytest.approx(2 / 3)
    assert confusion_matrix([[0], [1]], [[1], [1]], 2).tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("kind", [np.uint8, np.int8, ">i4", object, bool])
def test_the_type_of_labels_makes_no_difference(kind):
    labels, predicted = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    assert confusion_matrix(labels.astype(kind), predicted.astype(kind), 2).tolist() == [[2, 0], [1, 1]]
    assert accuracy(np.eye(2)[predicted], labels.astype(kind)) == 0.75
    assert accuracy(np.eye(2)[predicted].tolist(), labels.astype(kind).tolist()) == 0.75


def test_small_integers_do_not_wrap_around():
    large = np.full(300, 199, np.uint8)
    assert confusion_matrix(large, large, 200)[199, 199] == 300
    assert class_scores(np.array([[200, 100], [0, 250]], np.uint8)).recall.tolist() == [200 / 300, 1.0]
    assert mcnemar(np.uint8(200), np.uint8(100)) == mcnemar(200, 100)
    assert wilson_interval(np.uint8(90), np.uint8(100)) == wilson_interval(90, 100)


WRONG_LABELS = [
    ([0.0, 1.0, 2.0], r"astype\(int\)"),
    ([0, 1], r"\(2,\)"),
    ([0, 1, 2, 0], r"\(4,\)"),
    ([0, 1, 3], "label 3 is out of range; the classes are 0 to 2"),
    ([0, 1, -1], "label -1 is out of range"),
    (["0", "1", "2"], "text"),
    (np.eye(3, dtype=int), "argmax"),
    (np.ma.array([0, 1, 2], mask=[0, 1, 0]), "masked"),
]


@pytest.mark.parametrize(("labels", "message"), WRONG_LABELS)
def test_labels_that_are_not_classes_are_refused(labels, message):
    for metric in (
        lambda: accuracy(OUTPUTS, labels),
        lambda: reliability(PROBABILITIES, labels),
        lambda: confusion_matrix([0, 1, 2], labels, 3),
    ):
        with pytest.raises(UsageError, match=message):
            metric()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([0, 1, 2], r"\(N, C\), a row per image; got int64 \(3,\)\. To compare predicted classes"),
        (np.zeros((3, 3, 1)), r"\(3, 3, 1\)"),
        (np.zeros((3, 0)), r"\(3, 0\)"),
        (np.zeros((2, 3)), r"2 images need 2 whole numbers as labels, got the shape \(3,\)"),
        ([["a", "b"]] * 3, "got <U1"),
        ([[0.5, np.nan, 0.5]] * 3, "row 0, counted from 0, is NaN"),
        ([[0.5, 0.5], [1.0]], "differ in length"),
        (np.zeros((3, 3), complex), "complex"),
    ],
)
def test_outputs_of_another_form_are_refused(outputs, message):
    for metric in (accuracy, reliability):
        with pytest.raises(UsageError, match=message):
            metric(outputs, [0, 1, 1])


def test_metrics_of_nothing_are_refused():
    for metric in (
        lambda: accuracy(np.zeros((0, 3)), []),
        lambda: reliability(np.zeros((0, 3)), []),
        lambda: confusion_matrix([], [], 3),
        lambda: evaluate_messy(None, np.zeros((0, 4, 4), np.uint8), []),
    ):
        with pytest.raises(UsageError, match="there are no images"):
            metric()


def test_logits_are_not_probabilities():
    for outputs in (3.0 * OUTPUTS, -OUTPUTS):
        with pytest.raises(UsageError, match=r"between 0 and 1\. Logits need a softmax first"):
            reliability(outputs, [0, 1, 2])


@pytest.mark.parametrize("classes", [0, -1, 2.5, True, None, "3"])
def test_the_number_of_classes_is_a_whole_number(classes):
    with pytest.raises(UsageError, match="classes must be a whole number above 0"):
        confusion_matrix([0], [0], classes)
    with pytest.raises(UsageError, match="bins must be a whole number above 0"):
        reliability(PROBABILITIES, [0, 1, 2], classes)


@pytest.mark.parametrize(
    "confusion", [np.ones((2, 3), int), np.ones(4, int), np.array([[0.5, 0.5], [0.0, 1.0]]), -np.eye(2, dtype=int), "ab", 3]
)
def test_scores_need_a_square_of_counts(confusion):
    with pytest.raises(UsageError, match=r"counts \(C, C\)"):
        class_scores(confusion)


@pytest.mark.parametrize("count", [-1, 1.5, 2.0, np.nan, "1", None, True])
def test_counts_are_whole_numbers(count):
    for call in (lambda: mcnemar(count, 3), lambda: mcnemar(3, count), lambda: wilson_interval(count, 3)):
        with pytest.raises(UsageError, match="must be a whole number, 0 or above"):
            call()


@pytest.mark.parametrize("z", [-1.0, np.nan, np.inf, "2"])
def test_z_is_a_finite_number(z):
    with pytest.raises(UsageError, match="wilson_interval: z must be a finite number"):
        wilson_interval(1, 3, z)


def test_predictions_of_another_shape_are_refused():
    class Column:
        def predict(self, images):
            return np.zeros((len(images), 1), int)

    with pytest.raises(UsageError, match=r"predict gave an array \(3, 1\) for 3 images; \(3,\) was expected"):
        evaluate_messy(Column(), np.zeros((3, 4, 4), np.uint8), [0, 0, 0])
