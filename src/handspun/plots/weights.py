"""The weights of the first layer, laid out for each unit as the image that it takes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from handspun.checks import positive_integer
from handspun.errors import UsageError
from handspun.plots.images import channels_last, shown_size, suitable_columns
from handspun.plots.sheet import HEADING, MARGIN, SMALL_SIZE, Sheet, heading_width, line_height
from handspun.plots.style import GREY, SIGNED_SCALE, paper

_GAP = 12


def filter_images(filters: ArrayLike, *, count: int = 64) -> Figure:
    """The filters of the first convolution as images; see ``weight_images``.

    Args:
        filters: (O, kh, C, kw), the weight of a ``Conv2D`` on grey (C = 1) or RGB (C = 3) pictures.
        count: how many filters at most.

    Raises:
        UsageError: the filters have another shape, or are not finite.
    """
    values = np.asarray(filters)
    if values.ndim != 4 or values.shape[2] not in (1, 3):
        raise UsageError(f"Filters must have the shape (filters, rows, 1 or 3 channels, columns), not {values.shape}.")
    number, rows, channels, width = values.shape
    shape = (rows, width) if channels == 1 else (rows, width, 3)
    return weight_images(values.transpose(1, 3, 2, 0).reshape(-1, number), shape, count=count, of="filters")


def weight_images(weight: ArrayLike, image_shape: tuple[int, ...], *, count: int = 64, of: str = "units") -> Figure:
    """The weights of the first ``count`` units as images, all on one scale that is symmetric around zero.

    Red weights raise the unit's value, blue ones lower it. For RGB images each colour channel shows its own weights around a
    middle grey. The scale ends at the 99.8th percentile of the magnitudes, so that one outlier does not make all other weights
    pale; the marks ≤ and ≥ at the colour bar say that weights lie beyond it.

    Args:
        weight: (inputs, units), the weight of the first dense layer.
        image_shape: (H, W), (H, W, 3), or with the channels first, as the inputs are ordered.
        count: how many units at most.
        of: what to call them.

    Raises:
        UsageError: the number of inputs does not match ``image_shape``, or the weights are not finite.
    """
    values = np.asarray(weight, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise UsageError(f"The weight must have the shape (inputs, units), not {values.shape}.")
    if values.shape[0] != int(np.prod(image_shape)):
        shape = " x ".join(map(str, image_shape))
        raise UsageError(f"A weight with {values.shape[0]:,} inputs does not make images of {shape}.")
    if not np.isfinite(values).all():
        raise UsageError("The weight holds values that are not finite (NaN or infinity).")
    units = values.shape[1]
    shown = channels_last(
        values.T[: positive_integer("weight_images", "count", count)].reshape(-1, *image_shape)
    )  # (count, H, W[, 3])
    largest = float(np.abs(shown).max())
    limit = float(np.quantile(np.abs(shown), 0.998)) or largest or 1.0
    rgb = shown.ndim == 4
    cells = np.clip(0.5 + shown / (2 * limit), 0, 1) if rgb else shown
    limits = (0.0, 1.0) if rgb else (-limit, limit)

    size = shown_size(shown.shape[1:], about=112)
    columns = suitable_columns(len(shown), most=12)
    rows = -(-len(shown) // columns)
    step_x, step_y = size[1] + _GAP, size[0] + _GAP + line_height(SMALL_SIZE)
    part = f"{units:,} {of}" if units == len(shown) else f"the first {len(shown):,} of {units:,} {of}"
    title = f"First-layer weights, {part}"
    raising, lowering = ("light", "dark") if rgb else ("red", "blue")
    note = f"{raising} weights raise the value of a {of.removesuffix('s')}, {lowering} ones lower it"
    width = max(columns * step_x - _GAP, heading_width(title, note))
    grid_top = MARGIN + HEADING
    bar_top = grid_top + rows * step_y + 10
    with paper():
        sheet = Sheet(2 * MARGIN + width, bar_top + 18 + line_height(SMALL_SIZE) + MARGIN)
        sheet.heading(title, note)
        for number, cell in enumerate(cells):
            x, y = MARGIN + number % columns * step_x, grid_top + number // columns * step_y
            sheet.picture(cell, x, y, size, scale=SIGNED_SCALE, limits=limits)
            middle = y + size[0] + line_height(SMALL_SIZE) / 2 + 2
            sheet.text(x + size[1] / 2, middle, str(number), size=SMALL_SIZE, color=GREY, align="center")
        ramp = np.linspace(-limit, limit, 255)[None, :]
        if rgb:
            ramp = np.repeat(0.5 + ramp[..., None] / (2 * limit), 3, axis=2)
        low, high = ("≤ ", "≥ ") if largest > limit else ("", "")
        marks = (f"{low}−{limit:.2g}", "weight 0", f"{high}{limit:.2g}")
        sheet.colour_bar(MARGIN, bar_top, min(width, 420), ramp, SIGNED_SCALE, marks)
        return sheet.keep_view()
