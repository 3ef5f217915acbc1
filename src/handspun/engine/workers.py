"""Workers: processes or threads that share each step of a training.

A step has three phases, and each worker does its share of each: the passes through the network, the summation of the gradients,
the update of the parameters. Between phases a worker waits for the others. Threads are slow at this: outside of NumPy's calls
Python runs only one at a time, and a thread that finds the lock taken sleeps and wakes again, which takes some 50 µs each time,
while a step of a small network takes 300 µs. So the workers are processes that share memory, and they wait by repeatedly
reading a number in it.

They are made by ``fork``: a worker starts as a copy of this process, with the network, the images and the user's own objects,
at a cost of some milliseconds. That is safe only where BLAS survives a fork (Linux). And only on x86-64 does a changed number
prove that everything written before it has arrived too. Elsewhere, networks that take pictures use threads
(``engine.threads``), and others one process.

The workers do not influence the result: the work is cut into the same micro-batches and added up in the same order, whoever
does it. After the fork, a worker sees only changes in shared memory.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import platform
import signal
import struct
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Any, NamedTuple, NoReturn, get_type_hints

import numpy as np

from handspun import errors
from handspun.engine.memory import LINE, shared_zeros
from handspun.errors import HandspunError

Task = Callable[[int, int, Any], None]
"""``task(worker, size, message)`` does that worker's share, one of ``size``; a message is a ``NamedTuple`` of int and float."""

#: How often a waiting worker reads the number before it sleeps between reads: about two milliseconds.
LOOKS = 50_000

#: The shortest and the longest of these sleeps, in seconds.
NAP, LONG_NAP = 50e-6, 1e-3

#: Bytes of a message.
MESSAGE_BYTES = 64

#: Seconds that workers have to end after they are told to.
PATIENCE = 10.0

#: How long a worker may lag behind this process, in seconds and in multiples of this process's time for its own share: in the
#: first task, and in later ones.
FIRST_TASK, LATER = (2.0, 20.0), (30.0, 100.0)

_WORDS = LINE // 8  # numbers of 8 bytes in a cache line: what two workers write must not lie in the same one
_QUIT = -1


def processes_can_share() -> bool:
    """Whether processes can share a training on this platform."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def may_fork() -> bool:
    """Whether this process may fork now: a fork keeps only the thread that made it, so only the main thread should fork."""
    return processes_can_share() and threading.current_thread() is threading.main_thread()


class Workers:
    """This process alone; the base class of the others.

        with workers.share(task, message) as size:
            task(0, size, message)  # this process is worker 0

    When the block ends, all workers have done their shares.

    Attributes:
        size: the number of workers.
    """

    size = 1

    def share(self, task: Task, message: Any, *, short: bool = False) -> Workers:
        """Let the other workers start ``task``; ``short`` says that it takes less time than waking a thread."""
        return self

    def __enter__(self) -> int:
        """How many workers take part in the task."""
        return 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the other workers."""

    def end(self) -> None:
        """End the other workers."""


