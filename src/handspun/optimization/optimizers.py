"""How a gradient changes the parameters.

An optimizer sees flat vectors only: θ the parameters, g the gradient, η the learning rate of this step, and a few vectors
of its own as long as θ. It makes its passes over pieces that stay in the processor's cache while all of them are made.
"""

from __future__ import annotations

import abc
import inspect
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from handspun.checks import number_in
from handspun.engine.memory import aligned_empty, aligned_zeros, shared_zeros
from handspun.errors import UsageError, unknown_name

#: Values a piece: with two moments, gradient, parameters and a scratch array 5 · 216 KiB, about what an L2 cache of 1 MiB
#: holds. Smaller pieces mean more calls: of 50,000 to 2,000,000 parameters Adam takes 1.03 to 1.09 times as long with 36,864
#: values and 1.2 times with 18,432. Twice as large ones take 0.96 to 1.03 times as long.
PIECE = 55_296

#: How often, in steps, the moments are cleared of values too small to matter.
FLUSH_EVERY = 128


class Optimizer(abc.ABC):
    """One step of descent.

    Args:
        learning_rate: η of the first step, above 0; a schedule multiplies it.
        weight_decay: λ of *decoupled* decay θ ← θ - η λ θ, before the step and apart from the gradient (Loshchilov and
            Hutter 2019, arXiv:1711.05101). It acts on weights only, never on biases and norms.

    Attributes:
        state: the optimizer's own vectors by name, each (size,). They and ``steps`` are all that a checkpoint needs.
        steps: how many steps have been made.
    """

    #: The names of the vectors in ``state``.
    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: float, *, weight_decay: float = 0.0) -> None:
        owner = type(self).__name__
        self.learning_rate = number_in(owner, "learning_rate", learning_rate, 0.0, math.inf)
        if self.learning_rate == 0.0:
            raise UsageError(f"{owner}: learning_rate must be above 0.")
        self.weight_decay = number_in(owner, "weight_decay", weight_decay, 0.0, math.inf)
        self.state: dict[str, np.ndarray] = {}
        self.steps = 0
        self._decayed: Sequence[slice] = ()
        self._scratch = np.empty(0)

    def config(self) -> dict[str, Any]:
        """Name and settings, as a checkpoint has them: the constructor's arguments, from the attributes of the same names."""
        settings = inspect.signature(type(self)).parameters
        for name in settings:
            if not hasattr(self, name):
                raise UsageError(
                    f'{type(self).__name__} has no attribute "{name}", which its constructor takes. Keep it under that '
                    "name, or define config(): a checkpoint says with it which optimizer a training had."
                )
        return {"name": type(self).__name__, **{name: getattr(self, name) for name in settings}}

    def start(self, parameters: np.ndarray, decayed: Sequence[slice] = ()) -> None:
        """Make ready for a vector of this size and type; ``decayed`` are the parts that weight decay acts on."""
        self.state = {name: aligned_zeros(parameters.shape, parameters.dtype) for name in self.state_names}
        self.steps = 0
        self._decayed = decayed
        self._scratch = aligned_empty((min(PIECE, parameters.size),), parameters.dtype)

    def keep_state_in_shared_memory(self) -> None:
        """Let processes that are forked from now on work on the same vectors."""
        for name, vector in self.state.items():
            self.state[name] = shared_zeros(vector.shape, vector.dtype)
            self.state[name][...] = vector

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
            shares: the parts of the vectors to change, where others change the rest; by default all.
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        if not self._scratch.size:
            raise RuntimeError("Optimizer.start(parameters) comes first.")
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
        for start in range(first, last, PIECE):
            piece = slice(start, min(start + PIECE, last))
            p, g = parameters[piece], gradient[piece]
            self._update(p, g, rate, self._scratch[: p.size], *[vector[piece] for vector in vectors])
        # A moment of a pixel that is no longer lit shrinks by a constant factor a step until it is a denormal number, where it
        # stays, and arithmetic with denormal numbers is many times slower on some processors. Now and then such values are
        # set to the zero that they stand for.
        if self.steps % FLUSH_EVERY == 0:
            for vector in (vector[first:last] for vector in vectors):
                tiny = np.finfo(vector.dtype).tiny
                vector[np.abs(vector) < tiny / np.finfo(vector.dtype).eps] = 0.0

    def _prepare(self, rate: float) -> None:
        """Compute what is the same for all pieces of this step."""
        return

    @abc.abstractmethod
    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        """Change the piece ``p`` and the pieces of the state; all arrays have the same length, ``g`` is only read."""


class SGD(Optimizer):
    """θ ← θ - η g. Robbins and Monro 1951."""

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        np.multiply(g, rate, out=scratch)
        p -= scratch


