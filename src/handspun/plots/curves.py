"""Loss, accuracy and learning rate by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from handspun.plots.checks import Values, history_column
from handspun.plots.style import GREY, INK, PAPER, RED, new_figure, paper, settle, title

_PANEL_HEIGHT = 205.0  # points, about; used only to keep the labels at the line ends apart


def learning_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Loss and accuracy by epoch, on the training data and on the validation data if there are any.

    Args:
        history: lists of the same length under "epoch", "loss", and optionally "accuracy" (from 0 to 1), "validation_loss"
            and "validation_accuracy". None or NaN stands for an epoch without a value. Without "accuracy" (a regression)
            only the loss is drawn.

    Raises:
        UsageError: a list is missing, empty or of another length.
    """
    epoch = history_column(history, "epoch")
    with paper():
        panels = [("loss", 1, ""), ("accuracy", 100, " %")]
        panels = panels if "accuracy" in history else panels[:1]
        figure = new_figure(10 if len(panels) == 2 else 6.4, 4)
        for place, (key, factor, unit) in enumerate(panels, start=1):
            axes = figure.add_subplot(1, len(panels), place)
            lines = {"training": factor * history_column(history, key)}
            if f"validation_{key}" in history:
                lines["validation"] = factor * history_column(history, f"validation_{key}")
            lines = {name: values for name, values in lines.items() if np.isfinite(values).any()}
            _value_axis(axes, list(lines.values()), top=100 if key == "accuracy" else None)
            best = _best(epoch, lines.get("validation"), highest=key == "accuracy")
            note = ""
            if best is not None:
                value = lines["validation"][best]
                note = f"best validation: {_number(value)}{unit}, epoch {epoch[best]:g}"
                axes.plot(epoch[best], value, "o", mfc=PAPER, mec=RED, ms=8, mew=2, clip_on=False, zorder=4)
            title(axes, "Accuracy, % of the examples" if unit else "Loss, mean over the examples", note)
            for name, values in lines.items():
                _line(axes, epoch, values, RED if name == "validation" else INK)
            _end_labels(axes, epoch, lines, unit)
            _epoch_axis(axes, epoch)
        return settle(figure)


def learning_rate(history: Mapping[str, Sequence[float]]) -> Figure:
    """Learning rate by epoch; on a logarithmic axis if most of it spans a factor of 50 or more.

    Args:
        history: lists of the same length under "epoch" and "learning_rate".

    Raises:
        UsageError: a list is missing, empty or of another length.
    """
    epoch, rate = history_column(history, "epoch"), history_column(history, "learning_rate")
    with paper():
        figure = new_figure(6.4, 3.6)
        axes = figure.subplots()
        shown = rate[np.isfinite(rate)]
        # Most epochs decide, not the last few: a cosine that ends near 0 keeps its shape on a linear axis.
        low, high = np.quantile(shown, (0.1, 0.9)) if shown.size else (1.0, 1.0)
        if shown.size and shown.min() > 0 and high >= 50 * low:
            axes.set_yscale("log")
            axes.minorticks_off()
        else:
            axes.set_ylim(0, 1.08 * shown.max() if shown.size and shown.max() > 0 else 1)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
        title(axes, "Learning rate")
        _line(axes, epoch, rate, RED)
        _end_labels(axes, epoch, {"": rate}, "")
        _epoch_axis(axes, epoch)
        return settle(figure)


def _line(axes: Axes, epoch: Values, values: Values, color: str) -> None:
    """A line through the finite values, with dots if there are few: a single epoch is a dot."""
    finite = np.isfinite(values)
    few = np.count_nonzero(finite) <= 12
    axes.plot(epoch[finite], values[finite], color=color, marker="o" if few else None, ms=5, clip_on=False, zorder=3)


def _best(epoch: Values, validation: Values | None, *, highest: bool) -> int | None:
    """The index of the best validation value, the first if there are several; None for fewer than two epochs."""
    if validation is None or len(epoch) < 2:
        return None
    finite = np.where(np.isfinite(validation), validation, -np.inf if highest else np.inf)
    return int(finite.argmax() if highest else finite.argmin())


def _value_axis(axes: Axes, lines: list[Values], *, top: float | None) -> None:
    """Limits that contain all lines: a loss starts at 0, an accuracy ends at most at 100."""
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    shown = np.concatenate([values[np.isfinite(values)] for values in lines] or [np.zeros(1)])
    low, high = float(shown.min()), float(shown.max())
    if top is None:
        axes.set_ylim(min(0, 1.08 * low), 1.08 * high if high > 0 else 1)
        return
    margin = max(0.08 * (high - low), 0.2)
    axes.set_ylim(max(0, low - margin), min(top, high + margin) if high <= top else high + margin)


def _epoch_axis(axes: Axes, epoch: Values) -> None:
    first, last = float(epoch.min()), float(epoch.max())
    room = 0.5 if first == last else 0
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_xlabel("epoch")


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _end_labels(axes: Axes, epoch: Values, lines: dict[str, Values], unit: str) -> None:
    """Name and last value to the right of each line, moved apart if two would overlap."""
    low, high = axes.get_ylim()
    log = axes.get_yscale() == "log"
    ends: list[tuple[float, str, float, float]] = []  # (height of the label in points, name, epoch, value)
    for name, values in lines.items():
        if not np.isfinite(values).any():
            continue
        last = int(np.flatnonzero(np.isfinite(values))[-1])
        share = 0.5 if log else (values[last] - low) / (high - low)
        ends.append((share * _PANEL_HEIGHT, name, float(epoch[last]), float(values[last])))
    ends.sort()
    push = [0.0] * len(ends)
    if len(ends) == 2:
        lack = max(0.0, 15 - (ends[1][0] - ends[0][0]))
        # The title above and the axis below leave no space.
        up = min(lack / 2, max(0.0, _PANEL_HEIGHT - ends[1][0]))
        up = max(up, lack - max(0.0, ends[0][0] - 4))
        push = [up - lack, up]
    for (_, name, x, y), shift in zip(ends, push, strict=True):
        color = GREY if not name else RED if name == "validation" else INK
        text = f"{name} {_number(y)}{unit}" if name else f"{y:.3g}"
        axes.annotate(
            text, (x, y), xytext=(9, shift), textcoords="offset points", va="center_baseline", color=color,
            annotation_clip=False,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1}, zorder=5,
        )  # fmt: skip
