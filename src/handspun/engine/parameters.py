"""One flat vector that holds many arrays, and named views into it.

An optimizer works on all parameters as one vector: a dozen passes over one array instead of a dozen passes over each of many.
A layer works on ``weight`` with shape (in, out). Both use the same memory: the vector is allocated once, and every named array
is a view of a part of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from handspun.engine.memory import Shape, aligned_zeros


def count(shapes: Mapping[str, Shape]) -> int:
    """How many values arrays of these shapes hold together (exact for any size: Python integers)."""
    return sum(math.prod(shape) for shape in shapes.values())


class Parameters(Mapping[str, np.ndarray]):
    """Named arrays in one flat vector, zero at first.

    Args:
        shapes: the shape of each array by its name; their order is the order in the vector.
        dtype: the type of all values.
        vector: the memory to use, (size,) of that type; None for new memory.

    Attributes:
        vector: all values. Shape (size,).
        slices: for each name, its part of the vector.
    """

    def __init__(
        self, shapes: Mapping[str, Shape], dtype: np.typing.DTypeLike = np.float32, vector: np.ndarray | None = None
    ) -> None:
        self.shapes = dict(shapes)
        self.slices: dict[str, slice] = {}
        self.vector = aligned_zeros((count(shapes),), dtype) if vector is None else vector  # (size,)
        self._views: dict[str, np.ndarray] = {}
        start = 0
        for name, shape in self.shapes.items():
            part = slice(start, start + math.prod(shape))
            self.slices[name] = part
            self._views[name] = self.vector[part].reshape(shape)
            start = part.stop

    def __getitem__(self, name: str) -> np.ndarray:
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __reduce__(self) -> tuple[Any, ...]:
        """How ``copy`` and ``pickle`` make another one: with views into its own vector."""
        return _with_values, (self.shapes, self.vector)

    def zeros_like(self) -> Parameters:
        """Another vector of the same layout, all zero, for a gradient."""
        return Parameters(self.shapes, self.vector.dtype)

    def astype(self, dtype: np.typing.DTypeLike) -> Parameters:
        """The same values as another type, in new memory."""
        return _with_values(self.shapes, self.vector.astype(dtype))


def _with_values(shapes: Mapping[str, Shape], values: np.ndarray) -> Parameters:
    parameters = Parameters(shapes, values.dtype)
    parameters.vector[...] = values
    return parameters
