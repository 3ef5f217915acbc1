"""What a callback is, and what it may see of a training."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

import numpy as np

from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.optimizers import Optimizer
from handspun.optimization.schedules import Horizon
from handspun.training.history import History, Record


class Training(Protocol):
    """What callbacks see of a training: the trainer.

    Attributes:
        network: what is trained.
        optimizer: what changes its weights.
        average: the average of the weights, if there is one.
        step: optimizer steps made.
        position: those of them in the current epoch.
        epoch: epochs completed.
        epochs: epochs to make.
        history: the records of the completed epochs.
        running: the sums over the current epoch: images, loss, correct, gradient_norm, steps, and the seconds that the steps
            themselves took.
        horizon: the length of the training.
        steps_per_epoch: the last of them may have fewer images.
        classification: whether the targets are classes, so that there is an accuracy.
        stop: set it to end the training after the step in progress.
    """

    network: Sequential
    optimizer: Optimizer
    average: ExponentialMovingAverage | None
    step: int
    position: int
    epoch: int
    epochs: int
    history: History
    running: dict[str, float]
    horizon: Horizon
    steps_per_epoch: int
    stop: bool

    @property
    def classification(self) -> bool: ...

    @property
    def finished(self) -> bool:
        """Whether all epochs are complete, or training was told to stop and has."""
        ...

    def averaged(self) -> AbstractContextManager[None]:
        """A context in which the network has the weights that it would end with now."""
        ...


class Callback:
    """Is told what happens; each method does nothing unless overridden.

    What a callback remembers from epoch to epoch it returns from ``state`` and gets back in ``load_state``, so that a resumed
    training goes on as if it had not been interrupted.

    A callback may change ``trainer.stop``, ``trainer.optimizer.learning_rate``, and the weights: those that ``trainer.network``
    has at the time, for they lie elsewhere while processes share the training. These processes learn of no other change.
    """

    #: Whether ``on_step_end`` is wanted: a call for each step costs time.
    watches_steps: ClassVar[bool] = False

    def reset(self) -> None:
        """Forget what another training left; called when a trainer takes the callback, before ``load_state``."""

    def on_train_begin(self, trainer: Training) -> None:
        """Before the first step, also of a resumed training."""

    def on_step_end(self, trainer: Training) -> None:
        """After each step, if ``watches_steps``."""

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        """After each epoch and its validation."""

    def on_interrupt(self, trainer: Training) -> None:
        """After the last step before an interruption."""

    def on_train_end(self, trainer: Training) -> None:
        """After the last epoch; the network holds its final weights, averaged if there is an average."""

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What must survive an interruption: plain data, and arrays."""
        return {}, {}

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The opposite of ``state``."""
