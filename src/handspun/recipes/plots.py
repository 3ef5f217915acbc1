"""The pictures of a run folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from handspun import plots
from handspun.augment import Augmentation
from handspun.layers import Conv2D, Dense
from handspun.networks.sequential import Sequential
from handspun.recipes.run import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_pictures(result: Result, folder: Path) -> list[Path]:
    """Draw what a training did and what the network makes of the test images; returns the files.

    Learning curves, learning rate, what augmentation does, weights or filters of the first layer; and where there are test
    images: confusion matrix, a gallery of predictions, the worst mistakes, the feature maps of one picture.
    """
    history, network, classes = result.history, result.network, result.material.classes
    drawings: dict[str, Callable[[], Figure]] = {
        "learning-curves.png": lambda: plots.learning_curves(history),
        "learning-rate.png": lambda: plots.learning_rate(history),
    }
    drawings |= _weights(network)
    drawings |= _augmentation(result)
    test, evaluation = result.material.test, result.evaluation
    if test is not None and evaluation is not None:
        labels = test.labels
        assert labels is not None
        confidence = evaluation.probabilities.max(axis=1)
        drawings["confusion-matrix.png"] = lambda: plots.confusion_matrix(evaluation.confusion, classes)
        images = as_pictures(test.images)
        if images is not None:
            if maps := {name: values[0] for name, values in network.activations(test.images[:1]).items() if values.ndim == 4}:
                drawings["feature-maps.png"] = lambda: plots.feature_maps(images[0], maps)
            drawings |= {
                "predictions.png": lambda: plots.prediction_gallery(images, labels, evaluation.predicted, confidence, classes),
                "worst-mistakes.png": lambda: plots.worst_mistakes(images, labels, evaluation.probabilities, classes),
            }
    paths = []
    for name, draw in drawings.items():
        path = folder / name
        plots.save(draw(), path)
        paths.append(path)
    return paths


def _augmentation(result: Result) -> dict[str, Callable[[], Figure]]:
    """The picture of what augmentation makes of some training images, where there is any."""
    before = as_pictures(result.material.train.images[:14])
    augment = result.settings.augment
    if augment is None or before is None:
        return {}
    change, rng = Augmentation.from_dict(augment), np.random.default_rng(result.settings.seed)
    return {"augmentation.png": lambda: plots.augmentation_grid(before, np.stack([change(before, rng) for _ in range(4)]))}


def _weights(network: Sequential) -> dict[str, Callable[[], Figure]]:
    """The picture of the first layer with weights, where they can be drawn."""
    first = next((layer for layer in network.layers if isinstance(layer, (Dense, Conv2D))), None)
    if isinstance(first, Conv2D) and first.weight.shape[2] in (1, 3):
        return {"first-layer-filters.png": lambda: plots.filter_images(first.weight)}
    shape = drawn_shape(network.input_shape)
    if isinstance(first, Dense) and shape is not None and first.weight.shape[0] == math.prod(shape):
        return {"first-layer-weights.png": lambda: plots.weight_images(first.weight, shape)}
    return {}


def drawn_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape in which inputs of ``shape`` can be drawn, flat ones as a square; None where they are no pictures."""
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return (side, side) if side * side == shape[0] else None
    if len(shape) == 3 and shape[2] not in (1, 3) and shape[0] not in (1, 3):
        return None
    return shape


def as_pictures(images: np.ndarray) -> np.ndarray | None:
    """Images (N, …) as they can be drawn; None where they are no pictures."""
    shape = drawn_shape(images.shape[1:])
    return None if shape is None else images.reshape(len(images), *shape)
