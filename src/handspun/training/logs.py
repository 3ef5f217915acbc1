"""Callbacks that write a line or a point for each epoch: CSV, JSON lines, TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from handspun.errors import MissingExtraError
from handspun.files.writing import append_text, write_text
from handspun.training.callback import Callback, Training
from handspun.training.history import COLUMNS, Record


class _Log(Callback):
    """Appends a line for each epoch to a text file. A resumed training first rewrites the file with its epochs so far."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def _head(self, trainer: Training) -> str:
        return ""

    def _line(self, record: Record) -> str:
        raise NotImplementedError

    def on_train_begin(self, trainer: Training) -> None:
        lines = [self._line(record) for record in trainer.history.records]
        write_text(self.path, self._head(trainer) + "".join(lines))

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        append_text(self.path, self._line(record))


class CSVLog(_Log):
    """One row per epoch with the columns of ``History``; missing values stay empty."""

    def _head(self, trainer: Training) -> str:
        return ",".join(COLUMNS) + "\n"

    def _line(self, record: Record) -> str:
        return ",".join(repr(record[name]) if name in record else "" for name in COLUMNS) + "\n"


class JSONLinesLog(_Log):
    """One line per epoch with a JSON object."""

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

    def on_train_begin(self, trainer: Training) -> None:
        # Epochs that a killed run logged after its last checkpoint are trained again; TensorBoard drops the old ones.
        self._writer = self._make(str(self.folder), purge_step=trainer.epoch + 1)

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        for name, value in record.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(record["epoch"]))

    def on_interrupt(self, trainer: Training) -> None:
        self._writer.close()

    def on_train_end(self, trainer: Training) -> None:
        self._writer.close()
