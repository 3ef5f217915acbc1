"""What a training prints besides the line of ``fit``: plain lines where there is no terminal, and how to continue."""

from __future__ import annotations

import time
from pathlib import Path

from handspun.cli.console import messages, quoted
from handspun.training import Callback, Training
from handspun.training.history import Record

#: Seconds between two plain lines.
LINE_EVERY = 1.0


class ShowProgress(Callback):
    """Prints epochs if the output is not a terminal, where ``fit`` shows a line; and how to continue after an interruption.

    Args:
        folder: the run folder, for the message that says how to continue.
        quiet: print only that message.
    """

    def __init__(self, folder: Path | None = None, *, quiet: bool = False) -> None:
        self.folder = folder
        self.quiet = quiet
        self._shown = 0.0
        self.told = False  # how to continue

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        now = time.monotonic()
        if self.quiet or messages.is_terminal or (now - self._shown < LINE_EVERY and not trainer.finished):
            return
        self._shown = now
        shares = (("accuracy", record.get("accuracy")), ("validation", record.get("validation_accuracy")))
        shown = [f"{name} {100 * share:.2f} %" for name, share in shares if share is not None]
        parts = [f"epoch {int(record['epoch'])}/{trainer.epochs}", f"loss {record['loss']:.4f}", *shown]
        messages.print("  ".join([*parts, f"{record['images_per_second']:,.0f} images/s"]), soft_wrap=True)

    def on_interrupt(self, trainer: Training) -> None:
        self.told = True
        self.tell(f"Stopped after step {trainer.step:,} of {trainer.horizon.total_steps:,}")

    def tell(self, what: str) -> None:
        """Print ``what`` happened, and how to continue the training."""
        resume = "" if self.folder is None else f"; saved. Continue with: handspun train --resume {quoted(self.folder)}"
        messages.print(what + (resume or "."), soft_wrap=True)
