"""Where a training that is no longer finite went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from handspun.errors import DivergenceError

if TYPE_CHECKING:
    from handspun.training.trainer import Trainer


def explain_divergence(trainer: Trainer, x: np.ndarray, gradient: np.ndarray) -> DivergenceError:
    """The error for a step whose loss or gradient is not finite: which step, where it began, what to try.

    ``gradient`` is that of the step. The batch ``x`` goes through the network once more, layer by layer: the first array that
    is not finite is where it began.
    """
    origin = _origin(trainer, x, gradient)
    rate = trainer.optimizer.learning_rate
    wider = "" if trainer.network.dtype == np.float64 else " or float64"
    advice = (
        f"Try a tenth of the learning rate, {rate / 10:g} instead of {rate:g}. "
        f"In Python a warm-up, gradient clipping (clip=ClipNorm(1.0)){wider} may help, too."
    )
    if not np.isfinite(x).all():
        advice = "Mend or leave out these images."
    return DivergenceError(f"Training diverged in step {trainer.step + 1} (epoch {trainer.epoch + 1}): {origin}.\n{advice}")


def _origin(trainer: Trainer, x: np.ndarray, vector: np.ndarray) -> str:
    network = trainer.network
    if not np.isfinite(x).all():
        return "the images of this batch hold values that are not finite"
    for name, array in network.parameters.items():
        if not np.isfinite(array).all():
            return f"{name} is no longer finite after the step before"
    tape = network.tape(training=True, rng=np.random.default_rng(0))
    with np.errstate(all="ignore"):
        for layer in network.layers:
            x = layer.forward(x, tape)
            if not np.isfinite(x).all():
                return f"the output of {layer.name} is not finite"
    gradient = trainer.network.parameters.zeros_like()
    gradient.vector[...] = vector
    for name in reversed(list(gradient)):
        if not np.isfinite(gradient[name]).all():
            return f"the gradient of {name} is not finite"
    return "the loss or the norm of the gradient is too large for its number type"
