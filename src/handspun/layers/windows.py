"""Windows that slide over a picture: the arithmetic that convolutions and poolings share.

Take one axis of ``size`` inputs, padded by ``before`` and ``after``, and a window of ``kernel`` values, ``dilation`` apart. At
output o its k-th value meets input o · stride + k · dilation - before.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from handspun.checks import whole_number
from handspun.engine.parameters import Shape
from handspun.errors import UsageError
from handspun.layers.base import Layer

Pair = tuple[int, int]


@dataclass(frozen=True)
class Axis:
    """A window along one axis of a picture."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def span(self) -> int:
        """The inputs from the first to the last of one window."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padded(self) -> int:
        """The size with the padding."""
        return self.before + self.size + self.after

    @cached_property
    def outputs(self) -> int:
        """How many windows there are."""
        return (self.padded - self.span) // self.stride + 1

    @property
    def tiles(self) -> bool:
        """Whether no two windows share an input, and none reaches into the padding."""
        return self.stride >= self.span and not self.before and not self.after

    @cached_property
    def taps(self) -> tuple[tuple[int, slice, slice], ...]:
        """For each k: k, the outputs whose k-th value is not padding, and the inputs that these values are."""
        found = []
        for k in range(self.kernel):
            shift = k * self.dilation - self.before  # input = output · stride + shift
            first = max(0, -(shift // self.stride))
            last = min(self.outputs - 1, (self.size - 1 - shift) // self.stride)
            if first <= last:
                start = first * self.stride + shift
                found.append((k, slice(first, last + 1), slice(start, last * self.stride + shift + 1, self.stride)))
        return tuple(found)


def pair(owner: str, name: str, value: Any, *, least: int = 1) -> Pair:
    """One whole number for both axes, or one for rows and one for columns; UsageError if one is below ``least``."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise UsageError(f"{owner}: {name} must be a whole number, or two for rows and columns; got {value!r}.")
    return whole_number(owner, name, values[0], least=least), whole_number(owner, name, values[1], least=least)


def picture_shape(layer: Layer, input_shape: Shape) -> tuple[int, int, int]:
    """Channels, rows and columns of an input. Raises UsageError for any other shape, and says what the layer takes."""
    if len(input_shape) != 3:
        raise UsageError(
            f"{type(layer).__name__} takes pictures (channels, rows, columns), got {input_shape}. "
            "Give the network such an input_shape, (1, 28, 28) for grey images of 28 x 28, and no Flatten() before."
        )
    return input_shape[0], input_shape[1], input_shape[2]


@cache
def axes(owner: str, size: Pair, kernel: Pair, stride: Pair, dilation: Pair, padding: str | Pair) -> tuple[Axis, Axis]:
    """The windows along rows and columns.

    Args:
        owner: the kind of the layer, for the message.
        size: rows and columns of the picture.
        kernel: of the window.
        stride: from one window to the next.
        dilation: from one value of a window to the next.
        padding: "valid" for none; "same" for as many outputs as inputs, divided by the stride and rounded up, with the odd
            one after; or the number of zeros at both ends.

    Raises:
        UsageError: the window does not fit into the picture.
    """
    found = []
    for n, k, s, d, which in zip(size, kernel, stride, dilation, (0, 1), strict=True):
        span = (k - 1) * d + 1
        if padding == "same":
            total = max((-(-n // s) - 1) * s + span - n, 0)
            before, after = total // 2, total - total // 2
        else:
            before = after = 0 if isinstance(padding, str) else padding[which]
        axis = Axis(n, k, s, d, before, after)
        if axis.padded < span:
            raise UsageError(
                f"{owner}: a window of {span} values does not fit into a picture of {size[0]} x {size[1]} with this padding."
            )
        found.append(axis)
    return found[0], found[1]
