"""Errors that are no fault of handspun's, for the person who can fix them.

Every message is one or two lines: which file or value, what is wrong with it, what was expected, what to do. The command
line prints the message alone; a traceback is for a defect of ours.
"""

from __future__ import annotations

from collections.abc import Iterable


class HandspunError(Exception):
    """The base of all errors that handspun raises on purpose. The command line exits with 1."""

    exit_code = 1


class UsageError(HandspunError, ValueError):
    """An invalid argument, option or name. The command line exits with 2."""

    exit_code = 2


class DataError(HandspunError):
    """A data file (IDX, CSV, NumPy, …) that is missing, broken, or has the wrong content."""


class DownloadError(HandspunError):
    """No mirror gave the right file."""


class ModelFileError(HandspunError):
    """A model file or checkpoint that is missing, broken, or not one of ours."""


class OutputError(HandspunError):
    """A file that could not be written: no space left, no permission, a folder where a file should be."""


class DivergenceError(HandspunError):
    """The loss or a gradient is no longer finite."""


class MissingExtraError(HandspunError):
    """A feature whose optional packages are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f'{feature} needs the extra "{extra}": pip install "handspun[{extra}]"')


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """A UsageError that names the nearest valid name, if any is near, and all valid names."""
    import difflib  # needed for a mistake only

    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f'; did you mean "{near[0]}"?' if near else "."
    return UsageError(f'Unknown {kind} "{name}"{hint} Known: {", ".join(known)}.')
