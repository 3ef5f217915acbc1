from __future__ import annotations

import hashlib

import numpy as np
import pytest

from handspun.data import Dataset, Split
from handspun.data.dataset import numbered_classes
from handspun.errors import DataError, UsageError

IMAGES = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
LABELS = np.array([0, 2, 1])


def dataset(train=None, test=None, classes=("a", "b", "c")):
    return Dataset("toy", Split(IMAGES, LABELS) if train is None else train, test, classes, "here", "none")


def test_length_shape_and_subset():
    split = Split(IMAGES, LABELS)
    assert len(split) == 3
    assert dataset().image_shape == (2, 2)
    part = split.subset(np.array([2, 0]))
    assert np.array_equal(part.images, IMAGES[[2, 0]])
    assert part.labels is not None
    assert part.labels.tolist() == [1, 0]
    assert Split(IMAGES).subset(np.array([1])).labels is None
    assert len(split.subset(np.array([], int))) == 0


@pytest.mark.parametrize("indices", [[3], [-1], [0.5], [[0]], [True]])
def test_subset_refuses_strays(indices):
    with pytest.raises(UsageError, match="Indices must"):
        Split(IMAGES, LABELS).subset(np.array(indices))


def test_content_hash_is_of_type_shape_and_bytes():
    split = Split(IMAGES, LABELS.astype(np.uint8))
    expected = hashlib.sha256(b"|u1(3, 2, 2)" + IMAGES.tobytes() + b"|u1(3,)" + bytes([0, 2, 1])).hexdigest()
    assert split.content_hash == expected
    assert Split(np.asfortranarray(IMAGES), LABELS.astype(np.uint8)).content_hash == expected
    others = [Split(IMAGES), Split(IMAGES, LABELS), Split(IMAGES.reshape(3, 4), LABELS), Split(IMAGES + 1, LABELS)]
    assert len({expected, *(other.content_hash for other in others)}) == 5


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ([[1]], None, "Images must be an array .* not list"),
        (np.zeros(3, np.uint8), None, r"not uint8 \(3,\)"),
        (np.zeros((3, 2, 2), int), None, "must be uint8 .* not int64"),
        (np.zeros((3, 0, 2), np.uint8), None, "have no pixels"),
        (np.array([[np.nan, 1]]), None, "NaN or infinity"),
        (np.array([[1, -np.inf]]), None, "NaN or infinity"),
        (IMAGES, [0, 1, 2], "one class number per image, not list"),
        (IMAGES, np.zeros((3, 10), int), r"not int64 \(3, 10\)"),
        (IMAGES, np.zeros(3), r"Labels must be integers, not float64; convert them: labels.astype\(int\)"),
        (IMAGES, np.array(["cat", "dog", "cat"]), r"not <U3; convert them: .*np.unique\(names, return_inverse=True\)"),
        (IMAGES, np.zeros(2, int), "3 images but 2 labels"),
        (IMAGES, np.array([0, -1, 1]), "there is a label -1"),
    ],
)
def test_splits_that_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        Split(images, labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": Split(IMAGES[:0], LABELS[:0])}, "toy: there are no images"),
        ({"test": Split(IMAGES[:, :1], LABELS)}, r"test images have shape \(1, 2\)"),
        ({"classes": ("a", "b")}, "there is a training label 2, but the 2 classes"),
        ({"test": Split(IMAGES, LABELS + 1)}, "there is a test label 3, but the 3 classes"),
        ({"classes": ("a", "a", "b")}, "its own name"),
        ({"classes": ()}, "its own name"),
    ],
)
def test_datasets_that_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        dataset(**arguments)


def test_numbered_classes():
    assert numbered_classes(Split(IMAGES, LABELS), None, Split(IMAGES)) == ("0", "1", "2")
