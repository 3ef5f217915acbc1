"""A convolution as matrix products: the index arithmetic of ``Conv2D``.

Images lie in memory as (H, C, W, N). Copy every row of x kw times, shifted by j, to

    columns (H, C, kw, OW, N):   columns_h,c,j,s = x_c,h,s+j.

The input rows that output row r needs, r to r + kh - 1, are neighbours in it: they are one matrix (kh · C · kw, OW · N)
without another copy, a *window*. The weights (O, kh · C · kw) times a window are row r of the output, (O, OW · N), in its
place. The usual way ("im2col") copies every value kh times more. A larger stride takes every s-th window.

Backward goes the same way in reverse: products with windows of kh rows of dy give the gradient with respect to the columns,
and each shifted copy is added to where it came from. Groups are a first axis G of every array.
"""

from typing import NamedTuple

import numpy as np

from handspun.engine.memory import by_images
from handspun.engine.parameters import Shape
from handspun.engine.products import matmul
from handspun.engine.tape import Frame
from handspun.layers.copies import Copies, copy_each, in_rows
from handspun.layers.windows import Axis


class Plan(NamedTuple):
    """The views of a pass, valid as long as x is the same array."""

    rows: Axis
    columns: Axis
    x_shape: Shape  # (H, C, W, N)
    copies: Copies  # from the input into the columns
    windows: np.ndarray  # (G, OH, kh · C/G · kw, OW · N), of the columns
    products: np.ndarray  # (G, OH, O/G, OW · N), y as the products fill it
    y_rows: np.ndarray  # (OH, O · OW · N)
    biases: np.ndarray | None  # (O, OW · N)
    y: np.ndarray  # (N, O, OH, OW)


def make_plan(x: np.ndarray, rows: Axis, columns: Axis, filters: int, groups: int, has_bias: bool, here: Frame) -> Plan:
    """The views of a pass over x (N, C, H, W)."""
    x, copies = in_rows(x, here)  # (H, C, W, N)
    images = x.shape[3]
    lines = _shifted_rows(x, rows, columns, groups, here, copies)
    windows = _windows(lines, rows, here, copies, "taps of x")
    y = here.buffer("y", (rows.outputs, filters, columns.outputs, images))  # (OH, O, OW, N)
    biases = here.buffer("biases", (filters, columns.outputs * images)) if has_bias else None
    y_rows = y.reshape(rows.outputs, -1)
    return Plan(rows, columns, x.shape, copies, windows, in_groups(y, groups), y_rows, biases, by_images(y))


