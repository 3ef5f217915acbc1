"""Poolings: of each window of a picture only one value goes on, the largest or the mean.

Both are done along the rows and then along the columns, two small steps instead of a large one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handspun.errors import UsageError
from handspun.layers.base import Layer
from handspun.layers.windows import Axis, Pair, axes, pair, picture_shape
from handspun.memory import by_images, by_rows
from handspun.parameters import Shape
from handspun.tape import Frame, Tape

ROWS, COLUMNS = 0, 2  # the axes of (H, C, W, N)


class _Pooling(Layer):
    """Size, stride and padding of the windows.

    Args:
        size: rows and columns of a window, one number or two.
        stride: from one window to the next; by default its size, so that the windows tile the picture. Rows and columns
            that are left over at the end are not looked at.
        padding: how far windows reach beyond the picture, at most half their size.
    """

    works_on_pictures = True

    def __init__(self, size: int | Pair = 2, *, stride: int | Pair | None = None, padding: int | Pair = 0) -> None:
        owner = type(self).__name__
        self.size = pair(owner, "size", size)
        self.stride = self.size if stride is None else pair(owner, "stride", stride)
        self.padding = pair(owner, "padding", padding, least=0)
        if any(2 * p > k for p, k in zip(self.padding, self.size, strict=True)):
            raise UsageError(f"{owner}: padding must be at most half the window of {self.size}, got {self.padding}.")

    def output_shape(self, input_shape: Shape) -> Shape:
        rows, columns = self._axes(input_shape)
        return (input_shape[0], rows.outputs, columns.outputs)

    def _axes(self, input_shape: Shape) -> tuple[Axis, Axis]:
        _, height, width = picture_shape(self, input_shape)
        return axes(type(self).__name__, (height, width), self.size, self.stride, (1, 1), self.padding)

    def config(self) -> dict[str, Any]:
        return {"size": list(self.size), "stride": list(self.stride), "padding": list(self.padding)}


class MaxPool2D(_Pooling):
    """y is the largest value of each window. Ranzato et al. 2007, CVPR.

    x (N, C, H, W), y (N, C, OH, OW). max over a window = max over its columns of the max over the rows of each. The
    derivative is 1 by the value that is the largest and 0 by the others; among equal ones the first is taken. So dy goes
    back to where y came from, in the two steps in which it came. Padding holds no values.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        rows, columns = self._axes(x.shape[1:])
        x = by_rows(x)  # (H, C, W, N)
        _, channels, width, images = x.shape
        tall = _largest(x, rows, ROWS, here.buffer("tall", (rows.outputs, channels, width, images)))
        y = _largest(tall, columns, COLUMNS, here.buffer("y", (rows.outputs, channels, columns.outputs, images)))
        here["x"], here["tall"], here["y"] = x, tall, y
        return by_images(y)

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        x, tall, y = here["x"], here["tall"], here["y"]
        height, channels, width, _ = x.shape
        rows, columns = self._axes((channels, height, width))
        d_tall = _to_the_largest(by_rows(dy), y, tall, columns, COLUMNS, here, "d_tall")
        return by_images(_to_the_largest(d_tall, tall, x, rows, ROWS, here, "dx"))


class AvgPool2D(_Pooling):
    """y is the mean of each window. LeCun et al. 1989, Neural Computation 1(4).

    x (N, C, H, W), y (N, C, OH, OW), y = Σ window / (kh · kw), so each value of a window gets dy / (kh · kw). Padding
    counts as zeros.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        rows, columns = self._axes(x.shape[1:])
        x = by_rows(x)  # (H, C, W, N)
        _, channels, width, images = x.shape
        tall = _sum(x, rows, ROWS, here.buffer("tall", (rows.outputs, channels, width, images)))
        y = _sum(tall, columns, COLUMNS, here.buffer("y", (rows.outputs, channels, columns.outputs, images)))
        y *= 1.0 / (rows.kernel * columns.kernel)
        here["x_shape"] = x.shape
        return by_images(y)

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        height, channels, width, images = here["x_shape"]
        rows, columns = self._axes((channels, height, width))
        dy = by_rows(dy)  # (OH, C, OW, N)
        share = np.multiply(dy, 1.0 / (rows.kernel * columns.kernel), out=here.like("share", dy))
        d_tall = _to_all(share, columns, COLUMNS, here.buffer("d_tall", (rows.outputs, channels, width, images)))
        return by_images(_to_all(d_tall, rows, ROWS, here.buffer("dx", (height, channels, width, images))))


def _at(axis: int, places: slice) -> tuple[slice, ...]:
    """An index of (H, C, W, N) that takes ``places`` along ``axis``."""
    return (slice(None),) * axis + (places,)


def _largest(x: np.ndarray, window: Axis, axis: int, y: np.ndarray) -> np.ndarray:
    """Write into y the maximum of each window of x along ``axis``."""
    taps = iter(window.taps)
    if window.before or window.after:
        y[...] = -np.inf  # what a window in the padding begins with
    else:
        first = x[_at(axis, next(taps)[2])]
        second = next(taps, None)
        if second is None:
            y[...] = first
        else:
            np.maximum(first, x[_at(axis, second[2])], out=y)
    for _, outputs, inputs in taps:
        best = y[_at(axis, outputs)]
        np.maximum(best, x[_at(axis, inputs)], out=best)
    return y


def _to_the_largest(
    dy: np.ndarray, y: np.ndarray, x: np.ndarray, window: Axis, axis: int, here: Frame, name: str
) -> np.ndarray:
    """Give each dy to the first value of its window of x that is y."""
    dx = here.blank(name, x.shape)
    taps = [(_at(axis, outputs), _at(axis, inputs)) for _, outputs, inputs in window.taps]
    hit = here.buffer("hit", y.shape, bool)
    if window.tiles:
        # Each value is in one window at most. What is not given away yet waits in the place of the last value.
        waiting, last = dy, dx[taps.pop()[1]]
        for _, inputs in taps:
            np.multiply(waiting, np.equal(x[inputs], y, out=hit), out=dx[inputs])
            waiting = np.subtract(waiting, dx[inputs], out=last)
        if waiting is dy:
            last[...] = dy
        return dx
    dx[...] = 0.0
    waiting, given = here.buffer("waiting", y.shape), here.buffer("given", y.shape)
    waiting[...] = dy
    for outputs, inputs in taps:
        np.equal(x[inputs], y[outputs], out=hit[outputs])
        np.multiply(waiting[outputs], hit[outputs], out=given[outputs])
        waiting[outputs] -= given[outputs]
        dx[inputs] += given[outputs]
    return dx


def _sum(x: np.ndarray, window: Axis, axis: int, y: np.ndarray) -> np.ndarray:
    """Write into y the sum of each window of x along ``axis``."""
    y[...] = 0.0
    for _, outputs, inputs in window.taps:
        y[_at(axis, outputs)] += x[_at(axis, inputs)]
    return y


def _to_all(dy: np.ndarray, window: Axis, axis: int, dx: np.ndarray) -> np.ndarray:
    """Add each dy to all values of its window."""
    dx[...] = 0.0
    for _, outputs, inputs in window.taps:
        dx[_at(axis, inputs)] += dy[_at(axis, outputs)]
    return dx
