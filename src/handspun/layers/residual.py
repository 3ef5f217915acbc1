"""Residual blocks."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from handspun.engine.parameters import Shape
from handspun.engine.tape import Tape
from handspun.errors import UsageError
from handspun.layers.base import Layer, chain
from handspun.layers.conv2d import Conv2D
from handspun.layers.dense import Dense


class Residual(Layer):
    """y = f(x) + x: the layers learn what to change. He, Zhang, Ren and Sun 2016, arXiv:1512.03385.

    f is a row of layers. If it changes the shape, x goes through a projection p: a convolution of 1 x 1 without bias whose
    stride gives the picture its new size (the paper's option B), or for flat inputs a Dense without bias. The sum passes dy
    to both parts:  dx = ∂f/∂x · dy + dy,  or  + ∂p/∂x · dy.

    Args:
        layers: those of f, at least one.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers) if isinstance(layers, Iterable) else ()
        if not self.layers or not all(isinstance(layer, Layer) for layer in self.layers):
            raise UsageError(f"A Residual needs at least one layer, in a list such as [Dense(64), ReLU()]; got {layers!r}.")
        self.works_on_pictures = any(layer.works_on_pictures for layer in self.layers)
        self.projection: Layer | None = None

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = input_shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def children(self, input_shape: Shape) -> list[tuple[str, Layer, Shape]]:
        inner = chain(self.layers, input_shape)
        shape = self.output_shape(input_shape)
        if shape == input_shape:
            return inner
        if self.projection is None:
            self.projection = _projection(input_shape, shape)
        if self.projection.output_shape(input_shape) != shape:
            raise UsageError(f"Residual: no projection leads from {input_shape} to {shape}, the shape after the layers.")
        return [*inner, ("projection", self.projection, input_shape)]

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        changed = x
        for layer in self.layers:
            changed = layer.forward(changed, tape)
        kept = x if self.projection is None else self.projection.forward(x, tape)
        return np.add(changed, kept, out=tape[self].like("y", changed))

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        changed: Any = dy
        for layer in reversed(self.layers):
            changed = layer.backward(changed, tape)
        kept: Any = dy if self.projection is None else self.projection.backward(dy, tape)
        return np.add(changed, kept, out=tape[self].like("dx", changed))

    def config(self) -> dict[str, Any]:
        return {"layers": [{"kind": type(layer).__name__, **layer.config()} for layer in self.layers]}

    def __repr__(self) -> str:
        return f"Residual([{', '.join(repr(layer) for layer in self.layers)}])"

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        from handspun.layers import layers_from_config  # not above: that module imports this one

        return cls(layers_from_config(config["layers"]))


def _projection(input_shape: Shape, output_shape: Shape) -> Layer:
    if len(input_shape) == len(output_shape) == 3:
        stride = -(-input_shape[1] // output_shape[1]), -(-input_shape[2] // output_shape[2])
        return Conv2D(output_shape[0], 1, stride=stride, bias=False)
    if len(input_shape) == len(output_shape) == 1:
        return Dense(output_shape[0], bias=False)
    raise UsageError(f"Residual: inputs of shape {input_shape} cannot be added to outputs of shape {output_shape}.")
