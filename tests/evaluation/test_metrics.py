"""Metrics against numbers by hand, brute force, and other libraries where they are installed."""

import math
from fractions import Fraction

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.evaluation.metrics import accuracy, class_scores, confusion_matrix, correct, mcnemar, reliability, wilson_interval

LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 1, 1, 2, 2, 2, 0, 2])


def test_accuracy_counts_rows_with_the_largest_output_at_the_label():
    outputs = np.array([[1.0, 2.0, 0.0], [3.0, 2.0, 1.0], [0.0, 0.0, 1.0], [0.0, 5.0, 1.0]])
    labels = np.array([1, 0, 0, 2])
    assert correct(outputs, labels) == 2
    assert accuracy(outputs, labels) == 0.5


def test_accuracy_of_one_output_is_yes_above_zero():
    outputs = np.array([[0.5], [-0.5], [0.0], [2.0]])
    assert correct(outputs, np.array([1, 0, 0, 0])) == 3


def test_confusion_matrix_by_hand():
    assert confusion_matrix(LABELS, PREDICTED, 3).tolist() == [[2, 1, 0], [0, 1, 1], [1, 0, 3]]
    assert confusion_matrix(LABELS, PREDICTED, 4)[3].tolist() == [0, 0, 0, 0]


def test_confusion_matrix_takes_labels_of_one_byte():
    labels = np.full(10, 199, np.uint8)
    matrix = confusion_matrix(labels, np.full(10, 198, np.uint8), 200)
    assert matrix[199, 198] == 10
    assert matrix.sum() == 10


def test_class_scores_by_hand():
    scores = class_scores(np.array([[2, 1, 0], [0, 1, 1], [1, 0, 3]]))
    np.testing.assert_allclose(scores.precision, [2 / 3, 1 / 2, 3 / 4], rtol=1e-15)
    np.testing.assert_allclose(scores.recall, [2 / 3, 1 / 2, 3 / 4], rtol=1e-15)
    np.testing.assert_allclose(scores.f1, [2 / 3, 1 / 2, 3 / 4], rtol=1e-15)
    assert scores.support.tolist() == [3, 2, 4]
    uneven = class_scores(np.array([[5, 5], [0, 90]]))
    np.testing.assert_allclose(uneven.precision, [1, 90 / 95], rtol=1e-15)
    np.testing.assert_allclose(uneven.recall, [0.5, 1], rtol=1e-15)
    np.testing.assert_allclose(uneven.f1, [2 / 3, 180 / 185], rtol=1e-15)


def test_scores_without_a_denominator_are_zero():
    scores = class_scores(np.array([[4, 0, 0], [2, 0, 0], [0, 0, 0]]))
    assert scores.precision.tolist() == [4 / 6, 0, 0]
    assert scores.recall.tolist() == [1, 0, 0]
    assert scores.f1.tolist() == [0.8, 0, 0]


def test_confusion_and_scores_agree_with_scikit_learn():
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 500)
    predicted = np.where(rng.random(500) < 0.7, labels, rng.integers(0, 6, 500))
    confusion = confusion_matrix(labels, predicted, 6)
    np.testing.assert_array_equal(confusion, reference.confusion_matrix(labels, predicted))
    scores = class_scores(confusion)
    expected = reference.precision_recall_fscore_support(labels, predicted)
    for own, theirs in zip((scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-14)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3 (score without continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_equals_published_values(hits, total, low, high):
    own = wilson_interval(hits, total)
    assert own == (pytest.approx(low, abs=5.1e-5), pytest.approx(high, abs=5.1e-5))


@pytest.mark.parametrize(("hits", "total"), [(1, 3), (9850, 10000), (50, 100), (99, 100)])
@pytest.mark.parametrize("z", [1.0, 1.959963984540054, 3.0])
def test_wilson_limits_lie_z_standard_errors_from_the_share(hits, total, z):
    share = hits / total
    for p in wilson_interval(hits, total, z):
        assert abs(share - p) == pytest.approx(z * math.sqrt(p * (1 - p) / total), rel=1e-9)


def test_wilson_interval_of_all_or_nothing_ends_at_the_edge():
    low, high = wilson_interval(0, 10)
    assert low == 0.0
    assert 0.0 < high < 0.3
    assert wilson_interval(10, 10) == (pytest.approx(1 - high), 1.0)


@pytest.mark.parametrize(("hits", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_interval_refuses_what_is_not_a_proportion(hits, total):
    with pytest.raises(UsageError, match=r"proportion|0 or above"):
        wilson_interval(hits, total)


def exact(only_a, only_b):
    n, fewer = only_a + only_b, min(only_a, only_b)
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(fewer + 1))
    return float(min(Fraction(1), 2 * tail))


@pytest.mark.parametrize("pair", [(0, 0), (0, 1), (5, 5), (0, 10), (3, 9), (12, 25), (25, 12), (100, 140), (480, 560)])
def test_mcnemar_equals_the_exact_sum_of_binomials(pair):
    assert mcnemar(*pair) == pytest.approx(exact(*pair), rel=1e-10)


def test_mcnemar_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    for a, b in ((1, 8), (30, 51), (200, 200), (4000, 4200)):
        assert mcnemar(a, b) == pytest.approx(stats.binomtest(a, a + b).pvalue, rel=1e-8)


def test_reliability_by_hand():
    sure = np.array([0.55, 0.65, 0.9, 0.95, 1.0])  # in bins of a fifth: 2, 3, 4, 4, 4
    found = reliability(np.stack([sure, 1 - sure], axis=1), np.array([0, 1, 0, 1, 0]), bins=5)
    assert found.count.tolist() == [0, 0, 1, 1, 3]
    assert found.confidence == pytest.approx([0, 0, 0.55, 0.65, 2.85 / 3])
    assert found.accuracy == pytest.approx([0, 0, 1, 0, 2 / 3])
    assert found.error == pytest.approx((0.45 + 0.65 + 3 * abs(2 / 3 - 0.95)) / 5)


def test_honest_probabilities_have_a_small_calibration_error():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1.0, 50_000)
    labels = (rng.random(50_000) > sure).astype(int)
    honest = reliability(np.stack([sure, 1 - sure], axis=1), labels)
    bold = np.minimum(sure + 0.1, 1.0)
    assert honest.error < 0.01
    assert reliability(np.stack([bold, 1 - bold], axis=1), labels).error == pytest.approx(0.1 - 0.01, abs=0.01)


def test_reliability_needs_a_label_for_each_image():
    with pytest.raises(UsageError, match="labels"):
        reliability(np.full((3, 2), 0.5), np.zeros(2, int))
    with pytest.raises(UsageError, match="labels"):
        reliability(np.zeros((0, 2)), np.zeros(0, int))
