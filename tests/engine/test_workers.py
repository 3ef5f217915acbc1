"""Processes and threads that share tasks with this one."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from handspun.engine import workers
from handspun.engine.memory import shared_zeros
from handspun.engine.workers import ForkedWorkers, ThreadWorkers, Workers, processes_can_share
from handspun.errors import HandspunError, UsageError

pytestmark = pytest.mark.skipif(not processes_can_share(), reason="processes share a training on Linux on x86-64 only")

FIRST = os.getpid()


class Note(NamedTuple):
    number: int
    other: float


class Nothing(NamedTuple):
    pass


class Failure(NamedTuple):
    who: int
    kind: int


def run(crew, task, *message, kind=Note):
    """Let all workers do their share of a task."""
    message = kind(*message)
    with crew.share(task, message) as size:
        task(0, size, message)


class Board:
    """Tasks that leave their traces in shared memory."""

    def __init__(self, size):
        self.seen = shared_zeros((size, 3), np.float64)
        self.kinds = []

    def note(self, worker, size, message):
        self.kinds.append((type(message.number), type(message.other)))
        assert isinstance(message.number, int)
        self.seen[worker] = [size, message.number, message.other]

    def add(self, worker, size, message):
        self.seen[worker, 1] += 1.0

    def fail(self, worker, size, message):
        if worker == message.who:
            raise (UsageError("what was meant") if message.kind else KeyError("a defect"))

    def wait(self, worker, size, message):
        if worker == message.who and os.getpid() != FIRST:
            time.sleep(60)
        self.seen[worker, 2] = 7.0

    def complain(self, worker, size, message):
        if worker:
            raise ValueError("щ" * 50_000)

    def crew(self):
        tasks = [(self.note, Note), (self.add, Nothing), (self.fail, Failure), (self.wait, Failure), (self.complain, Nothing)]
        return ForkedWorkers(len(self.seen), tasks)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_each_worker_does_every_task_once_and_in_order(size):
    board = Board(size)
    crew = board.crew()
    try:
        run(crew, board.note, 5, 2.5)
        np.testing.assert_array_equal(board.seen, [[size, 5.0, 2.5]] * size)
        for _ in range(200):
            run(crew, board.add, kind=Nothing)
        np.testing.assert_array_equal(board.seen[:, 1], 205.0)
    finally:
        crew.end()


def children():
    """The processes that this one is waiting for."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_process_or_pipe_is_left_at_the_end():
    before, files = children(), open_files()
    board = Board(3)
    crew = board.crew()
    assert len(children()) == len(before) + 2
    run(crew, board.add, kind=Nothing)
    crew.end()
    assert children() == before
    assert open_files() == files


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [(1, UsageError, "^what was meant$"), (0, RuntimeError, "KeyError: 'a defect'")],
)
def test_an_error_in_another_process_is_raised_here(kind, error, text):
    board = Board(3)
    crew = board.crew()
    try:
        with pytest.raises(error, match=text) as caught:
            run(crew, board.fail, 2, kind, kind=Failure)
        if not kind:
            assert "in fail" in "".join(caught.value.__notes__)
    finally:
        crew.end()


def test_a_killed_process_is_noticed():
    before = set(children())
    board = Board(2)
    crew = board.crew()
    (other,) = set(children()) - before
    threading.Timer(0.2, os.kill, (int(other), signal.SIGKILL)).start()
    try:
        with pytest.raises(HandspunError, match=f"Process {other}.* was killed"):
            run(crew, board.wait, 1, 0, kind=Failure)
    finally:
        crew.end()


def test_work_continues_without_a_process_that_never_responds(monkeypatch):
    """As happens where another thread held a lock at the time of the fork."""
    monkeypatch.setattr(workers, "FIRST_TASK", (1.5, 1.0))
    before = children()
    board = Board(3)
    crew = board.crew()
    try:
        run(crew, board.wait, 1, 0, kind=Failure)
        assert len(children()) == len(before) + 1
        np.testing.assert_array_equal(board.seen[:, 2], 7.0)
        run(crew, board.add, kind=Nothing)
        np.testing.assert_array_equal(board.seen[:, 1], 1.0)
    finally:
        crew.end()
    assert children() == before


def test_a_process_that_stops_responding_is_an_error(monkeypatch):
    monkeypatch.setattr(workers, "LATER", (0.2, 1.0))
    board = Board(2)
    crew = board.crew()
    try:
        run(crew, board.add, kind=Nothing)
        with pytest.raises(HandspunError, match="does not respond"):
            run(crew, board.wait, 1, 0, kind=Failure)
    finally:
        crew.end()


def test_a_long_error_message_arrives_whole():
    board = Board(2)
    crew = board.crew()
    try:
        with pytest.raises(RuntimeError, match="ValueError: щщщ"):
            run(crew, board.complain, kind=Nothing)
    finally:
        crew.end()


def test_processes_end_when_the_first_is_killed():
    program = """
import os, time
import numpy as np
from handspun.engine.memory import shared_zeros
from typing import NamedTuple
from handspun.engine.workers import ForkedWorkers
class Nothing(NamedTuple): pass
def work(worker, size, message): pass
crew = ForkedWorkers(3, [(work, Nothing)])
with crew.share(work, Nothing()): pass
print(*crew._others.values(), flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        others = [int(word) for word in process.stdout.readline().split()]
        assert len(others) == 2
        process.kill()
    until = time.monotonic() + 10.0
    while any(is_running(other) for other in others):
        assert time.monotonic() < until, "a process was left behind"
        time.sleep(0.01)


def is_running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        return state != "Z"  # ended, and not yet waited for by whoever is first here
    except FileNotFoundError:
        return False


def test_an_error_of_this_process_is_raised_before_those_of_others():
    board = Board(2)
    for crew in (board.crew(), ThreadWorkers(2)):
        try:
            with pytest.raises(UsageError, match="what was meant"):
                run(crew, board.fail, 0, 1, kind=Failure)
        finally:
            crew.end()


def test_threads_do_their_shares_and_leave_short_tasks_alone():
    board, crew = Board(3), ThreadWorkers(3)
    try:
        run(crew, board.note, 3, 4.5)
        np.testing.assert_array_equal(board.seen, [[3.0, 3.0, 4.5]] * 3)
        with crew.share(board.add, Nothing(), short=True) as size:
            assert size == 1
        np.testing.assert_array_equal(board.seen[:, 1], 3.0)
        with pytest.raises(UsageError, match="what was meant"):
            run(crew, board.fail, 2, 1, kind=Failure)
    finally:
        crew.end()


def test_a_single_worker_does_the_whole_task():
    board = Board(1)
    run(Workers(), board.note, 3, 4.0)
    np.testing.assert_array_equal(board.seen, [[1.0, 3.0, 4.0]])
