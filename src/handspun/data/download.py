"""Downloads: files come from the first mirror that works, are verified, and only then get their names in the cache folder.

A mirror set by the user has the layout of the cache folder, ``<mirror>/<dataset>/<file>``: any machine that has the files can
serve its own cache folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from handspun.data.cache import missing_files, verify
from handspun.data.progress import Report, reporter
from handspun.data.registry import Entry, PublishedFile
from handspun.errors import DataError, DownloadError, MissingExtraError, OutputError
from handspun.files.writing import temporary_beside

_CHUNK_BYTES = 2**16


def fetch_missing(
    entry: Entry,
    folder: Path,
    *,
    mirrors: Sequence[str] | None = None,
    timeout: float = 20.0,
    progress: Report | bool | None = None,
) -> list[Path]:
    """Download the files of a data set that are not in ``folder`` yet, and return their paths.

    ``mirrors`` are base URLs in the layout of the cache folder, instead of the published ones; by default the environment
    variable ``HANDSPUN_MIRROR``, if it is set. A mirror is given up after ``timeout`` seconds without an answer. ``progress``
    gets the bytes of each file; see ``reporter``.

    Raises:
        DownloadError: no mirror sent the right file; the message says why, and which files to put where by hand.
        OutputError: the folder cannot be written.
        MissingExtraError: requests is not installed.
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
    """The URLs of folders with the files of the data set, each ending in a slash."""
    if mirrors is None and (mirror := os.environ.get("HANDSPUN_MIRROR")):
        mirrors = [mirror]
    if mirrors is None:
        return list(entry.mirrors)
    return [f"{mirror.rstrip('/')}/{entry.name}/" for mirror in mirrors]


def _host(base: str) -> str:
    """The server of a URL, without a user name and password."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(base).netloc.rpartition("@")[2] or base
    except ValueError:
        return base


def _fetch(entry: Entry, file: PublishedFile, path: Path, base: str, timeout: float, report: Report | None) -> str | None:
    """Download one file from one mirror to ``path`` and verify it. Returns None, or what went wrong."""
    part = temporary_beside(path)
    created = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            # A compressed file may be a little longer than its content, if that is random.
            fault = _receive(base + file.name, stream, file.size + 2**16, timeout, report)
            if fault is not None:
                return fault
            stream.flush()
            os.fsync(stream.fileno())
        try:
            state = verify(entry, file, part)
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
        # A folder that could not be created, or may not be written, holds no temporary file to remove.
        if part.exists():
            part.unlink()
        if created:
            with suppress(OSError):  # only an empty folder can be removed
                path.parent.rmdir()
    return None


def _receive(url: str, stream: BinaryIO, most: int, timeout: float, report: Report | None) -> str | None:
    """Copy at most ``most`` bytes from a URL into a stream. Returns None, or the server's fault in words."""
    try:
        import requests
        import urllib3
    except ImportError:
        raise MissingExtraError("Downloading datasets", "cli") from None
    # The file itself is compressed. If a server decompressed it on the way, the hash would differ.
    headers = {"User-Agent": "handspun (https://pypi.org/project/handspun)", "Accept-Encoding": "identity"}
    done = 0
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            response.raise_for_status()
            total = int(response.headers.get("Content-Length", 0))
            for chunk in response.iter_content(_CHUNK_BYTES):
                done += len(chunk)
                if done > most:
                    return "sent more than the file holds"
                stream.write(chunk)
                if report:
                    report(url.rsplit("/", 1)[1], done, total)
    except requests.HTTPError as fault:
        return f"HTTP {getattr(fault.response, 'status_code', 'error')}"
    except requests.RequestException as fault:
        if isinstance(fault, requests.Timeout) or "timed out" in str(fault):
            return f"no answer within {timeout:g} s"
        if isinstance(fault, requests.exceptions.ChunkedEncodingError) or "IncompleteRead" in str(fault):
            return "broke off half-way"
        if isinstance(fault, requests.exceptions.SSLError):
            return "no secure connection"
        return "no connection" if isinstance(fault, requests.ConnectionError) else "not a valid URL"
    except (urllib3.exceptions.HTTPError, ValueError):
        return "sent an invalid answer"
    return None
