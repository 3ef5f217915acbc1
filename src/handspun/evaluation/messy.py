"""Messy pictures: shifted, rotated, thick, noisy, inverted, on grey paper.

Test sets hold clean, centred digits; users' digits differ. Each version changes a whole set of pictures in one way, the same
every time, and a person can still read them easily. The idea is that of Hendrycks and Dietterich, "Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations" (ICLR 2019), and of Mu and Gilmer's MNIST-C (2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from handspun import checks
from handspun.augment import Augmentation
from handspun.augment.affine import affine, powers
from handspun.augment.resample import resample
from handspun.augment.thickness import change_thickness
from handspun.engine.memory import chunks
from handspun.errors import UsageError
from handspun.evaluation.metrics import wilson_interval

#: Strengths are in pixels of pictures with this height; on others they scale with the height.
SIDE = 28

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Takes pictures (n, H, W, C) uint8, which it does not change; returns changed ones of the same shape and type."""


@dataclass(frozen=True)
class Version:
    """One way in which pictures can be messy.

    Attributes:
        name: in one word.
        strength: in words; pixels are those of 28 × 28.
        change: makes the change.
        seed: the seed of its random numbers.
    """

    name: str
    strength: str
    change: Change
    seed: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """``images`` (N, H, W) or (N, H, W, C), uint8, changed: a new array of the same shape, the same every time.

        Raises:
            UsageError: images of another type or shape.
        """
        images = checks.byte_pictures("A messy version", images)
        rng = np.random.default_rng(self.seed)
        pictures = images if images.ndim == 4 else images[..., None]  # (N, H, W, C)
        result = np.empty(images.shape, np.uint8)
        for chunk in chunks(len(images), 256):  # keeps the intermediate arrays small
            result[chunk] = self.change(pictures[chunk], rng).reshape(result[chunk].shape)
        return result


def _pixels(images: np.ndarray, of_28: float) -> float:
    """A length in pixels of 28 × 28 as pixels of ``images``."""
    return of_28 * images.shape[1] / SIDE


def _shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return Augmentation(shift=_pixels(images, 4))(images, rng)


def _scaled(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count, height, width, _ = images.shape
    coefficients = affine((height, width), count, scale=rng.uniform(0.7, 1.2, count))
    result = np.empty_like(images)
    resample(images, coefficients, powers(height).astype(np.float32), powers(width).astype(np.float32), result)
    return result


def _thicker_by(pixels: float) -> Change:
    def change(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        result = np.empty_like(images)
        change_thickness(images, np.full(len(images), _pixels(images, pixels)), result)
        return result

    return change


def _blurred(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smoothed by a Gaussian, one axis after the other; outside the border the nearest pixel is repeated."""
    sigma = _pixels(images, 1.0)
    reach = math.ceil(3 * sigma)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    values = images.astype(np.float32)
    for axis in (1, 2):
        size = values.shape[axis]
        places = np.arange(size)
        smooth = np.zeros_like(values)
        for move, weight in zip(range(-reach, reach + 1), kernel, strict=True):
            smooth += np.float32(weight) * values.take(np.clip(places + move, 0, size - 1), axis=axis)
        values = smooth
    return np.rint(values).astype(np.uint8)


def _low_contrast(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.rint(90 + 0.3 * images.astype(np.float32)).astype(np.uint8)


MESSY: dict[str, Version] = {
    name: Version(name, strength, change, seed)
    for seed, (name, strength, change) in enumerate(
        (
            ("shifted", "up to 4 px along each axis", _shifted),
            ("scaled", "by 0.7 to 1.2", _scaled),
            ("rotated", "by up to 25° either way", Augmentation(rotation=25)),
            ("thick", "1 px more on each side of a stroke", _thicker_by(1.0)),
            ("thin", "0.5 px less on each side of a stroke", _thicker_by(-0.5)),
            ("noisy", "Gaussian noise, σ = 50 of 255", Augmentation(noise=50)),
            ("blurred", "Gaussian blur, σ = 1 px", _blurred),
            ("inverted", "dark strokes on white", lambda images, rng: 255 - images),
            ("low-contrast", "30 % of the contrast, on grey (90 of 255)", _low_contrast),
        )
    )
}
"""All versions by name, in the order in which they are shown."""


class Predictor(Protocol):
    """A network, or any other object with this method."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The class of each of ``images`` (N, H, W) or (N, H, W, C), uint8: (N,)."""
        ...


@dataclass(frozen=True)
class MessyResult:
    """The accuracy on one version.

    Attributes:
        name: of the version, or "clean".
        strength: in words.
        accuracy: the share of right answers, from 0 to 1.
        interval: the 95 % interval of the accuracy (Wilson's).
    """

    name: str
    strength: str
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class MessyEvaluation:
    """The result of ``evaluate_messy``.

    Attributes:
        clean: the accuracy on the unchanged pictures.
        versions: the accuracy on each messy version.
    """

    clean: MessyResult
    versions: tuple[MessyResult, ...]

    @property
    def mean(self) -> float:
        """The mean accuracy over the messy versions, from 0 to 1."""
        return sum(result.accuracy for result in self.versions) / len(self.versions)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, ready for JSON."""
        rows = [
            {"name": row.name, "strength": row.strength, "accuracy": row.accuracy, "accuracy_interval_95": list(row.interval)}
            for row in (self.clean, *self.versions)
        ]
        return {"mean_accuracy": self.mean, "versions": rows}


def evaluate_messy(
    network: Predictor,
    images: np.ndarray,
    labels: np.ndarray,
    prepare: Callable[[np.ndarray], np.ndarray] | None = None,
) -> MessyEvaluation:
    """Compare the answers for ``images``, clean and in each version of ``MESSY``, with ``labels``.

    Args:
        network: predicts the classes.
        images: (N, H, W) or (N, H, W, C), uint8.
        labels: (N,), the class of each.
        prepare: prepares the pictures for the network, clean ones too; None for no preparation.

    Raises:
        UsageError: images of another type or shape, or labels that are not one class for each image.
    """
    images = checks.byte_pictures("A messy version", images)
    labels = checks.labels(labels, len(images))

    def judge(name: str, strength: str, pictures: np.ndarray) -> MessyResult:
        predicted = np.asarray(network.predict(pictures if prepare is None else prepare(pictures)))
        if predicted.shape != labels.shape:
            raise UsageError(
                f"predict gave an array {predicted.shape} for {len(labels)} images; ({len(labels)},) was expected."
            )
        hits = int(np.count_nonzero(predicted == labels))
        return MessyResult(name, strength, hits / len(labels), wilson_interval(hits, len(labels)))

    clean = judge("clean", "as they are" if prepare is None else "as they are, through the contract", images)
    return MessyEvaluation(clean, tuple(judge(name, version.strength, version(images)) for name, version in MESSY.items()))
