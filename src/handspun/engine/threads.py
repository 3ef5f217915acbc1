"""Threads: the pieces of a batch side by side.

NumPy lets go of Python's lock while it computes, so that threads really run at once where its calls are long, as those of
convolutions are. Then the matrix products themselves must not start threads as well: BLAS is held to one.

Inference uses them, and training where processes cannot share it (see ``training.crew``).

A batch is cut into pieces of a fixed number of images, whoever computes them, and what they give is put together in their
order. So the number of threads changes how long it takes, and not one bit of the result.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, Token, copy_context
from functools import cache
from types import TracebackType
from typing import Any, Self

from handspun.errors import MissingExtraError, UsageError

_limit: ContextVar[int | None] = ContextVar("handspun_threads", default=None)
_unpacked: ContextVar[bool] = ContextVar("handspun_unpacked", default=False)

#: The processors, by OpenBLAS's names, for which it has products that pack nothing.
UNPACKED_PROCESSORS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})


@contextmanager
def use_threads(threads: int | None) -> Iterator[None]:
    """A context in which so many threads, or processes, share the work where nothing else is said; None for all processors."""
    token = _limit.set(threads)
    try:
        yield
    finally:
        _limit.reset(token)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_threads(threads: int | None) -> int:
    """The number of threads that ``threads`` means; None takes that of ``use_threads``, or all processors.

    Where threadpoolctl is missing BLAS cannot be held to one thread, and None means one thread of handspun's own.

    Raises:
        UsageError: not a whole number above 0.
        MissingExtraError: more than one was asked for and threadpoolctl is not installed.
    """
    asked = _limit.get() if threads is None else threads
    if asked is None:
        return processors() if _controller() else 1
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise UsageError(f"threads must be a whole number above 0, got {asked!r}.")
    if asked > 1 and _controller() is None:
        raise MissingExtraError("Computing in several threads", "cli")
    return asked


@contextmanager
def limit_blas(threads: int | None) -> Iterator[None]:
    """A context in which BLAS has so many threads at most; None takes the number of ``use_threads``, or leaves BLAS alone."""
    asked = _limit.get() if threads is None else threads
    controller = _controller()
    if asked is None or controller is None:
        yield
        return
    with controller.limit(limits=min(asked, processors()), user_api="blas"):
        yield


@cache
def _controller() -> Any:
    """What sets the number of BLAS's threads; None where threadpoolctl is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


@cache
def _has_unpacked_products() -> bool:
    """Whether each BLAS in this process is an OpenBLAS on a processor with AVX-512."""
    controller = _controller()
    libraries = controller.select(user_api="blas").info() if controller else []
    return bool(libraries) and all(library.get("architecture") in UNPACKED_PROCESSORS for library in libraries)


def products_may_be_cut() -> bool:
    """Whether products of middle size go faster in parts: BLAS has one thread, and what packs nothing (see ``products``)."""
    return _unpacked.get()


class Team:
    """Threads that share pieces among them, and BLAS held to one thread, as long as the context lasts.

    Args:
        threads: how many; see ``count_threads``.

    Attributes:
        size: how many.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.size = count_threads(threads)
        self._pool: ThreadPoolExecutor | None = None
        self._blas: Any = None
        self._token: Token[bool] | None = None

    def __enter__(self) -> Self:
        if controller := _controller():
            self._blas = controller.limit(limits=1, user_api="blas")
            self._blas.__enter__()
        self._token = _unpacked.set(_has_unpacked_products())
        if self.size > 1:
            self._pool = ThreadPoolExecutor(self.size - 1, "handspun")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool:
            self._pool.shutdown()
        if self._token:
            _unpacked.reset(self._token)
        if self._blas:
            self._blas.__exit__(kind, error, trace)

    def each(self, work: Callable[[int, int], None], count: int) -> None:
        """Call ``work(member, piece)`` for each piece from 0 to ``count`` - 1; each member, from 0 on, does one at a time.

        Raises:
            BaseException: what ``work`` raised, once all members have stopped.
        """
        left = itertools.count()  # the next piece; taking it is one step of the interpreter, which no thread can come between

        def share(member: int) -> None:
            while (piece := next(left)) < count:
                work(member, piece)

        others = [
            self._pool.submit(copy_context().run, share, member)  # with NumPy's error handling as it is here
            for member in range(1, min(self.size, count))
            if self._pool
        ]
        try:
            share(0)
        finally:
            left = itertools.repeat(count)  # whoever is not done yet takes no more
            faults = [other.exception() for other in others]
        for fault in faults:
            if fault:
                raise fault
