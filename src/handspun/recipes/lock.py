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
    """A context in which no other process trains in ``folder``, which exists. The system forgets a lock whose process is gone.

    What processes that were killed had half written there is removed.

    Raises:
        UsageError: another one does.
        OutputError: the folder cannot be written.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise MissingExtraError("A run folder", "cli") from error
    try:
        lock = FileLock(folder / LOCK, timeout=0).acquire()
    except Timeout as error:
        raise UsageError(f"Another training is going on in {folder}. Wait for its end, or give another --out.") from error
    except OSError as error:
        raise OutputError(f"Cannot write {folder / LOCK}: {error.strerror or error}.") from error
    with lock:
        remove_temporaries(folder)
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no file that is open
                (folder / LOCK).unlink()
