"""The callback between a training and its run."""

from __future__ import annotations

import time

from handspun.app.runs.run import Run
from handspun.training import Callback, Training
from handspun.training.history import Record

#: Seconds between two reports of progress, and between two pictures of the weights within an epoch.
PROGRESS_EVERY, WEIGHTS_EVERY = 0.15, 1.5


class Watcher(Callback):
    """Tells a run what happens in its training, and the training what the page wants.

    ``seconds`` of training are the limit, pauses not counted; None for no limit.
    """

    watches_steps = True

    def __init__(self, run: Run, *, seconds: float | None = None) -> None:
        self._run = run
        self._limit = seconds

    def on_train_begin(self, trainer: Training) -> None:
        self._used = 0.0  # seconds of training, without pauses
        self._mark = self._told = self._shown = time.perf_counter()
        self._sums = dict(trainer.running)
        trainer.stop = self._run.breathe() or trainer.stop

    def on_step_end(self, trainer: Training) -> None:
        now = time.perf_counter()
        self._used += now - self._mark
        if now - self._shown >= WEIGHTS_EVERY:
            self._shown = now
            self._run.show_weights(trainer.network)
        timed_out = self._limit is not None and self._used >= self._limit
        trainer.stop = self._run.breathe() or timed_out or trainer.stop
        if now - self._told >= PROGRESS_EVERY or trainer.stop or trainer.step == trainer.horizon.total_steps:
            self._tell(trainer, now)
        self._mark = time.perf_counter()

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        with trainer.averaged():
            self._run.epoch_ended(trainer.network, record)
        self._sums = dict(trainer.running)
        self._shown = time.perf_counter()

    def _tell(self, trainer: Training, now: float) -> None:
        """Report the progress since the last report, as means over the images of that time."""
        sums = {name: value - self._sums[name] for name, value in trainer.running.items()}
        images = sums["images"]
        if not images:
            return
        steps, made = trainer.horizon.total_steps, trainer.step
        left = self._used * (steps - made) / made
        loss, accuracy = sums["loss"] / images, sums["correct"] / images
        progress = {
            "step": made,
            "steps": steps,
            "epoch": trainer.epoch + 1,
            "epochs": trainer.epochs,
            "loss": loss,
            "accuracy": accuracy,
            "images_per_second": images / max(sums["seconds"], 1e-9),
            "seconds": self._used,
            "seconds_left": left if self._limit is None else max(min(left, self._limit - self._used), 0.0),
        }
        self._run.progressed(progress, [trainer.epoch + trainer.position / trainer.steps_per_epoch, self._used, loss, accuracy])
        self._sums, self._told = dict(trainer.running), now
