from __future__ import annotations

import numpy as np
import pytest

from handspun.data import load_dataset
from handspun.errors import DataError

IMAGES = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def save(tmp_path, **arrays):
    np.savez(tmp_path / "data.npz", **arrays)
    return load_dataset(tmp_path / "data.npz")


@pytest.mark.parametrize(
    ("train", "test"),
    [(("x_train", "y_train"), ("x_test", "y_test")), (("images", "labels"), ("test_images", "test_labels"))],
)
def test_layouts_with_a_test_split_are_read(tmp_path, train, test):
    data = save(tmp_path, **dict(zip((*train, *test), (IMAGES, LABELS, IMAGES[:2], LABELS[:2]), strict=True)))
    assert np.array_equal(data.train.images, IMAGES)
    assert data.test is not None
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [0, 1]
    assert data.classes == ("0", "1", "2")
    assert save(tmp_path, **dict(zip(train, (IMAGES, LABELS), strict=True))).test is None


def test_x_and_y_with_classes_are_read(tmp_path):
    data = save(tmp_path, x=IMAGES / np.float32(255), y=LABELS, classes=np.array(["cat", "dog", "öre"]))
    assert data.train.images.dtype == np.float32
    assert data.classes == ("cat", "dog", "öre")


def test_integers_and_columns_of_labels_are_accepted(tmp_path):
    data = save(tmp_path, x=IMAGES.astype(np.int64), y=LABELS[:, None])
    assert data.train.images.dtype == np.uint8
    assert np.array_equal(data.train.images, IMAGES)
    assert data.train.labels is not None
    assert data.train.labels.shape == (6,)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": IMAGES}, "holds the arrays a; expected x_train and y_train"),
        ({}, "holds the arrays none"),
        ({"x": IMAGES}, 'lacks the array "y"'),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, 'lacks the array "y_test"'),
        ({"x": IMAGES.astype(int) + 250, "y": LABELS}, 'arrays "x" and "y": Images must be uint8'),
        ({"x": IMAGES, "y": np.eye(6)}, r"not float64 \(6, 6\)"),
        ({"x": IMAGES, "y": LABELS[:3]}, "6 images but 3 labels"),
        ({"x": IMAGES, "y": LABELS, "classes": np.arange(3)}, 'array "classes": expected names'),
        ({"x": IMAGES, "y": LABELS, "classes": np.array(["a", "b"])}, "there is a training label 2"),
        ({"x": IMAGES, "y": LABELS.astype(object)}, "Python objects"),
    ],
)
def test_faulty_archives_are_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message) as caught:
        save(tmp_path, **arrays)
    assert "data.npz" in str(caught.value)


@pytest.mark.parametrize("code", [0x7FFFFFFF, 0x110000, 0xD800])
def test_text_beyond_unicode_is_refused(tmp_path, code):
    classes = np.array(["a", "b", "c"])
    classes.view(np.uint32)[1] = code
    with pytest.raises(DataError, match=r'member "classes\.npy": it holds text that is not Unicode'):
        save(tmp_path, x=IMAGES, y=LABELS, classes=classes)


def test_a_single_array_is_not_a_dataset(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(DataError, match="holds one array"):
        load_dataset(tmp_path / "a.npy")
