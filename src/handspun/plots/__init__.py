"""Plots of a training run, a network and its data: plain arrays in, a matplotlib ``Figure`` out.

Each module holds one kind of plot. Nothing here changes pyplot or the user's own matplotlib settings, and `save` writes the
same bytes for the same figure. Begin with ``curves.py``; ``sheet.py`` draws small images at whole pixels.
"""

from __future__ import annotations

from handspun.errors import MissingExtraError

try:
    import matplotlib  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError("Plotting", "cli") from error

from handspun.plots.augmentation import augmentation_grid, version_grid
from handspun.plots.confusion import confusion_matrix
from handspun.plots.curves import learning_curves, learning_rate
from handspun.plots.feature_maps import feature_maps
from handspun.plots.gallery import prediction_gallery, worst_mistakes
from handspun.plots.reliability import reliability_diagram
from handspun.plots.samples import sample_grid
from handspun.plots.style import save
from handspun.plots.timing import speed_bars
from handspun.plots.weights import filter_images, weight_images

__all__ = [
    "augmentation_grid",
    "confusion_matrix",
    "feature_maps",
    "filter_images",
    "learning_curves",
    "learning_rate",
    "prediction_gallery",
    "reliability_diagram",
    "sample_grid",
    "save",
    "speed_bars",
    "version_grid",
    "weight_images",
    "worst_mistakes",
]
