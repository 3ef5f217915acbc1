"""The line that ``fit`` shows while it trains."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Self, TextIO

from handspun.training.callback import Callback, Training

#: Seconds between two updates of the line.
EVERY = 0.1


class Progress(Callback):
    """Epoch, loss, accuracy, images per second and the time left, in one line that is rewritten in place.

    It is shown in terminals and in notebooks, and nowhere else. With rich, which the extra "cli" brings, it has a bar. As a
    context, it gives the terminal back after an error, too.

    Args:
        stream: where to write; None for standard error, or, in a notebook, the output of the cell.
    """

    watches_steps = True

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self.reset()

    def reset(self) -> None:
        self._line: _Line | None = None
        self._shown = self._began = 0.0
        self._first = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:  # the training has not come to its end
            self._line.leave()
            self._line = None

    def on_train_begin(self, trainer: Training) -> None:
        self._first, self._began = trainer.step, time.monotonic()
        notebook = _in_notebook()
        stream = self._stream or (sys.stdout if notebook else sys.stderr)
        if notebook or _is_terminal(stream):
            self._line = (None if notebook else _bar(stream)) or _Line(stream)

    def on_step_end(self, trainer: Training) -> None:
        now = time.monotonic()
        if self._line is not None and now - self._shown >= EVERY:
            self._shown = now
            self._line.show(self._said(trainer, now), trainer.step / trainer.horizon.total_steps)

    def on_interrupt(self, trainer: Training) -> None:
        self._end(f"{self._said(trainer, time.monotonic())}  stopped")

    def on_train_end(self, trainer: Training) -> None:
        record = trainer.history.records[-1] if trainer.history.records else {}
        parts = [f"epoch {trainer.epoch}/{trainer.epochs}"]
        for column, name in (("loss", "loss"), ("accuracy", "accuracy"), ("validation_accuracy", "validation")):
            if column in record:
                parts.append(f"{name} {_value(column, record[column])}")
        self._end("  ".join([*parts, f"{_clock(time.monotonic() - self._began)} in all"]))

    def _end(self, last: str) -> None:
        if self._line is not None:
            self._line.end(last)
            self._line = None

    def _said(self, trainer: Training, now: float) -> str:
        """The line for the current epoch."""
        sums = trainer.running
        parts = [f"epoch {min(trainer.epoch + 1, trainer.epochs)}/{trainer.epochs}"]
        if sums["images"]:
            parts.append(f"loss {sums['loss'] / sums['images']:.4f}")
            if trainer.classification:
                parts.append(f"accuracy {_value('accuracy', sums['correct'] / sums['images'])}")
            parts.append(f"{sums['images'] / max(sums['seconds'], 1e-9):,.0f} images/s")
        made = trainer.step - self._first
        if made:
            left = (trainer.horizon.total_steps - trainer.step) * (now - self._began) / made
            parts.append(f"{_clock(left)} left")
        return "  ".join(parts)


class _Line:
    """A line of a terminal or notebook that is rewritten in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0

    def show(self, text: str, share: float) -> None:
        """Show ``text``; ``share`` of the training is done."""
        self._write(text[: _columns(self._stream) - 1])  # a longer line could not be written over

    def end(self, text: str) -> None:
        """Show ``text`` and end the line."""
        self._write(text)
        self.leave()

    def leave(self) -> None:
        """Leave what is shown; others write below it."""
        self._stream.write("\n")
        self._stream.flush()

    def _write(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))  # spaces erase a longer text
        self._stream.flush()
        self._width = len(text)


class _Bar(_Line):
    """The same with a bar, drawn by rich."""

    def __init__(self, stream: TextIO, rich: Any) -> None:
        super().__init__(stream)
        self._console = rich.console.Console(file=stream)
        self._progress = rich.progress.Progress(
            rich.progress.BarColumn(bar_width=20, complete_style="red", finished_style="red"),
            rich.progress.TextColumn("{task.description}"),
            console=self._console,
            transient=True,
            redirect_stdout=_is_terminal(sys.stdout),  # otherwise what callbacks print is for a file
        )
        self._task = self._progress.add_task("", total=1.0)
        self._progress.start()

    def show(self, text: str, share: float) -> None:
        self._progress.update(self._task, description=text, completed=share)

    def end(self, text: str) -> None:
        self.leave()
        self._console.print(text, soft_wrap=True, highlight=False)

    def leave(self) -> None:
        self._progress.stop()


def _bar(stream: TextIO) -> _Bar | None:
    """A line with a bar; None if rich is not installed."""
    try:
        import rich.console
        import rich.progress
    except ImportError:
        return None
    return _Bar(stream, rich)


def _is_terminal(stream: Any) -> bool:
    """Whether ``stream`` is a terminal. People put many things in the place of standard error."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # None, an object that can only write, a file that is closed
        return False


def _columns(stream: TextIO) -> int:
    """The width of the terminal; more than any line has where there is no telling."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 1_000
    except (AttributeError, OSError, ValueError):
        return 1_000


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter cell: its output is not a terminal, but lines can be rewritten."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _value(column: str, value: float) -> str:
    return f"{100 * value:.2f} %" if column.endswith("accuracy") else f"{value:.4f}"


def _clock(seconds: float) -> str:
    """Seconds as 12.3 s, 4:05 or 1:02:03."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
