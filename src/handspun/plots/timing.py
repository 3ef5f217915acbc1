"""Bars of computing times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from handspun.errors import UsageError
from handspun.plots.checks import Values, numbers, same_length
from handspun.plots.style import INK, RED, new_figure, paper, settle, shorten, time_unit, title


def speed_bars(
    labels: Sequence[str],
    seconds: ArrayLike,
    *,
    spread: ArrayLike | None = None,
    ratios: ArrayLike | None = None,
    highlight: str | None = None,
    heading: str = "Time (less is better)",
) -> Figure:
    """Horizontal bars with their values beside them, the fastest on top.

    Args:
        labels: (n,) what was timed.
        seconds: (n,) mean times, above 0.
        spread: (n,) standard deviations in seconds, drawn as whiskers; none if None.
        ratios: (n,) the time of each relative to that of ``highlight``, if measured better than by the means; above 0.
        highlight: the label whose bar is red and with which the others are compared; the first label if None.
        heading: the title.

    Raises:
        UsageError: the lengths differ, a value is not above 0, or ``highlight`` is not one of the labels.
    """
    more = {name: array for name, array in (("spread", spread), ("ratios", ratios)) if array is not None}
    same_length(labels=labels, seconds=seconds, **more)
    values = _above_zero("seconds", seconds)
    errors = np.zeros(len(values)) if spread is None else numbers("spread", spread)
    if not (np.isfinite(errors).all() and (errors >= 0).all()):
        raise UsageError('"spread" must be standard deviations: numbers from 0.')
    chosen = labels[0] if highlight is None else highlight
    if chosen not in labels:
        raise UsageError(f'There is no bar "{chosen}" to highlight. Known: {", ".join(labels)}.')
    times = values / values[list(labels).index(chosen)] if ratios is None else _above_zero("ratios", ratios)
    factor, unit = time_unit(float(values.max()))  # the same for all, so that the numbers are easy to compare
    order = np.argsort(values, kind="stable")
    with paper():
        figure = new_figure(8, 1.9 + 0.46 * len(values))
        axes = figure.subplots()
        for row, index in enumerate(order):
            value, error, ours = values[index], errors[index], labels[index] == chosen
            axes.barh(row, value, height=0.62, color=RED if ours else "#b3aca0")
            if spread is not None:
                axes.errorbar(value, row, xerr=error, color=INK, elinewidth=1.2, capsize=3)
            decimals = max(0, 2 - int(np.floor(np.log10(value * factor))))
            text = f"{value * factor:,.{decimals}f}"
            text += f" ± {error * factor:,.{decimals}f} {unit}" if spread is not None else f" {unit}"
            text += "" if ours else f"   {times[index]:.3g} ×"
            axes.annotate(
                text, (value + error, row), xytext=(8, 0), textcoords="offset points", va="center_baseline",
                color=RED if ours else INK, weight="bold" if ours else "normal",
            )  # fmt: skip
        axes.set_yticks(range(len(values)), [shorten(str(labels[index]), 40) for index in order])
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set_xlim(0, float((values + errors).max()))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * factor:.4g}"))
        axes.set_xlabel(f"time, {unit}")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False)
        notes = ["± standard deviation"] * (spread is not None) + [f"× the time of {chosen}"] * (len(values) > 1)
        title(axes, heading, "; ".join(notes))
        return settle(figure)


def _above_zero(name: str, values: ArrayLike) -> Values:
    array = numbers(name, values)
    if array.size == 0:
        raise UsageError(f'"{name}" is empty.')
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise UsageError(f'"{name}" must be numbers above 0.')
    return array
