"""Small figures of every kind, and what is drawn in a figure."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.text import Text

from handspun import plots

DIGITS = [str(digit) for digit in range(10)]
HISTORY = {
    "epoch": [1, 2, 3, 4],
    "loss": [0.9, 0.5, 0.3, 0.25],
    "accuracy": [0.70, 0.85, 0.91, 0.93],
    "validation_loss": [0.8, 0.5, 0.4, 0.45],
    "validation_accuracy": [0.72, 0.86, 0.90, 0.89],
    "learning_rate": [0.01, 0.008, 0.006, 0.004],
}


def texts(figure):
    """All that is written in the figure and not empty, in drawing order."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]


def written(figure):
    """(x, y, text) of what a sheet says."""
    return [(*text.get_position(), text.get_text()) for text in figure.axes[0].texts]


def images_in(figure):
    return [image.get_array() for image in figure.axes[0].images]


def line_data(axes, color):
    """The longest line of a colour: the curve, not the ring on it."""
    return max((line.get_xydata() for line in axes.lines if to_hex(line.get_color()) == color), key=len)


def random_images(count, shape=(28, 28), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def every_picture():
    rng = np.random.default_rng(1)
    images = random_images(12)
    labels = np.arange(12) % 10
    probabilities = rng.dirichlet(np.ones(10), 12)
    return {
        "learning_curves": plots.learning_curves(HISTORY),
        "learning_rate": plots.learning_rate(HISTORY),
        "confusion_matrix": plots.confusion_matrix(rng.integers(0, 50, (10, 10)), DIGITS),
        "confusion_matrix_30": plots.confusion_matrix(rng.integers(0, 9, (30, 30)), [f"c{i}" for i in range(30)]),
        "prediction_gallery": plots.prediction_gallery(images, labels, probabilities.argmax(1), probabilities.max(1), DIGITS),
        "worst_mistakes": plots.worst_mistakes(images, labels, probabilities, DIGITS),
        "no_mistakes": plots.worst_mistakes(images, probabilities.argmax(1), probabilities, DIGITS),
        "weight_images": plots.weight_images(rng.normal(0, 0.1, (784, 5)), (28, 28)),
        "filter_images": plots.filter_images(rng.normal(0, 0.1, (6, 5, 3, 5))),
        "feature_maps": plots.feature_maps(
            images[0], {"conv2d1": rng.normal(0, 1, (4, 9, 9)), "relu1": rng.random((20, 4, 5))}
        ),
        "sample_grid": plots.sample_grid(images, labels, DIGITS),
        "speed_bars": plots.speed_bars(["ours", "theirs"], [1.0, 2.5], spread=[0.1, 0.2]),
    }
