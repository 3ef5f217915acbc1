"""The curves of a history as SVG, for notebooks: loss and accuracy by epoch, training and validation.

They are drawn without Matplotlib, because the core needs only NumPy; ``handspun.plots`` uses Matplotlib for run folders. Text
and axes take the text colour of the page, so they are readable on light and dark pages.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

#: The size of one chart, and its margins left, right, above and below, in pixels.
WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 84, 28, 34

#: Training and validation: an orange and a blue that colour-blind readers tell apart.
COLOURS = {"training": "#d55e00", "validation": "#1f7fc4"}


def curves(history: Mapping[str, Sequence[float]]) -> str:
    """HTML with a chart of the loss and, if there is one, of the accuracy.

    Args:
        history: the columns of a ``History``.
    """
    if "loss" not in history:
        return "<p>History of no epochs</p>"
    charts = []
    for name, unit, scale in (("loss", "", 1.0), ("accuracy", " %", 100.0)):
        lines = {"training": history.get(name), "validation": history.get(f"validation_{name}")}
        found = {kind: [scale * value for value in values] for kind, values in lines.items() if values is not None}
        if found:
            charts.append(_chart(name, unit, found))
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px">{"".join(charts)}</div>'


def _chart(name: str, unit: str, lines: Mapping[str, Sequence[float]]) -> str:
    """One chart: a line for each of ``lines``, with its name and its last value at its end."""
    epochs = max(map(len, lines.values()))
    finite = [value for values in lines.values() for value in values if math.isfinite(value)] or [0.0]
    ticks = _ticks(min(finite), max(finite))
    low, high = min(ticks[0], *finite), max(ticks[-1], *finite)

    def x(epoch: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (epoch - 1) / max(epochs - 1, 1)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    parts = [_text(LEFT, 16, f"{name}{' in %' if unit else ''}", weight="bold")]
    for tick in ticks:
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity="0.15"/>')
        parts.append(_text(LEFT - 6, y(tick) + 4, f"{tick:g}", anchor="end"))
    for epoch in sorted({1, epochs}):
        parts.append(_text(x(epoch), HEIGHT - BOTTOM + 16, str(epoch), anchor="middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "epoch", anchor="middle"))
    ends = _apart({kind: y(values[-1]) for kind, values in lines.items() if math.isfinite(values[-1])})
    for kind, values in lines.items():
        colour = COLOURS[kind]
        points = [(x(epoch), y(value)) for epoch, value in enumerate(values, 1) if math.isfinite(value)]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) == 1:
            parts.append(f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" fill="{colour}"/>')
        if kind in ends:
            said = f"{kind} {values[-1]:.1f}{unit}" if unit else f"{kind} {values[-1]:.3g}"
            parts += [
                _text(WIDTH - RIGHT + 6, ends[kind] + 4 + 12 * row, word, colour=colour)
                for row, word in enumerate(said.split(" ", 1))
            ]
    label = html.escape(f"{name} by epoch")
    style = 'style="font:12px system-ui,sans-serif;max-width:100%"'
    return f'<svg role="img" aria-label="{label}" width="{WIDTH}" height="{HEIGHT}" {style}>{"".join(parts)}</svg>'


def _apart(places: Mapping[str, float], distance: float = 28.0) -> dict[str, float]:
    """The heights of labels, moved so that no two overlap."""
    result: dict[str, float] = {}
    last = -math.inf
    for kind, place in sorted(places.items(), key=lambda item: item[1]):
        last = result[kind] = max(place, last + distance)
    return result


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers that span ``low`` to ``high``."""
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span))
    step = next(step * factor for factor in (0.2, 0.5, 1.0, 2.0) if span / (step * factor) <= 5.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [float(f"{number * step:.9g}") for number in range(first, max(last, first + 1) + 1)]


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", colour: str = "currentColor") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-weight="{weight}" fill="{colour}">{html.escape(text)}</text>'
