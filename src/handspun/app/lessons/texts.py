"""What Step says about each kind of layer: formula, explanation, and the lines of source that do the work.

Formulae are plain text. A space or a closing parenthesis ends an index: in "y_k = Σ_j x_j W_jk" the W has the index jk.
The texts are format strings: {x} and {y} are the shapes before and after the layer, {layer} has its settings, ``fields`` gives
the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handspun.app.lessons.wording import size_text
from handspun.engine.parameters import Shape
from handspun.layers import (
    GELU,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    SpatialDropout,
    Tanh,
)
from handspun.layers.windows import Axis, axes


@dataclass(frozen=True)
class Texts:
    """One direction through a layer."""

    formula: str
    explanation: str
    lines: tuple[str, ...]  # a part of the text of each source line that does the work
    reads: tuple[str, ...] = ()  # backward: the arrays of the forward pass in the formula (x, y, parameters, statistics)


@dataclass(frozen=True)
class Lesson:
    """A kind of layer: its title, the way from x to y, and the way from dy back to dx and the parameters' gradients."""

    title: str
    forward: Texts
    backward: Texts


def _dropout(title: str, dropped: str, all_of_them: str) -> Lesson:
    return Lesson(
        title,
        Texts(
            "y = x",
            f"In training {dropped} would be set to zero at random, and the rest multiplied by 1/(1 - {{layer.rate}}), so that "
            f"sums stay the same on average. Inference drops nothing, and neither does this pass: {all_of_them} are kept.",
            ("return x", "np.multiply(x, here"),
        ),
        Texts(
            "dx = dy", "What was passed on unchanged gets its gradient back unchanged.", ("return dy", "np.multiply(dy, here")
        ),
    )


