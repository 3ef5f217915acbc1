"""The plots of a run folder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from handspun import plots
from handspun.augment import Augmentation
from handspun.layers import Conv2D, Dense
from handspun.plots.images import drawn_shape
from handspun.recipes.run import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_plots(result: Result, folder: Path) -> list[Path]:
    """Draw how a training went and what the network predicts for the test images; returns the files."""
    paths = []
    for name, figure in _figures(result):
        paths.append(folder / name)
        plots.save(figure, paths[-1])
    return paths


def _figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """The name of each file and its figure, drawn one at a time: all figures together take much memory."""
    history, network, classes = result.history, result.network, result.material.classes
    yield "learning-curves.png", plots.learning_curves(history)
    yield "learning-rate.png", plots.learning_rate(history)
    first = next((layer for layer in network.layers if isinstance(layer, (Dense, Conv2D))), None)
    shape = drawn_shape(network.input_shape)
    if isinstance(first, Conv2D) and first.weight.shape[2] in (1, 3):
        yield "first-layer-filters.png", plots.filter_images(first.weight)
    elif isinstance(first, Dense) and shape is not None and first.weight.shape[0] == math.prod(shape):
        yield "first-layer-weights.png", plots.weight_images(first.weight, shape)
    before = as_pictures(result.material.train.images[:14])
    if result.settings.augment is not None and before is not None:
        change, rng = Augmentation.from_dict(result.settings.augment), np.random.default_rng(result.settings.seed)
        yield "augmentation.png", plots.augmentation_grid(before, np.stack([change(before, rng) for _ in range(4)]))
    test, evaluation = result.material.test, result.evaluation
    if test is None or evaluation is None:
        return
    assert test.labels is not None
    yield "confusion-matrix.png", plots.confusion_matrix(evaluation.confusion, classes)
    images, probabilities = as_pictures(test.images), evaluation.probabilities
    if images is None:
        return
    if maps := {name: values[0] for name, values in network.activations(test.images[:1]).items() if values.ndim == 4}:
        yield "feature-maps.png", plots.feature_maps(images[0], maps)
    confidence = probabilities.max(axis=1)
    yield "predictions.png", plots.prediction_gallery(images, test.labels, evaluation.predicted, confidence, classes)
    yield "worst-mistakes.png", plots.worst_mistakes(images, test.labels, probabilities, classes)


def as_pictures(images: np.ndarray) -> np.ndarray | None:
    """Images (N, …) in a shape that can be drawn; None if they are not pictures."""
    shape = drawn_shape(images.shape[1:])
    return None if shape is None else images.reshape(len(images), *shape)
