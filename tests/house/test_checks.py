"""Labels in every form that people have them: the class indices, or one error that says what to write instead."""

import numpy as np
import pytest

from handspun import checks
from handspun.errors import UsageError

RIGHT = np.array([2, 0, 1])


class Series:
    """Stands for a pandas Series with a type of pandas' own ("Int64", "string")."""

    dtype = "Int64"

    def __init__(self, values):
        self.values = np.array(values, object)

    def __repr__(self):
        return f"Series({self.values.tolist()})"

    def __array__(self, dtype=None, copy=None):
        return self.values

    def tolist(self):
        return self.values.tolist()


@pytest.mark.parametrize(
    "given",
    [
        [2, 0, 1],
        (2, 0, 1),
        [[2], [0], [1]],
        RIGHT[:, None],
        RIGHT.astype(np.uint8),
        RIGHT.astype(np.int8)[:, None],
        RIGHT.astype(">i4"),
        RIGHT.astype(np.uint64),
        RIGHT.astype(object),
        np.array([2, 9, 0, 9, 1])[::2],
        Series([2, 0, 1]),
    ],
    ids=str,
)
def test_labels_become_indices(given):
    found = checks.labels(given, 3, 3)
    assert found.dtype == np.intp
    assert found.tolist() == [2, 0, 1]


def test_booleans_are_the_classes_0_and_1():
    assert checks.labels([True, False], 2, 2).tolist() == [1, 0]
    assert checks.labels(np.array([[True], [False]]), 2).tolist() == [1, 0]


def test_the_labels_given_stay_as_they_are():
    given = np.array([0, 1])
    given.flags.writeable = False
    checks.labels(given, 2)[...] = 7
    assert given.tolist() == [0, 1]


def test_every_class_up_to_the_last_is_in_range():
    assert checks.labels(np.array([0, 255], np.uint8), 2, 256).tolist() == [0, 255]
    assert checks.labels([10**6], 1).tolist() == [10**6]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0, 1], r"3 images need 3 whole numbers as labels, got the shape \(2,\)"),
        ([0, 1, 2, 0], r"got the shape \(4,\)"),
        ([[0, 1, 2]], r"got the shape \(1, 3\)"),
        (np.eye(3), r"got \(3, 3\)\. If each row marks its class: labels\.argmax\(axis=1\)"),
        (np.zeros((3, 1, 1), int), r"got the shape \(3, 1, 1\)"),
        ([0.0, 1.0, 2.0], r"got float64\. Write labels\.astype\(int\)"),
        (np.array([[0], [1], [2]], np.float16), r"got float16\. Write labels\.astype\(int\)"),
        (Series(["a", "b", "a"]), "text such as .*'a'"),
        ([0, 1, np.nan], r"got float64\. Leave out the rows without a whole number"),
        ([0, 1, 0.5], r"got float64\. Leave out the rows without a whole number"),
        (["a", "b", "a"], r"text such as .*'a'.*Give each name's index in your list of classes"),
        ([b"a", b"b", b"a"], "text such as"),
        ([0, "b", 1], "text such as"),
        ([0, None, 1], "labels: an array of object"),
        ([10**400, 0, 1], "labels: an array of object"),
        ([1j, 0, 1], "complex"),
        (np.zeros(3, "M8[D]"), "datetime64"),
        (np.zeros(3, [("a", int)]), "structured array"),
        ([0, 1, 3], "label 3 is out of range; the classes are 0 to 2"),
        ([0, -1, 2], "label -1 is out of range"),
        (np.array([0, 1, 2**64 - 1], np.uint64), "label 18446744073709551615 is out of range"),
        (np.ma.array([0, 1, 2], mask=[False, True, False]), "masked array"),
        ([[0], [1, 2], [0]], "differ in length"),
        ({0, 1, 2}, "labels: an array of object"),
        (None, "labels: an array of object"),
        (5, r"got the shape \(\)"),
    ],
    ids=repr,
)
def test_other_labels_are_refused_with_what_to_write(given, message):
    with pytest.raises(UsageError, match=message):
        checks.labels(given, 3, 3)


def test_labels_without_a_limit_are_still_counted_from_0():
    for given in ([-1], np.array([2**63], np.uint64)):
        with pytest.raises(UsageError, match="counted from 0"):
            checks.labels(given, 1)


def test_a_sparse_matrix_is_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(UsageError, match=r"toarray\(\)"):
        checks.labels(sparse.csr_array(np.eye(3, dtype=int)), 3)


def test_labels_without_images_are_refused():
    with pytest.raises(UsageError, match="0 images need 0 whole numbers as labels: there are no images"):
        checks.labels([], 0)


def test_the_message_names_what_is_wrong():
    with pytest.raises(UsageError, match=r"^train: label 7 is out of range"):
        checks.labels([7], 1, 3, owner="train")
    with pytest.raises(UsageError, match=r"^2 images need 2 whole numbers as predicted, "):
        checks.labels([7], 2, name="predicted")
