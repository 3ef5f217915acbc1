"""One training at a time in a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from handspun.errors import MissingExtraError, OutputError, UsageError
from handspun.files.writing import remove_temporaries

LOCK = ".lock"


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """A context in which no other process trains in the existing ``folder``. The system frees the lock of a dead process.

    Files that killed processes left half written there are removed.

    Raises:
        UsageError: another process trains there.
        OutputError: the folder cannot be written.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise MissingExtraError("A run folder", "cli") from error
    try:
        lock = FileLock(folder / LOCK, timeout=0).acquire()
    except Timeout as error:
        raise UsageError(f"Another training is running in {folder}. Wait until it ends, or choose another --out.") from error
    except OSError as error:
        raise OutputError(f"Cannot write {folder / LOCK}: {error.strerror or error}.") from error
    with lock:
        remove_temporaries(folder)
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not remove an open file
                (folder / LOCK).unlink()
