"""Finds the first values of a training that are not finite."""

from __future__ import annotations

import numpy as np

from handspun.errors import DivergenceError
from handspun.networks.sequential import Sequential


def explain_divergence(
    network: Sequential, x: np.ndarray, gradient: np.ndarray, step: int, epoch: int, learning_rate: float
) -> DivergenceError:
    """The error for a step whose loss or gradient is not finite: which step, where it started, what to try.

    The batch goes through the network once more, layer by layer. The first array that is not finite is the origin.

    Args:
        network: before the step.
        x: the inputs of the batch, (N, *input_shape).
        gradient: the gradient of the step, (size,).
        step: steps done before.
        epoch: epochs completed.
        learning_rate: that of the optimizer.
    """
    if not np.isfinite(x).all():
        advice = "Repair or leave out these images."
    else:
        wider = "" if network.dtype == np.float64 else " or float64"
        advice = (
            f"Try a tenth of the learning rate, {learning_rate / 10:g} instead of {learning_rate:g}. "
            f"In Python a warm-up, gradient clipping (clip=ClipNorm(1.0)){wider} may help, too."
        )
    origin = _origin(network, x, gradient)
    return DivergenceError(f"Training diverged in step {step + 1} (epoch {epoch + 1}): {origin}.\n{advice}")


def _origin(network: Sequential, x: np.ndarray, vector: np.ndarray) -> str:
    if not np.isfinite(x).all():
        return "the images of this batch contain values that are not finite"
    for name, array in network.parameters.items():
        if not np.isfinite(array).all():
            return f"{name} is no longer finite after the previous step"
    tape = network.tape(training=True, rng=np.random.default_rng(0))
    with np.errstate(all="ignore"):
        for layer in network.layers:
            x = layer.forward(x, tape)
            if not np.isfinite(x).all():
                return f"the output of {layer.name} is not finite"
    gradient = network.parameters.zeros_like()
    gradient.vector[...] = vector
    for name in reversed(list(gradient)):
        if not np.isfinite(gradient[name]).all():
            return f"the gradient of {name} is not finite"
    return "the loss or the norm of the gradient is too large for its number type"
