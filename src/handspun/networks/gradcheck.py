"""Is the gradient right? Compared in float64 with differences of the loss.

The derivative along a direction d is (L(θ + h d) - L(θ - h d))/2h up to an error of order h². Elementwise, d is one
parameter at a time; directional, d is one random direction through all parameters at once, which checks a network of any
size with a handful of passes.

No single h serves every network: a large one reaches over a kink of ReLU or max to where another formula holds, a small one
drowns in rounding. So several are tried and the best agreement counts. A wrong gradient is wrong at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss, SoftmaxCrossEntropy
from handspun.pictures import inputs

STEPS = (1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class GradientReport:
    """The outcome of a check.

    Attributes:
        elementwise: for each parameter array, and "input", the largest relative error of the elements that were checked.
        checked: for each array, how many elements were checked.
        directional: the largest relative error along the random directions.
        tolerance: what the errors were to stay below.
    """

    elementwise: dict[str, float]
    checked: dict[str, int]
    directional: float
    tolerance: float

    @property
    def worst(self) -> float:
        """The largest of all errors."""
        return max(self.directional, *self.elementwise.values())

    @property
    def passed(self) -> bool:
        """Whether all errors are below the tolerance."""
        return bool(self.worst < self.tolerance)


def check_gradients(
    network: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    loss: Loss | None = None,
    *,
    elements: int = 50,
    directions: int = 3,
    tolerance: float = 1e-6,
    training: bool = True,
    seed: int = 0,
) -> GradientReport:
    """Compare the gradient by every parameter array and by the input with finite differences.

    The network itself is not touched: a float64 copy of it is checked. Dropout draws the same numbers in each pass.

    Args:
        network: any network.
        x: a batch of inputs, as for ``network.predict``.
        y: its targets.
        loss: by default SoftmaxCrossEntropy.
        elements: how many elements of each array are checked; arrays that have no more are checked whole.
        directions: how many random directions are checked.
        tolerance: the relative error that is still right.
        training: whether the passes are training passes.
        seed: from which elements, directions and dropout are drawn.
    """
    loss = loss or SoftmaxCrossEntropy()
    network = network.copy(dtype=np.float64)
    images = np.asarray(x)
    inputs.check_images(images, network.input_shape)
    x = inputs.convert(images, np.empty((len(images), *network.input_shape)))
    y = np.asarray(y)
    rng = np.random.default_rng(seed)

    tape = network.tape(training=training, rng=np.random.default_rng(seed), input_gradient=True)
    _, dy = loss(network.forward(x, tape), y)
    dx = network.backward(dy, tape)
    assert dx is not None
    values = {**network.parameters, "input": x}
    gradients = {**tape.gradient, "input": dx.copy()}

    def value() -> float:
        again = network.tape(training=training, rng=np.random.default_rng(seed))
        return loss(network.forward(x, again), y)[0]

    def error(array: np.ndarray, direction: np.ndarray | int, derivative: float, floor: float) -> float:
        """The relative error of ``derivative`` along ``direction`` (an index of the flat array, or an array like it)."""
        flat, best = array.reshape(-1), np.inf
        part = direction if isinstance(direction, int) else slice(None)
        unit = 1.0 if isinstance(direction, int) else direction
        before = flat[part].copy()
        for h in STEPS:
            flat[part] = before + h * unit
            above = value()
            flat[part] = before - h * unit
            below = value()
            flat[part] = before
            numeric = (above - below) / (2.0 * h)
            best = min(best, abs(numeric - derivative) / max(abs(numeric), abs(derivative), floor))
            if best < 0.01 * tolerance:
                break
        return float(best)

    elementwise, checked = {}, {}
    # Far below the largest derivatives of the network a difference of losses has no digits left to compare.
    largest = max(float(np.abs(gradient).max()) for gradient in gradients.values())
    for name, array in values.items():
        gradient = gradients[name].reshape(-1)
        chosen = rng.permutation(array.size)[:elements]
        floor = max(1e-2 * float(np.abs(gradient).max()), 1e-4 * largest, 1e-12)
        elementwise[name] = max(error(array, int(i), float(gradient[i]), floor) for i in chosen)
        checked[name] = len(chosen)

    directional = 0.0
    vector, gradient = network.parameters.vector, tape.gradient.vector
    for _ in range(directions if vector.size else 0):
        direction = rng.standard_normal(vector.size)
        direction /= np.linalg.norm(direction)
        floor = max(1e-2 * float(np.linalg.norm(gradient)) / np.sqrt(vector.size), 1e-12)
        directional = max(directional, error(vector, direction, float(gradient @ direction), floor))
    return GradientReport(elementwise, checked, directional, tolerance)
