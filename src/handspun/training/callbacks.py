"""Callbacks that stop a training or keep its best weights."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from handspun.errors import UsageError
from handspun.networks import modelfile
from handspun.training.callback import Callback, Training
from handspun.training.history import COLUMNS, Record


class _Best(Callback):
    """Watches one column of the history for its best value.

    Args:
        monitor: a column; larger is better if its name ends in "accuracy", otherwise smaller.
    """

    def __init__(self, monitor: str) -> None:
        if monitor not in COLUMNS:
            raise UsageError(f"{type(self).__name__}: monitor must be one of {', '.join(COLUMNS)}; got {monitor!r}.")
        self.monitor = monitor
        self.reset()

    def reset(self) -> None:
        self.best = math.nan
        self.best_epoch = 0

    def _improved(self, record: Record) -> bool:
        if self.monitor not in record:
            raise UsageError(
                f"{type(self).__name__} watches {self.monitor}, which this training does not have. "
                "Give validation data, or monitor another column."
            )
        value = record[self.monitor]
        better = value > self.best if self.monitor.endswith("accuracy") else value < self.best
        if better or (math.isnan(self.best) and not math.isnan(value)):
            self.best, self.best_epoch = value, int(record["epoch"])
            return True
        return False

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"best": None if math.isnan(self.best) else self.best, "best_epoch": self.best_epoch}, {}

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.best = math.nan if plain["best"] is None else plain["best"]
        self.best_epoch = plain["best_epoch"]


class EarlyStopping(_Best):
    """Stops when the best value is ``patience`` epochs old, and restores the weights of that epoch. Prechelt 1998.

    Args:
        patience: epochs without a new best value; None never stops, and only restores the best weights.
        monitor: the column to watch; larger is better if its name ends in "accuracy", otherwise smaller.
        restore_best: whether the network ends with the best epoch's weights instead of the last one's.
    """

    def __init__(self, patience: int | None = 5, *, monitor: str = "validation_loss", restore_best: bool = True) -> None:
        super().__init__(monitor)
        if patience is not None and patience < 1:
            raise UsageError(f"EarlyStopping: patience must be at least 1 epoch, got {patience}.")
        self.patience = patience
        self.restore_best = restore_best

    def reset(self) -> None:
        super().reset()
        self._weights: dict[str, np.ndarray] = {}

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        if self._improved(record):
            if self.restore_best:
                source = trainer.average.vector if trainer.average else trainer.network.parameters.vector
                self._weights = {
                    "parameters": source.copy(),
                    "statistics": trainer.network.statistics.vector.copy(),
                }
        elif self.patience is not None and trainer.epoch - self.best_epoch >= self.patience:
            trainer.stop = True

    def on_train_end(self, trainer: Training) -> None:
        if self._weights:
            trainer.network.parameters.vector[...] = self._weights["parameters"]
            trainer.network.statistics.vector[...] = self._weights["statistics"]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return super().state()[0], self._weights

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        super().load_state(plain, arrays)
        if self.restore_best and self.best_epoch and arrays.keys() != {"parameters", "statistics"}:
            raise ValueError("the best weights are missing")
        self._weights = dict(arrays)


class BestCheckpoint(_Best):
    """Saves a model file whenever the watched value is the best so far.

    Args:
        path: the model file.
        monitor: the column to watch; larger is better if its name ends in "accuracy", otherwise smaller.
    """

    def __init__(self, path: str | Path, *, monitor: str = "validation_loss") -> None:
        super().__init__(monitor)
        self.path = Path(path)

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        if self._improved(record):
            network = trainer.network
            if trainer.average:
                network = network.copy()
                network.parameters.vector[...] = trainer.average.vector
            modelfile.save(network, self.path, training={"epoch": int(record["epoch"]), self.monitor: self.best})


class Deadline(Callback):
    """Stops the training after the step in which the time runs out.

    Args:
        seconds: the time from the start of training.
    """

    watches_steps = True

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise UsageError(f"Deadline: seconds must be above 0, got {seconds}.")
        self.seconds = seconds
        self.reset()

    def reset(self) -> None:
        self._used = self._began = 0.0

    def on_train_begin(self, trainer: Training) -> None:
        self._began = time.perf_counter() - self._used

    def on_step_end(self, trainer: Training) -> None:
        self._used = time.perf_counter() - self._began
        if self._used >= self.seconds:
            trainer.stop = True

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"used": self._used}, {}

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self._used = plain["used"]
