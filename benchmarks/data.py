"""The images that every contender trains on: MNIST, as stored."""

from __future__ import annotations

import numpy as np

from handspun.data import load_dataset
from handspun.errors import HandspunError

SIDE = 28
PIXELS = SIDE * SIDE
CLASSES = 10
MNIST_SIZE = 60_000


class UnavailableError(Exception):
    """A part of the benchmark lacks something; the message says what and why."""


def require_mnist() -> None:
    """Make sure that MNIST can be loaded.

    Raises:
        UnavailableError: it cannot.
    """
    try:
        load_dataset("mnist")
    except HandspunError as error:
        raise UnavailableError(f"it needs MNIST, which cannot be loaded ({type(error).__name__})") from error


def training_images(dataset: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``count`` training images (count, 784) uint8 and labels (count,) of a dataset, repeated if it has fewer."""
    split = load_dataset(dataset).train
    assert split.labels is not None
    images = split.images.reshape(len(split), PIXELS)
    if count > len(images):
        times = -(-count // len(images))
        return np.tile(images, (times, 1))[:count], np.tile(split.labels, times)[:count]
    return images[:count], split.labels[:count]


def test_images() -> np.ndarray:
    """MNIST's 10,000 test images (10000, 784) uint8; if it cannot be loaded, all 5,000 of mnist-5k twice."""
    try:
        require_mnist()
    except UnavailableError:
        return training_images("mnist-5k", 10_000)[0]
    test = load_dataset("mnist").test
    assert test is not None
    return test.images.reshape(len(test), PIXELS)


def as_floats(images: np.ndarray, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Pixels from 0 to 1 in an array of ``dtype``, computed in one pass without a second array of that size."""
    return np.multiply(images, np.dtype(dtype).type(1.0 / 255.0), dtype=dtype)
