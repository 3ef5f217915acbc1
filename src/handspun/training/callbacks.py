"""What else happens while a network is trained."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from handspun.errors import MissingExtraError, UsageError
from handspun.files.writing import append_text, write_text
from handspun.networks import modelfile
from handspun.training.history import COLUMNS, Record

if TYPE_CHECKING:
    from handspun.training.trainer import Trainer


class Callback:
    """Is told what happens; each method does nothing unless overridden.

    What a callback remembers from epoch to epoch it gives in ``state`` and takes back in ``load_state``, so that a resumed
    training goes on as if nothing had been.

    A callback may change ``trainer.stop``, ``trainer.optimizer.learning_rate``, and the weights: those that ``trainer.network``
    has at the time, for they lie elsewhere while processes share the training. These processes know of no other change.
    """

    #: Whether ``on_step_end`` is wanted: a call for each step costs time.
    watches_steps: ClassVar[bool] = False

    def reset(self) -> None:
        """Forget what another training left; called when a trainer takes the callback, before ``load_state``."""

    def on_train_begin(self, trainer: Trainer) -> None:
        """Before the first step, also of a resumed training."""

    def on_step_end(self, trainer: Trainer) -> None:
        """After each step, where ``watches_steps``."""

    def on_epoch_end(self, trainer: Trainer, record: Record) -> None:
        """After each epoch and its validation."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """After the last step before an interruption."""

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last epoch; the network holds its final weights, averaged where there is an average."""

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What must survive an interruption: plain data, and arrays."""
        return {}, {}

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The opposite of ``state``."""


class _Best(Callback):
    """Watches one column of the history for its best value.

    Args:
        monitor: a column; larger is better where its name ends in "accuracy", smaller elsewhere.
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
    """Stops when the best value is ``patience`` epochs old, and puts back the weights that had it. Prechelt 1998.

    Args:
        patience: epochs without a new best value; None never stops, and only puts back the best weights.
        monitor: the column to watch; larger is better where its name ends in "accuracy", smaller elsewhere.
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

    def on_epoch_end(self, trainer: Trainer, record: Record) -> None:
        if self._improved(record):
            if self.restore_best:
                source = trainer.average.vector if trainer.average else trainer.network.parameters.vector
                self._weights = {
                    "parameters": source.copy(),
                    "statistics": trainer.network.statistics.vector.copy(),
                }
        elif self.patience is not None and trainer.epoch - self.best_epoch >= self.patience:
            trainer.stop = True

    def on_train_end(self, trainer: Trainer) -> None:
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
    """Saves a model file whenever the watched value is better than ever.

    Args:
        path: the model file.
        monitor: the column to watch; larger is better where its name ends in "accuracy", smaller elsewhere.
    """

    def __init__(self, path: str | Path, *, monitor: str = "validation_loss") -> None:
        super().__init__(monitor)
        self.path = Path(path)

    def on_epoch_end(self, trainer: Trainer, record: Record) -> None:
        if self._improved(record):
            network = trainer.network
            if trainer.average:
                network = network.copy()
                network.parameters.vector[...] = trainer.average.vector
            modelfile.save(network, self.path, training={"epoch": int(record["epoch"]), self.monitor: self.best})


class _Log(Callback):
    """Appends a line for each epoch to a text file, which begins anew with the epochs that a resumed training has."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def _head(self, trainer: Trainer) -> str:
        return ""

    def _line(self, record: Record) -> str:
        raise NotImplementedError

    def on_train_begin(self, trainer: Trainer) -> None:
        lines = [self._line(record) for record in trainer.history.records]
        write_text(self.path, self._head(trainer) + "".join(lines))

    def on_epoch_end(self, trainer: Trainer, record: Record) -> None:
        append_text(self.path, self._line(record))


class CSVLog(_Log):
    """One row an epoch with the columns of ``History``; a value that there is none of stays empty."""

    def _head(self, trainer: Trainer) -> str:
        return ",".join(COLUMNS) + "\n"

    def _line(self, record: Record) -> str:
        return ",".join(repr(record[name]) if name in record else "" for name in COLUMNS) + "\n"


class JSONLinesLog(_Log):
    """One JSON object a line and epoch."""

    def _line(self, record: Record) -> str:
        return json.dumps({name: record[name] for name in COLUMNS if name in record}) + "\n"


class TensorBoardLog(Callback):
    """Scalars for TensorBoard, written by the library tensorboardX.

    Args:
        folder: the log folder.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("TensorBoardLog", "tensorboard") from error
        self._make = SummaryWriter
        self.folder = Path(folder)
        self._writer: Any = None

    def on_train_begin(self, trainer: Trainer) -> None:
        # Epochs that a killed run had logged after its last checkpoint are made again; TensorBoard drops the old ones.
        self._writer = self._make(str(self.folder), purge_step=trainer.epoch + 1)

    def on_epoch_end(self, trainer: Trainer, record: Record) -> None:
        for name, value in record.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(record["epoch"]))

    def on_interrupt(self, trainer: Trainer) -> None:
        self._writer.close()

    def on_train_end(self, trainer: Trainer) -> None:
        self._writer.close()


class Deadline(Callback):
    """Stops the training after the step during which the time runs out.

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

    def on_train_begin(self, trainer: Trainer) -> None:
        self._began = time.perf_counter() - self._used

    def on_step_end(self, trainer: Trainer) -> None:
        self._used = time.perf_counter() - self._began
        if self._used >= self.seconds:
            trainer.stop = True

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"used": self._used}, {}

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self._used = plain["used"]
