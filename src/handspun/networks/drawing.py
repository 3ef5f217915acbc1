"""How a network is shown: a table in text, and a drawing of its layers for notebooks."""

from __future__ import annotations

import math
from html import escape

from handspun.engine.memory import Shape
from handspun.networks.layout import Network

#: Pixels: the width of the drawing, the height of a row, and the middle of the column of shapes.
WIDTH, ROW, MIDDLE = 760, 44, 85

#: Characters of the longest name and description of a layer that fit; longer ones are cut.
NAME, KIND = 18, 44


def table(network: Network) -> str:
    """The layers as lines of text: name, kind, output shape, parameters, bytes; and the totals."""
    rows = [["layer", "kind", "output", "parameters", "bytes"], ["input", "", str(network.input_shape), "", ""]]
    for layer, shape, size in network.outline():
        numbers = [f"{size:,}", f"{size * network.dtype.itemsize:,}"] if size else ["", ""]
        rows.append([layer.name, repr(layer), str(shape), *numbers])
    vector = network.parameters.vector
    rows.append(["total", "", "", f"{vector.size:,}", f"{vector.nbytes:,}"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<<>>", widths, strict=True))
    lines = [form.format(*row).rstrip() for row in rows]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def drawing(network: Network) -> str:
    """The layers as an inline SVG, one row each: the form of the output, name, kind, output shape, parameters.

    Pictures are stacks of squares; vectors are bars whose lengths grow with the logarithm of their size; an arc leads around
    layers inside a layer. Text and lines have the colour of the surrounding text, so the drawing is readable on light and dark
    pages. It contains no script.
    """
    rows = [("input", "", network.input_shape, 0, False)]
    with_layers_inside = {name.split(".")[0] for name in network.parameters if name.count(".") > 1}
    for layer, shape, size in network.outline():
        rows.append((_cut(layer.name, NAME), _cut(repr(layer), KIND), shape, size, layer.name in with_layers_inside))
    shapes = [shape for _, _, shape, _, _ in rows]
    tallest = max((shape[-2] for shape in shapes if len(shape) > 1), default=1)
    longest = max((shape[0] for shape in shapes if len(shape) == 1), default=1)
    parts = []
    for number, (name, kind, shape, size, is_bypassed) in enumerate(rows):
        y = ROW * number + ROW // 2
        if number:
            parts.append(_line(f"M{MIDDLE} {y - ROW + 17}V{y - 17}"))
        if is_bypassed:
            parts.append(_line(f"M{MIDDLE} {y - 24}C{MIDDLE - 110} {y - 20} {MIDDLE - 110} {y + 20} {MIDDLE} {y + 24}"))
        fill = 'fill="#3b82f6" fill-opacity=".55"' if size else 'fill="currentColor" fill-opacity=".15"'
        parts.append(f'<g {fill} stroke="currentColor" stroke-opacity=".6">{_form(shape, y, tallest, longest)}</g>')
        parts.append(_text(170, y, f"<tspan font-weight='600'>{escape(name)}</tspan>"))
        parts.append(_text(300, y, escape(kind)))
        parts.append(_text(595, y, " × ".join(map(str, shape))))
        parts.append(_text(WIDTH - 5, y, f"{size:,}" if size else "", "end"))
    total = f"{network.parameters.vector.size:,} parameters"
    height = ROW * len(rows) + 28
    parts.append(_text(WIDTH - 5, height - 14, f"<tspan font-weight='600'>{total}</tspan>", "end"))
    label = f"A network of {len(network.layers)} layers from {network.input_shape} to {network.output_shape} with {total}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height}" '
        f'style="width:{WIDTH}px;max-width:100%;color:inherit" font-family="system-ui,sans-serif" font-size="12.5">'
        f"{''.join(parts)}</svg>"
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity=".45"/>'


def _text(x: int, y: int, content: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y + 4}" fill="currentColor" text-anchor="{anchor}">{content}</text>' if content else ""


def _form(shape: Shape, y: int, tallest: int, longest: int) -> str:
    """A bar for a vector; for a picture (C, H, W) up to five squares, one behind the other."""
    if len(shape) == 1:
        width = 8 + 130 * math.log1p(shape[0]) / math.log1p(max(longest, shape[0]))
        return f'<rect x="{MIDDLE - width / 2:.1f}" y="{y - 6}" width="{width:.1f}" height="12" rx="2"/>'
    side = 8 + 18 * shape[-2] / tallest
    behind = min(math.prod(shape[:-2]), 5)
    first = MIDDLE - side / 2 - 4 * (behind - 1) / 2
    places = ((first + 4 * i, y - side / 2 - (behind - 1) + 2 * i) for i in range(behind))
    return "".join(f'<rect x="{x:.1f}" y="{top:.1f}" width="{side:.1f}" height="{side:.1f}" rx="1"/>' for x, top in places)
