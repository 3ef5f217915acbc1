"""CIFAR-10: six files of records of one byte for the label and 3,072 for the pixels, first all red, then green, then blue.

Only the "binary version" is read, never the version for Python, which is pickled. It is one gzipped tar archive; the six files
may also be unpacked in a folder.

Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version"; A. Krizhevsky, Learning Multiple Layers of Features from
Tiny Images, 2009.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import numpy as np

from handspun.data.dataset import Dataset, Split
from handspun.data.streams import MeasuredReader, open_data
from handspun.data.tar import Readable, read_members
from handspun.errors import DataError
from handspun.files.archive import LIMIT_BYTES, MAX_DEFLATE_RATIO

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"

_TRAIN_NAMES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST_NAMES = ("test_batch.bin",)
_SIDE = 32
_RECORD = 1 + 3 * _SIDE * _SIDE  # bytes
_RECORDS = 64  # read at once


def read_cifar_archive_and_hash(
    path: str | os.PathLike[str], *, limit_bytes: int = LIMIT_BYTES
) -> tuple[tuple[Split, Split], str]:
    """Read CIFAR-10's archive, gzipped or plain, of at most ``limit_bytes`` decompressed.

    Returns the training and the test split, images (N, 32, 32, 3) uint8 with labels (N,) uint8, and the SHA-256 (hex) of the
    decompressed content. Raises DataError if the archive is damaged, or a file is missing, there twice, or not of such records.
    """
    with open_data(path) as (stream, file_size, gzipped):
        # A small archive may claim any size, but it cannot hold more than this.
        room = file_size * MAX_DEFLATE_RATIO if gzipped else file_size
        measured = MeasuredReader(path, stream, limit_bytes)
        batches = _Batches(path, min(room, limit_bytes))
        for member in read_members(path, measured):
            batches.take(PurePosixPath(member.name).name, member.size, member)
    return batches.splits(), measured.sha256


def read_cifar_archive(path: Path) -> Dataset:
    """Read CIFAR-10's archive as a data set. Raises DataError as ``read_cifar_archive_and_hash`` does."""
    (train, test), _ = read_cifar_archive_and_hash(path)
    return Dataset(path.name, train, test, CIFAR10_CLASSES, str(path), "unknown")


def holds_cifar_files(folder: Path) -> bool:
    """Whether a folder holds any of the six files."""
    return any((folder / name).exists() for name in (*_TRAIN_NAMES, *_TEST_NAMES))


def read_cifar_folder(folder: Path) -> Dataset:
    """Read a folder with CIFAR-10's six files. Raises DataError if a file is missing or broken."""
    batches = _Batches(folder, LIMIT_BYTES)
    for name in (*_TRAIN_NAMES, *_TEST_NAMES):
        if (folder / name).exists():
            with open_data(folder / name) as (stream, file_size, _):
                batches.take(name, file_size, stream)
    train, test = batches.splits()
    return Dataset(folder.name, train, test, CIFAR10_CLASSES, str(folder), "unknown")


class _Batches:
    """Collects the six files, in any order, into the arrays of two splits."""

    def __init__(self, path: str | os.PathLike[str], room: int) -> None:
        self._path, self._room = path, room
        self._arrays: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._taken: set[str] = set()

    def take(self, name: str, size: int, stream: Readable) -> None:
        """Read a file of ``size`` bytes from its stream if it is one of the six."""
        names = next((names for names in (_TRAIN_NAMES, _TEST_NAMES) if name in names), None)
        if names is None:
            return
        if name in self._taken:
            raise DataError(f"{self._path} holds {name} twice.")
        self._taken.add(name)
        count, rest = divmod(size, _RECORD)
        if rest or not count:
            raise DataError(
                f"{self._path}: {name} has {size} bytes, not a multiple of {_RECORD} bytes (an image with its label)."
            )
        if names not in self._arrays:
            # All files of a split have one size, checked before memory is allocated.
            if size * len(names) > self._room:
                raise DataError(
                    f"{self._path} is cut off or damaged: {name}, one of {len(names)}, claims {size} bytes, but together they "
                    f"hold at most {self._room}."
                )
            total = count * len(names)
            self._arrays[names] = np.empty((total, _SIDE, _SIDE, 3), np.uint8), np.empty(total, np.uint8)
        all_images, all_labels = self._arrays[names]
        if count * len(names) != len(all_labels):
            expected = len(all_labels) // len(names)
            raise DataError(f"{self._path}: {name} holds {count} images, the files before it {expected}.")
        start = names.index(name) * count
        images, labels = all_images[start : start + count], all_labels[start : start + count]  # views (count, …)
        for first in range(0, count, _RECORDS):
            records = self._read(name, min(_RECORDS, count - first), stream)  # (records, 3073)
            end = first + len(records)
            labels[first:end] = records[:, 0]
            images[first:end] = records[:, 1:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)
        wrong = np.flatnonzero(labels >= len(CIFAR10_CLASSES))
        if wrong.size:
            raise DataError(
                f"{self._path}: {name} has the label {labels[wrong[0]]} at image {wrong[0]}; CIFAR-10's are 0 to 9."
            )

    def splits(self) -> tuple[Split, Split]:
        """The training and the test split, once all files are read."""
        if missing := [name for name in (*_TRAIN_NAMES, *_TEST_NAMES) if name not in self._taken]:
            raise DataError(f"{self._path} lacks {', '.join(missing)} of CIFAR-10's binary version.")
        return Split(*self._arrays[_TRAIN_NAMES]), Split(*self._arrays[_TEST_NAMES])

    def _read(self, name: str, records: int, stream: Readable) -> np.ndarray:
        content = stream.read(records * _RECORD)
        if len(content) < records * _RECORD:
            raise DataError(f"{self._path} is cut off: {name} ends too soon.")
        return np.frombuffer(content, np.uint8).reshape(records, _RECORD)
