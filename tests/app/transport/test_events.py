"""Events from a worker to all listeners: in order, and never waiting for a slow one."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import httpx
from run_client import SMALL, events_of

from handspun.app.transport.events import MAX_WAITING, PROGRESS, WHOLE, Feed, Listener


def in_a_loop(scene):
    """The result of a coroutine on its own event loop and thread: a browser may own the loop of this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(scene())).result()


def test_a_slow_listener_loses_progress_first():
    async def scene():
        listener = Listener()
        listener.put("epoch", "1")
        for number in range(100):
            listener.put(PROGRESS, str(number))
        waiting = listener.take()
        assert len(waiting) <= MAX_WAITING
        assert waiting[0] == ("epoch", "1")
        assert waiting[-1] == (PROGRESS, "99")
        assert not listener.missed
        for number in range(MAX_WAITING + 1):
            listener.put("epoch", str(number))
        assert listener.missed
        listener.put(WHOLE, "all")  # which makes up for all of it
        assert not listener.missed
        assert listener.take() == [(WHOLE, "all")]

    in_a_loop(scene)


class Counter(Feed):
    """A feed whose state is a number."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def state(self):
        return {"number": self.number}

    def count(self):
        with self.lock:
            self.number += 1
            self.publish("epoch", {"number": self.number})


def test_a_listener_that_missed_events_gets_the_state():
    async def scene():
        feed = Counter()
        stream = feed.stream()
        assert await anext(stream) == 'event: run\ndata: {"number": 0}\n\n'
        waits = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        worker = threading.Thread(target=lambda: [feed.count() for _ in range(50)])
        worker.start()
        worker.join()
        assert await waits == 'event: run\ndata: {"number": 50}\n\n'
        feed.count()
        assert await anext(stream) == 'event: epoch\ndata: {"number": 51}\n\n'
        feed.end()
        assert await anext(stream) == 'event: run\ndata: {"number": 51}\n\n'
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert [line async for line in feed.stream()] == ['event: run\ndata: {"number": 51}\n\n']

    in_a_loop(scene)


def test_a_listener_whose_loop_has_ended_does_no_harm():
    feed = Counter()

    async def listen():
        stream = feed.stream()
        await anext(stream)
        return stream  # never closed: it vanishes with its loop

    def vanish():
        loop = asyncio.new_event_loop()
        stream = loop.run_until_complete(listen())
        loop.close()
        return stream

    with ThreadPoolExecutor(1) as thread:
        stream = thread.submit(vanish).result()
    feed.count()
    feed.count()
    assert feed.number == 2
    in_a_loop(stream.aclose)


def test_events_tell_the_whole_run(web):
    run = web.post("/api/runs", json={**SMALL, "epochs": 20}).json()
    events = events_of(web, run["id"])
    assert events[0][0] == WHOLE
    assert events[-1][0] == WHOLE
    assert events[-1][1]["state"] == "done"
    done = web.get(f"/api/runs/{run['id']}").json()
    assert events[-1][1] == done
    assert [record["epoch"] for record in done["history"]] == list(range(1, 21))
    assert "epoch" in [name for name, _ in events]
    history, confusion = [], None  # as a listener knows them; a slow one gets the whole state in between
    for name, data in events[:-1]:
        if name == WHOLE:
            history, confusion = data["history"], data["confusion"]
        elif name == "epoch":
            history, confusion = [*history, data["record"]], data["confusion"]
    assert history == done["history"]
    assert confusion == done["confusion"]
    # The curve ends where the training does.
    epochs, seconds, loss, accuracy = done["trace"][-1]
    assert epochs == 20
    assert 0 < seconds < 60
    assert 0 < loss < 3
    assert 0 <= accuracy <= 1
    assert done["progress"]["step"] == done["progress"]["steps"] == 20 * 57
    assert done["progress"]["seconds_left"] == 0


def test_many_listeners_receive_the_same(web):
    run = web.post("/api/runs", json={**SMALL, "epochs": 4}).json()
    heard = []

    def listen():
        with httpx.Client(base_url=web.base_url, timeout=30) as client:
            heard.append(events_of(client, run["id"]))

    listeners = [threading.Thread(target=listen) for _ in range(6)]
    for thread in listeners:
        thread.start()
    # One more listener, which leaves at once.
    with httpx.Client(base_url=web.base_url) as client, client.stream("GET", f"/api/runs/{run['id']}/events") as response:
        next(response.iter_text())
    for thread in listeners:
        thread.join(30)
    assert len(heard) == 6
    assert all(events[-1] == heard[0][-1] and events[-1][1]["state"] == "done" for events in heard)
