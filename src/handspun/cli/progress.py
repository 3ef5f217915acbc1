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
    """Shows epoch, loss, accuracy, images a second and the time left.

    Args:
        folder: the run folder, for the message that says how to go on after an interruption.
        quiet: show nothing but that message.
    """

    watches_steps = True

    def __init__(self, folder: Path | None = None, *, quiet: bool = False) -> None:
        self.folder = folder
        self.quiet = quiet
        self._bar: Progress | None = None
        self._shown = 0.0
        self.told = False  # how to go on

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
        numbers = f"loss {sums['loss'] / sums['images']:.4f}"
        if trainer.classification:
            numbers += f"  accuracy {100 * sums['correct'] / sums['images']:.2f} %"
        numbers += f"  {sums['images'] / max(sums['seconds'], 1e-9):,.0f} images/s"
        self._bar.update(self._task, completed=trainer.step, epoch=trainer.epoch + 1, numbers=numbers)

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        last = trainer.finished
        now = time.monotonic()
        if self.quiet or self._bar is not None or (now - self._shown < LINE_EVERY and not last):
            return
        self._shown = now
        messages.print(_line(trainer, record), soft_wrap=True)

    def on_interrupt(self, trainer: Training) -> None:
        self._close()
        self.told = True
        where = f"step {trainer.step:,} of {trainer.horizon.total_steps:,}"
        if self.folder is None:
            messages.print(f"Stopped after {where}.")
        else:
            messages.print(
                f"Stopped after {where}; saved. Go on with: handspun train --resume {quoted(self.folder)}", soft_wrap=True
            )

    def on_train_end(self, trainer: Training) -> None:
        self._close()
        if self._bar is not None and trainer.history.records:
            messages.print(_line(trainer, trainer.history.records[-1]), soft_wrap=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _line(trainer: Training, record: Record) -> str:
    parts = [f"epoch {int(record['epoch'])}/{trainer.epochs}", f"loss {record['loss']:.4f}"]
    if "accuracy" in record:
        parts.append(f"accuracy {100 * record['accuracy']:.2f} %")
    if "validation_accuracy" in record:
        parts.append(f"validation {100 * record['validation_accuracy']:.2f} %")
    parts.append(f"{record['images_per_second']:,.0f} images/s")
    return "  ".join(parts)
