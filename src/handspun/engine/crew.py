"""Who computes a training: processes that share each step among them.

A step is done in turns that all members take part in at once, each with its share: first the passes through the network, then
the sum of the gradients, then the change of the parameters. Between them a member waits for the others. Threads are slow at
this. Python lets only one of them run at a time but for the insides of NumPy's calls, and who finds it taken is put to sleep
and woken again, some 50 µs each time, while a step of a small network has taken 300 µs when nobody waits. So the members
are processes that share memory, and wait by looking, again and again, at a number in it.

They come into being by ``fork``: a member begins as a copy of this process, with the network, the images and whatever the user
made, at the cost of some milliseconds. That is safe only where BLAS outlives it (Linux), and looking at a number says only on
x86-64 that what was written before it is there as well. Elsewhere networks of pictures have threads (``engine.threads``), and
others one process.

Nothing here decides about a result: what is computed is cut into the same pieces and added up in the same order, whoever does
it. Only weights and learning rate may be changed in the midst of a training; a copy knows of nothing else that happens here.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import platform
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from handspun import errors
from handspun.engine.memory import LINE, shared_zeros
from handspun.engine.threads import Team
from handspun.errors import HandspunError

Task = Callable[..., None]
"""``task(member, size, *numbers)``: what the member of that number, of so many, has to do."""

#: How often a member looks at the number it waits for before it sleeps between looks: about two milliseconds.
LOOKS = 50_000

#: The shortest and the longest of these sleeps, in seconds.
NAP, LONG_NAP = 50e-6, 1e-3

#: Numbers that a task can be given.
NUMBERS = 8

#: Seconds that members have to end when they are told to.
PATIENCE = 10.0

#: How long a member may be behind this process, in seconds and in times what its own share took: in its first turn, and later.
FIRST_TURN, LATER = (2.0, 20.0), (30.0, 100.0)

#: A crew is judged by so many seconds, and so many steps at least; when two are compared each has so many turns of that.
WINDOW, STEPS, TURNS = 0.025, 3, 3

#: Seconds from one comparison to the next, at least and at most.
SHORT_HOLD, LONG_HOLD = 1.0, 8.0

_WORDS = LINE // 8  # numbers of 8 bytes in a cache line: what two members write must not lie in the same one
_QUIT = -1


def processes_can_share() -> bool:
    """Whether this platform lets processes share a training."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


class Crew:
    """One who computes alone.

    Attributes:
        size: how many members there are.
    """

    size = 1

    def run(self, task: Task, *numbers: float) -> None:
        """Let all members do their share of ``task``, and return when all are done."""
        task(0, 1, *numbers)

    def run_short(self, task: Task, *numbers: float) -> None:
        """The same for a task that takes less time than waking threads does."""
        self.run(task, *numbers)

    def end(self) -> None:
        """Let the others go."""
        return


