"""How weights begin.

A layer y = xW with independent weights of variance v multiplies the variance of its input by fan_in · v on the way forward,
and the variance of the gradient by fan_out · v on the way back. An initializer chooses v such that neither explodes nor
fades through many layers: 1/fan_in (LeCun), 2/(fan_in + fan_out) as a compromise of both directions (Glorot), and 2/fan_in
(He) before a ReLU, which sets half of its input to zero.

All values are drawn in float64 and then rounded: the same seed gives the same network in either precision.
"""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun.engine.parameters import Shape
from handspun.errors import UsageError, unknown_name


@dataclass(frozen=True)
class Initializer(abc.ABC):
    """Gives the first value of a weight array. Model files know your own once registered (``handspun.register``)."""

    @abc.abstractmethod
    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        """A new float64 array of ``shape``, for a layer that sums ``fan_in`` inputs into each of ``fan_out`` outputs.

        Two axes are (inputs, outputs), as of ``Dense``. Of more axes the first counts the outputs, as of ``Conv2D``, which asks
        once for each of its groups.
        """

    def config(self) -> dict[str, Any]:
        """Name and settings, as they are written into a model file."""
        return {"kind": type(self).__name__, **vars(self)}


class _VarianceScaling(Initializer):
    """Independent values of mean 0 and the variance that ``variance`` gives."""

    @abc.abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float: ...


class _Normal(_VarianceScaling):
    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, math.sqrt(self.variance(fan_in, fan_out)), shape)


class _Uniform(_VarianceScaling):
    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        limit = math.sqrt(3.0 * self.variance(fan_in, fan_out))  # U(-a, a) has variance a²/3
        return rng.uniform(-limit, limit, shape)


class _He(_VarianceScaling):
    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / fan_in


class _Glorot(_VarianceScaling):
    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / (fan_in + fan_out)


class _LeCun(_VarianceScaling):
    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1.0 / fan_in


class HeNormal(_He, _Normal):
    """N(0, 2/fan_in). He et al. 2015, "Delving Deep into Rectifiers", eq. 10."""


class HeUniform(_He, _Uniform):
    """Uniform with variance 2/fan_in. He et al. 2015."""


class GlorotNormal(_Glorot, _Normal):
    """N(0, 2/(fan_in + fan_out)). Glorot and Bengio 2010, eq. 12."""


class GlorotUniform(_Glorot, _Uniform):
    """Uniform with variance 2/(fan_in + fan_out). Glorot and Bengio 2010, eq. 16."""


class LeCunNormal(_LeCun, _Normal):
    """N(0, 1/fan_in). LeCun et al. 1998, "Efficient BackProp", eq. 16."""


class LeCunUniform(_LeCun, _Uniform):
    """Uniform with variance 1/fan_in. LeCun et al. 1998."""


@dataclass(frozen=True)
class ScaledNormal(Initializer):
    """N(0, scale²), whatever the size of the layer."""

    scale: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise UsageError(f"ScaledNormal: scale must be a finite number above 0, got {self.scale}.")

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return self.scale * rng.standard_normal(shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Rows or columns, whichever are fewer, orthonormal, times ``gain``. Saxe et al. 2014, arXiv:1312.6120.

    The rows of the weights of a convolution are its filters, all values of each: O x (kh C kw), of each group for itself.

    The Q of a Gaussian matrix's QR decomposition is uniform over the orthogonal matrices once the signs of R's diagonal
    are made positive (Mezzadri 2007, arXiv:math-ph/0609050).
    """

    gain: float = 1.0

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        rows = shape[0] if len(shape) > 2 else math.prod(shape[:-1])
        columns = math.prod(shape) // rows
        tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diagonal(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero: for biases. As weights of hidden layers it would keep all units equal for ever."""

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)


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
    """The opposite of ``Initializer.config``."""
    settings = dict(config)
    kind = settings.pop("kind")
    if kind not in INITIALIZERS:
        raise unknown_name("initializer", str(kind), INITIALIZERS)
    return INITIALIZERS[kind](**settings)
