"""Checkpoint files, and exact resume from them.

A checkpoint is an archive of the trainer's arrays with a JSON header: the settings that must not change, the hash of the
data, and the plain part of the state (see ``state.State``). It is written atomically: if the process is killed while writing,
the previous checkpoint remains.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from handspun.errors import HandspunError, ModelFileError, OutputError, UsageError
from handspun.files.archive import read_arrays, write_arrays
from handspun.files.header import encode_json, read_header
from handspun.files.writing import make_folder
from handspun.training.callback import Callback
from handspun.training.history import Record
from handspun.training.state import State

FORMAT = "handspun-checkpoint"
VERSION = 1


class Checkpoint(Callback):
    """Saves the state of the training every few seconds, on interruption and at the end.

    Args:
        path: the checkpoint file.
        data_hash: the SHA-256 of the training data.
        every: seconds between two saves. The time of a save does not influence the training.
    """

    watches_steps = True

    def __init__(self, path: str | os.PathLike[str], data_hash: str, *, every: float = 5.0) -> None:
        if not every >= 0:
            raise UsageError(f"Checkpoint: every must not be negative, got {every} s.")
        self.path = Path(path)
        self.data_hash = data_hash
        self.every = every
        self._saved = time.monotonic()

    def on_train_begin(self, trainer: Any) -> None:
        encode_json(trainer.settings())  # fail now if they cannot be saved, not after an hour
        make_folder(self.path.parent)

    def save(self, trainer: Any) -> None:
        """Write the state after the last complete step.

        Raises:
            OutputError: the file cannot be written, or its folder was removed.
        """
        if not self.path.parent.is_dir():
            raise OutputError(f"Cannot write {self.path}: its folder is gone.")
        plain, arrays = trainer.state()
        header = {
            "format": FORMAT,
            "version": VERSION,
            "settings": trainer.settings(),
            "data_hash": self.data_hash,
            "state": plain,
        }
        write_arrays(self.path, {"header": encode_json(header), **arrays}, compress=False)
        self._saved = time.monotonic()

    def on_step_end(self, trainer: Any) -> None:
        if time.monotonic() - self._saved >= self.every:
            self.save(trainer)

    def on_epoch_end(self, trainer: Any, record: Record) -> None:
        self.on_step_end(trainer)

    def on_interrupt(self, trainer: Any) -> None:
        self.save(trainer)

    def on_train_end(self, trainer: Any) -> None:
        self.save(trainer)


def resume(trainer: State, path: str | os.PathLike[str], data_hash: str) -> None:
    """Bring ``trainer`` to the state in the checkpoint ``path``.

    Raises:
        ModelFileError: the file is missing, truncated, or not a checkpoint.
        UsageError: it is of another training: the message says whether data, network or settings differ.
    """
    header = read_header(path, FORMAT, VERSION)
    arrays = read_arrays(path, error=ModelFileError)
    if header.get("data_hash") != data_hash:
        raise UsageError(f"{path} was made with other training data (their SHA-256 differ). Resume with the same data.")
    if differences := _differences(header.get("settings"), _through_json(trainer.settings())):
        raise UsageError(f"{path} was made with other settings: {'; '.join(differences)}. Resume with the same settings.")
    try:
        trainer.load_state(header["state"], arrays)
    except HandspunError as error:
        raise UsageError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(f"{path}: the state of the training cannot be understood: {error!r}.") from error


def _through_json(value: Any) -> Any:
    return json.loads(encode_json(value).tobytes())


def _differences(saved: Any, now: dict[str, Any]) -> list[str]:
    """What differs, by name."""
    if not isinstance(saved, dict):
        return ["they are missing"]
    return [
        f"{name} was {saved.get(name)!r}, now {now.get(name)!r}" if name != "network" else "the network is another one"
        for name in sorted(saved.keys() | now.keys())
        if saved.get(name) != now.get(name)
    ]