def in_groups(y: np.ndarray, groups: int) -> np.ndarray:
    """Outputs (OH, O, OW, N) as (G, OH, O/G, OW · N)."""
    height, filters, width, images = y.shape
    return y.reshape(height, groups, filters // groups, width * images).transpose(1, 0, 2, 3)


def sum_over_places(dy: np.ndarray, precise: type[np.float64] | None) -> np.ndarray:
    """The sum of dy (OH, O, OW, N) over rows, columns and images, (O,)."""
    height, filters, width, images = dy.shape
    if precise:
        return np.add.reduce(dy, axis=(0, 2, 3), dtype=precise)
    over_columns = np.matmul(dy.reshape(height * filters, -1), np.ones(width * images, dy.dtype))
    return np.add.reduce(over_columns.reshape(height, filters), axis=0)


def sum_over_rows(windows: np.ndarray, dy: np.ndarray, precise: type[np.float64] | None, here: Frame) -> np.ndarray:
    """Windows (G, OH, kh · C/G · kw, OW · N) times dyᵀ, added up over the rows: (G, kh · C/G · kw, O/G).

    The products of large pictures are cut into parts, which are added up in ``precise``.
    """
    each_row = here.buffer("dw", (*windows.shape[:3], dy.shape[2]))
    values = dy.shape[3]
    step = 128 if precise else values
    sums = []
    for part in (slice(start, start + step) for start in range(0, values, step)):
        matmul(windows[..., part], dy[..., part].transpose(0, 1, 3, 2), each_row)
        sums.append(np.add.reduce(each_row, axis=1, dtype=precise))
    return sums[0] if len(sums) == 1 else np.add.reduce(sums, axis=0)


def windows_of_gradient(dy: np.ndarray, plan: Plan, here: Frame) -> np.ndarray:
    """The kh rows of dy (G, OH, O/G, OW · N) that each input row meets, with zeros around: (G, H, kh · O/G, OW · N).

    Input row h meets the first of its rows with the last row of the weights.
    """
    rows, (groups, _, each, values), height = plan.rows, dy.shape, plan.x_shape[0]
    around = rows.span - 1
    padded = here.blank("padded", (groups, height + around, each, 1, values, 1))
    first = around - rows.before  # the place of output row 0
    skipped = max(0, -(first // rows.stride))  # outputs that see nothing but padding
    kept = min(rows.outputs, (height + around - 1 - first) // rows.stride + 1)
    place = slice(first + skipped * rows.stride, first + (kept - 1) * rows.stride + 1, rows.stride)
    padded[:, place, :, 0, :, 0] = dy[:, skipped:kept]
    copies: Copies = []
    windows = _windows(padded, Axis(height + around, rows.kernel, 1, rows.dilation, 0, 0), here, copies, "taps of dy")
    copy_each(copies)
    return windows


def upside_down(weight: np.ndarray, groups: int) -> np.ndarray:
    """The weights (O, kh, C/G, kw) that lead from windows of dy to columns: (G, 1, C/G · kw, kh · O/G)."""
    filters, kh, channels, kw = weight.shape
    by_group = weight.reshape(groups, filters // groups, kh, channels * kw)
    return by_group[:, :, ::-1].transpose(0, 3, 2, 1).reshape(groups, 1, channels * kw, kh * (filters // groups))


def multiply_without_zeros(kernels: np.ndarray, windows: np.ndarray, plan: Plan, here: Frame) -> np.ndarray:
    """``kernels @ windows`` for windows of dy, without the products with the zeros around it: (G, H, C/G · kw, OW · N).

    Window h is made of the rows h to h + kh - 1. At both ends some of them are zero and add nothing. For filters of 5 x 5 on
    pictures of 12 x 12 without padding, they would be a third of the product.
    """
    rows, kh, (groups, height, taps, values) = plan.rows, plan.rows.kernel, windows.shape
    out = here.buffer("dcolumns", (groups, height, kernels.shape[2], values))
    if not rows.stride == rows.dilation == 1:
        return matmul(kernels, windows, out)
    each, first = taps // kh, kh - 1 - rows.before  # the rows that are not zero begin with ``first``
    last = first + rows.outputs
    whole = slice(max(first, 0), min(last - kh + 1, height))  # the windows without zeros
    if whole.start < whole.stop:
        matmul(kernels, windows[:, whole], out[:, whole])
    for h in range(height):
        if whole.start <= h < whole.stop:
            continue
        begin, end = max(0, first - h) * each, min(kh, last - h) * each
        if begin < end:
            matmul(kernels[:, 0, :, begin:end], windows[:, h, begin:end], out[:, h])
        else:
            out[:, h] = 0.0
    return out


def add_shifted(d_columns: np.ndarray, plan: Plan, here: Frame) -> np.ndarray:
    """The sum dx (H, C, W, N) of the columns' gradient (G, H, C/G · kw, OW · N), each copy back to where it came from."""
    columns, (height, channels, width, images), groups = plan.columns, plan.x_shape, len(d_columns)
    if _one_copy(columns, groups):
        return d_columns.reshape(plan.x_shape)
    shifted = d_columns.reshape(groups, height, -1, columns.kernel, columns.outputs, images)
    dx = here.buffer("dx", plan.x_shape)
    dx[...] = 0.0
    by_group = dx.reshape(height, groups, channels // groups, width, images).transpose(1, 0, 2, 3, 4)
    for j, outputs, inputs in columns.taps:
        part = by_group[:, :, :, inputs]
        np.add(part, shifted[:, :, :, j, outputs], out=part)
    return dx


def _one_copy(columns: Axis, groups: int) -> bool:
    """Whether the columns are x itself, as for kernels of one column."""
    return groups == columns.kernel == columns.stride == 1 and not columns.before and not columns.after


def _shifted_rows(x: np.ndarray, rows: Axis, columns: Axis, groups: int, here: Frame, copies: Copies) -> np.ndarray:
    """The columns of x (H, C, W, N), with zeros above and below: (G, padded H, C/G, kw, OW, N)."""
    height, channels, width, images = x.shape
    if _one_copy(columns, groups) and rows.padded == height:
        return x.reshape(1, height, channels, 1, width, images)
    each = channels // groups
    lines = here.blank("columns", (groups, rows.padded, each, columns.kernel, columns.outputs, images))
    if columns.stride == columns.dilation == 1 and rows.padded == height and columns.padded == width:
        # The shifted rows overlap in memory: viewed as one array, they are copied in one call.
        column = images * x.itemsize
        channel = width * column
        shape = (groups, height, each, columns.kernel, columns.outputs * images)
        strides = (each * channel, channels * channel, channel, column, x.itemsize)
        copies.append((lines.reshape(shape), np.ndarray(shape, x.dtype, x, 0, strides)))
        return lines
    inside = lines[:, rows.before : rows.before + height]
    by_group = x.reshape(height, groups, each, width, images).transpose(1, 0, 2, 3, 4)
    copies += [(inside[:, :, :, j, outputs], by_group[:, :, :, inputs]) for j, outputs, inputs in columns.taps]
    return lines


def _windows(lines: np.ndarray, rows: Axis, here: Frame, copies: Copies, name: str) -> np.ndarray:
    """The windows of kh rows of ``lines`` (G, H, A, B, OW, N): a view (G, OH, kh · A · B, OW · N) without a copy."""
    groups, _, a, b, width, images = lines.shape
    taps, last, value = a * b, width * images, lines.itemsize
    group, line = lines.strides[:2]
    # Rows that are not neighbours make no matrix: they have to be copied together.
    if rows.dilation > 1:
        shape = (groups, rows.outputs, rows.kernel, taps, last)
        strides = (group, rows.stride * line, rows.dilation * line, last * value, value)
        together = here.buffer(name, shape)
        copies.append((together, np.ndarray(shape, lines.dtype, lines, 0, strides)))
        return together.reshape(groups, rows.outputs, rows.kernel * taps, last)
    shape = (groups, rows.outputs, rows.kernel * taps, last)
    return np.ndarray(shape, lines.dtype, lines, 0, (group, rows.stride * line, last * value, value))
