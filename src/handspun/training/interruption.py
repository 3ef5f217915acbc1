"""Makes Ctrl-C and SIGTERM wait until the step in progress is complete."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interruption:
    """In its ``with`` block, the first SIGINT or SIGTERM only sets ``requested``; a second one has its usual effect.

    Outside the main thread, where Python allows no signal handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self.signal = signal.SIGINT
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def raise_if_requested(self) -> None:
        """Raises KeyboardInterrupt after SIGINT, SystemExit with the customary 143 after SIGTERM."""
        if self.requested:
            raise KeyboardInterrupt if self.signal == signal.SIGINT else SystemExit(128 + signal.SIGTERM)

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)  # type: ignore[arg-type]
