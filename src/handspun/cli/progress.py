"""The progress of a training: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from handspun.cli.console import messages, quoted
from handspun.training import Callback, Training
from handspun.training.history import Record

#: Seconds between two updates of the bar, and between two plain lines.
BAR_EVERY, LINE_EVERY = 0.1, 1.0


class ShowProgress(Callback):
    """Shows epoch, loss, accuracy, images per second and the remaining time.

    Args:
        folder: the run folder, for the message that says how to continue after an interruption.
        quiet: show nothing but that message.
    """

    watches_steps = True

    def __init__(self, folder: Path | None = None, *, quiet: bool = False) -> None:
        self.folder = folder
        self.quiet = quiet
        self._bar: Progress | None = None
        self._shown = 0.0
        self.told = False  # how to continue

    def on_train_begin(self, trainer: Training) -> None:
        if self.quiet or not messages.is_terminal:
            return
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=None, complete_style="red", finished_style="red"),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=messages,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task(
            "", total=trainer.horizon.total_steps, completed=trainer.step, epoch=1, epochs=trainer.epochs, numbers=""
        )
        self._bar.start()

    def on_step_end(self, trainer: Training) -> None:
        now = time.monotonic()
        if self._bar is None or now - self._shown < BAR_EVERY:
            return
        self._shown = now
        sums = trainer.running
        accuracy = sums["correct"] / sums["images"] if trainer.classification else None
        numbers = _numbers(sums["loss"] / sums["images"], accuracy, None, sums["images"] / max(sums["seconds"], 1e-9))
        self._bar.update(self._task, completed=trainer.step, epoch=trainer.epoch + 1, numbers=numbers)

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        now = time.monotonic()
        if self.quiet or self._bar is not None or (now - self._shown < LINE_EVERY and not trainer.finished):
            return
        self._shown = now
        _print_epoch(trainer, record)

    def on_interrupt(self, trainer: Training) -> None:
        self._close()
        self.told = True
        self.tell(f"Stopped after step {trainer.step:,} of {trainer.horizon.total_steps:,}")

    def tell(self, what: str) -> None:
        """Print ``what`` happened, and how to continue the training."""
        resume = "" if self.folder is None else f"; saved. Continue with: handspun train --resume {quoted(self.folder)}"
        messages.print(what + (resume or "."), soft_wrap=True)

    def on_train_end(self, trainer: Training) -> None:
        self._close()
        if self._bar is not None and trainer.history.records:
            _print_epoch(trainer, trainer.history.records[-1])

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _print_epoch(trainer: Training, record: Record) -> None:
    accuracy, validation = record.get("accuracy"), record.get("validation_accuracy")
    numbers = _numbers(record["loss"], accuracy, validation, record["images_per_second"])
    messages.print(f"epoch {int(record['epoch'])}/{trainer.epochs}  {numbers}", soft_wrap=True)


def _numbers(loss: float, accuracy: float | None, validation: float | None, speed: float) -> str:
    shares = (("accuracy", accuracy), ("validation", validation))
    shown = [f"{name} {100 * share:.2f} %" for name, share in shares if share is not None]
    return "  ".join([f"loss {loss:.4f}", *shown, f"{speed:,.0f} images/s"])
