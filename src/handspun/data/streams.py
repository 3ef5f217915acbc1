"""Data files come plain or gzipped; both are read through one stream, piece by piece.

What the file is, its first bytes say: names are wrong too often.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from handspun.archive import open_regular
from handspun.errors import DataError, HandspunError

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


def read_start(path: str | os.PathLike[str], size: int) -> bytes:
    """The first ``size`` bytes of the content, or as many as can be read."""
    try:
        with open_data(path) as (stream, _, _):
            return stream.read(size)
    except DataError:
        return b""
