"""Folders of pictures for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def noise(*shape) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


def save(path: Path, pixels, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def fill(root: Path, counts: dict[str, int], shape=(5, 4, 3), suffix=".png") -> dict[str, np.ndarray]:
    """Write so many pictures of noise into each folder; returns their pixels by name."""
    pictures = {f"{name}/{i}{suffix}": noise(*shape) for name, count in counts.items() for i in range(count)}
    for name, pixels in pictures.items():
        save(root / name, pixels)
    return pictures


def rows(images) -> list[bytes]:
    return [image.tobytes() for image in images]


def assert_equal(one, other):
    """Two data sets have the same images, labels and descriptions."""
    assert one.train.content_hash == other.train.content_hash
    assert one.test.content_hash == other.test.content_hash
    assert (one.name, one.classes, one.notes, one.source) == (other.name, other.classes, other.notes, other.source)
