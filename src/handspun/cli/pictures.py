"""The picture files that a command was given."""

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
    """Image files, with the pictures in a folder in its place, by their names; DataError for a folder without any."""
    found: list[Path] = []
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(
                file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
            )
            if not inside:
                raise DataError(f"{path} holds no pictures.")
        found += inside
    return found


def read_each(paths: Sequence[Path], read: Callable[[Path], Result]) -> tuple[list[Result], list[Path], list[str]]:
    """What ``read`` gives for each file that can be read, these files, and what is wrong with the others."""
    results, good, faults = [], [], []
    for path in paths:
        try:
            results.append(read(path))
            good.append(path)
        except DataError as error:
            faults.append(str(error))
    return results, good, faults


def end_with(faults: Sequence[str]) -> None:
    """After the answers for the other files: say what was wrong with these, and exit with 1 if there are any."""
    for fault in faults:
        messages.print(f"Error: {fault}", soft_wrap=True)
    if faults:
        raise typer.Exit(1)
