"""What all optimizers share: their vectors, weight decay, and passes over chunks that stay in the processor's cache."""

import abc
import inspect
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from handspun.checks import number_in, positive_number
from handspun.engine.memory import aligned_empty, aligned_zeros, shared_zeros
from handspun.errors import UsageError

#: Values in a chunk: with two moments, gradient, parameters and a scratch array 5 · 216 KiB, about what an L2 cache of 1 MiB
#: holds. Smaller chunks mean more calls: with 50,000 to 2,000,000 parameters Adam takes 1.03 to 1.09 times as long with 36,864
#: values and 1.2 times with 18,432. With twice as many it takes 0.96 to 1.03 times as long.
CHUNK = 55_296

#: The steps from one flush of denormal numbers to the next.
FLUSH_EVERY = 128


class Optimizer(abc.ABC):
    """One step of descent.

    Args:
        learning_rate: η of the first step, above 0; a schedule multiplies it.
        weight_decay: λ of *decoupled* decay θ ← θ - η λ θ, before the step and apart from the gradient (Loshchilov and
            Hutter 2019, arXiv:1711.05101). It acts on weights only, never on biases and norms.

    Attributes:
        state: the optimizer's own vectors by name, each (size,). A checkpoint needs only them and ``steps``.
        steps: the number of steps done.

    Raises:
        UsageError: a setting is outside its range.
    """

    #: The names of the vectors in ``state``.
    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: float, *, weight_decay: float = 0.0) -> None:
        owner = type(self).__name__
        self.learning_rate = positive_number(owner, "learning_rate", learning_rate)
        self.weight_decay = number_in(owner, "weight_decay", weight_decay, 0.0, math.inf)
        self.state: dict[str, np.ndarray] = {}
        self.steps = 0
        self._decayed: Sequence[slice] = ()
        self._scratch = np.empty(0)

    def config(self) -> dict[str, Any]:
        """Name and settings, as checkpoints store them: the constructor's arguments, from the attributes of the same names."""
        settings = inspect.signature(type(self)).parameters
        for name in settings:
            if not hasattr(self, name):
                raise UsageError(
                    f'{type(self).__name__} has no attribute "{name}", which its constructor takes. Keep it under that '
                    "name, or define config(): a checkpoint says with it which optimizer a training had."
                )
        return {"name": type(self).__name__, **{name: getattr(self, name) for name in settings}}

    def start(self, parameters: np.ndarray, decayed: Sequence[slice] = ()) -> None:
        """Prepare for a vector of this size and type; ``decayed`` are the parts that weight decay acts on."""
        if not isinstance(parameters, np.ndarray) or parameters.ndim != 1 or parameters.dtype.kind != "f":
            raise UsageError("The parameters must be one flat vector of floats: a NumPy array of shape (size,).")
        self.state = {name: aligned_zeros(parameters.shape, parameters.dtype) for name in self.state_names}
        self.steps = 0
        self._decayed = decayed
        self._scratch = aligned_empty((min(CHUNK, parameters.size),), parameters.dtype)

    def keep_state_in_shared_memory(self) -> None:
        """Let processes that are forked from now on work on the same vectors."""
        for name, vector in self.state.items():
            self.state[name] = shared_zeros(vector.shape, vector.dtype)
            self.state[name][...] = vector

    @np.errstate(under="ignore")  # values below the smallest normal number are as good as zero
    def step(
        self,
        parameters: np.ndarray,
        gradient: np.ndarray,
        learning_rate: float | None = None,
        *,
        shares: Sequence[slice] = (slice(None),),
    ) -> None:
        """Change ``parameters`` (size,) in place.

        Args:
            parameters: θ.
            gradient: g, of the same size.
            learning_rate: η of this step, by default that of the constructor.
            shares: the parts of the vectors to change, if others change the rest; by default all.

        Raises:
            UsageError: the gradient is of another shape.
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        if not self._scratch.size:
            raise RuntimeError("Optimizer.start(parameters) comes first.")
        if getattr(gradient, "shape", None) != parameters.shape or gradient.dtype.kind != "f":
            raise UsageError(f"The gradient must be a vector of floats of the parameters' shape {parameters.shape}.")
        self.steps += 1
        self._prepare(rate)
        for first, last, _ in (share.indices(parameters.size) for share in shares):
            self._step_from(first, last, parameters, gradient, rate)

    def _step_from(self, first: int, last: int, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """The same for the values from ``first`` to ``last - 1``."""
        if self.weight_decay:
            for part in self._decayed:
                parameters[max(part.start, first) : max(min(part.stop, last), first)] *= 1.0 - rate * self.weight_decay
        vectors = [self.state[name] for name in self.state_names]
        for start in range(first, last, CHUNK):
            chunk = slice(start, min(start + CHUNK, last))
            p, g = parameters[chunk], gradient[chunk]
            self._update(p, g, rate, self._scratch[: p.size], *[vector[chunk] for vector in vectors])
        # If a pixel is no longer lit, its moments shrink by a constant factor per step until they are denormal numbers, and
        # stay so. Some processors compute with these many times more slowly, so they are set to zero from time to time.
        if self.steps % FLUSH_EVERY == 0:
            for vector in (vector[first:last] for vector in vectors):
                tiny = np.finfo(vector.dtype).tiny
                vector[np.abs(vector) < tiny / np.finfo(vector.dtype).eps] = 0.0

    def _prepare(self, rate: float) -> None:
        """Compute what is the same for all chunks of this step."""
        return

    @abc.abstractmethod
    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        """Change a chunk ``p`` of the parameters and the chunks of the state. All have the same length; ``g`` is only read."""
