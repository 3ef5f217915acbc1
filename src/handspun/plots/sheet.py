"""A figure whose coordinates are its pixels, so that small images are drawn at whole multiples of their size.

An image of 28 x 28 pixels stretched over 131 screen pixels has rows 4 and rows 5 pixels high; stretched over 140, every pixel
is a square of 5 x 5. A `Sheet` places images and text at whole pixels, with y growing downwards as in an image.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from handspun.plots.style import DPI, GREY, INK, LINE, new_figure, paper

MARGIN = 36  # pixels of empty paper around everything
TITLE_SIZE, NOTE_SIZE, TEXT_SIZE, SMALL_SIZE = 12.0, 10.0, 9.0, 8.0  # points
HEADING = 84  # pixels that a title and its note take


def line_height(size: float = TEXT_SIZE) -> int:
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


def heading_width(title: str, note: str) -> int:
    """The width of a sheet's title and note in pixels."""
    return max(text_width(title, TITLE_SIZE, bold=True), text_width(note, NOTE_SIZE))


class Sheet:
    """A page of ``width`` by ``height`` pixels. Call inside `paper`."""

    def __init__(self, width: int, height: int) -> None:
        # The small excess keeps rounding from cutting 1234.9999 to 1234 pixels.
        self.figure = new_figure((width + 1e-3) / DPI, (height + 1e-3) / DPI, layout=None)
        self.width, self.height = width, height
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.set_axis_off()

    def heading(self, title: str, note: str = "") -> None:
        """The title and its note at the top left."""
        self.axes.text(MARGIN, MARGIN - 6, title, size=TITLE_SIZE, va="top", weight="bold")
        self.axes.text(MARGIN, MARGIN + line_height(TITLE_SIZE), note, size=NOTE_SIZE, va="top", color=GREY)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = TEXT_SIZE,
        color: str = INK,
        align: str = "left",
        bold: bool = False,
    ) -> None:
        """One line of text, centred vertically at (x, y)."""
        if text:
            weight = "bold" if bold else "normal"
            self.axes.text(x, y, text, size=size, color=color, ha=align, va="center_baseline", weight=weight)

    def picture(
        self,
        array: NDArray[Any],
        x: int,
        y: int,
        size: tuple[int, int],
        *,
        scale: Colormap,
        limits: tuple[float, float],
        frame: str = LINE,
        line: float = 1,
    ) -> None:
        """``array`` (H, W[, 3]) in ``size`` = (height, width) pixels, its upper left corner at (x, y), with a frame around it.

        Values from the first to the second of ``limits`` have the colours of ``scale``. ``line`` is the frame's width.
        """
        height, width = size
        self.axes.imshow(
            array,
            cmap=scale,
            vmin=limits[0],
            vmax=limits[1],
            extent=(x, x + width, y + height, y),
            aspect="auto",
            interpolation="nearest" if height >= array.shape[0] else "antialiased",
        )
        corner, points = (x - line / 2, y - line / 2), line * 72 / DPI
        self.axes.add_patch(
            Rectangle(corner, width + line, height + line, snap=False, fill=False, edgecolor=frame, linewidth=points)
        )

    def colour_bar(self, x: int, y: int, width: int, ramp: NDArray[Any], scale: Colormap, marks: tuple[str, str, str]) -> None:
        """A bar of the colours of ``ramp`` (1, n[, 3]), with a mark below its left end, middle and right end."""
        self.picture(ramp, x, y, (14, width), scale=scale, limits=(float(ramp.min()), float(ramp.max())))
        for part, text, align in zip((0, 0.5, 1), marks, ("left", "center", "right"), strict=True):
            self.text(x + part * width, y + 34, text, size=SMALL_SIZE, color=GREY, align=align)

    def keep_view(self) -> Figure:
        """The finished figure. Drawing images moves its limits, so they are set again."""
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0), aspect="auto")
        return self.figure
