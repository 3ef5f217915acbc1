"""The picture files given to a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from handspun.cli.console import messages
from handspun.errors import DataError
from handspun.pictures.decoding import SUFFIXES

Result = TypeVar("Result")


def picture_files(paths: Sequence[Path]) -> list[Path]:
    """The files, each folder replaced by its pictures in order of name; DataError for a folder without pictures."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
        if not inside:
            raise DataError(f"{path} holds no pictures.")
        found += sorted(inside)
    return found


def read_each(paths: Sequence[Path], read: Callable[[Path], Result]) -> tuple[list[Result], list[Path], list[str]]:
    """What ``read`` returns for each readable file, those files, and the errors of the others."""
    results, good, faults = [], [], []
    for path in paths:
        try:
            results.append(read(path))
            good.append(path)
        except DataError as error:
            faults.append(str(error))
    return results, good, faults


def end_with(faults: Sequence[str]) -> None:
    """After the answers for the other files: print these errors, and exit with 1 if there are any."""
    for fault in faults:
        messages.print(f"Error: {fault}", soft_wrap=True)
    if faults:
        raise typer.Exit(1)