#: The lesson for each kind of layer.
LESSONS: dict[type[Layer], Lesson] = {
    Dense: Lesson(
        "Weighted sums",
        Texts(
            "y = x W{plus_b}\ny_k = Σ_j x_j W_jk{plus_b_k}",
            "Each of the {layer.units} units multiplies each of the {x} values by its own weight and adds up the products. "
            "Column k of W holds the weights of unit k.",
            ("matmul(x, self.weight", "y += self.bias"),
        ),
        Texts(
            "dW = xᵀ dy\n{db_is_dy}dx = dy Wᵀ",
            "The gradient of a weight is the value that it multiplied, times the gradient of the sum that it is part of. The "
            "gradient then goes down through the same weights, in the other direction.",
            ("np.add.reduce(dy, axis=0", "matmul(x.T, dy", "matmul(dy, self.weight.T"),
            ("x", "W"),
        ),
    ),
    Conv2D: Lesson(
        "Convolution",
        Texts(
            "y_o,r,s = Σ_c Σ_i Σ_j W_ocij x_c,{row},{column}{plus_b_o}",
            "{layer.filters} small filters slide over the picture. At each place every filter multiplies the values under it "
            "by its weights, and writes the sum into its own feature map: from {x} to {y}.{grouped}",
            ("copy_each(plan.copies)", "matmul(kernels, plan.windows", "y_rows += plan.biases"),
        ),
        Texts(
            "dW_ocij = Σ_r Σ_s dy_o,r,s x_c,{row},{column}\n{db_is_sum}"
            "dx_c,h,t = Σ_o Σ_i Σ_j W_ocij dy_o,r,s   with h = {row}, t = {column}",
            "A filter is used at every place, so its gradient is the sum over all places. Each pixel gets back a share from "
            "every sum that it was part of.",
            (
                "columns.sum_over_places(",
                "d_kernels = columns.sum_over_rows(",
                "multiply_without_zeros(kernels",
                "add_shifted(d_columns",
            ),
            ("x", "W"),
        ),
    ),
    MaxPool2D: Lesson(
        "Max pooling",
        Texts(
            "y_c,r,s = max over the window at r, s of x_c",
            "Only the largest value of each window of {layer.size[0]} × {layer.size[1]} is passed on: from {x} to {y}.",
            ("np.maximum(first, second",),
        ),
        Texts(
            "dx = Σ dy of the windows in which x was the largest",
            "Only the largest value of a window had any influence, so it alone gets the gradient.",
            ("d_tall = _to_the_largest(", "_to_the_largest(d_tall"),
            ("x",),
        ),
    ),
    AvgPool2D: Lesson(
        "Average pooling",
        Texts(
            "y_c,r,s = mean over the window at r, s of x_c",
            "The mean of each window of {layer.size[0]} × {layer.size[1]} values is passed on: from {x} to {y}.",
            ("np.add(first, second", "y_rows *= 1.0 /"),
        ),
        Texts(
            "dx = Σ dy / (rows · columns of the window)",
            "Each value has the same share in the mean of its window, and gets that share of its gradient.",
            ("share = np.multiply(", "d_tall = _to_all(", "_to_all(d_tall, plan.rows"),
        ),
    ),
    GlobalAvgPool: Lesson(
        "Global average pooling",
        Texts(
            "y_c = Σ_h,w x_c,h,w / (H · W)",
            "Each feature map becomes one number, its mean: where a feature was found no longer matters, only how much of it.",
            ("y = np.add.reduce(", "y *= 1.0 /"),
        ),
        Texts(
            "dx_c,h,w = dy_c / (H · W)",
            "All values of a map have the same share in its mean, and get the same gradient.",
            ("dx[...] = (dy.T",),
        ),
    ),
    ReLU: Lesson(
        "ReLU",
        Texts("y = max(x, 0)", "Positive values are kept, negative ones become 0.", ("y = np.maximum(",)),
        Texts(
            "dx = dy where x > 0, else 0",
            "The slope is 1 where a value was kept and 0 where it was cut off: nothing below learns from such a value.",
            ("active = np.greater(", "np.multiply(dy, active"),
            ("x",),
        ),
    ),
    LeakyReLU: Lesson(
        "Leaky ReLU",
        Texts(
            "y = x where x > 0, else {layer.slope} · x",
            "Positive values are kept, negative ones are multiplied by a small number.",
            ("np.multiply(x, self.slope", "np.maximum(x, y"),
        ),
        Texts(
            "dx = dy where x > 0, else {layer.slope} · dy",
            "The slope is 1 for positive values and {layer.slope} for negative ones.",
            ("np.greater(x, 0.0", "derivative *=", "derivative +=", "np.multiply(dy, derivative"),
            ("x",),
        ),
    ),
    Sigmoid: Lesson(
        "Sigmoid",
        Texts("y = 1 / (1 + e⁻ˣ)", "Each value is squeezed between 0 and 1.", ("y = sigmoid(",)),
        Texts(
            "dx = dy · y (1 - y)",
            "The slope is largest, 1/4, at x = 0, and vanishes where y is near 0 or 1.",
            ("np.subtract(1.0, y", "dx *= y", "dx *= dy"),
            ("y",),
        ),
    ),
    Tanh: Lesson(
        "Tanh",
        Texts("y = tanh x", "Each value is squeezed between -1 and 1.", ("np.tanh(x",)),
        Texts(
            "dx = dy · (1 - y²)",
            "The slope is 1 at x = 0, and vanishes where y is near -1 or 1.",
            ("np.multiply(y, y", "np.subtract(1.0, dx", "dx *= dy"),
            ("y",),
        ),
    ),
    GELU: Lesson(
        "GELU",
        Texts(
            "y = x/2 · (1 + t),   t = tanh(√(2/π) · (x + 0.044715 x³))",
            "A smooth relative of ReLU: x times (almost exactly) the probability that a normal random number is below x.",
            (
                "np.multiply(near, near",
                "cubic *= _SCALE",
                "np.add(cubic",
                "t *= near",
                "np.tanh(t",
                "np.add(t",
                "y *= 0.5",
                "y *= x",
            ),
        ),
        Texts(
            "dx = dy · ((1 + t)/2 + x/2 · (1 - t²) · √(2/π) · (1 + 3 · 0.044715 x²))",
            "The slope by the product rule, times the gradient from above.",
            (
                "du = np.multiply(",
                "du += _SCALE",
                "dx = np.multiply(t",
                "np.subtract(1.0, dx",
                "dx *= du",
                "dx *= x",
                "dx += t",
                "dx += 1.0",
                "dx *= 0.5",
                "dx *= dy",
            ),
            ("x",),
        ),
    ),
    SiLU: Lesson(
        "SiLU",
        Texts(
            "y = x · σ(x),   σ(x) = 1 / (1 + e⁻ˣ)",
            "A smooth relative of ReLU: each value times its own sigmoid.",
            ("s = np.multiply(x, 0.5", "np.tanh(s", "s += 1.0", "s *= 0.5", "np.multiply(x, s"),
        ),
        Texts(
            "dx = dy · σ (1 + x (1 - σ))",
            "The slope by the product rule, times the gradient from above.",
            ("np.subtract(1.0, s", "dx *= x", "dx += 1.0", "dx *= s", "dx *= dy"),
            ("x",),
        ),
    ),
    Dropout: _dropout("Dropout", "a fraction {layer.rate} of the values", "all values"),
    SpatialDropout: _dropout("Spatial dropout", "a fraction {layer.rate} of the channels, each as a whole,", "all channels"),
    BatchNorm: Lesson(
        "Batch normalisation",
        Texts(
            "y = γ · (x - μ) / √(σ² + ε) + β",
            "Each feature is shifted and scaled. In training μ and σ² are those of the batch. A single drawing is not a batch, "
            "so here, as always in inference, they are the running averages from training.",
            (
                "np.subtract(x, _spread(self.running_mean",
                "variance = self.running_variance",
                "sigma = np.sqrt(",
                "np.multiply(centred, _spread(self.gamma",
                "y += _spread(self.beta",
            ),
        ),
        Texts(
            "dγ = Σ dy · (x - μ) / √(σ² + ε)\ndβ = Σ dy\ndx = dy · γ / √(σ² + ε)",
            "With fixed averages the layer is linear in each feature, with the slope γ / √(σ² + ε).",
            ("np.divide(_sum_of_products(rows, centred", "d_beta[...] = _sum(", "np.multiply(rows, _spread(self.gamma"),
            ("x", "γ", "μ", "σ²"),
        ),
    ),
    LayerNorm: Lesson(
        "Layer normalisation",
        Texts(
            "x̂ = (x - mean(x)) / √(var(x) + ε)\ny = γ · x̂ + β",
            "All values of this drawing are shifted and scaled together to mean 0 and variance 1. Then each gets its own scale "
            "γ and shift β.",
            (
                "x_hat = np.subtract(",
                "y = np.multiply(x_hat, x_hat",
                "sigma = np.sqrt(",
                "x_hat /= sigma",
                "np.multiply(x_hat, self.gamma",
                "y += self.beta",
            ),
        ),
        Texts(
            "dγ = dy · x̂,   dβ = dy\ng = dy · γ\ndx = (g - mean(g) - x̂ · mean(g · x̂)) / √(var(x) + ε)",
            "A value affects the loss directly, through the mean, and through the variance: these are the three terms.",
            (
                "dx = np.multiply(dy, x_hat",
                "np.add.reduce(dx",
                "np.add.reduce(dy",
                "g = np.multiply(dy",
                "np.multiply(g, x_hat",
                "along = _mean(",
                "g -= _mean(",
                "np.multiply(x_hat, along",
                "np.subtract(g, dx",
                "dx /= sigma",
            ),
            ("x", "γ"),
        ),
    ),
    Flatten: Lesson(
        "Flatten",
        Texts(
            "y = the values of x in one row",
            "Only the shape changes, from {x} to {y}.",
            ("return x.reshape(", "columns[...] = x.transpose(", "return columns"),
        ),
        Texts("dx = dy in the shape of x", "Only the shape changes back.", ("return dy.reshape(", "dx[...] = np.moveaxis(")),
    ),
    Residual: Lesson(
        "Residual sum",
        Texts(
            "y = f(x) + {kept}",
            "The output f(x) of the block's layers, from the steps before this one, is added to {kept}: the layers only learn "
            "what to change.",
            ("changed = layer.forward(", "kept = x if", "np.add(changed, kept"),
        ),
        Texts(
            "dx = (∂f/∂x) · dy + {d_kept}",
            "A sum passes its gradient on to both of its parts. What came back through the layers of the block, in the steps "
            "before this one, is added to {d_kept}.",
            ("changed = layer.backward(", "= dy if self.projection", "np.add(changed, kept"),
        ),
    ),
}


