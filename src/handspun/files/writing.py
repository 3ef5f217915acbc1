"""Atomic writes: a file is written completely or not at all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from handspun.errors import OutputError

#: How many seconds to wait on Windows until other programs close a file.
PATIENCE = 1.0

_T = TypeVar("_T")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a new file that replaces ``path`` when the block succeeds, and is removed when it fails.

    The bytes go to a temporary file in the same folder, which is flushed to disk and then renamed. Even after a power cut there
    is the old file or the new one, never half of one (POSIX ``rename`` is atomic). Missing folders are created. Only write
    inside the block: any ``OSError`` there counts as a failure to write.

    Raises:
        OutputError: the folder cannot be created or written, no space is left, or ``path`` is a folder or a device.
    """
    path = Path(path)
    if "\0" in str(path):
        raise OutputError(f"Cannot write {str(path)!r}: a file name cannot hold a zero byte.")
    try:
        place = path.resolve()  # a link remains: the file that it points to is replaced
        with suppress(FileNotFoundError):  # the file may be new
            place.stat()  # fails for links in a circle; resolve() does not since Python 3.13
        if place.exists() and not place.is_file():
            kind = "folder" if place.is_dir() else "device or the like"
            raise OutputError(f"Cannot write {path}: it is a {kind}. Give the name of a file.")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        raise OutputError(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.") from error
    temporary = temporary_beside(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # 0o666, like open(): the file gets the permissions of any new file of this user.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _insist(lambda: temporary.replace(place))
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # if it could not be created, it cannot be removed either
            temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A name for a temporary file in the folder of ``path``: short, however long that name is."""
    return path.with_name(f".handspun-{os.urandom(4).hex()}.part")


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left in ``folder``. Nobody may write there at the same time."""
    for left in folder.glob(".handspun-*.part"):
        with suppress(OSError):
            left.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def append_text(path: Path, text: str) -> None:
    """Append ``text`` as UTF-8 to a file. Raises OutputError if it cannot be written."""
    try:
        with _insist(lambda: path.open("ab")) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.") from error


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its missing parents. Raises OutputError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error


def printable(name: str) -> str:
    """The name of a file, safe to print and to put into JSON: bytes that are not text are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _insist(act: Callable[[], _T]) -> _T:
    """Do ``act``; on Windows, retry for a while, because a reader, such as a virus scanner, locks a file there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > end:
                raise
            time.sleep(0.02)
