"""The splits of the data that settings ask for."""

import hashlib

import numpy as np
import pytest

from handspun import Dataset, Split, UsageError, load_dataset
from handspun.recipes import Settings
from handspun.recipes.run import prepare

DIGITS = tuple("0123456789")


def hashes(split):
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in split.images]


@pytest.fixture(scope="module")
def everything():
    """Hash to label of all images that come with handspun; no two of them are alike."""
    dataset = load_dataset("mnist-5k")
    found = dict(zip(hashes(dataset.train), dataset.train.labels.tolist(), strict=True))
    found |= zip(hashes(dataset.test), dataset.test.labels.tolist(), strict=True)
    assert len(found) == 5000
    return found


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        (Settings(), (3600, 400, 1000)),
        (Settings(validation=0.0), (4000, 0, 1000)),
        (Settings(pool_test=1234), (3389, 377, 1234)),
        (Settings(pool_test=1234, validation=0.0), (3766, 0, 1234)),
        (Settings(pool_test=2000, train_images=500, validation=0.2), (400, 100, 2000)),
        (Settings(train_images=1000, validation=0.0), (1000, 0, 1000)),
        (Settings(train_images=4000, validation=0.0), (4000, 0, 1000)),
    ],
)
def test_splits_have_their_sizes_and_share_no_image(settings, sizes, everything):
    material = prepare(settings)
    parts = [part for part in (material.train, material.validation, material.test) if part is not None]
    assert tuple(map(len, parts)) == tuple(size for size in sizes if size)
    seen = [name for part in parts for name in hashes(part)]
    assert len(set(seen)) == len(seen), "no image is in two parts"
    labels = np.concatenate([part.labels for part in parts])
    assert [everything[name] for name in seen] == labels.tolist()
    for part in parts:
        counts = np.bincount(part.labels, minlength=10)
        assert counts.max() - counts.min() <= 2, "stratified"
    assert material.classes == DIGITS
    assert material.image_shape == (28, 28)


def test_the_seed_decides_the_split():
    settings = Settings(pool_test=1000)
    first, same, other = (prepare(settings.replace(seed=seed)) for seed in (3, 3, 4))
    for part in ("train", "validation", "test"):
        assert getattr(first, part).content_hash == getattr(same, part).content_hash
        assert getattr(first, part).content_hash != getattr(other, part).content_hash


def test_without_pooling_the_test_images_are_the_published_ones():
    for seed in (0, 1):
        assert prepare(Settings(seed=seed)).test.content_hash == load_dataset("mnist-5k").test.content_hash


def dataset(labels, test_labels=None):
    def split(labels):
        return Split(np.zeros((len(labels), 2, 2), np.uint8), np.asarray(labels))

    return Dataset("mine", split(labels), None if test_labels is None else split(test_labels), ("a", "b"), "", "")


@pytest.mark.parametrize(
    ("settings", "given", "says"),
    [
        (Settings(pool_test=10), dataset([0, 1] * 5), "mnist-5k has 10 images, too few for pool_test = 10"),
        (Settings(train_images=11), dataset([0, 1] * 5), "too few for train_images = 11"),
        (Settings(), dataset([0, 1]), "validation = 0.1 of the images of mnist-5k: Holding out 0 of 2 images"),
        (Settings(), dataset([1, 1, 1]), r"All images of mnist-5k are of one class \(b\)"),
    ],
)
def test_too_few_images_are_refused(settings, given, says):
    with pytest.raises(UsageError, match=says):
        prepare(settings, given)


def test_test_images_without_labels_are_left_out():
    train = Split(np.zeros((20, 2, 2), np.uint8), np.arange(20) % 2)
    given = Dataset("mine", train, Split(np.zeros((5, 2, 2), np.uint8)), ("a", "b"), "", "")
    assert prepare(Settings(), given).test is None
    with pytest.raises(UsageError, match="no labels"):
        prepare(Settings(), Dataset("mine", Split(train.images), None, ("a", "b"), "", ""))
