"""The two-dimensional convolution."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from handspun.checks import positive_integer
from handspun.engine.memory import by_images, by_rows
from handspun.engine.parameters import Shape
from handspun.engine.products import matmul
from handspun.engine.tape import Frame, Tape
from handspun.errors import UsageError
from handspun.layers.base import Layer
from handspun.layers.copies import Copies, copy_each, in_rows
from handspun.layers.initializers import HeNormal, Initializer, initializer_from_config
from handspun.layers.windows import Axis, Pair, axes, pair, picture_shape


class Conv2D(Layer):
    """y_o = b_o + Σ_c w_oc ⋆ x_c: each output channel is a sum of correlations. LeCun et al. 1989, Neural Computation 1(4).

    x (N, C, H, W), w (O, kh, C, kw), b (O,), y (N, O, OH, OW). For one image, with stride 1 and no padding,

        y_o,r,s = b_o + Σ_c Σ_i Σ_j w_oicj x_c,r+i,s+j.

    As a matrix product. In memory images lie as (H, C, W, N). Copy every row kw times, shifted by j, to

        columns (H, C, kw, OW, N):   columns_h,c,j,s = x_c,h,s+j.

    What output row r needs of it, the input rows r to r + kh - 1, are neighbours: one matrix (kh · C · kw, OW · N), without
    another copy, from which a product with the weights (O, kh · C · kw) makes (O, OW · N): row r of the output where it
    belongs. The usual way ("im2col") copies every value kh times more. A larger stride takes every s-th such window.

    Derivatives. Each y is a sum over products w · x, so the sum over all of them that a value takes part in is

        db_o    = Σ_n,r,s dy_o,r,s
        dw_oicj = Σ_n,r,s dy_o,r,s x_c,r+i,s+j      windows · dyᵀ, one product a row, added up over the rows
        dx_c,h,t = Σ_o,i,j w_oicj dy_o,h-i,t-j      in two steps, the mirror of those above:
            dcolumns_h,c,j,s = Σ_o,i w_oicj dy_o,h-i,s       products with windows of kh rows of dy, zeros around it
            dx_c,h,t = Σ_j dcolumns_h,c,j,t-j                each shifted copy back to where it came from

    Groups cut channels and filters into parts that do not see each other; every array above gets a first axis for them.

    Args:
        filters: O, the number of output channels.
        kernel_size: kh and kw, one number or two.
        stride: from one output to the next, in inputs.
        padding: "valid" for none, "same" for outputs of the size of the inputs (divided by the stride, rounded up), or the
            number of zeros around the picture.
        dilation: from one value of a filter to the next, in inputs. Yu and Koltun 2016, arXiv:1511.07122.
        groups: into how many parts channels and filters are cut; as many as channels is "depthwise".
        bias: whether to add b, which begins at zero.
        initializer: how the weights begin; the default suits ReLU.
    """

    decayed = ("weight",)
    works_on_pictures = True

    weight: np.ndarray  # (O, kh, C/groups, kw)
    bias: np.ndarray  # (O,)

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: str | int | Pair = "valid",
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        initializer: Initializer | None = None,
    ) -> None:
        self.filters = positive_integer("Conv2D", "filters", filters)
        self.kernel_size = pair("Conv2D", "kernel_size", kernel_size)
        self.stride = pair("Conv2D", "stride", stride)
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise UsageError(f'Conv2D: padding must be "same", "valid" or a number of zeros, got {padding!r}.')
        self.padding = padding if isinstance(padding, str) else pair("Conv2D", "padding", padding, least=0)
        self.dilation = pair("Conv2D", "dilation", dilation)
        self.groups = positive_integer("Conv2D", "groups", groups)
        self.has_bias = bool(bias)
        self.initializer = initializer or HeNormal()
        if self.filters % self.groups:
            raise UsageError(f"Conv2D: {self.filters} filters cannot be cut into {self.groups} groups of one size.")

    def output_shape(self, input_shape: Shape) -> Shape:
        rows, columns = self._axes(input_shape)
        return (self.filters, rows.outputs, columns.outputs)

    def _axes(self, input_shape: Shape) -> tuple[Axis, Axis]:
        channels, height, width = picture_shape(self, input_shape)
        if channels % self.groups:
            raise UsageError(f"Conv2D: {channels} channels cannot be cut into {self.groups} groups of one size.")
        return axes("Conv2D", (height, width), self.kernel_size, self.stride, self.dilation, self.padding)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        channels, _, _ = picture_shape(self, input_shape)
        kh, kw = self.kernel_size
        shapes: dict[str, Shape] = {"weight": (self.filters, kh, channels // self.groups, kw)}
        if self.has_bias:
            shapes["bias"] = (self.filters,)
        return shapes

    def initialize(self, rng: np.random.Generator) -> None:
        _, kh, channels, kw = self.weight.shape
        each = self.filters // self.groups
        # Group by group, for each is a convolution of its own: an initializer may look at its matrix as a whole.
        for group in self.weight.reshape(self.groups, each, kh, channels, kw):
            group[...] = self.initializer(group.shape, channels * kh * kw, each * kh * kw, rng)
        if self.has_bias:
            self.bias[...] = 0.0

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        plan = here.plan(x, self._plan)  # views of x, of its columns, of windows of these, and of y
        copy_each(plan.copies)  # every row of x, kw times, into the columns
        kernels = self.weight.reshape(self.groups, 1, self.filters // self.groups, -1)  # (G, 1, O/G, kh · C/G · kw)
        matmul(kernels, plan.windows, plan.products)  # a product for each output row
        if plan.biases is not None:
            # Written out for a row of the output first: NumPy adds two long runs in half the time of many short ones.
            plan.biases[...] = self.bias[:, None]
            y_rows = plan.y_rows
            y_rows += plan.biases.reshape(-1)
        here["x_shape"], here["windows"] = plan.x_shape, plan.windows
        return plan.y

    def _plan(self, x: np.ndarray, here: Frame) -> _Plan:
        rows, columns = self._axes(x.shape[1:])
        x, copies = in_rows(x, here)  # (H, C, W, N)
        lines = self._columns(x, rows, columns, here, copies)
        windows = self._windows(lines, rows, here, copies)
        y = here.buffer("y", (rows.outputs, self.filters, columns.outputs, x.shape[3]))  # (OH, O, OW, N)
        biases = here.buffer("biases", (self.filters, columns.outputs * x.shape[3])) if self.has_bias else None
        return _Plan(x.shape, copies, windows, self._grouped(y), y.reshape(rows.outputs, -1), biases, by_images(y))

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        here = tape[self]
        windows, (height, channels, width, images) = here["windows"], here["x_shape"]
        rows, columns = self._axes((channels, height, width))
        groups, filters, each = self.groups, self.filters, self.filters // self.groups
        kh, kw = self.kernel_size
        dy = by_rows(dy)  # (OH, O, OW, N)
        if self.has_bias:
            over_columns = np.matmul(dy.reshape(rows.outputs * filters, -1), np.ones(columns.outputs * images, dy.dtype))
            np.add.reduce(over_columns.reshape(-1, filters), axis=0, out=here.gradient["bias"])
        each_row = here.buffer("dw", (groups, rows.outputs, windows.shape[2], each))
        matmul(windows, self._grouped(dy).transpose(0, 1, 3, 2), each_row)
        d_kernels = np.add.reduce(each_row, axis=1)  # (G, kh · C/G · kw, O/G)
        here.gradient["weight"].reshape(groups, each, -1)[...] = d_kernels.transpose(0, 2, 1)
        if not here.needs_input_gradient:
            return None

        # Rows of dy between zeros, (G, H + …, O/G, 1, OW, N), so that every input row has its window of kh of them.
        around = (kh - 1) * rows.dilation
        padded = here.blank("padded", (groups, height + around, each, 1, columns.outputs, images))
        first = around - rows.before  # where output row 0 comes to lie, for input row h = 0 meets it with its last weight
        skipped = max(0, -(first // rows.stride))  # outputs that see nothing but padding
        kept = min(rows.outputs, (height + around - 1 - first) // rows.stride + 1)
        place = slice(first + skipped * rows.stride, first + (kept - 1) * rows.stride + 1, rows.stride)
        grouped = dy.reshape(rows.outputs, groups, each, columns.outputs, images).transpose(1, 0, 2, 3, 4)
        padded[:, place, :, 0] = grouped[:, skipped:kept]
        around_rows = Axis(height + around, kh, 1, rows.dilation, 0, 0)
        copies: Copies = []
        windows = self._windows(padded, around_rows, here, copies, "taps of dy")  # (G, H, kh · O/G, OW · N)
        copy_each(copies)
        # The filters upside down: (G, 1, C/G · kw, kh · O/G).
        kernels = self.weight.reshape(groups, each, kh, -1)[:, :, ::-1].transpose(0, 3, 2, 1).reshape(groups, 1, -1, kh * each)
        d_columns = here.buffer("dcolumns", (groups, height, kernels.shape[2], columns.outputs * images))
        if rows.stride == rows.dilation == 1:
            _multiply_without_zeros(kernels, windows, first, rows.outputs, kh, d_columns)
        else:
            matmul(kernels, windows, d_columns)
        shifted = d_columns.reshape(groups, height, -1, kw, columns.outputs, images)
        if self._plain(columns):
            return by_images(shifted.reshape(height, channels, width, images))
        dx = here.buffer("dx", (height, channels, width, images))
        dx[...] = 0.0
        by_group = dx.reshape(height, groups, -1, width, images).transpose(1, 0, 2, 3, 4)
        for j, outputs, inputs in columns.taps:
            part = by_group[:, :, :, inputs]
            np.add(part, shifted[:, :, :, j, outputs], out=part)
        return by_images(dx)

    def _plain(self, columns: Axis) -> bool:
        """Whether a row is its own only copy, as for kernels of one column."""
        return self.groups == 1 and columns.kernel == columns.stride == 1 and not columns.before and not columns.after

    def _grouped(self, y: np.ndarray) -> np.ndarray:
        """Outputs (OH, O, OW, N) as (G, OH, O/G, OW · N)."""
        height, filters, width, images = y.shape
        return y.reshape(height, self.groups, filters // self.groups, width * images).transpose(1, 0, 2, 3)

    def _columns(self, x: np.ndarray, rows: Axis, columns: Axis, here: Frame, copies: Copies) -> np.ndarray:
        """Each row of x (H, C, W, N) kw times, shifted, with zeros above and below: (G, padded H, C/G, kw, OW, N)."""
        height, channels, width, images = x.shape
        if self._plain(columns) and not rows.before and not rows.after:
            return x.reshape(1, height, channels, 1, width, images)
        each = channels // self.groups
        lines = here.blank("columns", (self.groups, rows.padded, each, columns.kernel, columns.outputs, images))
        if columns.stride == columns.dilation == 1 and rows.padded == height and columns.padded == width:
            # The shifted rows overlap in memory: seen as an array of their own, they are copied in one go.
            column = images * x.itemsize
            channel = width * column
            shape = (self.groups, height, each, columns.kernel, columns.outputs * images)
            strides = (each * channel, channels * channel, channel, column, x.itemsize)
            copies.append((lines.reshape(shape), np.ndarray(shape, x.dtype, x, 0, strides)))
            return lines
        inside = lines[:, rows.before : rows.before + height]
        by_group = x.reshape(height, self.groups, each, width, images).transpose(1, 0, 2, 3, 4)
        copies += [(inside[:, :, :, j, outputs], by_group[:, :, :, inputs]) for j, outputs, inputs in columns.taps]
        return lines

    def _windows(self, lines: np.ndarray, rows: Axis, here: Frame, copies: Copies, name: str = "taps of x") -> np.ndarray:
        """The windows of kh rows of ``lines`` (G, H, A, B, OW, N): a view (G, OH, kh · A · B, OW · N) without a copy."""
        groups, _, a, b, width, images = lines.shape
        line, value = lines.strides[1], lines.itemsize
        taps, last = a * b, width * images
        if rows.dilation == 1:
            shape = (groups, rows.outputs, rows.kernel * taps, last)
            return np.ndarray(shape, lines.dtype, lines, 0, (lines.strides[0], rows.stride * line, last * value, value))
        # Rows that are not neighbours make no matrix: they have to be copied together.
        shape = (groups, rows.outputs, rows.kernel, taps, last)
        strides = (lines.strides[0], rows.stride * line, rows.dilation * line, last * value, value)
        together = here.buffer(name, shape)
        copies.append((together, np.ndarray(shape, lines.dtype, lines, 0, strides)))
        return together.reshape(groups, rows.outputs, rows.kernel * taps, last)

    def config(self) -> dict[str, Any]:
        return {
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "stride": list(self.stride),
            "padding": self.padding if isinstance(self.padding, str) else list(self.padding),
            "dilation": list(self.dilation),
            "groups": self.groups,
            "bias": self.has_bias,
            "initializer": self.initializer.config(),
        }

    def __repr__(self) -> str:
        usual = {"stride": (1, 1), "padding": "valid", "dilation": (1, 1), "groups": 1}
        said = [f"{name}={_short(getattr(self, name))}" for name, value in usual.items() if getattr(self, name) != value]
        said += [] if self.has_bias else ["bias=False"]
        return f"Conv2D({', '.join([str(self.filters), _short(self.kernel_size), *said])})"

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Conv2D:
        if "initializer" in config:
            config = {**config, "initializer": initializer_from_config(config["initializer"])}
        return cls(**config)


class _Plan(NamedTuple):
    """What a forward pass works with."""

    x_shape: Shape  # (H, C, W, N)
    copies: Copies  # from x into the columns
    windows: np.ndarray  # (G, OH, kh · C/G · kw, OW · N), of the columns
    products: np.ndarray  # (G, OH, O/G, OW · N), y as the products fill it
    y_rows: np.ndarray  # (OH, O · OW · N)
    biases: np.ndarray | None  # (O, OW · N)
    y: np.ndarray  # (N, O, OH, OW)


def _multiply_without_zeros(kernels: np.ndarray, windows: np.ndarray, first: int, count: int, kh: int, out: np.ndarray) -> None:
    """``kernels @ windows``, where of the rows that make the windows only ``count`` from ``first`` on are not zero.

    Window h is made of the rows h to h + kh - 1. At both ends some of them are zero, and so is what they would add: without
    padding, filters of 5 x 5 on pictures of 12 x 12 spend a third of the product on it.
    """
    height, each = windows.shape[1], windows.shape[2] // kh
    whole = slice(max(first, 0), min(first + count - kh + 1, height))  # the windows without zeros
    if whole.start < whole.stop:
        matmul(kernels, windows[:, whole], out[:, whole])
    for h in range(height):
        if whole.start <= h < whole.stop:
            continue
        begin, end = max(0, first - h) * each, min(kh, first + count - h) * each
        if begin < end:
            matmul(kernels[:, 0, :, begin:end], windows[:, h, begin:end], out[:, h])
        else:
            out[:, h] = 0.0


def _short(value: Any) -> str:
    """A pair of two equal numbers as one."""
    return repr(value[0]) if isinstance(value, tuple) and value[0] == value[1] else repr(value)
