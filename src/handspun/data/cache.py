"""The cache folder holds downloaded files: ``<cache>/<dataset>/<file>``. They are trusted only if their hashes are right.

The folder may also be filled by hand, with files as published or unpacked, and it may be read-only.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from handspun.data.dataset import Dataset
from handspun.data.registry import Entry, PublishedFile, identify
from handspun.data.streams import MeasuredReader, open_data
from handspun.errors import DataError, UsageError
from handspun.files.archive import CHUNK_BYTES


def cache_folder() -> Path:
    """``HANDSPUN_DATA_DIR``, or handspun's folder in the user's cache folder. Raises UsageError if there is no home folder."""
    try:
        if chosen := os.environ.get("HANDSPUN_DATA_DIR"):
            return Path(chosen).expanduser()
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
            return Path(local) / "handspun" / "handspun" / "Cache"
        if Path(xdg := os.environ.get("XDG_CACHE_HOME", "")).is_absolute():
            return Path(xdg) / "handspun"
        return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "handspun"
    except RuntimeError:
        raise UsageError("There is no home folder to keep data in; set HANDSPUN_DATA_DIR to a folder.") from None


def missing_files(entry: Entry, folder: Path) -> list[PublishedFile]:
    """The files of a data set that are not in ``folder``."""
    return [file for file in entry.files if entry.format.find(folder, file.stem) is None]


def load_cached(entry: Entry, folder: Path) -> Dataset:
    """Load and verify a data set from its files in ``folder``. Raises DataError if one is missing, damaged or the wrong one."""
    # The small files first: labels show at once whether these are the files of another data set.
    files = sorted(entry.files, key=lambda file: file.size)
    train, test = entry.format.join({file.stem: _read_verified(entry, file, folder) for file in files})
    return Dataset(entry.name, train, test, entry.classes, entry.source, entry.license, contract=entry.contract)


def _read_verified(entry: Entry, file: PublishedFile, folder: Path) -> tuple[Path, Any]:
    path = entry.format.find(folder, file.stem)
    if path is None:
        raise DataError(f"No such file: {folder / file.name}")
    try:
        content, sha256 = entry.format.read(path, limit_bytes=file.size)
    except DataError as fault:
        raise DataError(f"{fault} Delete it to fetch it again.") from fault
    verify(entry, file, path, sha256)
    return path, content


def verify(entry: Entry, file: PublishedFile, path: Path, sha256: str | None = None) -> str:
    """Compare the file at ``path`` with the published one. Raises DataError if it is another file.

    ``sha256`` is that of its decompressed content, computed here by default. Returns "verified", or "unverified" for an
    unpacked file if only the hash of the packed file is known.
    """
    sha256 = sha256 or content_sha256(path, file.size)
    if sha256 == file.sha256:
        return "verified"
    with open_data(path) as (_, _, gzipped):
        md5 = _md5(path) if gzipped else ""
    if file.sha256 is None and md5 == file.md5:
        return "verified"
    if known := identify(sha256, md5):
        other, its_file = known
        raise DataError(
            f"{path} is the file {its_file.stem} of {other.name}, where {file.stem} of {entry.name} was expected; "
            f"move it to a folder {other.name} next to this one."
        )
    if file.sha256 is None and not gzipped:
        return "unverified"
    kind, found, expected = ("SHA-256", sha256, file.sha256) if file.sha256 else ("MD5", md5, file.md5)
    raise DataError(
        f"{path} is damaged or not the published file: its {kind} is {found}, expected {expected}. Delete it to fetch it again."
    )


def content_sha256(path: Path, limit_bytes: int) -> str:
    """SHA-256 of a file's decompressed content. Raises DataError if it is unreadable, damaged or above ``limit_bytes``."""
    with open_data(path) as (stream, _, _):
        measured = MeasuredReader(path, stream, limit_bytes)
        while measured.read(CHUNK_BYTES):
            pass
    return measured.sha256


def _md5(path: Path) -> str:
    """MD5 of a file as it is on disk. It tells published files apart, but does not protect."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
