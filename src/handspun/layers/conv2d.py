"""The two-dimensional convolution."""

from typing import Any

import numpy as np

from handspun.checks import of_kind, positive_integer, true_or_false
from handspun.engine.memory import by_images, by_rows
from handspun.engine.parameters import Shape
from handspun.engine.products import matmul
from handspun.engine.tape import Frame, Tape
from handspun.errors import UsageError
from handspun.layers import columns
from handspun.layers.base import Layer
from handspun.layers.copies import copy_each
from handspun.layers.initializers import HeNormal, Initializer, with_initializer
from handspun.layers.sums import sum_type
from handspun.layers.windows import Axis, Pair, axes, pair, picture_shape


class Conv2D(Layer):
    """y_o = b_o + Σ_c w_oc ⋆ x_c: each output channel is a sum of correlations. LeCun et al. 1989, Neural Computation 1(4).

    x (N, C, H, W), w (O, kh, C, kw), b (O,), y (N, O, OH, OW). For one image, with stride 1 and no padding,

        y_o,r,s = b_o + Σ_c Σ_i Σ_j w_oicj x_c,r+i,s+j.

    ``convolve_by_definition`` below is this formula as loops. The layer computes the same with matrix products of weights
    and *windows*, the kh rows of x that an output row needs: ``columns.py`` shows how they are made.

    Derivatives. Each y is a sum of products w · x. Summed over all products in which a value takes part:

        db_o     = Σ_n,r,s dy_o,r,s
        dw_oicj  = Σ_n,r,s dy_o,r,s x_c,r+i,s+j      windows · dyᵀ, one product per row, added up over the rows
        dx_c,h,t = Σ_o,i,j w_oicj dy_o,h-i,t-j       in two steps, the mirror of forward:
            dcolumns_h,c,j,s = Σ_o,i w_oicj dy_o,h-i,s       products with windows of kh rows of dy
            dx_c,h,t         = Σ_j dcolumns_h,c,j,t-j        each shifted copy back to where it came from

    Args:
        filters: O, the number of output channels.
        kernel_size: kh and kw, one number or two.
        stride: from one output to the next, in inputs.
        padding: "valid" for none, "same" for outputs of the size of the inputs (divided by the stride, rounded up), or the
            number of zeros around the picture.
        dilation: from one value of a filter to the next, in inputs. Yu and Koltun 2016, arXiv:1511.07122.
        groups: the number of parts that channels and filters are cut into; a filter sees only the channels of its part. With
            one channel per group it is "depthwise".
        bias: whether to add b, which is zero at first.
        initializer: of the weights; the default, He's, suits ReLU. PyTorch draws U(±1/√fan_in), Keras uses Glorot's.
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
        self.has_bias = true_or_false("Conv2D", "bias", bias)
        self.initializer = of_kind("Conv2D: initializer", initializer, Initializer) or HeNormal()
        if self.filters % self.groups:
            raise UsageError(f"Conv2D: {self.filters} filters cannot be cut into {self.groups} groups of one size.")

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.filters, *(axis.outputs for axis in self._axes(input_shape)))

    def _axes(self, input_shape: Shape) -> tuple[Axis, Axis]:
        channels, height, width = picture_shape(self, input_shape)
        if channels % self.groups:
            raise UsageError(f"Conv2D: {channels} channels cannot be cut into {self.groups} groups of one size.")
        return axes("Conv2D", (height, width), self.kernel_size, self.stride, self.dilation, self.padding)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        (channels, _, _), (kh, kw) = picture_shape(self, input_shape), self.kernel_size
        weight = (self.filters, kh, channels // self.groups, kw)
        return {"weight": weight, "bias": (self.filters,)} if self.has_bias else {"weight": weight}

    def initialize(self, rng: np.random.Generator) -> None:
        _, kh, channels, kw = self.weight.shape
        each = self.filters // self.groups
        # Group by group, because each is a separate convolution, and an initializer may look at its whole matrix.
        for group in self.weight.reshape(self.groups, each, kh, channels, kw):
            group[...] = self.initializer(group.shape, channels * kh * kw, each * kh * kw, rng)
        if self.has_bias:
            self.bias[...] = 0.0

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        here["plan"] = plan = here.plan(x, self._plan)
        copy_each(plan.copies)  # every row of x, kw times, into the columns
        kernels = self.weight.reshape(self.groups, 1, self.filters // self.groups, -1)  # (G, 1, O/G, kh · C/G · kw)
        matmul(kernels, plan.windows, plan.products)  # one product for each output row
        if plan.biases is not None:
            # Written out for one output row first: NumPy adds two long runs in half the time of many short ones.
            plan.biases[...] = self.bias[:, None]
            y_rows = plan.y_rows
            y_rows += plan.biases.reshape(-1)
        return plan.y

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        here = tape[self]
        plan: columns.Plan = here["plan"]
        precise, dy = sum_type(dy), by_rows(dy)  # (OH, O, OW, N)
        if self.has_bias:
            here.gradient["bias"][...] = columns.sum_over_places(dy, precise)  # (O,)
        dy = columns.in_groups(dy, self.groups)  # (G, OH, O/G, OW · N)
        d_kernels = columns.sum_over_rows(plan.windows, dy, precise, here)  # windows · dyᵀ: (G, kh · C/G · kw, O/G)
        here.gradient["weight"].reshape(self.groups, dy.shape[2], -1)[...] = d_kernels.transpose(0, 2, 1)
        if not here.needs_input_gradient:
            return None
        windows = columns.windows_of_gradient(dy, plan, here)  # (G, H, kh · O/G, OW · N)
        kernels = columns.upside_down(self.weight, self.groups)  # (G, 1, C/G · kw, kh · O/G)
        d_columns = columns.multiply_without_zeros(kernels, windows, plan, here)  # (G, H, C/G · kw, OW · N)
        return by_images(columns.add_shifted(d_columns, plan, here))

    def _plan(self, x: np.ndarray, here: Frame) -> columns.Plan:
        return columns.make_plan(x, *self._axes(x.shape[1:]), self.filters, self.groups, self.has_bias, here)

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
    def from_config(cls, config: dict[str, Any]) -> Layer:
        return cls(**with_initializer(config))


def convolve_by_definition(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    *,
    stride: Pair = (1, 1),
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """The definition of ``Conv2D``, one product at a time. Slow: the tests compare the layer with it.

    x (N, C, H, W), weight (O, kh, C/groups, kw), bias (O,), y (N, O, OH, OW); ``padding`` is that before and after the rows,
    and before and after the columns.
    """
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    filters, kh, channels, kw = weight.shape  # channels of one group
    height = (x.shape[2] - (kh - 1) * dilation[0] - 1) // stride[0] + 1
    width = (x.shape[3] - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    y = np.empty((len(x), filters, height, width))
    for n, o, r, s in np.ndindex(y.shape):
        y[n, o, r, s] = bias[o]
        first = o // (filters // groups) * channels  # the first channel of this filter's group
        for c, i, j in np.ndindex(channels, kh, kw):
            row, column = r * stride[0] + i * dilation[0], s * stride[1] + j * dilation[1]
            y[n, o, r, s] += weight[o, i, c, j] * x[n, first + c, row, column]
    return y


def _short(value: Any) -> str:
    """A pair (n, n) as n; another pair as it is."""
    return repr(value[0]) if isinstance(value, tuple) and value[0] == value[1] else repr(value)
