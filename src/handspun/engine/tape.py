"""The tape: everything that belongs to one pass through a network.

A network is structure and parameters, and a pass changes nothing in it. The tape holds what forward leaves for backward, the
arrays that are reused from step to step, the gradient and the random generator. Two threads that predict at the same time use
two tapes and share one network.
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
        gradient: views into the tape's gradient vector by the layer's own names ("weight", "bias", …). Backward *writes* them
            and does not add: if a batch is cut into micro-batches, the trainer adds up their gradients.
        statistics: views into the tape's statistics of the last training batch, by the layer's own names ("running_mean", …).
        needs_input_gradient: False if nothing below the layer has parameters; backward may then return None.
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
        self._buffers: dict[str, np.ndarray] = {}  # in the shape of the last request
        self._likes: dict[str, tuple[Shape, Shape, np.ndarray]] = {}  # with shape and strides of the model
        self._stores: dict[str, np.ndarray] = {}  # the flat memory of the buffers
        self._plan: tuple[np.ndarray | None, Any] = (None, None)

    def plan(self, x: np.ndarray, make: Callable[[np.ndarray, Frame], _T]) -> _T:
        """The result of ``make(x, self)``: the views into x and into buffers that a forward pass works with.

        The views and x are kept as long as every pass gets the same array, whatever its values; another array gets new views.
        For a single image, making the views takes a third as long as the computation. So layers return the same array from
        every pass where they can.
        """
        known, plan = self._plan
        if known is not x:
            plan = make(x, self)
            self._plan = (x, plan)
        return plan

    def buffer(self, name: str, shape: Shape, dtype: np.typing.DTypeLike | None = None) -> np.ndarray:
        """An array to write a result into, in the same memory in every pass; it is not initialized.

        A smaller batch (the last one of an epoch) gets the start of the larger one's memory.
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
        """A buffer with the shape and memory order of ``x``, so that loops over both are contiguous."""
        return self._like(name, x, lambda shape: self.buffer(name, shape, dtype))

    def zeros(self, x: np.ndarray) -> np.ndarray:
        """Zeros with the shape and memory order of ``x``, for comparisons; do not write to them."""
        return self._like("zeros", x, lambda shape: aligned_zeros(shape, self._dtype))

    def _like(self, name: str, x: np.ndarray, make: Callable[[Shape], np.ndarray]) -> np.ndarray:
        known = self._likes.get(name)
        if known is not None and known[0] == x.shape and known[1] == x.strides:
            return known[2]
        order = memory_order(x) or tuple(range(x.ndim))
        array = make(tuple(x.shape[axis] for axis in order)).transpose(inverse(order))
        self._likes[name] = (x.shape, x.strides, array)
        return array

    def blank(self, name: str, shape: Shape) -> np.ndarray:
        """A buffer that is zero where nothing was written since its shape last changed: for padding around pictures."""
        array = self._buffers.get(name)
        if array is None or array.shape != shape:
            array = self.buffer(name, shape)
            array[...] = 0.0
        return array


@dataclass(frozen=True)
class Outcome:
    """Memory for what a training pass computes.

    Attributes:
        gradient: the gradient vector, with the layout of the network's parameters; None for inference.
        statistics: the statistics of the batch, with the layout of the network's statistics.
        views: for each layer, its named views of gradient and statistics.
    """

    gradient: Parameters | None
    statistics: Parameters
    views: Mapping[Any, tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]]


class Tape:
    """Everything that a pass writes. Make one with ``Sequential.tape``.

    Args:
        frames: the frame of each layer.
        outcome: where gradient and statistics are written.
        training: whether dropout drops values and batch normalisation uses the statistics of the batch.
        rng: the generator for random layers.
    """

    def __init__(
        self, frames: Mapping[Any, Frame], outcome: Outcome, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> None:
        self._frames = frames
        self._outcome = outcome
        self.training = training
        self._rng: np.random.Generator | Callable[[], np.random.Generator] | None = rng

    def __getitem__(self, layer: object) -> Frame:
        return self._frames[layer]

    def __reduce__(self) -> NoReturn:
        # It consists of views, and a copy of a view would be a separate array.
        raise TypeError("A tape cannot be copied or pickled. Make another one with network.tape().")

    @property
    def gradient(self) -> Parameters:
        """The gradient of the loss with respect to all parameters, valid after a backward pass."""
        if self._outcome.gradient is None:
            raise RuntimeError("This tape is for inference: it has no gradient. Make one with network.tape(training=True).")
        return self._outcome.gradient

    @property
    def statistics(self) -> Parameters:
        """The statistics of the last training pass's batch."""
        return self._outcome.statistics

    def write_to(self, outcome: Outcome) -> None:
        """Write gradient and statistics to ``outcome`` from now on."""
        if outcome is not self._outcome:
            self._outcome = outcome
            for layer, frame in self._frames.items():
                frame.gradient, frame.statistics = outcome.views[layer]

    @property
    def rng(self) -> np.random.Generator:
        """The generator for random layers."""
        if self._rng is None:
            raise RuntimeError("A training pass through a random layer needs network.tape(..., rng=...).")
        if not isinstance(self._rng, np.random.Generator):
            self._rng = self._rng()
        return self._rng

    def draw_from(self, make: Callable[[], np.random.Generator]) -> None:
        """Use the generator that ``make`` returns from now on; ``make`` is called when it is first needed."""
        self._rng = make
