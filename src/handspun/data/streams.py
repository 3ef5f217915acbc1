"""Data files, plain or gzipped, read chunk by chunk through one stream.

The first bytes of a file tell its type: names are wrong too often.
"""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handspun.errors import DataError, HandspunError
from handspun.files.archive import open_regular

_GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def open_data(path: str | os.PathLike[str]) -> Iterator[tuple[io.BufferedIOBase, int, bool]]:
    """Open a plain or gzipped file: a stream of its content, its size on disk in bytes, and whether it is gzipped.

    Raises DataError if it is missing or unreadable, or if reading within the block finds it damaged.
    """
    with open_regular(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        gzipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        try:
            if gzipped:
                import gzip

                with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                    yield stream, size, True
            else:
                yield raw, size, False
        except HandspunError:
            raise
        except EOFError as fault:
            raise DataError(f"{path} is cut off: its gzip stream does not end.") from fault
        except (OSError, zlib.error) as fault:
            raise DataError(f"{path} is damaged: {fault}.") from fault


class MeasuredReader:
    """A stream that is hashed while it is read, and may not be longer than expected."""

    def __init__(self, path: str | os.PathLike[str], stream: io.BufferedIOBase, limit_bytes: int) -> None:
        self._path, self._stream, self._limit = path, stream, limit_bytes
        self._digest, self._position = hashlib.sha256(), 0

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes, or as many as are left. Raises DataError if the stream is longer than the limit."""
        chunk = self._stream.read(size)
        self._position += len(chunk)
        if self._position > self._limit:
            raise DataError(f"{self._path} holds more than the {self._limit} bytes expected.")
        self._digest.update(chunk)
        return chunk

    @property
    def sha256(self) -> str:
        """SHA-256, in hex, of everything read so far."""
        return self._digest.hexdigest()


def find_data(folder: Path, stem: str) -> Path | None:
    """The file ``stem`` in ``folder``, gzipped or plain."""
    return next((folder / name for name in (f"{stem}.gz", stem) if (folder / name).exists()), None)


def read_start(path: str | os.PathLike[str], size: int) -> bytes:
    """The first ``size`` bytes of the content, fewer if the content is shorter, none if the file cannot be read."""
    try:
        with open_data(path) as (stream, _, _):
            return stream.read(size)
    except DataError:
        return b""
