"""Decoded pictures of a folder are kept as arrays in the cache folder: ``<cache>/folders/<key>.npz``.

The key covers everything that the arrays depend on, so an entry is never outdated. The cache is optional: if it cannot be
written, or is damaged, the pictures are decoded again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from handspun.data.cache import cache_folder
from handspun.errors import DataError, OutputError, UsageError
from handspun.files.archive import read_arrays, write_arrays

#: How many folders are kept: those used last.
MOST_KEPT = 8

_VERSION = "2"  # changes when decoding or the names of classes change


def folder_key(folder: Path, options: str, files: Iterable[tuple[str, int, int]]) -> str:
    """The key of a folder's pictures: SHA-256, in hex. Raises DataError if the folder's path contains links in a circle.

    It covers the name, the size in bytes and the time of the last change in nanoseconds of each file, and how they are read.
    """
    try:
        place = folder.resolve()
        place.stat()  # fails for links in a circle; resolve() does not since Python 3.13
    except (OSError, RuntimeError) as fault:
        raise DataError(f"Cannot read {folder}: {fault}.") from fault
    digest = hashlib.sha256(b"\0".join([_VERSION.encode(), os.fsencode(place), options.encode()]))
    for name, size, changed in files:
        digest.update(b"\0%b\0%d %d" % (os.fsencode(name), size, changed))
    return digest.hexdigest()


def recall(key: str) -> dict[str, np.ndarray] | None:
    """The arrays kept under a key; None if there are none, or they are damaged."""
    path = _path(key)
    if path is None or not path.exists():
        return None
    try:
        # The arrays are not compressed, so they need no more memory than the file.
        arrays = read_arrays(path, limit_bytes=path.stat().st_size)
    except (DataError, OSError):
        return None
    with suppress(OSError):
        os.utime(path)  # marks the last use, for ``keep``
    return arrays


def keep(key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays under a key if the cache folder can be written, and remove the entries that were not used for longest."""
    path = _path(key)
    if path is None:
        return
    with suppress(OutputError):
        write_arrays(path, arrays, compress=False)
    with suppress(OSError):
        by_use = sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for old in by_use[MOST_KEPT:]:
            old.unlink()


def _path(key: str) -> Path | None:
    try:
        return cache_folder() / "folders" / f"{key}.npz"
    except UsageError:  # no home folder
        return None
