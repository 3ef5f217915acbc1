"""The tape: everything that belongs to one pass through a network.

A network is only structure and parameters, and a pass changes nothing in it. What forward leaves for backward, the arrays
that are used again from step to step, the gradient, the random numbers of dropout: all of that is on the tape. Two threads
that predict at once hold two tapes and share one network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from handspun.memory import Shape, aligned_empty, aligned_zeros
from handspun.parameters import Parameters


class Frame(dict[str, Any]):
    """The part of a tape that belongs to one layer.

    As a dictionary it holds what forward leaves for backward: ``frame["x"] = x``.

    Attributes:
        gradient: views into the tape's gradient vector by the layer's own names ("weight", "bias", …). Backward *writes*
            them. Where a batch is cut into pieces, whoever cuts adds up the vectors: one addition a piece, and none at all
            in the common case of one piece.
        needs_input_gradient: False where nothing below the layer has parameters; backward may then return None.
    """

    __slots__ = ("_buffers", "_dtype", "gradient", "needs_input_gradient")

    def __init__(self, gradient: Mapping[str, np.ndarray], dtype: np.dtype, *, needs_input_gradient: bool) -> None:
        super().__init__()
        self.gradient = gradient
        self.needs_input_gradient = needs_input_gradient
        self._dtype = dtype
        self._buffers: dict[str, np.ndarray] = {}

    def buffer(self, name: str, shape: Shape, dtype: np.typing.DTypeLike | None = None) -> np.ndarray:
        """An array to write a result into, the same memory in every pass; what it holds before that is undefined.

        A smaller batch (the last one of an epoch) gets the first rows of the larger one's array.
        """
        array = self._buffers.get(name)
        if array is not None and array.shape == shape:
            return array
        if array is None or len(array) < shape[0] or array.shape[1:] != shape[1:]:
            array = self._buffers[name] = aligned_empty(shape, self._dtype if dtype is None else dtype)
        return array[: shape[0]]

    def zeros(self, shape: Shape) -> np.ndarray:
        """Zeros, the same memory in every pass, to compare with: nobody may write to them."""
        array = self._buffers.get("zeros")
        if array is None or len(array) < shape[0] or array.shape[1:] != shape[1:]:
            array = self._buffers["zeros"] = aligned_zeros(shape, self._dtype)
        return array[: shape[0]]


class Tape:
    """What a pass writes.

    Args:
        frames: the frame of each layer.
        gradient: the gradient vector with the layout of the network's parameters; None on a tape for inference only.
        training: whether dropout drops and batch normalisation looks at the batch.
        rng: where dropout takes its random numbers from; needed if ``training``.
    """

    def __init__(
        self,
        frames: Mapping[Any, Frame],
        gradient: Parameters | None,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._frames = frames
        self._gradient = gradient
        self.training = training
        self._rng = rng

    def __getitem__(self, layer: object) -> Frame:
        return self._frames[layer]

    @property
    def gradient(self) -> Parameters:
        """The gradient of the loss by all parameters, valid after a backward pass."""
        if self._gradient is None:
            raise RuntimeError("This tape is for inference: it has no gradient. Make one with network.tape(training=True).")
        return self._gradient

    @property
    def rng(self) -> np.random.Generator:
        """The generator that layers with randomness draw from."""
        if self._rng is None:
            raise RuntimeError("A training pass through a layer with randomness needs network.tape(..., rng=...).")
        return self._rng
