"""How a gradient changes the parameters.

θ are the parameters, g the gradient, η the learning rate of this step; all vectors are flat. ``_update`` changes one chunk of
them: p is θ, ``state`` the optimizer's own vectors, ``scratch`` an array for results. ``optimizer_base.py`` holds the rest.
"""

import math

import numpy as np

from handspun.checks import known, number_in
from handspun.optimization.optimizer_base import Optimizer as Optimizer


class SGD(Optimizer):
    """θ ← θ - η g. Robbins and Monro 1951. There is no default rate, as none suits all trainings."""

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        p -= np.multiply(g, rate, out=scratch)


class Momentum(Optimizer):
    """v ← μ v + g,  θ ← θ - η v. Polyak 1964, in PyTorch's form.

    Sutskever et al. 2013 have η within the velocity: v ← μ v - η g, θ ← θ + v. That is the same while η is constant. When it
    falls, earlier gradients keep their old η there, and get the new one here.

    Args:
        momentum: μ, 0 <= μ < 1. The default is the usual value; in PyTorch and Keras this is SGD, whose default is 0.
    """

    state_names = ("velocity",)

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        (v,) = state
        v *= self.momentum
        v += g
        p -= np.multiply(v, rate, out=scratch)

    def __init__(self, learning_rate: float, *, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.momentum = number_in(type(self).__name__, "momentum", momentum, 0.0, 1.0)


class Nesterov(Momentum):
    """v ← μ v + g,  θ ← θ - η (g + μ v): the gradient at the point where momentum leads. Nesterov 1983, in PyTorch's form.

    Sutskever et al. 2013 keep the point θ' from which momentum leads, and need the gradient at another, θ = θ' - η μ v. Here
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
        epsilon: ε, above 0, keeps the quotient finite. The default is PyTorch's; Keras has 1e-7, and lets s begin at 0.1.
    """

    state_names = ("squares",)

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        (s,) = state
        s += np.square(g, out=scratch)
        p -= _scaled(g, s, rate, self.epsilon, scratch)

    def __init__(self, learning_rate: float, *, epsilon: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.epsilon = number_in(type(self).__name__, "epsilon", epsilon, 1e-30, 1.0)


class RMSprop(Optimizer):
    """s ← ρ s + (1 - ρ) g²,  θ ← θ - η g/(√s + ε). Tieleman and Hinton 2012, lecture 6.5.

    Args:
        decay: ρ, 0 <= ρ < 1. The default is PyTorch's; the lecture and Keras have 0.9.
        epsilon: ε, above 0, keeps the quotient finite. The default is PyTorch's; Keras has 1e-7.
    """

    state_names = ("squares",)

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        (s,) = state
        np.square(g, out=scratch)
        scratch *= 1.0 - self.decay
        s *= self.decay
        s += scratch
        p -= _scaled(g, s, rate, self.epsilon, scratch)

    def __init__(self, learning_rate: float, *, decay: float = 0.99, epsilon: float = 1e-8, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.decay = number_in(type(self).__name__, "decay", decay, 0.0, 1.0)
        self.epsilon = number_in(type(self).__name__, "epsilon", epsilon, 1e-30, 1.0)


class Adam(Optimizer):
    """m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  θ ← θ - η m̂/(√v̂ + ε). Kingma and Ba 2015, arXiv:1412.6980.

    m̂ = m/(1 - β₁ᵗ) and v̂ = v/(1 - β₂ᵗ) correct for the zeros that the moments start from. To save passes the moments are
    kept without their factors, M = m/(1 - β₁) and V = v/(1 - β₂), so that M ← β₁ M + g and V ← β₂ V + g². With
    a = (1 - β₁)/(1 - β₁ᵗ) and c = √((1 - β₂)/(1 - β₂ᵗ)) the step is

        η a M/(c √V + ε) = (η a/c) · M/(√V + ε/c).

    The defaults are the paper's and PyTorch's; Keras has ε = 1e-7.

    Args:
        beta1: β₁, the memory of the mean, 0 <= β₁ < 1.
        beta2: β₂, the memory of the square, 0 <= β₂ < 1.
        epsilon: ε, above 0, keeps the quotient finite.
    """

    state_names = ("first_moment", "second_moment")

    def _update(self, p: np.ndarray, g: np.ndarray, rate: float, scratch: np.ndarray, *state: np.ndarray) -> None:
        m, v = state
        m *= self.beta1
        m += g
        v *= self.beta2
        v += np.square(g, out=scratch)
        p -= _scaled(m, v, self._rate, self._epsilon, scratch)

    def _prepare(self, rate: float) -> None:
        a = (1.0 - self.beta1) / (1.0 - self.beta1**self.steps)
        c = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2**self.steps))
        self._rate, self._epsilon = rate * a / c, self.epsilon / c

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


class AdamW(Adam):
    """Adam with decoupled weight decay. Loshchilov and Hutter 2019, arXiv:1711.05101.

    The default λ = 0.01 is PyTorch's; Keras has 0.004.
    """

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


def _scaled(direction: np.ndarray, squares: np.ndarray, rate: float, epsilon: float, scratch: np.ndarray) -> np.ndarray:
    """The step of the adaptive optimizers, η · direction/(√squares + ε)."""
    np.sqrt(squares, out=scratch)
    scratch += epsilon
    np.divide(direction, scratch, out=scratch)
    scratch *= rate
    return scratch


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
    """The class of an optimizer. Raises UsageError for an unknown name."""
    return known("optimizer", name, OPTIMIZERS)
