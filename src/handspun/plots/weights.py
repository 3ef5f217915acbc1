"""What the units of the first layer look for: their weights, laid out as the image that they see."""

from __future__ import annotations

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
    TITLE_SIZE,
    Sheet,
    channels_last,
    line_height,
    shown_size,
    suitable_columns,
    text_width,
)
from handspun.plots.style import GREY, SIGNED_SCALE, paper

_GAP = 12


def filter_images(filters: ArrayLike, *, count: int = 64, columns: int | None = None) -> Figure:
    """The filters of the first convolution as images; see ``weight_images``.

    Args:
        filters: (O, kh, C, kw), the weight of a ``Conv2D`` on grey (C = 1) or RGB (C = 3) pictures.
        count: how many filters at most.
        columns: images a row; as suits the count if None.

    Raises:
        UsageError: the filters are not such an array, or not finite.

    """
    values = np.asarray(filters)
    if values.ndim != 4 or values.shape[2] not in (1, 3):
        raise UsageError(f"Filters must have the shape (filters, rows, 1 or 3 channels, columns), not {values.shape}.")
    number, rows, channels, width = values.shape
    shape = (rows, width) if channels == 1 else (rows, width, 3)
    return weight_images(values.transpose(1, 3, 2, 0).reshape(-1, number), shape, count=count, columns=columns, of="filters")


def weight_images(
    weight: ArrayLike, image_shape: tuple[int, ...], *, count: int = 64, columns: int | None = None, of: str = "units"
) -> Figure:
    """The weights of the first ``count`` units as images, all on one scale that is symmetric around zero.

    Red raises the unit's value, blue lowers it. For RGB images the colour is the three channels' own weights
    around a middle grey. The scale ends at the 99.8th percentile of the magnitudes shown, so that one stray
    weight does not pale all the others; the colour bar marks with ≤ and ≥ that there are weights beyond it.

    Args:
        weight: (inputs, units), the weight of the first dense layer.
        image_shape: (H, W), (H, W, 3), or with the channels first, as the inputs are ordered.
        count: how many units at most.
        columns: images a row; as suits the count if None.
        of: what they are called.

    Raises:
        UsageError: the inputs do not make such an image, or the weights are not finite.

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
    shown = channels_last(values.T[: positive("count", count)].reshape(-1, *image_shape))  # (count, H, W[, 3])
    largest = float(np.abs(shown).max())
    limit = float(np.quantile(np.abs(shown), 0.998)) or largest or 1.0
    rgb = shown.ndim == 4
    cells = np.clip(0.5 + shown / (2 * limit), 0, 1) if rgb else shown
    limits = (0.0, 1.0) if rgb else (-limit, limit)

    size = shown_size(shown.shape[1:], about=112)
    if columns is None:
        columns = suitable_columns(len(shown), most=12)
    columns = min(positive("columns", columns), len(shown))
    rows = -(-len(shown) // columns)
    step_x, step_y = size[1] + _GAP, size[0] + _GAP + line_height(SMALL_SIZE)
    part = f"{units:,} {of}" if units == len(shown) else f"the first {len(shown):,} of {units:,} {of}"
    title = f"First-layer weights, {part}"
    note = "light raises, dark lowers its value" if rgb else "red raises, blue lowers its value"
    width = max(columns * step_x - _GAP, text_width(title, TITLE_SIZE, bold=True), text_width(note, NOTE_SIZE))
    grid_top = MARGIN + HEADING
    bar_top = grid_top + rows * step_y + 10
    with paper():
        sheet = Sheet(2 * MARGIN + width, bar_top + 18 + line_height(SMALL_SIZE) + MARGIN)
        sheet.heading(title, note)
        for number, cell in enumerate(cells):
            x, y = MARGIN + number % columns * step_x, grid_top + number // columns * step_y
            sheet.image(cell, x, y, size, scale=SIGNED_SCALE, limits=limits)
            sheet.frame(x, y, size)
            middle = y + size[0] + line_height(SMALL_SIZE) / 2 + 2
            sheet.text(x + size[1] / 2, middle, str(number), size=SMALL_SIZE, color=GREY, align="center")
        _colour_bar(sheet, bar_top, min(width, 420), limit, beyond=largest > limit, rgb=rgb)
        return sheet.keep_view()


def _colour_bar(sheet: Sheet, y: int, width: int, limit: float, *, beyond: bool, rgb: bool) -> None:
    ramp = np.linspace(-limit, limit, 255)[None, :]
    if rgb:
        ramp = np.repeat(0.5 + ramp[..., None] / (2 * limit), 3, axis=2)
    sheet.image(ramp, MARGIN, y, (14, width), scale=SIGNED_SCALE, limits=(-limit, limit))
    sheet.frame(MARGIN, y, (14, width))
    low, high = ("≤ ", "≥ ") if beyond else ("", "")
    marks = (
        (0.0, f"{low}−{limit:.2g}", "left"),
        (0.5, "weight 0", "center"),
        (1.0, f"{high}{limit:.2g}", "right"),
    )
    for part, text, align in marks:
        sheet.text(MARGIN + part * width, y + 34, text, size=SMALL_SIZE, color=GREY, align=align)
