"""Poolings: each window of a picture is replaced by one value, its largest or its mean.

Both work along the rows and then along the columns: two small steps instead of a large one.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from handspun.engine.memory import by_images, by_rows
from handspun.engine.parameters import Shape
from handspun.engine.tape import Frame, Tape
from handspun.errors import UsageError
from handspun.layers.base import Layer
from handspun.layers.copies import Copies, copy_each, in_rows
from handspun.layers.windows import Axis, Pair, axes, pair, picture_shape

ROWS, COLUMNS = 0, 2  # the axes of (H, C, W, N)


class Plan(NamedTuple):
    """What a pass works with."""

    rows: Axis
    columns: Axis
    x: np.ndarray  # (H, C, W, N)
    copies: Copies  # from the input into x
    to_fill: list[np.ndarray]  # arrays that must hold something before the first step
    steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]]  # two arrays, and where their maximum or sum goes
    tall: np.ndarray  # (OH, C, W, N), the result along the rows
    y_rows: np.ndarray  # (OH, C, OW, N)
    y: np.ndarray  # (N, C, OH, OW)

    def begin(self, neutral: float) -> None:
        """Make the copies; where a step needs a first value, write the one that changes no maximum, or no sum."""
        copy_each(self.copies)
        for result in self.to_fill:
            result[...] = neutral


class _Pooling(Layer):
    """Size, stride and padding of the windows.

    Args:
        size: rows and columns of a window, one number or two; the default is Keras's.
        stride: from one window to the next; by default its size, so that the windows tile the picture. Rows and columns
            left over at the end are ignored.
        padding: how far windows reach beyond the picture, at most half their size.
    """

    works_on_pictures = True
    adds: ClassVar[bool] = False  # windows of more than 32 rows or columns are then added up in float64

    def __init__(self, size: int | Pair = 2, *, stride: int | Pair | None = None, padding: int | Pair = 0) -> None:
        owner = type(self).__name__
        self.size = pair(owner, "size", size)
        self.stride = self.size if stride is None else pair(owner, "stride", stride)
        self.padding = pair(owner, "padding", padding, least=0)
        if any(2 * p > k for p, k in zip(self.padding, self.size, strict=True)):
            raise UsageError(f"{owner}: padding must be at most half the window of {self.size}, got {self.padding}.")

    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(axis.outputs for axis in self._axes(input_shape)))

    def _axes(self, input_shape: Shape) -> tuple[Axis, Axis]:
        _, height, width = picture_shape(self, input_shape)
        return axes(type(self).__name__, (height, width), self.size, self.stride, (1, 1), self.padding)

    def _plan(self, x: np.ndarray, here: Frame) -> Plan:
        rows, columns = self._axes(x.shape[1:])
        x, copies = in_rows(x, here)  # (H, C, W, N)
        _, channels, width, images = x.shape
        dtype = np.float64 if self.adds and max(self.size) > 32 else x.dtype
        tall = here.buffer("tall", (rows.outputs, channels, width, images), dtype)
        y = here.buffer("y", (rows.outputs, channels, columns.outputs, images), dtype)
        steps = [*_steps(x, rows, ROWS, tall), *_steps(tall, columns, COLUMNS, y)]
        to_fill = [result for result, window in ((tall, rows), (y, columns)) if not _begins_with_two(window)]
        return Plan(rows, columns, x, copies, to_fill, steps, tall, y, by_images(y))

    def config(self) -> dict[str, Any]:
        return {"size": list(self.size), "stride": list(self.stride), "padding": list(self.padding)}


class MaxPool2D(_Pooling):
    """y is the largest value of each window. Ranzato et al. 2007, CVPR.

    x (N, C, H, W), y (N, C, OH, OW). The maximum of a window is that of its columns' maxima. The derivative is 1 for the
    largest value and 0 for the others; of equal values the first column's counts, and in it the first row's (in PyTorch: row,
    then column). So dy goes
    back to where y came from, in the same two steps. Padding is never the largest.
    """

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["plan"] = plan = here.plan(x, self._plan)
        plan.begin(-np.inf)
        for first, second, largest in plan.steps:  # along the rows, then along the columns
            np.maximum(first, second, out=largest)
        return plan.y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        plan: Plan = here["plan"]
        d_tall = _to_the_largest(by_rows(dy), plan.y_rows, plan.tall, plan.columns, COLUMNS, here, "d_tall")
        return by_images(_to_the_largest(d_tall, plan.tall, plan.x, plan.rows, ROWS, here, "dx"))


class AvgPool2D(_Pooling):
    """y is the mean of each window. LeCun et al. 1990, "Handwritten digit recognition with a back-propagation network", NIPS 2.

    x (N, C, H, W), y (N, C, OH, OW), y = Σ window / (kh · kw), so each value of a window gets dy / (kh · kw). Padding
    counts as zeros.
    """

    adds = True

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["plan"] = plan = here.plan(x, self._plan)
        plan.begin(0.0)
        for first, second, total in plan.steps:  # along the rows, then along the columns
            np.add(first, second, out=total)
        y_rows = plan.y_rows
        y_rows *= 1.0 / (self.size[0] * self.size[1])
        return plan.y.astype(x.dtype, copy=False)

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        plan: Plan = here["plan"]
        share = np.multiply(by_rows(dy), 1.0 / (self.size[0] * self.size[1]), out=here.like("share", plan.y_rows))
        d_tall = _to_all(share, plan.columns, COLUMNS, here.like("d_tall", plan.tall, plan.tall.dtype))
        dx = _to_all(d_tall, plan.rows, ROWS, here.like("dx", plan.x, plan.tall.dtype))
        return by_images(dx).astype(dy.dtype, copy=False)


def _at(axis: int, places: slice) -> tuple[slice, ...]:
    """An index of (H, C, W, N) that takes ``places`` along ``axis``."""
    return (slice(None),) * axis + (places,)


def _steps(x: np.ndarray, window: Axis, axis: int, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The pairs to join, and where the result goes, for y to become the maximum or sum of each window of x along ``axis``."""
    taps = [(y[_at(axis, outputs)], x[_at(axis, inputs)]) for _, outputs, inputs in window.taps]
    if _begins_with_two(window):
        (_, first), (_, second), *taps = taps
        yield first, second, y
    for result, tap in taps:
        yield result, tap, result


def _begins_with_two(window: Axis) -> bool:
    """Whether all outputs have a first and a second value, so that joining these two needs no initial value."""
    return window.kernel > 1 and not window.before and not window.after


def _to_the_largest(
    dy: np.ndarray, y: np.ndarray, x: np.ndarray, window: Axis, axis: int, here: Frame, name: str
) -> np.ndarray:
    """Give each dy to the first value of its window of x that equals y."""
    dx = here.blank(name, x.shape)
    taps = [(_at(axis, outputs), _at(axis, inputs)) for _, outputs, inputs in window.taps]
    hit = here.buffer("hit", y.shape, bool)
    if window.tiles:
        # No value is in two windows. Gradients that have found no place yet wait in the place of the last value.
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


def _to_all(dy: np.ndarray, window: Axis, axis: int, dx: np.ndarray) -> np.ndarray:
    """Add each dy to all values of its window."""
    dx[...] = 0.0
    for _, outputs, inputs in window.taps:
        dx[_at(axis, inputs)] += dy[_at(axis, outputs)]
    return dx
