"""How far a long piece of work has come, told to whoever wants to know: a function, a bar on the terminal, nobody."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Report = Callable[[str, int, int], None]
"""Called with the name of what is worked on, how much of it is done, and how much there is in all, 0 if unknown; in bytes of
a download, in pictures of a folder."""


@contextmanager
def reporter(progress: Report | bool | None, *, unit: str) -> Iterator[Report | None]:
    """What is to be told of the progress, if anything is.

    Args:
        progress: a function; True for a bar on the terminal, False for nobody, None for a bar if standard error is a terminal.
        unit: what is counted, such as "pictures"; "bytes" are shown as MB with their speed.
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
    # No markup: a name may hold brackets.
    columns = TextColumn("{task.description}", markup=False), BarColumn(), *counted
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total or None)

        yield report
