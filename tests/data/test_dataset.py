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


def test_a_split_has_length_shape_and_subsets():
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
def test_a_subset_refuses_other_indices(indices):
    with pytest.raises(UsageError, match="Indices must"):
        Split(IMAGES, LABELS).subset(np.array(indices))


def test_the_content_hash_covers_type_shape_and_bytes():
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
def test_invalid_splits_are_refused(images, labels, message):
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
def test_invalid_datasets_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        dataset(**arguments)


def test_classes_are_numbered_up_to_the_largest_label():
    assert numbered_classes(Split(IMAGES, LABELS), None, Split(IMAGES)) == ("0", "1", "2")


@pytest.mark.parametrize(
    "change",
    [
        {"train": (IMAGES, LABELS)},
        {"train": None},
        {"test": (IMAGES, LABELS)},
        {"classes": "abc"},
        {"classes": (0, 1, 2)},
    ],
)
def test_parts_of_another_kind_are_refused(change):
    values = {
        "name": "d",
        "train": Split(IMAGES, LABELS),
        "test": None,
        "classes": ("a", "b", "c"),
        "source": "",
        "license": "",
    }
    Dataset(**values)
    with pytest.raises(UsageError, match=r"must be a Split, such as Split\(images, labels\)|classes must be names"):
        Dataset(**{**values, **change})


def test_bytes_and_floats_do_not_mix():
    floats = Split(IMAGES / 255, LABELS)
    with pytest.raises(DataError, match="the test images are float64, the training images uint8"):
        Dataset("d", Split(IMAGES, LABELS), floats, ("a", "b", "c"), "", "")
    Dataset("d", floats, Split(floats.images.astype(np.float32), LABELS), ("a", "b", "c"), "", "")


def test_masks_are_not_lost():
    for images, labels in ((np.ma.masked_array(IMAGES, IMAGES > 1), LABELS), (IMAGES, np.ma.masked_array(LABELS, LABELS > 1))):
        with pytest.raises(UsageError, match="masked array would lose its mask"):
            Split(images, labels)
    with pytest.raises(UsageError, match="masked array would lose its mask"):
        Split(IMAGES, LABELS).subset(np.ma.masked_array([0, 1], [True, False]))