class ThreadWorkers(Workers):
    """Threads of this process.

    Args:
        size: how many, including this one.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pool = ThreadPoolExecutor(size - 1, "handspun")
        self._others: list[Future[None]] = []

    def share(self, task: Task, message: Any, *, short: bool = False) -> Workers:
        # With this thread's context: NumPy's error handling, and BLAS's limit of one thread.
        self._others = [
            self._pool.submit(copy_context().run, task, worker, self.size, message)
            for worker in range(1, 1 if short else self.size)
        ]
        return self

    def __enter__(self) -> int:
        return 1 + len(self._others)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        faults = [other.exception() for other in self._others]
        for fault in faults:
            if fault and kind is None:
                raise fault

    def end(self) -> None:
        self._pool.shutdown()


class _Running(NamedTuple):
    """The task in progress."""

    task: Task
    message: Any
    began: float


class ForkedWorkers(Workers):
    """This process and forked copies of it.

    Tasks must write to memory that was shared (``shared_zeros``) before the fork; no other change by a worker reaches the
    others.

    Args:
        size: how many, including this one.
        tasks: all tasks that they will be asked to run, each with its type of message.

    Raises:
        OSError: the system allows no more processes.
    """

    def __init__(self, size: int, tasks: Sequence[tuple[Task, type]]) -> None:
        self.size = size
        self._tasks = list(tasks)
        self._numbers = {task.__name__: number for number, (task, _) in enumerate(tasks)}
        # The count of tasks so far and the number of the current one; then, for each worker, how many it has done.
        self._words: Any = memoryview(shared_zeros(((1 + size) * _WORDS,), np.int64))  # pyright: ignore[reportArgumentType]
        self._message: Any = memoryview(shared_zeros((MESSAGE_BYTES,), np.uint8))  # pyright: ignore[reportArgumentType]
        self._count = 0
        self._running: _Running | None = None
        self._parent = os.getpid()
        self._others: dict[int, int] = {}  # worker: process
        self._faults: dict[int, int] = {}  # worker: the pipe through which it reports an error
        self._lost: list[int] = []  # workers that never responded; this process does their shares
        try:
            for worker in range(1, size):
                self._fork(worker)
        except BaseException:
            self.end()
            raise

    def _fork(self, worker: int) -> None:
        reading, writing = os.pipe()
        try:
            with warnings.catch_warnings():
                # Python warns that the copy may find locks of other threads taken: see ``_wait_for``.
                warnings.simplefilter("ignore", DeprecationWarning)
                process = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if process == 0:
            os.close(reading)
            self._serve(worker, writing)
        os.close(writing)
        self._others[worker], self._faults[worker] = process, reading

    def share(self, task: Task, message: Any, *, short: bool = False) -> Workers:
        number = self._numbers[task.__name__]
        _packing(self._tasks[number][1]).pack_into(self._message, 0, *message)
        self._words[1] = number
        self._count += 1
        self._words[0] = self._count
        self._running = _Running(task, message, time.monotonic())
        return self

    def __enter__(self) -> int:
        return self.size

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Return when all others have done their shares.

        Raises:
            HandspunError: another process was killed, or no longer responds.
            Exception: the task's error in another process; as a RuntimeError if it is not one of handspun's errors.
        """
        running = self._running
        if kind is not None or running is None:
            return
        for worker in self._lost:
            running.task(worker, self.size, running.message)
        took = time.monotonic() - running.began
        for worker in list(self._others):
            self._wait_for(worker, took, running)

    def _wait_for(self, worker: int, took: float, running: _Running) -> None:
        """Return when ``worker`` has done its share of a task that took this process ``took`` seconds.

        If another thread holds a lock during the fork (in BLAS, or in a thread pool of the user's augmentation), the forked
        process waits for it forever. This shows in its first task. Training then continues without that worker, and this
        process does its share.
        """
        place = (1 + worker) * _WORDS
        seconds, times = FIRST_TASK if self._count == 1 else LATER
        until = time.monotonic() + seconds + times * took

        def check() -> None:
            if _has_ended(self._others[worker]) and self._words[place] != self._count:
                raise HandspunError(
                    f"Process {self._forget(worker)}, which shared the work of this training, was killed, perhaps because "
                    "memory ran out. Train again with threads=1 (--threads 1), from a checkpoint if there is one."
                )
            if time.monotonic() > until:
                raise TimeoutError

        try:
            _wait(self._words, place, self._count, check)
        except TimeoutError:
            process = self._forget(worker)
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            if self._count > 1:
                raise HandspunError(
                    f"Process {process}, which shared the work of this training, does not respond. Train again with threads=1 "
                    "(--threads 1), from a checkpoint if there is one."
                ) from None
            self._lost.append(worker)
            running.task(worker, self.size, running.message)
            return
        if self._words[place + 1]:
            raise self._fault(worker)

    def _forget(self, worker: int) -> int:
        """Remove ``worker``; returns its process number."""
        os.close(self._faults.pop(worker))
        return self._others.pop(worker)

    def _fault(self, worker: int) -> Exception:
        """The error of ``worker``: one of handspun's own, or a RuntimeError with its name and traceback."""
        with os.fdopen(os.dup(self._faults[worker]), encoding="utf-8") as pipe:
            fault = json.load(pipe)
        kind = getattr(errors, fault["kind"], None)
        if isinstance(kind, type) and issubclass(kind, HandspunError):
            error = HandspunError.__new__(kind)
            error.args = (fault["message"],)
            return error
        defect = RuntimeError(f"{fault['kind']}: {fault['message']}")
        defect.add_note(fault["traceback"])
        return defect

    def end(self) -> None:
        self._words[0] = _QUIT
        for pipe in self._faults.values():
            os.close(pipe)  # a worker that is still writing to it stops
        until = time.monotonic() + PATIENCE
        for process in self._others.values():
            while not _has_ended(process):
                if time.monotonic() > until:
                    os.kill(process, signal.SIGKILL)
                time.sleep(NAP)
        self._others, self._faults = {}, {}

    # In the other processes --------------------------------------------------------------------------------------------

    def _serve(self, worker: int, faults: int) -> NoReturn:
        """Do a share of every task until told to end. No other code of the copied process may run after that."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the first process gets them too, and ends this one when ready
        gc.freeze()  # existing objects belong to the first process
        words, own = self._words, (1 + worker) * _WORDS
        try:
            while True:
                self._count += 1
                _wait(words, 0, self._count, self._check_parent)
                if words[0] == _QUIT:
                    os._exit(0)
                task, kind = self._tasks[words[1]]
                task(worker, self.size, kind(*_packing(kind).unpack_from(self._message)))
                words[own] = self._count
        except BaseException as error:
            words[own + 1] = 1
            words[own] = self._count  # before writing: only then does the first process read the pipe, which may be small
            with contextlib.suppress(OSError), os.fdopen(faults, "w", encoding="utf-8") as pipe:
                json.dump({"kind": type(error).__name__, "message": _said(error), "traceback": traceback.format_exc()}, pipe)
        finally:
            os._exit(1)

    def _check_parent(self) -> None:
        if os.getppid() != self._parent:
            os._exit(1)


@cache
def _packing(message: Any) -> struct.Struct:
    """The layout of a ``NamedTuple`` of int and float in shared memory."""
    return struct.Struct("".join({int: "q", float: "d"}[kind] for kind in get_type_hints(message).values()))


def _said(error: BaseException) -> str:
    """The text of an error, even if its ``__str__`` fails."""
    try:
        return str(error)
    except Exception as worse:
        return f"(its text raised {type(worse).__name__})"


def _has_ended(process: int) -> bool:
    """Whether a forked process has ended; this also lets the system forget it."""
    try:
        return os.waitpid(process, os.WNOHANG)[0] != 0
    except ChildProcessError:  # already forgotten, if SIGCHLD is ignored
        return True


def _wait(words: Any, place: int, count: int, check: Callable[[], None]) -> None:
    """Return when the number at ``place`` is ``count`` or ``_QUIT``; call ``check`` now and then during a long wait."""
    for _ in range(LOOKS):
        if words[place] == count or words[place] == _QUIT:
            return
    nap = NAP
    while words[place] != count and words[place] != _QUIT:
        check()
        time.sleep(nap)
        nap = min(2 * nap, LONG_NAP)
