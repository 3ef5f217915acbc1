"""Files are fetched from mirrors in turn, verified, and only then given their names in the cache folder.

A mirror named by the user has the layout of the cache folder, ``<mirror>/<dataset>/<file>``: any machine that has
the files can serve its own cache folder to others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from handspun.data.cache import content_sha256, missing_files, verify
from handspun.data.progress import Report, reporter
from handspun.data.registry import Entry, PublishedFile
from handspun.errors import DataError, DownloadError, MissingExtraError, OutputError
from handspun.files.writing import temporary_beside

_CHUNK = 2**16  # bytes


def fetch_missing(
    entry: Entry,
    folder: Path,
    *,
    mirrors: Sequence[str] | None = None,
    timeout: float = 20.0,
    progress: Report | bool | None = None,
) -> list[Path]:
    """Fetch the files of a dataset that are not in ``folder`` yet.

    Args:
        entry: the dataset.
        folder: where its files are kept; it is made if need be.
        mirrors: base URLs in the layout of the cache folder, used instead of the published ones; by default that of
            the environment variable ``HANDSPUN_MIRROR``, if it is set.
        timeout: seconds without any answer after which a mirror is given up.
        progress: who is told of the bytes of each file; see ``reporter``.

    Returns:
        The files fetched.

    Raises:
        DownloadError: no mirror gave a right file; the message says why, and what to put where by hand.
        OutputError: the folder cannot be written.
        MissingExtraError: pooch is not installed.
    """
    missing = missing_files(entry, folder)
    if not missing:
        return []
    bases = _bases(entry, mirrors)
    fetched: list[Path] = []
    with reporter(progress, unit="bytes") as report:
        for file in missing:
            faults = []
            for base in bases:
                fault = _fetch(entry, file, folder / file.name, base, timeout, report)
                if fault is None:
                    fetched.append(folder / file.name)
                    break
                faults.append(f"{_host(base)}: {fault}")
            else:
                names = ", ".join(f.name for f in missing_files(entry, folder))
                raise DownloadError(
                    f"Cannot download {file.name} of {entry.name}: {'; '.join(faults)}.\n"
                    f"Put {names} into the folder {folder}, or set HANDSPUN_MIRROR to the URL of a server that has "
                    f"{entry.name}/{file.name}."
                )
    return fetched


def _bases(entry: Entry, mirrors: Sequence[str] | None) -> list[str]:
    """URLs of folders with the files of the dataset, each ending in a slash."""
    if mirrors is None and (mirror := os.environ.get("HANDSPUN_MIRROR")):
        mirrors = [mirror]
    if mirrors is None:
        return list(entry.mirrors)
    return [f"{mirror.rstrip('/')}/{entry.name}/" for mirror in mirrors]


def _host(base: str) -> str:
    """The server of a URL, without the name and password that a URL may hold."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(base).netloc.rpartition("@")[2] or base
    except ValueError:
        return base


def _fetch(entry: Entry, file: PublishedFile, path: Path, base: str, timeout: float, report: Report | None) -> str | None:
    """Fetch one file from one mirror; returns why it could not be, or None when it lies at ``path``, verified."""
    part = temporary_beside(path)
    made = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            # Compressed, a file may be a little longer than its content, if that is random.
            fault = _receive(base + file.name, _Capped(stream, file.size + 2**16), file.name, timeout, report)
            if fault is not None:
                return fault
            stream.flush()
            os.fsync(stream.fileno())
        try:
            state = verify(entry, file, part, content_sha256(part, file.size))
        except DataError:
            state = "unverified"
        if state != "verified":
            return "sent another file than the published one"
        part.replace(path)
    except OSError as fault:
        raise OutputError(
            f"Cannot write into {path.parent}: {fault.strerror or fault}. Set HANDSPUN_DATA_DIR to another folder."
        ) from fault
    finally:
        # A folder that could not be made, or may not be written, holds no part to remove.
        if part.exists():
            part.unlink()
        if made:
            with suppress(OSError):  # it is only removed if nothing came of it
                path.parent.rmdir()
    return None


def _receive(url: str, stream: _Capped, name: str, timeout: float, report: Report | None) -> str | None:
    """Copy what a URL gives into a stream; returns what went wrong at the other end, if anything did."""
    try:
        import pooch
        import requests
        import urllib3
    except ImportError:
        raise MissingExtraError("Downloading datasets", "cli") from None
    bar: Any = _Bar(name, report) if report else False  # pooch's own type hint knows of True and False only
    downloader = pooch.HTTPDownloader(
        chunk_size=_CHUNK,
        timeout=timeout,
        progressbar=bar,
        # The file itself is compressed; a server that unpacks it on the way would change what the hash is of.
        headers={"User-Agent": "handspun (https://pypi.org/project/handspun)", "Accept-Encoding": "identity"},
    )
    try:
        downloader(url, stream, None)
    except _TooLongError:
        return "sent more than the file holds"
    except requests.HTTPError as fault:
        return f"HTTP {fault.response.status_code}" if fault.response is not None else "an HTTP error"
    except requests.RequestException as fault:
        if isinstance(fault, requests.Timeout) or "timed out" in str(fault):
            return f"no answer within {timeout:g} s"
        if isinstance(fault, requests.exceptions.ChunkedEncodingError) or "IncompleteRead" in str(fault):
            return "broke off half-way"
        if isinstance(fault, requests.exceptions.SSLError):
            return "no secure connection"
        return "no connection" if isinstance(fault, requests.ConnectionError) else "not a URL to fetch from"
    except (urllib3.exceptions.HTTPError, ValueError):
        return "answered with nonsense"
    return None


class _TooLongError(Exception):
    """A server sends more than it should."""


class _Capped:
    """A stream that takes a limited number of bytes."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream, self._left = stream, limit

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise _TooLongError
        return self._stream.write(data)

    def flush(self) -> None:
        """Nothing: pooch flushes after each chunk, and once at the end is enough."""


class _Bar:
    """What pooch takes for a progress bar, made into calls of a ``Report``."""

    def __init__(self, name: str, report: Report) -> None:
        self.total = 0
        self._name, self._report, self._done = name, report, 0

    def update(self, count: int) -> None:
        # pooch counts whole chunks, also for the last.
        self._done = min(self._done + count, self.total) if self.total else self._done + count
        self._report(self._name, self._done, self.total)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""
