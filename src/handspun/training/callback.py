"""``Callback``, and what it may see of a training."""

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
    """What callbacks see of the trainer.

    Attributes:
        network: the network in training.
        optimizer: updates its weights.
        average: the average of the weights, or None.
        step: optimizer steps done.
        position: steps done in the current epoch.
        epoch: epochs completed.
        epochs: epochs in all.
        history: the records of the completed epochs.
        running: the sums over the current epoch: images, loss, correct, gradient_norm, steps, and seconds (of the steps
            alone).
        horizon: the length of the training.
        steps_per_epoch: steps in an epoch; the last one may have fewer images.
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
        """Whether all epochs are complete, or training has stopped early."""
        ...

    def averaged(self) -> AbstractContextManager[None]:
        """A context in which the network has the weights that it would have if training ended now."""
        ...


class Callback:
    """The trainer calls these methods; each does nothing unless overridden.

    Whatever a callback remembers from epoch to epoch, it returns from ``state`` and gets back in ``load_state``, so that a
    resumed training continues as if it had not been interrupted.

    A callback may change ``trainer.stop``, ``trainer.optimizer.learning_rate``, and the weights. Take the weights from
    ``trainer.network`` each time: while processes share the training, they are in other memory. Those processes see no other
    change.
    """

    #: Whether to call ``on_step_end``; a call for each step costs time.
    watches_steps: ClassVar[bool] = False

    def reset(self) -> None:
        """Forget the previous training; called at the start of a new one, before ``load_state``."""

    def on_train_begin(self, trainer: Training) -> None:
        """Before the first step, also if the training is resumed."""

    def on_step_end(self, trainer: Training) -> None:
        """After each step, if ``watches_steps``."""

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        """After each epoch and its validation."""

    def on_interrupt(self, trainer: Training) -> None:
        """After the last step before an interruption."""

    def on_train_end(self, trainer: Training) -> None:
        """After the last epoch; the network holds its final weights, averaged if there is an average."""

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a checkpoint must store: plain data, and arrays."""
        return {}, {}

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Restore what ``state`` returned."""
