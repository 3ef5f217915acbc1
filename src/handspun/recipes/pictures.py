"""The pictures of a run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from handspun import plots
from handspun.layers import Dense
from handspun.recipes.run import Result


def save_pictures(result: Result, folder: Path) -> list[Path]:
    """Draw what a training did and what the network makes of the test images; returns the files.

    Learning curves, learning rate, first-layer weights; and where there are test images: confusion matrix, a gallery of
    predictions, the worst mistakes.
    """
    history, network, classes = result.history, result.network, result.material.classes
    drawings: dict[str, Callable[[], Figure]] = {
        "learning-curves.png": lambda: plots.learning_curves(history),
        "learning-rate.png": lambda: plots.learning_rate(history),
    }
    first = next((layer for layer in network.layers if isinstance(layer, Dense)), None)
    if first is not None and first.weight.shape[0] == network.layers[0].output_shape(network.input_shape)[0]:
        drawings["first-layer-weights.png"] = lambda: plots.weight_images(first.weight, network.input_shape)
    test, evaluation = result.material.test, result.evaluation
    if test is not None and evaluation is not None:
        labels = test.labels
        assert labels is not None
        confidence = evaluation.probabilities.max(axis=1)
        drawings |= {
            "confusion-matrix.png": lambda: plots.confusion_matrix(evaluation.confusion, classes),
            "predictions.png": lambda: plots.prediction_gallery(
                test.images, labels, evaluation.predicted, confidence, classes
            ),
            "worst-mistakes.png": lambda: plots.worst_mistakes(test.images, labels, evaluation.probabilities, classes),
        }
    paths = []
    for name, draw in drawings.items():
        path = folder / name
        plots.save(draw(), path)
        paths.append(path)
    return paths
