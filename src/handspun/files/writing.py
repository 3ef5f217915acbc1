"""Files are written whole or not at all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from handspun.errors import OutputError

#: Seconds that other programs on Windows are given to let go of a file.
PATIENCE = 1.0

_T = TypeVar("_T")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of ``path`` when the block ends well, and vanishes when it does not.

    The bytes go to a temporary file in the same folder, are flushed to the disk and then renamed: a reader, and a machine
    that loses power, sees the old file or the new one, never half of one (POSIX ``rename`` is atomic). Missing folders on
    the way are made. Only write inside the block: an ``OSError`` there is taken for a failure to write.

    Raises:
        OutputError: the folder cannot be made or written, no space is left, or ``path`` is a folder or a device.
    """
    path = Path(path)
    if "\0" in str(path):
        raise OutputError(f"Cannot write {str(path)!r}: a file name cannot hold a zero byte.")
    try:
        place = path.resolve()  # a link stays one: what it points to is replaced
        with suppress(FileNotFoundError):  # it may be new
            place.stat()  # fails in a circle of links, which resolve() leaves as it is since Python 3.13
        if place.exists() and not place.is_file():
            kind = "folder" if place.is_dir() else "device or the like"
            raise OutputError(f"Cannot write {path}: it is a {kind}. Give the name of a file.")
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise OutputError(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.") from error
    temporary = temporary_beside(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # 0o666 is what open() uses: the file gets the permissions that any new file of this user gets.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _insist(lambda: temporary.replace(place))
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # where it could not be made it cannot be removed either
            temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """The name of a file that may take the place of ``path`` when it is whole: short, however long that name is."""
    return path.with_name(f".handspun-{os.urandom(4).hex()}.part")


def remove_temporaries(folder: Path) -> None:
    """Remove what processes that were killed had half written in ``folder``; nobody may write there meanwhile."""
    for left in folder.glob(".handspun-*.part"):
        with suppress(OSError):
            left.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def append_text(path: Path, text: str) -> None:
    """Add ``text`` as UTF-8 to the end of a file.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with _insist(lambda: path.open("ab")) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.") from error


def make_folder(folder: Path) -> None:
    """Make ``folder`` and those above it where they are missing; OutputError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error


def printable(name: str) -> str:
    """The name of a file as it can be printed, and told in JSON: bytes that are no text are written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _insist(act: Callable[[], _T]) -> _T:
    """Do ``act``; on Windows again for a while: who reads a file there, if only to look for viruses, keeps all others out."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > end:
                raise
            time.sleep(0.02)
