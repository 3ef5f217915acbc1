"""What a convolutional network makes of one picture, layer by layer: each channel of each layer as an image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from handspun.errors import UsageError
from handspun.plots.checks import positive
from handspun.plots.sheet import (
    HEADING,
    MARGIN,
    NOTE_SIZE,
    SMALL_SIZE,
    Sheet,
    channels_last,
    line_height,
    pictures,
    shown_size,
    text_width,
)
from handspun.plots.style import GREY, INK_SCALE, SIGNED_SCALE, paper

_GAP = 8
_ABOUT = 72


def feature_maps(image: ArrayLike, maps: Mapping[str, ArrayLike], *, channels: int = 16) -> Figure:
    """A row for each layer: its name, the size of its maps, and the first ``channels`` of them.

    A layer's maps share one scale, from nothing to the layer's largest value; where it has negative values, red is positive and
    blue negative, around a white zero.

    Args:
        image: what the network saw, (H, W), (H, W, 3) or (C, H, W); uint8 or fractions.
        maps: the output of each layer for it, (C, H, W), by the name of the layer.
        channels: how many maps a row at most.

    Raises:
        UsageError: there are no maps, they are not (C, H, W), or not finite.
    """
    layers = {name: np.asarray(values, np.float64) for name, values in maps.items()}
    if not layers:
        raise UsageError("There are no feature maps to draw: the network has no layer whose output is pictures.")
    for name, values in layers.items():
        if values.ndim != 3:
            raise UsageError(f"The maps of {name} must have the shape (channels, rows, columns), not {values.shape}.")
        if not np.isfinite(values).all():
            raise UsageError(f"The maps of {name} hold values that are not finite (NaN or infinity).")
    most = min(positive("channels", channels), max(len(values) for values in layers.values()))
    picture = pictures(channels_last(np.asarray(image)[None]), None, ink=True)

    facts = {name: f"{len(values)} of {values.shape[1]} x {values.shape[2]}" for name, values in layers.items()}
    label = max(text_width(text, size) for name in layers for text, size in ((name, 9), (facts[name], SMALL_SIZE))) + 24
    step = _ABOUT + _GAP
    note = "each row has its own scale; red is above zero, blue below, ink where there is nothing below"
    width = max(label + most * step - _GAP, text_width(note, NOTE_SIZE))
    with paper():
        sheet = Sheet(2 * MARGIN + width, 2 * MARGIN + HEADING + (len(layers) + 1) * step - _GAP)
        sheet.heading("Feature maps", note)
        size = shown_size(picture.values.shape[1:], _ABOUT)
        top = MARGIN + HEADING
        sheet.text(MARGIN, top + size[0] / 2, "the picture", bold=True)
        sheet.image(picture.values[0], MARGIN + label, top, size, scale=picture.scale, limits=picture.limits)
        sheet.frame(MARGIN + label, top, size)
        for row, (name, values) in enumerate(layers.items(), 1):
            y = top + row * step
            sheet.text(MARGIN, y + _ABOUT / 2 - line_height(SMALL_SIZE) / 2, name, bold=True)
            sheet.text(MARGIN, y + _ABOUT / 2 + line_height(SMALL_SIZE) / 2, facts[name], size=SMALL_SIZE, color=GREY)
            largest = float(np.abs(values).max()) or 1.0
            signed = values.min() < 0
            size = shown_size(values.shape[1:], _ABOUT)
            for place, channel in enumerate(values[:most]):
                x = MARGIN + label + place * step
                limits = (-largest if signed else 0.0, largest)
                sheet.image(channel, x, y, size, scale=SIGNED_SCALE if signed else INK_SCALE, limits=limits)
                sheet.frame(x, y, size)
        return sheet.keep_view()
