"""Progress of long work, reported to a function, to a bar on the terminal, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: Called with a name, how much is done, and how much there is in all (0 if unknown): bytes of a download, pictures of a folder.
Report = Callable[[str, int, int], None]


@contextmanager
def reporter(progress: Report | bool | None, *, unit: str) -> Iterator[Report | None]:
    """The function to report progress to; None if nothing is to be shown.

    ``progress`` is a function, True for a bar on the terminal, False for none, or None for a bar if standard error is a
    terminal. ``unit`` is what is counted, such as "pictures"; "bytes" are shown as MB with the speed.
    """
    if callable(progress):
        yield progress
        return
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TransferSpeedColumn
    except ImportError:
        yield None
        return
    counted: tuple[Any, ...] = (MofNCompleteColumn(), TextColumn(unit))
    if unit == "bytes":
        counted = (DownloadColumn(), TransferSpeedColumn())
    # No markup: a name may contain brackets.
    columns = TextColumn("{task.description}", markup=False), BarColumn(), *counted
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total or None)

        yield report
