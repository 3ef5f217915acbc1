"""The images that every contender trains on: MNIST, as stored."""

from __future__ import annotations

import numpy as np

from handspun.data import load_dataset
from handspun.errors import HandspunError

PIXELS = 28 * 28
CLASSES = 10
MNIST_SIZE = 60_000


class UnavailableError(Exception):
    """What a part of the benchmark needs cannot be had; the message says what and why."""


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


def as_floats(images: np.ndarray, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Pixels from 0 to 1 in an array of ``dtype``, made in one pass and without a second array of that size."""
    return np.multiply(images, np.dtype(dtype).type(1.0 / 255.0), dtype=dtype)
