"""The tape: everything that belongs to one pass through a network.

A network is only structure and parameters, and a pass changes nothing in it. What forward leaves for backward, the arrays
that are used again from step to step, the gradient, the random numbers of dropout: all of that is on the tape. Two threads
that predict at once hold two tapes and share one network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np

from handspun.engine.memory import Shape, aligned_empty, aligned_zeros, inverse, memory_order
from handspun.engine.parameters import Parameters

_T = TypeVar("_T")


class Frame(dict[str, Any]):
    """The part of a tape that belongs to one layer.

    As a dictionary it holds what forward leaves for backward: ``frame["x"] = x``.

    Attributes:
        gradient: views into the tape's gradient vector by the layer's own names ("weight", "bias", …). Backward *writes*
            them. Where a batch is cut into pieces, whoever cuts adds up the vectors: one addition a piece, and none at all
            in the common case of one piece.
        statistics: views into the tape's statistics by the layer's own names ("running_mean", …): what a training pass saw of
            its batch.
        needs_input_gradient: False where nothing below the layer has parameters; backward may then return None.
    """

    __slots__ = ("_buffers", "_dtype", "_likes", "_plan", "_stores", "gradient", "needs_input_gradient", "statistics")

    def __init__(
        self,
        gradient: Mapping[str, np.ndarray],
        statistics: Mapping[str, np.ndarray],
        dtype: np.dtype,
        *,
        needs_input_gradient: bool,
    ) -> None:
        super().__init__()
        self.gradient = gradient
        self.statistics = statistics
        self.needs_input_gradient = needs_input_gradient
        self._dtype = dtype
        self._buffers: dict[str, np.ndarray] = {}  # as they were asked for last
        self._likes: dict[str, tuple[Shape, Shape, np.ndarray]] = {}  # by shape and strides of what they are like
        self._stores: dict[str, np.ndarray] = {}  # the flat memory behind them
        self._plan: tuple[np.ndarray | None, Any] = (None, None)

    def plan(self, x: np.ndarray, make: Callable[[np.ndarray, Frame], _T]) -> _T:
        """What ``make(x, self)`` gave: the views into x and into buffers that a forward pass works with.

        They stay right as long as every pass gets the same array, whatever values it holds by then; for another one they are
        made anew. They keep x alive until that comes. Views are no small matter for a single image: to make them takes a third
        as long as to compute. So layers return the same array from every pass where they can, for the next one to do the same.
        """
        known, plan = self._plan
        if known is not x:
            plan = make(x, self)
            self._plan = (x, plan)
        return plan

    def buffer(self, name: str, shape: Shape, dtype: np.typing.DTypeLike | None = None) -> np.ndarray:
        """An array to write a result into, the same memory in every pass; what it holds before that is undefined.

        A smaller batch (the last one of an epoch) gets the front of the larger one's memory.
        """
        array = self._buffers.get(name)
        if array is not None and array.shape == shape:
            return array
        dtype = self._dtype if dtype is None else np.dtype(dtype)
        size = math.prod(shape)
        store = self._stores.get(name)
        if store is None or store.size < size:
            store = self._stores[name] = aligned_empty((size,), dtype)
        array = self._buffers[name] = store[:size].reshape(shape)
        return array

    def like(self, name: str, x: np.ndarray, dtype: np.typing.DTypeLike | None = None) -> np.ndarray:
        """A buffer of the shape of ``x``, its values in the same order in memory, so that loops over both are runs."""
        known = self._likes.get(name)
        if known is not None and known[0] == x.shape and known[1] == x.strides:
            return known[2]
        array = _in_order_of(x, lambda shape: self.buffer(name, shape, dtype))
        self._likes[name] = (x.shape, x.strides, array)
        return array

    def blank(self, name: str, shape: Shape) -> np.ndarray:
        """A buffer that is zero wherever nobody has written since the shape last changed: what surrounds a padded picture."""
        array = self._buffers.get(name)
        if array is None or array.shape != shape:
            array = self.buffer(name, shape)
            array[...] = 0.0
        return array

    def zeros(self, x: np.ndarray) -> np.ndarray:
        """Zeros of the shape and order of ``x``, to compare with: nobody may write to them."""
        known = self._likes.get("zeros")
        if known is not None and known[0] == x.shape and known[1] == x.strides:
            return known[2]
        zeros = _in_order_of(x, lambda shape: aligned_zeros(shape, self._dtype))
        self._likes["zeros"] = (x.shape, x.strides, zeros)
        return zeros


def _in_order_of(x: np.ndarray, make: Callable[[Shape], np.ndarray]) -> np.ndarray:
    """An array of the shape of x that ``make`` makes in the order in memory that x has."""
    order = memory_order(x)
    if order is None:
        return make(x.shape)
    return make(tuple(x.shape[axis] for axis in order)).transpose(inverse(order))


@dataclass(frozen=True)
class Outcome:
    """What a training pass leaves behind.

    Attributes:
        gradient: the gradient vector, with the layout of the network's parameters; None of a pass for inference only.
        statistics: with the layout of the network's statistics, what the pass saw of its batch.
        views: of each layer, by its own names, its part of the one and of the other.
    """

    gradient: Parameters | None
    statistics: Parameters
    views: Mapping[Any, tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]]


class Tape:
    """What a pass writes.

    Args:
        frames: the frame of each layer.
        outcome: where gradient and statistics go.
        training: whether dropout drops and batch normalisation looks at the batch.
        rng: where layers with randomness draw from in training.
    """

    def __init__(
        self,
        frames: Mapping[Any, Frame],
        outcome: Outcome,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._frames = frames
        self._outcome = outcome
        self.training = training
        self._rng = rng
        self._make_rng: Callable[[], np.random.Generator] | None = None

    def __getitem__(self, layer: object) -> Frame:
        return self._frames[layer]

    def __reduce__(self) -> NoReturn:
        # It is full of views into arrays, and a copy of a view is an array of its own.
        raise TypeError("A tape cannot be copied or pickled. Make another one with network.tape().")

    @property
    def gradient(self) -> Parameters:
        """The gradient of the loss by all parameters, valid after a backward pass."""
        if self._outcome.gradient is None:
            raise RuntimeError("This tape is for inference: it has no gradient. Make one with network.tape(training=True).")
        return self._outcome.gradient

    @property
    def statistics(self) -> Parameters:
        """What the last training pass saw of its batch."""
        return self._outcome.statistics

    def write_to(self, outcome: Outcome) -> None:
        """Let the passes from now on leave gradient and statistics in ``outcome``."""
        if outcome is not self._outcome:
            self._outcome = outcome
            for layer, frame in self._frames.items():
                frame.gradient, frame.statistics = outcome.views[layer]

    @property
    def rng(self) -> np.random.Generator:
        """The generator that layers with randomness draw from."""
        if self._rng is None:
            if self._make_rng is None:
                raise RuntimeError("A training pass through a layer with randomness needs network.tape(..., rng=...).")
            self._rng = self._make_rng()
        return self._rng

    def draw_from(self, make: Callable[[], np.random.Generator]) -> None:
        """Let the passes from now on draw from the generator that ``make`` gives; it is made when first asked for."""
        self._rng, self._make_rng = None, make
