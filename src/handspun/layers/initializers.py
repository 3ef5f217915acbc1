"""Initial values of weights.

A layer y = xW with independent weights of variance v multiplies the variance of its input by fan_in · v in the forward pass,
and the variance of the gradient by fan_out · v in the backward pass. An initializer chooses v so that neither explodes nor
vanishes over many layers: 1/fan_in (LeCun), 2/(fan_in + fan_out) as a compromise of both directions (Glorot), and 2/fan_in
(He) before a ReLU, which sets half of its input to zero.

All values are drawn in float64 and then rounded: the same seed gives the same network in either precision.
"""

import abc
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun.checks import known, number, positive_number
from handspun.engine.parameters import Shape


@dataclass(frozen=True)
class Initializer(abc.ABC):
    """Makes the initial values of a weight array. Model files can store your own once registered (``handspun.register``)."""

    @abc.abstractmethod
    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        """A new float64 array of ``shape``, for a layer that sums ``fan_in`` inputs into each of ``fan_out`` outputs.

        Two axes are (inputs, outputs), as in ``Dense``. With more, the first axis is the outputs, as in ``Conv2D``, which
        calls once for each of its groups.
        """

    def config(self) -> dict[str, Any]:
        """Name and settings, as model files store them."""
        return {"kind": type(self).__name__, **vars(self)}


class HeNormal(Initializer):
    """N(0, 2/fan_in). He et al. 2015, "Delving Deep into Rectifiers", eq. 10."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return _normal(2.0 / fan_in, shape, rng)


class HeUniform(Initializer):
    """Uniform with variance 2/fan_in. He et al. 2015."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return _uniform(2.0 / fan_in, shape, rng)


class GlorotNormal(Initializer):
    """N(0, 2/(fan_in + fan_out)). Glorot and Bengio 2010, eq. 12."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return _normal(2.0 / (fan_in + fan_out), shape, rng)


class GlorotUniform(Initializer):
    """Uniform with variance 2/(fan_in + fan_out). Glorot and Bengio 2010, eq. 16."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return _uniform(2.0 / (fan_in + fan_out), shape, rng)


class LeCunNormal(Initializer):
    """N(0, 1/fan_in). LeCun et al. 1998, "Efficient BackProp", eq. 16."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return _normal(1.0 / fan_in, shape, rng)


class LeCunUniform(Initializer):
    """Uniform with variance 1/fan_in. LeCun et al. 1998."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return _uniform(1.0 / fan_in, shape, rng)


@dataclass(frozen=True)
class ScaledNormal(Initializer):
    """N(0, scale²), whatever the size of the layer. The default is our own; PyTorch has 1, Keras 0.05."""

    scale: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", positive_number("ScaledNormal", "scale", self.scale))

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return self.scale * rng.standard_normal(shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times ``gain``. Saxe et al. 2014, arXiv:1312.6120.

    For a convolution a row is one filter with all its values: the matrix is O x (kh C kw), separate for each group.

    The Q of a Gaussian matrix's QR decomposition is uniform over the orthogonal matrices once the signs of R's diagonal
    are made positive (Mezzadri 2007, arXiv:math-ph/0609050).
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", number("Orthogonal", "gain", self.gain, math.isfinite, "a finite number"))

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        rows = shape[0] if len(shape) > 2 else math.prod(shape[:-1])
        columns = math.prod(shape) // rows
        tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diagonal(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero: for biases. As weights of hidden layers zeros would keep all units equal forever."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)


#: Every initializer that a model file may name; ``handspun.register`` adds to them.
INITIALIZERS: dict[str, type[Initializer]] = {
    kind.__name__: kind
    for kind in (
        HeNormal,
        HeUniform,
        GlorotNormal,
        GlorotUniform,
        LeCunNormal,
        LeCunUniform,
        ScaledNormal,
        Orthogonal,
        Zeros,
    )
}


def initializer_from_config(config: dict[str, Any]) -> Initializer:
    """The initializer that has this ``config``. Raises UsageError for an unknown kind."""
    settings = dict(config)
    return known("initializer", settings.pop("kind"), INITIALIZERS)(**settings)


def with_initializer(config: dict[str, Any]) -> dict[str, Any]:
    """The ``config`` of a layer, as its constructor takes it: with the initializer itself."""
    return {key: initializer_from_config(value) if key == "initializer" else value for key, value in config.items()}


def _normal(variance: float, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0.0, math.sqrt(variance), shape)


def _uniform(variance: float, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    limit = math.sqrt(3.0 * variance)  # U(-a, a) has variance a²/3
    return rng.uniform(-limit, limit, shape)
