"""Threads: how many we use, and how many BLAS uses.

NumPy releases Python's lock while it computes, so threads run in parallel if its calls are long, as those of convolutions are.
Then the matrix products must not start threads as well: BLAS is limited to one (``blas_threads``). Inference uses threads, and
so does training if processes cannot share it (``engine.workers``).

Work is cut into parts of a fixed size, whatever the number of threads, and their results are combined in order. So the number
of threads changes the time, and not one bit of the result.
"""

from __future__ import annotations

import itertools
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, Token, copy_context
from functools import cache
from typing import Any, Self

from handspun.checks import positive_integer
from handspun.errors import MissingExtraError

_limit: ContextVar[int | None] = ContextVar("handspun_threads", default=None)
_blas_limit: ContextVar[int | None] = ContextVar("handspun_blas_threads", default=None)
_inside: ContextVar[bool] = ContextVar("handspun_inside_blas_threads", default=False)
_unpacked: ContextVar[bool] = ContextVar("handspun_unpacked", default=False)

#: Seconds that a computation waits for those of other threads while none of them comes to an end.
PATIENCE = 30.0

#: OpenBLAS's names of the processors for which it has matrix products without packing.
UNPACKED_PROCESSORS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})


@contextmanager
def use_threads(threads: int | None, *, blas: int | None = None) -> Iterator[None]:
    """A context that sets how many threads or processes share the work, unless an argument says otherwise.

    Args:
        threads: how many; None for one per processor.
        blas: how many each matrix product may use if it is not limited to one; None for ``threads``.
    """
    tokens = _limit.set(threads), _blas_limit.set(threads if blas is None else blas)
    try:
        yield
    finally:
        _limit.reset(tokens[0])
        _blas_limit.reset(tokens[1])


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_threads(threads: int | None) -> int:
    """The number of threads that ``threads`` means; None takes that of ``use_threads``, or one per processor.

    Without threadpoolctl, BLAS cannot be limited to one thread, so None means that we start no threads.

    Raises:
        UsageError: not a whole number above 0.
        MissingExtraError: more than one was asked for and threadpoolctl is not installed.
    """
    asked = _limit.get() if threads is None else threads
    if asked is None:
        return processors() if _controller() else 1
    asked = positive_integer("", "threads", asked)
    if asked > 1 and _controller() is None:
        raise MissingExtraError("Computing in several threads", "cli")
    return asked


# BLAS ----------------------------------------------------------------------------------------------------------------------


