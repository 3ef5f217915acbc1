"""From a thread that works to the pages that watch: events that wait for each listener, and never for the worker.

The worker puts an event down and goes on. Each listener has a short queue of its own, on the event loop that serves it. One
that is slow loses what is outdated, and one that vanished loses everything; neither keeps the worker or the others waiting.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

#: Events that may wait for a listener. More mean that it is slow, and that what it has missed is outdated.
MOST_WAITING = 16

#: Seconds without an event after which a sign of life is sent, so that nobody in between takes the line for dead.
HEARTBEAT = 15.0

#: The event that holds the whole state, and makes all before it superfluous; and the one that is outdated soonest.
WHOLE, PROGRESS = "run", "progress"


class Listener:
    """The events that one listener still has to be sent. Made on the event loop that sends them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, str]] = deque()
        self._closed = False
        self.missed = False

    def put(self, name: str, data: str) -> None:
        """Let an event wait, from any thread. Where too many wait already, progress goes first, and then everything."""
        with self._lock:
            if name == WHOLE:
                self._waiting.clear()
                self.missed = False
            elif len(self._waiting) >= MOST_WAITING:
                kept = [event for event in self._waiting if event[0] != PROGRESS]
                self.missed = self.missed or len(kept) >= MOST_WAITING
                self._waiting = deque(() if self.missed else kept)
            self._waiting.append((name, data))
        self._wake()

    def close(self) -> None:
        """No more events will come; those that wait are still sent."""
        with self._lock:
            self._closed = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._awake.set)
        except RuntimeError:  # the loop is closed, and the listener gone with it
            self._closed = True

    def take(self) -> list[tuple[str, str]]:
        """All that waits, which no longer does."""
        with self._lock:
            events = list(self._waiting)
            self._waiting.clear()
            return events

    async def wait(self, seconds: float) -> bool:
        """Until something waits or the end has come, but not longer than ``seconds``; False once no more will ever come."""
        with self._lock:
            over = self._closed and not self._waiting
        if not over:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), seconds)
            self._awake.clear()
        return not over


class Feed:
    """Events for any number of listeners, each of which begins with the whole state.

    Subclasses say in ``state`` what the whole state is. ``lock`` guards it, so that no event falls between the state that a
    listener began with and the first one that it is sent.
    """

    #: Listeners at the same time: more than any person has pages open.
    MOST_LISTENERS = 64

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._ended = False

    def state(self) -> dict[str, Any]:
        """The whole state, ready for JSON; called with ``lock`` held."""
        raise NotImplementedError

    def publish(self, name: str, data: dict[str, Any]) -> None:
        """Tell all listeners, from any thread, with ``lock`` held."""
        if self._listeners:
            text = json.dumps(data)
            for listener in self._listeners:
                listener.put(name, text)

    def end(self) -> None:
        """Publish the whole state for the last time, and let all listeners go."""
        with self.lock:
            self.publish(WHOLE, self.state())
            self._ended = True
            for listener in self._listeners:
                listener.close()

    async def stream(self) -> AsyncIterator[str]:
        """What a listener is sent, in the format of server-sent events (WHATWG HTML, section 9.2)."""
        listener = Listener()
        with self.lock:
            listener.put(WHOLE, json.dumps(self.state()))
            if self._ended:
                listener.close()
            for oldest in self._listeners[: 1 - self.MOST_LISTENERS]:
                oldest.close()
            self._listeners = [*self._listeners, listener][-self.MOST_LISTENERS :]
        try:
            while await listener.wait(HEARTBEAT):
                with self.lock:  # an event that came after these were taken is in the state, and would be told twice
                    events = listener.take()
                    if listener.missed:
                        listener.missed = False
                        events = [(WHOLE, json.dumps(self.state()))]
                yield "".join(f"event: {name}\ndata: {data}\n\n" for name, data in events) or ": still here\n\n"
        finally:
            with self.lock:
                self._listeners = [other for other in self._listeners if other is not listener]
