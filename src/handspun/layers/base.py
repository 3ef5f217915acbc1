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

    A layer is built by the network it is put into: the network asks it for the shapes of its parameters, makes room for
    them in its flat vector, and hands it the views (``bind``). From then on ``layer.weight`` *is* a part of the network's
    vector. Forward and backward read parameters and write to the tape; they change nothing in the layer.

    What the constructor was given belongs into ``config``, from which ``from_config`` makes the layer again when a model file
    is loaded. Files know layers of your own once you have registered them: see ``handspun.register``.

    With y = f(x; θ) and a scalar loss L, backward receives dy = ∂L/∂y, writes ∂L/∂θ into ``tape[self].gradient`` and
    returns dx = ∂L/∂x. All shapes begin with the batch: x is (N, *input_shape).
    """

    #: Parameters that penalties and weight decay act on: weights, never biases or the scales of a norm.
    decayed: ClassVar[tuple[str, ...]] = ()

    #: Whether the layer works on pictures (C, H, W): see ``Sequential.takes_pictures``.
    works_on_pictures: bool = False

    name: str = ""

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one output for one input of ``input_shape``; UsageError if the layer cannot take it."""
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Name and shape of what is trained."""
        return {}

    def statistic_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Name and shape of what is kept with the parameters but not trained by a gradient (running averages)."""
        return {}

    def children(self, input_shape: Shape) -> list[tuple[str, Layer, Shape]]:
        """The layers inside this one: the name of each, itself, and the shape that reaches it. Theirs are the parameters."""
        return []

    def bind(self, views: Mapping[str, np.ndarray]) -> None:
        """Take the views as attributes: ``weight``, ``bias``…"""
        for name, view in views.items():
            setattr(self, name, view)

    def initialize(self, rng: np.random.Generator) -> None:
        """Fill parameters and statistics with their first values."""
        return

    @abc.abstractmethod
    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        """Y for a batch x."""

    @abc.abstractmethod
    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        """Dx for dy, after ``forward`` with the same tape. None only where the frame says that dx is not needed."""

    def update_statistics(self, seen: Mapping[str, np.ndarray]) -> None:
        """Take in what training passes wrote into ``frame.statistics``. Called once a step, never during a pass.

        NaN is for what a pass of a single input could not see.
        """
        return

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again, as they are written into a model file."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """The opposite of ``config``."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({arguments})"


def chain(layers: Sequence[Layer], input_shape: Shape) -> list[tuple[str, Layer, Shape]]:
    """Layers in a row: the name of each by its kind and number (dense1, relu1, dense2, …), itself, and what reaches it."""
    numbers: dict[str, int] = {}
    found = []
    for layer in layers:
        kind = type(layer).__name__.lower()
        if layer.name or any(layer is other for _, other, _ in found):
            where = f" ({layer.name})" if layer.name else ""
            raise UsageError(f"This {type(layer).__name__} is part of a network already{where}. Make one for each place.")
        numbers[kind] = numbers.get(kind, 0) + 1
        found.append((f"{kind}{numbers[kind]}", layer, input_shape))
        input_shape = layer.output_shape(input_shape)
    return found


def flat_size(layer: Layer, input_shape: Shape) -> int:
    """The number of features of a flat input, or a UsageError that says what to put in between."""
    if len(input_shape) != 1:
        raise UsageError(f"{type(layer).__name__} takes flat inputs (features,), got {input_shape}. Put Flatten() before it.")
    return input_shape[0]
