"""The formats of published data sets: how a file is found and read, and how the files become splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handspun.data.cifar import read_cifar_archive_and_hash
from handspun.data.dataset import Split
from handspun.data.idx import STANDARD_NAMES, find_idx, join_idx, read_idx_and_hash
from handspun.data.streams import find_data

#: The path and the content of each file of a data set, by its name without ``.gz``.
Contents = Mapping[str, tuple[Path, Any]]


@dataclass(frozen=True)
class Format:
    """How to read a format.

    Attributes:
        find: (folder, name without ``.gz``) to the path of the file, gzipped or plain; None if there is none.
        read: (path, limit_bytes=…) to the file's content, and the SHA-256 (hex) of its decompressed bytes.
        join: the contents of all files to a training and a test split.
    """

    find: Callable[[Path, str], Path | None]
    read: Callable[..., tuple[Any, str]]
    join: Callable[[Contents], tuple[Split, Split]]


def _join_idx_files(contents: Contents) -> tuple[Split, Split]:
    def split(part: str) -> Split:
        (images_path, images), (labels_path, labels) = (contents[name] for name in STANDARD_NAMES[part])
        return join_idx(images, labels, images_path, labels_path)

    return split("train"), split("test")


def _take_the_only(contents: Contents) -> tuple[Split, Split]:
    ((_, splits),) = contents.values()
    return splits


IDX = Format(find_idx, read_idx_and_hash, _join_idx_files)
CIFAR10 = Format(find_data, read_cifar_archive_and_hash, _take_the_only)
FORMATS = {"IDX": IDX, "CIFAR-10": CIFAR10}