class _BlasGate:
    """Admits computations that need the same number of BLAS threads together, and makes all others wait.

    That number belongs to the whole process, and the last bits of a product depend on it. Without the gate, if two trainings
    ran in two Python threads, the one that ended first would reset the number while the other still computed. Those that wait
    enter in order of arrival, so none waits longer than one step of each of the others. When the last one leaves, BLAS has
    its original number of threads again; while a training runs (``keep``), not before somebody needs another one.

    One inside may itself wait for somebody outside: an augmentation that predicts in threads of its own. So if nobody left
    for ``PATIENCE``, whoever waits is let in with the number of threads that BLAS has.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[object] = deque()
        self._inside: set[int] = set()  # threads
        self._kept = 0  # trainings under way
        self._left = 0  # how often somebody went out
        self._before: list[int] = []  # what each BLAS was found with
        self._found: int | None = None  # as long as nobody asked for a number there is no need to look
        self._count: int | None = None

    def enter(self, asked: int | None) -> None:
        """Enter, if necessary after waiting; None accepts the number of threads that BLAS has."""
        with self._lock:
            if threading.get_ident() in self._inside:  # Ctrl-C came between the lines of the context that it was in
                self._go(threading.get_ident())
            if self._queue or not self._fits(asked):
                place = object()
                self._queue.append(place)
                try:
                    if not self._wait_for(lambda: self._queue[0] is place and self._fits(asked)):
                        asked = None
                finally:
                    self._queue.remove(place)
                    self._changed.notify_all()  # the next in the queue may want the same number
            if asked is None and not self._inside:
                self._restore()
            elif asked is not None and asked != self._count:
                if self._count is None:
                    self._before = [library.get_num_threads() for library in _libraries()]
                    self._found = self._count = max(self._before)
                if asked != self._count:
                    _set_blas_threads([asked] * len(self._before))
                self._count = asked
            self._inside.add(threading.get_ident())

    def leave(self) -> None:
        """Leave; the last one restores the number of threads."""
        with self._lock:
            self._go(threading.get_ident())

    def _go(self, thread: int) -> None:
        self._inside.discard(thread)
        self._left += 1
        if not self._inside:
            if not self._kept:
                self._restore()
            if self._queue:
                self._changed.notify_all()

    def own(self) -> int | None:
        """How many threads BLAS has when nobody asks for another number; None if that cannot be told."""
        with self._lock:
            return blas_thread_count() if self._count is None else self._found

    def keep(self, change: int) -> None:
        """One training more, or less, for which the number stays as it is between the steps.

        Giving BLAS its threads back wakes them, and they look for work for a while: on two processors, a step that two
        processes share took twice as long.
        """
        with self._lock:
            self._kept += change
            if not self._kept and not self._inside:
                self._restore()

    def _restore(self) -> None:
        """Set the number of threads that BLAS was found with."""
        if self._count != self._found:
            _set_blas_threads(self._before)
        self._found = self._count = None

    def forget(self) -> None:
        """In a forked process, which has no other threads: nobody is inside, unless the fork was made there."""
        if self._count != self._found and not _inside.get():
            _set_blas_threads(self._before)
        self.__init__()

    def _wait_for(self, ready: Callable[[], bool]) -> bool:
        """Whether that came true before nobody had come out for ``PATIENCE``."""
        left = self._left
        while not self._changed.wait_for(ready, PATIENCE):
            if self._left == left:
                warnings.warn(
                    f"A computation has waited {PATIENCE:.0f} s for one in another thread, and goes on beside it; the last "
                    "bits of its result may differ. If that one waits for this one (an augmentation or a layer that computes "
                    "in threads of its own), give these threads its context: pool.submit(contextvars.copy_context().run, …).",
                    RuntimeWarning,
                    stacklevel=4,
                )
                return False
            left = self._left
        return True

    def _fits(self, asked: int | None) -> bool:
        if not self._inside or asked == self._count:
            return True
        if self._count is None:  # those inside accept the number that BLAS has
            return asked == blas_thread_count()
        return asked is None and self._count == self._found


_gate = _BlasGate()
if hasattr(os, "register_at_fork"):
    # A forked process starts with nobody inside, and without locks that were held at that moment.
    os.register_at_fork(after_in_child=_gate.forget)


class blas_threads:  # noqa: N801 - used as a function; a generator would take twice as long, and single images are short
    """A context in which matrix products use ``count`` threads.

    None takes the number of ``use_threads``, or leaves the process's own. With one thread, products of medium size are cut
    into parts (``engine.products``). Inside another such context, or without threadpoolctl, it does nothing.
    """

    def __init__(self, count: int | None) -> None:
        self._count = count
        self._tokens: tuple[Token[bool], Token[bool]] | None = None

    def __enter__(self) -> None:
        if _inside.get() or not _libraries():
            return
        _gate.enter(_blas_limit.get() if self._count is None else self._count)
        self._tokens = _inside.set(True), _unpacked.set(self._count == 1 and _has_unpacked_products())

    def __exit__(self, *_: object) -> None:
        if self._tokens:
            _inside.reset(self._tokens[0])
            _unpacked.reset(self._tokens[1])
            _gate.leave()


@contextmanager
def keep_blas_threads() -> Iterator[None]:
    """A context in which ``blas_threads`` leaves the number as it is until another one is needed, or until the end."""
    _gate.keep(1)
    try:
        yield
    finally:
        _gate.keep(-1)


def own_blas_threads() -> int | None:
    """How many threads matrix products use unless a computation asks for another number; None if that cannot be told."""
    return _gate.own()


def blas_thread_count() -> int | None:
    """How many threads matrix products use now; None if that is unknown."""
    return max((library.get_num_threads() for library in _libraries()), default=None)


def default_blas_threads(threads: int | None) -> int | None:
    """How many threads a matrix product may use, given ``threads`` of ``fit``; None for as many as BLAS has."""
    return _blas_limit.get() if threads is None else threads


def products_may_be_cut() -> bool:
    """Whether cutting products of medium size is faster: BLAS has one thread and kernels without packing (see ``products``)."""
    return _unpacked.get()


@cache
def _controller() -> Any:
    """threadpoolctl's controller, which sets the number of BLAS threads; None if it is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


@cache
def _libraries() -> tuple[Any, ...]:
    """Every BLAS in this process."""
    controller = _controller()
    return tuple(controller.select(user_api="blas").lib_controllers) if controller else ()


def _set_blas_threads(counts: Sequence[int]) -> None:
    for library, count in zip(_libraries(), counts, strict=True):
        # threadpoolctl lets only the first thread change OpenBLAS's number; the gate takes the place of that rule.
        getattr(library, "_real_set_num_threads", library.set_num_threads)(count)


@cache
def _has_unpacked_products() -> bool:
    """Whether each BLAS in this process is an OpenBLAS on a processor with AVX-512."""
    controller = _controller()
    libraries = controller.select(user_api="blas").info() if controller else []
    return bool(libraries) and all(library.get("architecture") in UNPACKED_PROCESSORS for library in libraries)


# A pool --------------------------------------------------------------------------------------------------------------------


class ThreadPool:
    """Threads, including this one, that share numbered tasks while the context lasts.

    Args:
        threads: how many; see ``count_threads``.

    Attributes:
        size: how many.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.size = count_threads(threads)
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.size > 1:
            self._pool = ThreadPoolExecutor(self.size - 1, "handspun")
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown()

    def each(self, work: Callable[[int, int], None], count: int) -> None:
        """Call ``work(worker, task)`` for each task from 0 to ``count`` - 1; each worker does one task at a time.

        Raises:
            BaseException: what ``work`` raised, once all workers have stopped.
        """
        left = itertools.count()  # the next task; taking it is one step of the interpreter, so it needs no lock

        def take(worker: int) -> None:
            while (task := next(left)) < count:
                work(worker, task)

        others = [
            self._pool.submit(copy_context().run, take, worker)  # with NumPy's error handling as it is here
            for worker in range(1, min(self.size, count))
            if self._pool
        ]
        try:
            take(0)
        finally:
            left = itertools.repeat(count)  # after an error, the others take no more tasks
            faults = [other.exception() for other in others]
        for fault in faults:
            if fault:
                raise fault
