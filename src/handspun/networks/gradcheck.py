"""Checks a gradient: compares it in float64 with finite differences of the loss.

The derivative along a direction d is (L(θ + h d) - L(θ - h d))/2h up to an error of order h². Elementwise, d is one
parameter at a time. Directional, d is a random direction through all parameters at once, which checks a network of any
size with a few passes.

No single h suits every network: a large one reaches across a kink of ReLU or max, a small one is lost in rounding. So several
are tried and the best agreement counts. A wrong gradient is wrong at all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun import checks
from handspun.errors import UsageError
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss, SoftmaxCrossEntropy
from handspun.pictures import inputs

STEPS = (1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class GradientReport:
    """The result of ``check_gradients``.

    Attributes:
        elementwise: for each parameter array and for "input", the largest relative error of the checked elements.
        checked: for each array, the number of checked elements.
        directional: the largest relative error along the random directions.
        tolerance: errors must be below it.
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


@np.errstate(all="ignore")
def check_gradients(
    network: Sequential,
    x: Any,
    y: Any,
    loss: Loss | None = None,
    *,
    elements: int = 50,
    directions: int = 3,
    tolerance: float = 1e-6,
    training: bool = True,
    seed: int = 0,
) -> GradientReport:
    """Compare the gradient with respect to every parameter array and to the input with finite differences.

    The network is not changed: a float64 copy of it is checked. Dropout draws the same numbers in each pass.

    Args:
        network: any network.
        x: a batch of inputs, as for ``network.predict``.
        y: its targets.
        loss: by default SoftmaxCrossEntropy.
        elements: the number of elements to check of each array; smaller arrays are checked whole.
        directions: the number of random directions to check.
        tolerance: errors must be below it.
        training: whether the passes are training passes.
        seed: the seed of elements, directions and dropout.

    Raises:
        UsageError: arguments of another type or out of range; inputs of another size or type, or with values that are not
            finite; no inputs, or another number of targets; a loss that returns no finite value, or a gradient of another shape
            than the outputs.
    """
    checks.of_kind("network", network, Sequential)
    checks.of_kind("loss", loss, Loss)
    elements = checks.positive_integer("check_gradients", "elements", elements)
    directions = checks.positive_integer("check_gradients", "directions", directions) if directions else 0
    tolerance = checks.number_in("check_gradients", "tolerance", tolerance, np.nextafter(0.0, 1.0), math.inf)
    seed = checks.positive_integer("check_gradients", "seed", seed) if seed else 0
    loss = loss or SoftmaxCrossEntropy()
    network = network.copy(dtype=np.float64)
    images, y = checks.plain_array("x", x), checks.plain_array("y", y)
    inputs.check_images(images, network.input_shape)
    inputs.check_finite(images)
    if not len(images) or y.shape[:1] != (len(images),):
        raise UsageError(
            f"x has {len(images)} inputs, y has the shape {y.shape}: one target per input is needed, at least one."
        )
    x = inputs.convert(images, np.empty((len(images), *network.input_shape)))
    rng = np.random.default_rng(seed)

    tape = network.tape(training=training, rng=np.random.default_rng(seed), input_gradient=True)
    outputs = network.forward(x, tape)
    first, dy = loss(outputs, y)
    if not np.isfinite(first) or np.shape(dy) != outputs.shape:
        raise UsageError(
            f"{type(loss).__name__} gave the value {first} and a gradient {np.shape(dy)} for outputs {outputs.shape}: the "
            "value must be finite and the gradient must have the outputs' shape."
        )
    dx = network.backward(dy, tape)
    if dx is None or dx.shape != x.shape:
        raise UsageError(
            f"backward gave {'nothing' if dx is None else dx.shape} for inputs {x.shape}: a layer's backward must return the "
            "gradient with respect to its input, in the input's shape."
        )
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
    # A derivative far below the network's largest ones is lost in the rounding of the loss: nothing to compare with.
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
