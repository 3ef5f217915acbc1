"""What the computing costs: how time grows with the work, and who needs how much of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from handspun.errors import UsageError
from handspun.plots.checks import Values, numbers, same_length
from handspun.plots.style import GREY, INK, LINE, RED, duration, new_figure, paper, settle, shorten, time_unit, title


def scaling(images: ArrayLike, seconds: ArrayLike, *, heading: str = "Time by number of images") -> Figure:
    """Seconds by number of images on logarithmic axes, with the straight line ``overhead + cost * images``.

    The line is fitted to the relative errors, so that the short times count as much as the long ones.

    Args:
        images: (n,) numbers of images, above 0; the same number may come several times.
        seconds: (n,) the times, above 0.
        heading: the title.

    Raises:
        UsageError: the lengths differ, or a value is not above 0.

    """
    same_length(images=images, seconds=seconds)  # pyright: ignore[reportArgumentType]
    x, y = _above_zero("images", images), _above_zero("seconds", seconds)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    with paper():
        figure = new_figure(7, 4.6)
        axes = figure.subplots()
        note = ""
        if x[0] < x[-1]:
            overhead, cost = linear_fit(x, y)
            along = np.geomspace(x[0], x[-1], 100)
            axes.plot(along, overhead + cost * along, color=GREY, linewidth=1.4, linestyle=(0, (5, 3)))
            note = "dashed: " + (f"{duration(overhead)} + " if overhead else "") + f"{duration(cost)} an image"
        axes.plot(x, y, "o", color=RED, ms=7, mec="none", clip_on=False)
        axes.set(xscale="log", yscale="log", xlabel="images", ylabel="time")
        for axis, values, limits in ((axes.xaxis, x, axes.set_xlim), (axes.yaxis, y, axes.set_ylim)):
            # One decade at least, so that two round numbers or more stand on the axis.
            margin = max(1.15, float(np.sqrt(10 * values.min() / values.max())))
            low, high = values.min() / margin, values.max() * margin
            limits(low, high)
            few = np.log10(high / low) < 2.2
            axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if few else (1,)))
            axis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
        axes.grid(axis="both", color=LINE)
        title(axes, heading, note)
        return settle(figure)


def linear_fit(x: Values, y: Values) -> tuple[float, float]:
    """(overhead, cost), neither below 0, with the least squared relative error of ``overhead + cost * x``."""
    design = np.stack([1 / y, x / y], axis=1)  # (n, 2); the target is 1 everywhere
    (overhead, cost), *_ = np.linalg.lstsq(design, np.ones(len(y)), rcond=None)
    if overhead <= 0:
        ratio = x / y
        return 0.0, float(ratio.sum() / (ratio**2).sum())
    if cost <= 0:
        weight = 1 / y
        return float(weight.sum() / (weight**2).sum()), 0.0
    return float(overhead), float(cost)


def speed_bars(
    labels: Sequence[str],
    seconds: ArrayLike,
    *,
    spread: ArrayLike | None = None,
    ratios: ArrayLike | None = None,
    highlight: str | None = None,
    heading: str = "Time, less is better",
) -> Figure:
    """Horizontal bars with their values beside them, the fastest on top.

    Args:
        labels: (n,) what was timed.
        seconds: (n,) mean times, above 0.
        spread: (n,) standard deviations in seconds, drawn as whiskers; none if None.
        ratios: (n,) how many times as long as ``highlight`` each takes, where it is known better than from the means; above 0.
        highlight: the label whose bar is red and to which the others are compared; the first label if None.
        heading: the title.

    Raises:
        UsageError: the lengths differ, a value is not above 0, or ``highlight`` is none of the labels.

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
    factor, unit = time_unit(float(values.max()))  # one for all, so that the numbers compare at a glance
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
