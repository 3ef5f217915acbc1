"""The feature maps of a convolutional network for one picture: each channel of each layer as an image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from handspun.checks import positive_integer
from handspun.errors import UsageError
from handspun.plots.images import Pictures, pictures
from handspun.plots.rows import Row, draw_rows
from handspun.plots.style import INK_SCALE, SIGNED_SCALE


def feature_maps(image: ArrayLike, maps: Mapping[str, ArrayLike], *, channels: int = 16) -> Figure:
    """A row for each layer: its name, the number and size of its maps, and the first ``channels`` of them.

    The maps of a layer share one scale, from zero to the layer's largest value. If a layer has negative values, red is
    positive, blue is negative, and zero is white.

    Args:
        image: the network's input, (H, W), (H, W, 3) or (C, H, W); uint8 or from 0 to 1.
        maps: the output of each layer for it, (C, H, W), by the name of the layer.
        channels: how many maps of each layer at most.

    Raises:
        UsageError: there are no maps, they are not (C, H, W), or not finite.
    """
    layers = {name: np.asarray(values, np.float64) for name, values in maps.items()}
    if not layers:
        raise UsageError("There are no feature maps to draw: no layer of the network has pictures as output.")
    most = positive_integer("feature_maps", "channels", channels)
    rows = [Row("the picture", "", pictures(np.asarray(image)[None], ink=True))]
    for name, values in layers.items():
        if values.ndim != 3:
            raise UsageError(f"The maps of {name} must have the shape (channels, rows, columns), not {values.shape}.")
        if not np.isfinite(values).all():
            raise UsageError(f"The maps of {name} contain values that are not finite (NaN or infinity).")
        largest, signed = float(np.abs(values).max()) or 1.0, values.min() < 0
        drawn = Pictures(values[:most], SIGNED_SCALE if signed else INK_SCALE, (-largest if signed else 0.0, largest))
        rows.append(Row(name, f"{len(values)} of {values.shape[1]} x {values.shape[2]}", drawn))
    note = "each row has its own scale; red is above zero, blue below; rows without negative values are drawn in ink"
    return draw_rows("Feature maps", note, rows, about=72)
