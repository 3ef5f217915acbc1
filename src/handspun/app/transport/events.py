"""From a worker thread to the pages that watch: each listener has a queue of events, and the worker never waits.

The worker publishes an event and continues. Each listener has a short queue on the event loop that serves it. A slow listener
loses outdated events, and one that vanished loses all; neither delays the worker or other listeners.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

#: Events that may wait for a listener. If more wait, the listener is slow and what it missed is outdated.
MAX_WAITING = 16

#: Listeners at a time: more pages than anyone opens.
MAX_LISTENERS = 64

#: Seconds without an event after which a comment is sent, so that no proxy takes the connection for dead.
HEARTBEAT = 15.0

#: The event with the whole state, which replaces all events before it; and the event that is outdated soonest.
WHOLE, PROGRESS = "run", "progress"


class Listener:
    """The events that one listener has yet to receive; used with the feed's lock held, but for ``wait``.

    Made on the event loop that sends the events.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._waiting: list[tuple[str, str]] = []
        self._closed = False
        self.missed = False

    def put(self, name: str, data: str) -> None:
        """Queue an event. If too many wait, progress is dropped first, and then everything."""
        if name == WHOLE:
            self._waiting = []
            self.missed = False
        elif len(self._waiting) >= MAX_WAITING:
            kept = [event for event in self._waiting if event[0] != PROGRESS]
            self.missed = self.missed or len(kept) >= MAX_WAITING
            self._waiting = [] if self.missed else kept
        self._waiting.append((name, data))
        self._wake()

    def close(self) -> None:
        """Accept no more events; those that wait are still sent."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._awake.set)
        except RuntimeError:  # the loop is closed, so the listener is gone
            self._closed = True

    def take(self) -> list[tuple[str, str]]:
        """Empty the queue and return its events."""
        events, self._waiting = self._waiting, []
        return events

    async def wait(self, seconds: float) -> bool:
        """Wait for an event or the end, for at most ``seconds``; False once no more events will come."""
        if self._closed and not self._waiting:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), seconds)
        self._awake.clear()
        return True


class Feed:
    """Events for any number of listeners; the first event of each is the whole state.

    Subclasses give the state in ``state``. ``lock`` guards it, so that no event is lost between the state that a listener
    starts with and its first event.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._ended = False

    def state(self) -> dict[str, Any]:
        """The whole state, ready for JSON; called with ``lock`` held."""
        raise NotImplementedError

    def publish(self, name: str, data: dict[str, Any]) -> None:
        """Send an event to all listeners, from any thread, with ``lock`` held."""
        if self._listeners:
            text = json.dumps(data)
            for listener in self._listeners:
                listener.put(name, text)

    def end(self) -> None:
        """Publish the whole state a last time and close all listeners."""
        with self.lock:
            self.publish(WHOLE, self.state())
            self._ended = True
            for listener in self._listeners:
                listener.close()

    async def stream(self) -> AsyncIterator[str]:
        """What a listener receives, as server-sent events (WHATWG HTML, section 9.2)."""
        listener = Listener()
        with self.lock:
            listener.put(WHOLE, json.dumps(self.state()))
            if self._ended:
                listener.close()
            for oldest in self._listeners[: 1 - MAX_LISTENERS]:
                oldest.close()
            self._listeners = [*self._listeners, listener][-MAX_LISTENERS:]
        try:
            while await listener.wait(HEARTBEAT):
                with self.lock:  # an event that came after these were taken is in the state, and would be sent twice
                    events = listener.take()
                    if listener.missed:
                        listener.missed = False
                        events = [(WHOLE, json.dumps(self.state()))]
                yield "".join(f"event: {name}\ndata: {data}\n\n" for name, data in events) or ": still here\n\n"
        finally:
            with self.lock:
                self._listeners = [other for other in self._listeners if other is not listener]
