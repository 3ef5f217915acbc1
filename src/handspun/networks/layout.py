"""The names, shapes and order of a network's arrays, found before any memory is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from handspun.engine.parameters import Parameters, Shape, count
from handspun.engine.tape import Tape
from handspun.layers import Layer, layers_from_config
from handspun.layers.base import chain

Placed = tuple[str, Layer, Shape]  # a layer's name, the layer, and the shape of its input


class Network(Protocol):
    """What inference and drawings see of a ``Sequential``, which is built on them."""

    layers: tuple[Layer, ...]
    input_shape: Shape
    output_shape: Shape
    feature_count: int
    dtype: np.dtype
    parameters: Parameters
    statistics: Parameters
    takes_pictures: bool
    chunk_size: int

    def tape(self) -> Tape:
        """A new tape for inference."""
        ...

    def batch(self, size: int) -> np.ndarray:
        """Room for ``size`` inputs."""
        ...

    def outline(self) -> list[tuple[Layer, Shape, int]]:
        """Each layer with its output shape and its number of parameters."""
        ...


def every_layer(layers: Sequence[Layer], input_shape: Shape) -> list[Placed]:
    """All layers, each followed by the layers inside it, which are named after it: "residual1.conv2d1"."""
    return _with_children(chain(layers, input_shape), "")


def _with_children(layers: Sequence[Placed], prefix: str) -> list[Placed]:
    found: list[Placed] = []
    for name, layer, shape in layers:
        found.append((prefix + name, layer, shape))
        found += _with_children(layer.children(shape), f"{prefix}{name}.")
    return found


def array_shapes(every: Sequence[Placed]) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """The shapes of all parameters and of all statistics, by name."""
    parameters: dict[str, Shape] = {}
    statistics: dict[str, Shape] = {}
    for name, layer, shape in every:
        parameters |= {f"{name}.{own}": size for own, size in layer.parameter_shapes(shape).items()}
        statistics |= {f"{name}.{own}": size for own, size in layer.statistic_shapes(shape).items()}
    return parameters, statistics


def size_of(config: dict[str, Any]) -> tuple[int, int]:
    """The number of parameters and of statistics of the network that ``config`` describes."""
    parameters, statistics = array_shapes(every_layer(layers_from_config(config["layers"]), tuple(config["input_shape"])))
    return count(parameters), count(statistics)


def own_views(layer: Layer, parameters: Parameters) -> dict[str, np.ndarray]:
    """A layer's views by the layer's own names ("weight"), without those of the layers inside it."""
    prefix = f"{layer.name}."
    return {
        name.removeprefix(prefix): view
        for name, view in parameters.items()
        if name.startswith(prefix) and "." not in name.removeprefix(prefix)
    }


def size_within(layer: Layer, parameters: Parameters) -> int:
    """The number of parameters of a layer and of the layers inside it."""
    return sum(view.size for name, view in parameters.items() if name.startswith(f"{layer.name}."))
