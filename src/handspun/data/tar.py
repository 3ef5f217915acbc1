"""Tar archives, read from a stream member by member; nothing is unpacked to disk.

Only the basic format is supported: a block of 512 bytes with name, size and checksum, then the content, padded to whole blocks.
Folders, links and devices have no content, and header extensions are skipped. So a hostile archive can neither write anywhere
nor refer to anything outside it. Source: POSIX.1-2017, pax, "ustar Interchange Format".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

from handspun.errors import DataError
from handspun.files.archive import CHUNK_BYTES

_BLOCK = 512  # bytes
_FILE = (b"0", b"\0")
_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")


class Readable(Protocol):
    """A stream whose ``read`` returns as many bytes as asked for, and fewer only at its end."""

    def read(self, size: int, /) -> bytes: ...


class Member:
    """A file in the archive, with its path there and its size in bytes. Read it before asking for the next one."""

    def __init__(self, path: str | os.PathLike[str], stream: Readable, name: str, size: int) -> None:
        self.name, self.size = name, size
        self._path, self._stream, self._left = path, stream, size

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes, or as many as are left. Raises DataError if the archive ends before that."""
        wanted = min(size, self._left)
        content = self._stream.read(wanted)
        if len(content) < wanted:
            raise DataError(f"{self._path} is cut off: it ends within {self.name}.")
        self._left -= wanted
        return content


def is_tar(start: bytes) -> bool:
    """Whether a file with these first 512 bytes is a tar archive."""
    return start[257:262] == b"ustar"


def read_members(path: str | os.PathLike[str], stream: Readable) -> Iterator[Member]:
    """Yield the files of the archive at ``path`` in order, and read its stream to the end.

    Raises DataError if it is not a tar archive, or is truncated or damaged.
    """
    while (header := stream.read(_BLOCK)) != bytes(_BLOCK):
        if len(header) < _BLOCK:
            raise DataError(f"{path} is cut off: the end of its tar archive is missing.")
        # The checksum counts its own eight bytes as spaces.
        if sum(header[:148]) + 8 * ord(" ") + sum(header[156:]) != _octal(header[148:156]):
            raise DataError(f"{path} is damaged or not a tar archive: the checksum of a header is wrong.")
        size = _octal(header[124:136])
        if size is None:
            raise DataError(f"{path} is damaged: a header of its tar archive has no valid size.")
        kind = header[156:157]
        if kind in _WITHOUT_CONTENT:
            continue
        member = Member(path, stream, _text(header[:100]), size)
        if kind in _FILE:
            yield member
        while member.read(CHUNK_BYTES):
            pass
        stream.read(-size % _BLOCK)
    while stream.read(CHUNK_BYTES):  # blocks of zeros, read so that a hash covers the whole stream
        pass


def _octal(field: bytes) -> int | None:
    """The number in a field of octal digits; None if it has others."""
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else None


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
