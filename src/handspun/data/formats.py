"""The formats in which datasets are published: how a file is found and read, and what becomes of all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handspun.data.cifar import read_cifar_archive_and_hash
from handspun.data.dataset import Split
from handspun.data.idx import STANDARD_NAMES, find_idx, join_idx, read_idx_and_hash
from handspun.data.streams import find_data

Contents = Mapping[str, tuple[Path, Any]]
"""Where each file of a dataset lies and what was read from it, by its name without ``.gz``."""


@dataclass(frozen=True)
class Format:
    """What must be known of a format.

    Attributes:
        find: (folder, name without ``.gz``) to the file there, gzipped or plain; None where there is none.
        read: (path, limit_bytes=…) to what the file holds, and the SHA-256 (hex) of its content, decompressed.
        join: what was read from all files, to training and test split.
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
