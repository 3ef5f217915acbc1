"""Data files come plain or gzipped; both are read through one stream, piece by piece.

What the file is, its first bytes say: names are wrong too often.
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

PIECE = 2**18  # bytes decompressed at once

_GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def open_data(path: str | os.PathLike[str]) -> Iterator[tuple[io.BufferedIOBase, int, bool]]:
    """Open a plain or gzipped file.

    Yields:
        A stream of the content, the size of the file on the disk in bytes, and whether it is gzipped.

    Raises:
        DataError: there is no such file, it cannot be read, or it proves damaged in the block.

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
    """A stream that is hashed as it is read, and may not hold more than was expected."""

    def __init__(self, path: str | os.PathLike[str], stream: io.BufferedIOBase, limit_bytes: int) -> None:
        self._path, self._stream, self._limit = path, stream, limit_bytes
        self._digest, self._position = hashlib.sha256(), 0

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes, or as many as are left.

        Raises:
            DataError: the stream goes on beyond the limit.
        """
        piece = self._stream.read(size)
        self._position += len(piece)
        if self._position > self._limit:
            raise DataError(f"{self._path} holds more than the {self._limit} bytes expected.")
        self._digest.update(piece)
        return piece

    @property
    def sha256(self) -> str:
        """SHA-256, in hex, of all that was read."""
        return self._digest.hexdigest()


def find_data(folder: Path, stem: str) -> Path | None:
    """The file ``stem`` in ``folder``, gzipped or plain."""
    return next((folder / name for name in (f"{stem}.gz", stem) if (folder / name).exists()), None)


def read_start(path: str | os.PathLike[str], size: int) -> bytes:
    """The first ``size`` bytes of the content, or as many as can be read."""
    try:
        with open_data(path) as (stream, _, _):
            return stream.read(size)
    except DataError:
        return b""