def fields(layer: Layer, input_shape: Shape, output_shape: Shape) -> dict[str, Any]:
    """The values for the format strings of this layer's texts."""
    found: dict[str, Any] = {"layer": layer, "x": size_text(input_shape), "y": size_text(output_shape)}
    if isinstance(layer, (Dense, Conv2D)):
        bias = {"plus_b": " + b", "plus_b_k": " + b_k", "db_is_dy": "db = dy\n"}
        bias |= {"plus_b_o": " + b_o", "db_is_sum": "db_o = Σ_r Σ_s dy_o,r,s\n"}
        found |= bias if layer.has_bias else dict.fromkeys(bias, "")
    if isinstance(layer, Conv2D):
        size = (input_shape[1], input_shape[2])
        rows, columns = axes("Conv2D", size, layer.kernel_size, layer.stride, layer.dilation, layer.padding)
        groups = f" Channels and filters come in {layer.groups} groups: c counts the channels of the filter's own group."
        found |= {"row": _met("r", "i", rows), "column": _met("s", "j", columns), "grouped": groups if layer.groups > 1 else ""}
    if isinstance(layer, Residual):
        projected = layer.projection is not None
        found |= {"kept": "p(x)", "d_kept": "(∂p/∂x) · dy"} if projected else {"kept": "x", "d_kept": "dy"}
    return found


def _met(output: str, tap: str, axis: Axis) -> str:
    """The index of the input under position ``tap`` of a window: "r+i", or with stride, dilation and padding "2r+3i-1"."""
    stride = f"{axis.stride}" if axis.stride > 1 else ""
    dilation = f"{axis.dilation}" if axis.dilation > 1 else ""
    return f"{stride}{output}+{dilation}{tap}" + (f"-{axis.before}" if axis.before else "")
