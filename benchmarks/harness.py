"""Contenders run side by side, each in its own process, and take turns, so that a disturbance hits all of them."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]

#: Seconds of rest between two turns: thread pools keep spinning for a moment after their work.
REST = 0.2


class WorkerError(Exception):
    """A worker exited without answering."""


class WorkerProcess:
    """A running ``benchmarks.worker``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, do: str, **arguments: Any) -> Any:
        """The result of the worker's method ``do``."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError(f"The worker ended before {do}.") from error
        answer = self._process.stdout.readline()
        if not answer:
            raise WorkerError(f"The worker ended during {do}; its message is above.")
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()


def limit_threads(threads: int) -> None:
    """Limit this process and its children to ``threads`` processors, and as many threads for a matrix product."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def alternate(turns: dict[str, Callable[[], float]], rounds: int, rest: float = REST) -> dict[str, list[float]]:
    """Call each of ``turns`` once per round, every second round in reverse; returns their results by round."""
    results: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds):
        for name in reversed(turns) if number % 2 else turns:
            time.sleep(rest)
            results[name].append(turns[name]())
    return results


@contextmanager
def bytecode_kept() -> Iterator[None]:
    """Processes started in this context share a folder of compiled modules, so only the first run compiles.

    Installed packages are compiled; a checkout may not be, and the environment may forbid writing there.
    """
    before = os.environ.copy()
    with TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def run_fresh(arguments: Sequence[str]) -> str:
    """The output of a fresh Python process with these arguments.

    Raises:
        WorkerError: it failed; the message holds its error output.
    """
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorkerError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(values: Sequence[float], base: Sequence[float]) -> dict[str, float]:
    """The spread of the ratios of each round."""
    return spread([value / other for value, other in zip(values, base, strict=True)])


@contextmanager
def running_app(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of ``handspun serve`` or ``draw`` on a free port, and its address.

    Raises:
        WorkerError: it did not start.
    """
    command = [sys.executable, "-m", "handspun", *arguments, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            found = re.search(r"http://\S+/", line)
            if not found:
                raise WorkerError(f"The server did not start: {line.strip()}")
            yield process, found[0]
        finally:
            process.terminate()
            process.wait(20)
