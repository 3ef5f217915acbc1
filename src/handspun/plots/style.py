"""The style "ink on paper": warm paper, near-black ink, and red for what matters."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from handspun.files.writing import replacing

DPI = 150
PAPER = "#faf7f0"
CARD = "#fffefb"  # the background of an image or a matrix cell
INK = "#1c1a17"
GREY = "#6b655c"  # for notes; its contrast against the paper is 5:1
LINE = "#d9d3c6"  # thin lines, and cells that should not stand out
RED = "#c23b22"
BLUE = "#1f5f8b"  # the opposite of red, distinct from it with every kind of colour vision

INK_SCALE = LinearSegmentedColormap.from_list("ink", [CARD, INK])
LIGHT_SCALE = LinearSegmentedColormap.from_list("light", [INK, CARD])
ERROR_SCALE = LinearSegmentedColormap.from_list("error", [CARD, "#f0b9a6", RED, "#8c2413"])
SIGNED_SCALE = LinearSegmentedColormap.from_list("signed", ["#123b59", BLUE, CARD, RED, "#7a1f10"])

_SETTINGS = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.constrained_layout.h_pad": 0.2,
    "figure.constrained_layout.w_pad": 0.2,
    "figure.dpi": DPI,
    "figure.facecolor": PAPER,
    # matplotlib includes this font: the same picture on every machine.
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "lines.linewidth": 2,
    "text.color": INK,
    # Class names are data: "$5" is not a formula.
    "text.parse_math": False,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "ytick.left": False,
}
# matplotlib keeps its settings in one global mapping, so two threads must not change and restore it at once.
_settings_lock = threading.RLock()


@contextmanager
def paper() -> Iterator[None]:
    """Draw with handspun's settings, and restore the user's own afterwards."""
    with _settings_lock, matplotlib.style.context(["default", _SETTINGS]):
        yield


def new_figure(width: float, height: float, *, layout: str | None = "constrained") -> Figure:
    """An empty figure of ``width`` by ``height`` inches, not registered with pyplot. Call inside `paper`."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)  # pyright: ignore[reportArgumentType]
    FigureCanvasAgg(figure)
    return figure


def settle(figure: Figure) -> Figure:
    """Fix the layout of the finished figure; otherwise matplotlib moves things slightly at every drawing."""
    for _ in range(2):  # the ticks depend on the size, and the size on the ticks
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def title(axes: Axes, text: str, note: str = "") -> None:
    """A bold title at the left, and a grey note below it."""
    axes.set_title(text, pad=26 if note else 10)
    if note:
        axes.annotate(note, (0, 1), xytext=(0, 9), xycoords="axes fraction", textcoords="offset points", color=GREY)


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG, without matplotlib's version and the time: equal figures give equal bytes."""
    buffer = io.BytesIO()
    with paper():
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write the figure to ``path`` as PNG at 150 dots per inch: whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    data = png_bytes(figure)
    with replacing(path) as file:
        file.write(data)


def percent(share: float) -> str:
    """A share (0 to 1) as text, never rounded to 0 or 100 %: 0.9999 is ``>99.9 %``."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def time_unit(seconds: float) -> tuple[float, str]:
    """(factor, name) of the largest unit, up to seconds, in which ``seconds`` is at least 1."""
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if 0 < seconds < limit * 0.9995:
            return factor, unit
    return 1.0, "s"


def shorten(name: str, most: int = 18) -> str:
    """``name`` shortened to ``most`` characters, with an ellipsis if it was longer."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