class Momentum(Optimizer):
    """v ← μ v + g,  θ ← θ - η v. Polyak 1964, in PyTorch's form.

    Sutskever et al. 2013 have η within the velocity, v ← μ v - η g, θ ← θ + v. That is the same as long as η is; where it
    falls, the gradients of the steps before keep the old η there, and get the new one here.

    Args:
        momentum: μ, 0 <= μ < 1.
    """

    state_names = ("velocity",)

    def __init__(self, learning_rate: float, *, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.momentum = number_in(type(self).__name__, "momentum", momentum, 0.0, 1.0)

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        (v,) = state
        v *= self.momentum
        v += g
        np.multiply(v, rate, out=scratch)
        p -= scratch


class Nesterov(Momentum):
    """v ← μ v + g,  θ ← θ - η (g + μ v): the gradient of where momentum leads. Nesterov 1983, in PyTorch's form.

    Sutskever et al. 2013 keep the place θ' from which momentum leads, and need the gradient at another, θ = θ' - η μ v. Here
    the parameters are that θ, where the gradient is taken (Bengio et al. 2012, arXiv:1212.0901); for η see ``Momentum``.
    """

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        (v,) = state
        v *= self.momentum
        v += g
        np.multiply(v, self.momentum, out=scratch)
        scratch += g
        scratch *= rate
        p -= scratch


class Adagrad(Optimizer):
    """s ← s + g²,  θ ← θ - η g/(√s + ε). Duchi, Hazan and Singer 2011, JMLR 12.

    Args:
        epsilon: keeps the quotient finite, above 0.
    """

    state_names = ("squares",)

    def __init__(self, learning_rate: float, *, epsilon: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.epsilon = number_in(type(self).__name__, "epsilon", epsilon, 1e-30, 1.0)

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        (s,) = state
        np.square(g, out=scratch)
        s += scratch
        np.sqrt(s, out=scratch)
        scratch += self.epsilon
        np.divide(g, scratch, out=scratch)
        scratch *= rate
        p -= scratch


class RMSprop(Optimizer):
    """s ← ρ s + (1 - ρ) g²,  θ ← θ - η g/(√s + ε). Tieleman and Hinton 2012, lecture 6.5.

    Args:
        decay: ρ, 0 <= ρ < 1.
        epsilon: keeps the quotient finite, above 0.
    """

    state_names = ("squares",)

    def __init__(self, learning_rate: float, *, decay: float = 0.99, epsilon: float = 1e-8, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.decay = number_in(type(self).__name__, "decay", decay, 0.0, 1.0)
        self.epsilon = number_in(type(self).__name__, "epsilon", epsilon, 1e-30, 1.0)

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        (s,) = state
        np.square(g, out=scratch)
        scratch *= 1.0 - self.decay
        s *= self.decay
        s += scratch
        np.sqrt(s, out=scratch)
        scratch += self.epsilon
        np.divide(g, scratch, out=scratch)
        scratch *= rate
        p -= scratch


class Adam(Optimizer):
    """m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  θ ← θ - η m̂/(√v̂ + ε). Kingma and Ba 2015, arXiv:1412.6980.

    m̂ = m/(1 - β₁ᵗ) and v̂ = v/(1 - β₂ᵗ) make up for the zeros that the moments began with. To save passes the moments are
    kept without their factors, M = m/(1 - β₁) and V = v/(1 - β₂), so that M ← β₁ M + g and V ← β₂ V + g². With
    a = (1 - β₁)/(1 - β₁ᵗ) and c = √((1 - β₂)/(1 - β₂ᵗ)) the step is

        η a M/(c √V + ε) = (η a/c) · M/(√V + ε/c).

    Args:
        beta1: β₁, the memory of the mean, 0 <= β₁ < 1.
        beta2: β₂, the memory of the square, 0 <= β₂ < 1.
        epsilon: keeps the quotient finite, above 0.
    """

    state_names = ("first_moment", "second_moment")

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.beta1 = number_in(type(self).__name__, "beta1", beta1, 0.0, 1.0)
        self.beta2 = number_in(type(self).__name__, "beta2", beta2, 0.0, 1.0)
        self.epsilon = number_in(type(self).__name__, "epsilon", epsilon, 1e-30, 1.0)
        self._rate = self._epsilon = 0.0

    def _prepare(self, rate: float) -> None:
        a = (1.0 - self.beta1) / (1.0 - self.beta1**self.steps)
        c = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2**self.steps))
        self._rate = rate * a / c
        self._epsilon = self.epsilon / c

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        m, v = state
        m *= self.beta1
        m += g
        np.square(g, out=scratch)
        v *= self.beta2
        v += scratch
        np.sqrt(v, out=scratch)
        scratch += self._epsilon
        np.divide(m, scratch, out=scratch)
        scratch *= self._rate
        p -= scratch


class AdamW(Adam):
    """Adam with decoupled weight decay, by default λ = 0.01. Loshchilov and Hutter 2019, arXiv:1711.05101."""

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=weight_decay)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
}


def optimizer_by_name(name: str) -> type[Optimizer]:
    """The class of an optimizer; UsageError with the nearest right name for an unknown one."""
    if name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