class Threads(Crew):
    """The threads of a ``Team``."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self.size = team.size

    def run(self, task: Task, *numbers: float) -> None:
        self._team.each(lambda _, member: task(member, self.size, *numbers), self.size)

    def run_short(self, task: Task, *numbers: float) -> None:
        task(0, 1, *numbers)


class Processes(Crew):
    """This process and copies of it.

    What the tasks write has to lie in shared memory (``shared_zeros``) before the crew is made; all else that one member
    changes the others do not see.

    Args:
        size: how many, with this one.
        tasks: all that they will be asked to run.

    Raises:
        OSError: there can be no more processes.
    """

    def __init__(self, size: int, tasks: Sequence[Task]) -> None:
        self.size = size
        self._tasks = {task.__name__: number for number, task in enumerate(tasks)}
        # The turn and its task, and then, of each member, the turn it has done.
        self._words: Any = memoryview(shared_zeros(((1 + size) * _WORDS,), np.int64))  # pyright: ignore[reportArgumentType]
        self._numbers: Any = memoryview(shared_zeros((NUMBERS,), np.float64))  # pyright: ignore[reportArgumentType]
        self._turn = 0
        self._parent = os.getpid()
        self._own = [0]  # the members whose shares this process does
        self._others: dict[int, int] = {}  # member: process
        self._faults: dict[int, int] = {}  # member: the pipe from which to read what it raised
        try:
            for member in range(1, size):
                self._fork(member, tasks)
        except BaseException:
            self.end()
            raise

    def _fork(self, member: int, tasks: Sequence[Task]) -> None:
        reading, writing = os.pipe()
        try:
            with warnings.catch_warnings():
                # Python warns of threads whose locks the copy may find taken: see ``_wait_for``.
                warnings.simplefilter("ignore", DeprecationWarning)
                process = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if process == 0:
            os.close(reading)
            self._serve(member, tasks, writing)
        os.close(writing)
        self._others[member], self._faults[member] = process, reading

    def run(self, task: Task, *numbers: float) -> None:
        """Let all members do their share of ``task``, and return when all are done.

        Raises:
            HandspunError: another process was ended from outside, or no longer answers.
            Exception: what the task raised here, or elsewhere: then as a RuntimeError if it is not one of handspun's errors.
        """
        words = self._words
        for place, number in enumerate(numbers):
            self._numbers[place] = number
        words[1] = self._tasks[task.__name__]
        words[2] = len(numbers)
        self._turn += 1
        words[0] = self._turn
        began = time.monotonic()
        for member in self._own:
            task(member, self.size, *numbers)
        took = time.monotonic() - began
        for member in list(self._others):
            self._wait_for(member, took, task, numbers)

    def _wait_for(self, member: int, took: float, task: Task, numbers: Sequence[float]) -> None:
        """Return when ``member`` has done its share, of a turn that took this process so many seconds.

        A copy of a process in which another thread held a lock finds it taken for ever: one of BLAS's, or of a pool of threads
        that the user's augmentation has. That shows in its first turn. Then it goes, and this process does its share.
        """
        place = (1 + member) * _WORDS
        seconds, times = FIRST_TURN if self._turn == 1 else LATER
        until = time.monotonic() + seconds + times * took

        def check() -> None:
            if _has_ended(self._others[member]) and self._words[place] != self._turn:
                raise HandspunError(
                    f"Process {self._forget(member)}, which shared the work of this training, was ended from outside, perhaps "
                    "for want of memory. Train again with threads=1 (--threads 1), from a checkpoint if there is one."
                )
            if time.monotonic() > until:
                raise TimeoutError

        try:
            _wait(self._words, place, self._turn, check)
        except TimeoutError:
            process = self._forget(member)
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            if self._turn > 1:
                raise HandspunError(
                    f"Process {process}, which shared the work of this training, does not answer. Train again with threads=1 "
                    "(--threads 1), from a checkpoint if there is one."
                ) from None
            self._own.append(member)
            task(member, self.size, *numbers)
            return
        if self._words[place + 1]:
            raise self._fault(member)

    def _forget(self, member: int) -> int:
        """Count no more on ``member``; returns its process."""
        os.close(self._faults.pop(member))
        return self._others.pop(member)

    def _fault(self, member: int) -> Exception:
        """What ``member`` raised, as far as it can be told: an error of handspun's own, or one with its name and traceback."""
        with os.fdopen(os.dup(self._faults[member]), encoding="utf-8") as pipe:
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
            os.close(pipe)  # whoever still writes into it stops
        until = time.monotonic() + PATIENCE
        for process in self._others.values():
            while not _has_ended(process):
                if time.monotonic() > until:
                    os.kill(process, signal.SIGKILL)
                time.sleep(NAP)
        self._others, self._faults = {}, {}

    # In the other processes ------------------------------------------------------------------------------------------

    def _serve(self, member: int, tasks: Sequence[Task], faults: int) -> NoReturn:
        """Do a share of every task until told to end. Nothing of the copied process may run on after that."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the first process gets them too, and ends this one when it is ready
        gc.freeze()  # what there is already belongs to the other process
        words, own = self._words, (1 + member) * _WORDS
        try:
            while True:
                self._turn += 1
                _wait(words, 0, self._turn, self._check_parent)
                if words[0] == _QUIT:
                    os._exit(0)
                tasks[words[1]](member, self.size, *self._numbers[: words[2]])
                words[own] = self._turn
        except BaseException as error:
            words[own + 1] = 1
            words[own] = self._turn  # before it is told: nobody reads a pipe that may be too short until then
            with contextlib.suppress(OSError), os.fdopen(faults, "w", encoding="utf-8") as pipe:
                json.dump({"kind": type(error).__name__, "message": _said(error), "traceback": traceback.format_exc()}, pipe)
        finally:
            os._exit(1)

    def _check_parent(self) -> None:
        if os.getppid() != self._parent:
            os._exit(1)


class Trial:
    """Which of two crews is the faster one just now.

    On a machine with other work to do a member is set aside now and then, and all the others wait for it: two can then take
    several times as long as one. So the faster crew works, and the two are compared now and then, the more seldom the longer
    nothing has changed, and at once when the one at work falls behind what the other one took.

    Args:
        crews: the two of them; the second begins.
        pace: the seconds an image that the first has taken so far.

    Attributes:
        crew: who is to do the next step.
    """

    def __init__(self, crews: Sequence[Crew], pace: float) -> None:
        self._crews = crews
        self._paces = [pace, math.inf]  # seconds an image, when last compared
        self._usual = self._at = 1
        self._due = self._hold = SHORT_HOLD  # seconds until they are compared
        self._compared: list[list[float]] | None = None  # the paces of both, while they take turns
        self._seconds, self._images, self._steps = 0.0, 0, 0
        self.crew = crews[1]

    def note(self, seconds: float, images: int) -> None:
        """Take in what a step took."""
        self._seconds += seconds
        self._images += images
        self._steps += 1
        if self._seconds < WINDOW or self._steps < STEPS:
            return
        pace = self._seconds / self._images
        self._due -= self._seconds
        self._seconds, self._images, self._steps = 0.0, 0, 0
        if self._compared:
            self._compare(pace)
        elif self._due <= 0.0 or pace > self._paces[1 - self._at]:
            self._compared = [[], []]
            self._at = 1 - self._at
        self.crew = self._crews[self._at]

    def _compare(self, pace: float) -> None:
        """Note the pace of the one whose turn it was; after the last turn the faster one goes on."""
        assert self._compared is not None
        self._compared[self._at].append(pace)
        self._at = 1 - self._at
        if min(map(len, self._compared)) < TURNS:
            return
        self._paces = [sorted(paces)[TURNS // 2] for paces in self._compared]  # one bad moment says nothing, nor a good one
        self._compared = None
        best = int(self._paces[1] <= self._paces[0])
        self._hold = min(2.0 * self._hold, LONG_HOLD) if best == self._usual else SHORT_HOLD
        self._due = self._hold
        self._usual = self._at = best


def _said(error: BaseException) -> str:
    """What an error says, if it can."""
    try:
        return str(error)
    except Exception as worse:
        return f"(its text raised {type(worse).__name__})"


def _has_ended(process: int) -> bool:
    """Whether a process that this one has forked is no more; the system may then forget it."""
    try:
        return os.waitpid(process, os.WNOHANG)[0] != 0
    except ChildProcessError:  # forgotten already, where SIGCHLD is ignored
        return True


def _wait(words: Any, place: int, turn: int, check: Callable[[], None]) -> None:
    """Return when the number at ``place`` is ``turn``, or the end; call ``check`` now and then while that takes long."""
    for _ in range(LOOKS):
        if words[place] == turn or words[place] == _QUIT:
            return
    nap = NAP
    while words[place] != turn and words[place] != _QUIT:
        check()
        time.sleep(nap)
        nap = min(2 * nap, LONG_NAP)


def may_fork() -> bool:
    """Whether this process may be copied now: other threads of it are left behind, so only its main thread should do that."""
    return processes_can_share() and threading.current_thread() is threading.main_thread()
