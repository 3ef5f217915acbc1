"""What a layer is."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from handspun.engine.parameters import Shape
from handspun.engine.tape import Tape
from handspun.errors import UsageError


class Layer(abc.ABC):
    """A differentiable function with parameters.

    A network asks each of its layers for the shapes of its parameters, reserves room for them in one flat
    vector, and hands it views of that vector (``bind``). From then on ``layer.weight`` *is* a part of the network's
    vector. Forward and backward read parameters and write to the tape; they change nothing in the layer.

    ``config`` returns the constructor's arguments; ``from_config`` makes the layer again from them when a model file is
    loaded. Model files can store your own layers once they are registered: see ``handspun.register``.

    With y = f(x; θ) and a scalar loss L, backward receives dy = ∂L/∂y, writes ∂L/∂θ into ``tape[self].gradient`` and
    returns dx = ∂L/∂x. The first axis of every array is the batch: x is (N, *input_shape).

    Raises UsageError for arguments outside the ranges that a layer's docstring gives; ``output_shape`` does for inputs that
    the layer cannot take.
    """

    #: The parameters that penalties and weight decay act on: weights, never biases or the scales of a norm.
    decayed: ClassVar[tuple[str, ...]] = ()

    #: Whether the layer takes pictures (C, H, W): see ``Sequential.takes_pictures``.
    works_on_pictures: bool = False

    name: str = ""

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output for one input of shape ``input_shape``."""
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """The name and shape of each array that is trained."""
        return {}

    def statistic_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """The name and shape of each array that is stored but has no gradient: running averages."""
        return {}

    def children(self, input_shape: Shape) -> list[tuple[str, Layer, Shape]]:
        """The layers inside this one, which then hold the parameters: name, layer and input shape of each."""
        return []

    def bind(self, views: Mapping[str, np.ndarray]) -> None:
        """Keep the views as attributes: ``weight``, ``bias``…"""
        for name, view in views.items():
            setattr(self, name, view)

    def initialize(self, rng: np.random.Generator) -> None:
        """Write the initial values of parameters and statistics."""
        return

    @abc.abstractmethod
    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        """The output y (N, *output_shape) for a batch x (N, *input_shape)."""

    @abc.abstractmethod
    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        """The gradient dx with respect to the input of the last ``forward`` with this tape; dy is that of its output.

        May return None if the frame says that dx is not needed.
        """

    def update_statistics(self, seen: Mapping[str, np.ndarray]) -> None:
        """Update running averages with what training passes wrote into ``frame.statistics``: once per step, never in a pass.

        NaN marks what a pass over a single input cannot measure.
        """
        return

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as model files store them."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """The layer that has this ``config``."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({arguments})"


def chain(layers: Sequence[Layer], input_shape: Shape) -> list[tuple[str, Layer, Shape]]:
    """Name, layer and input shape of layers in a row. Names are kind and number: dense1, relu1, dense2, …"""
    numbers: dict[str, int] = {}
    found = []
    for layer in layers:
        kind = type(layer).__name__.lower()
        if layer.name or any(layer is other for _, other, _ in found):
            where = f" ({layer.name})" if layer.name else ""
            raise UsageError(f"This {type(layer).__name__} is already part of a network{where}. Make one for each place.")
        numbers[kind] = numbers.get(kind, 0) + 1
        found.append((f"{kind}{numbers[kind]}", layer, input_shape))
        input_shape = layer.output_shape(input_shape)
    return found


def flat_size(layer: Layer, input_shape: Shape) -> int:
    """The number of features of a flat input. Raises UsageError for any other shape, and says what to put before the layer."""
    if len(input_shape) != 1:
        raise UsageError(f"{type(layer).__name__} takes flat inputs (features,), got {input_shape}. Put Flatten() before it.")
    return input_shape[0]
