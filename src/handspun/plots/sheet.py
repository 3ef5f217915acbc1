"""A figure whose coordinates are its pixels, so that small images are shown at whole multiples of their size.

An image of 28 x 28 pixels stretched over 131 screen pixels has rows of 4 and rows of 5; stretched over 140
every pixel is a square of 5 x 5. `Sheet` places images and text at whole pixels, with y growing downwards as
in an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from handspun.errors import UsageError
from handspun.plots.style import DPI, GREY, INK, INK_SCALE, LIGHT_SCALE, LINE, new_figure, paper

MARGIN = 36  # pixels of bare paper around everything
TITLE_SIZE, NOTE_SIZE, TEXT_SIZE, SMALL_SIZE = 12.0, 10.0, 9.0, 8.0  # points
HEADING = 84  # pixels that a title and its note take


def line_height(size: float) -> int:
    """Pixels from one line of text to the next, for a font of ``size`` points."""
    return round(size * DPI / 72 * 1.3)


@cache
def _measuring_renderer() -> Any:
    with paper():
        return FigureCanvasAgg(Figure(figsize=(1, 1), dpi=DPI)).get_renderer()


def text_width(text: str, size: float = TEXT_SIZE, *, bold: bool = False) -> int:
    """The width of one line of text in pixels."""
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    width, _, _ = _measuring_renderer().get_text_width_height_descent(text, font, ismath=False)
    return int(np.ceil(width))


class Sheet:
    """A page of ``width`` by ``height`` pixels. Call inside `paper`."""

    def __init__(self, width: int, height: int) -> None:
        # The small excess keeps 1234.9999 from being cut to 1234 pixels.
        self.figure = new_figure((width + 1e-3) / DPI, (height + 1e-3) / DPI, layout=None)
        self.width, self.height = width, height
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.set_axis_off()

    def heading(self, title: str, note: str = "") -> None:
        """The title and its note at the top left."""
        self.text(MARGIN, MARGIN - 6, title, size=TITLE_SIZE, bold=True, valign="top")
        self.text(MARGIN, MARGIN + line_height(TITLE_SIZE), note, size=NOTE_SIZE, color=GREY, valign="top")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = TEXT_SIZE,
        color: str = INK,
        align: str = "left",
        valign: str = "center",
        bold: bool = False,
    ) -> None:
        """One line of text at (x, y)."""
        if text:
            weight = "bold" if bold else "normal"
            baseline = "center_baseline" if valign == "center" else valign
            self.axes.text(x, y, text, size=size, color=color, ha=align, va=baseline, weight=weight)

    def image(
        self,
        array: NDArray[Any],
        x: int,
        y: int,
        size: tuple[int, int],
        *,
        scale: Colormap,
        limits: tuple[float, float],
    ) -> AxesImage:
        """``array`` (H, W[, 3]) with its upper left corner at (x, y); ``size`` is (height, width), pixels."""
        height, width = size
        return self.axes.imshow(
            array,
            cmap=scale,
            vmin=limits[0],
            vmax=limits[1],
            extent=(x, x + width, y + height, y),
            aspect="auto",
            interpolation="nearest" if height >= array.shape[0] else "antialiased",
        )

    def frame(self, x: int, y: int, size: tuple[int, int], *, color: str = LINE, width: float = 1) -> None:
        """A line of ``width`` pixels around the rectangle at (x, y) of ``size`` = (height, width) pixels."""
        corner = (x - width / 2, y - width / 2)
        points = width * 72 / DPI
        self.axes.add_patch(
            Rectangle(
                corner,
                size[1] + width,
                size[0] + width,
                snap=False,
                fill=False,
                edgecolor=color,
                linewidth=points,
            )
        )

    def keep_view(self) -> Figure:
        """The finished figure; drawing images moves the limits, this puts them back."""
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0), aspect="auto")
        return self.figure


def suitable_columns(count: int, most: int) -> int:
    """How many columns, at most ``most``, make ``count`` cells a full rectangle, rather wide than high."""
    wish = (1.6 * count) ** 0.5
    candidates = range(int(np.ceil(count**0.5)), int(2 * count**0.5) + 2)
    best = min(candidates, key=lambda columns: (-count % columns, abs(columns - wish)))
    return max(1, min(best, most))


def shown_size(shape: tuple[int, ...], about: int) -> tuple[int, int]:
    """(height, width) in pixels for an image of ``shape`` (H, W, ...): a whole multiple up to ``about``."""
    height, width = shape[:2]
    factor = about / max(height, width)
    if factor >= 1:
        factor = int(factor)
    return max(1, round(height * factor)), max(1, round(width * factor))


@dataclass(frozen=True)
class Pictures:
    """Images ready to be shown: ``values`` (N, H, W) or (N, H, W, 3), the colour scale and its limits."""

    values: NDArray[Any]
    scale: Colormap
    limits: tuple[float, float]


def pictures(images: ArrayLike, image_shape: tuple[int, ...] | None, *, ink: bool) -> Pictures:
    """Read ``images`` in any of the forms that data comes in.

    Args:
        images: (N, H, W), (N, H, W, 1 or 3), (N, 1 or 3, H, W), or flat rows with ``image_shape``.
            Whole numbers are taken as 0 to 255, fractions as 0 to 1, or from their least to their greatest
            if they leave that.
        image_shape: the shape of one image, for flat rows.
        ink: show high values of grey images as ink (as MNIST means them), not as light.

    Raises:
        UsageError: another shape, or values that are not finite.

    """
    values = np.asarray(images)
    if values.ndim == 2 and image_shape is None:
        raise UsageError(f"The images are flat rows of {values.shape[1]:,} values: give image_shape, for example (28, 28).")
    if image_shape is not None:
        if values.ndim < 2 or int(np.prod(values.shape[1:])) != int(np.prod(image_shape)):
            shape = " x ".join(map(str, image_shape))
            raise UsageError(f"Images of shape {values.shape[1:]} cannot be shown as {shape}: the sizes differ.")
        values = values.reshape(len(values), *image_shape)
    values = channels_last(values)
    if values.dtype == np.bool_ or values.dtype == np.float16:
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise UsageError("The images hold values that are not finite (NaN or infinity).")
    limits = (0.0, 255.0) if np.issubdtype(values.dtype, np.integer) else (0.0, 1.0)
    if values.size and (values.min() < limits[0] or values.max() > limits[1]):
        limits = (float(values.min()), float(values.max()))
    if values.ndim == 4 and limits not in ((0.0, 1.0), (0.0, 255.0)):
        values, limits = (values - limits[0]) / (limits[1] - limits[0]), (0.0, 1.0)
    return Pictures(values, INK_SCALE if ink else LIGHT_SCALE, limits)


def channels_last(values: NDArray[Any]) -> NDArray[Any]:
    """(N, H, W) or (N, H, W, 3) from images with the channels last, first or absent."""
    if values.ndim == 4 and values.shape[3] not in (1, 3) and values.shape[1] in (1, 3):
        values = np.moveaxis(values, 1, 3)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[3] != 3) or 0 in values.shape[1:]:
        raise UsageError(f"Images must be (N, H, W) or (N, H, W, 3), not {values.shape}.")
    return values
