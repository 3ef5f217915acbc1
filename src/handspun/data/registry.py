"""The named data sets: their descriptions, their files, and where these are published.

Mirrors compress the same content differently, so SHA-256 is computed of the content. The data sets are listed in
``registry.toml``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handspun.data.formats import FORMATS, IDX, Format
from handspun.errors import unknown_name
from handspun.pictures.contract import AnyContract, contract_from_dict


@dataclass(frozen=True)
class PublishedFile:
    """One file of a data set.

    Attributes:
        name: its name on the mirrors and in the cache folder.
        size: bytes of its decompressed content; an upper limit if the number was not published.
        sha256: of its decompressed content, if known.
        md5: of the file as published, if no SHA-256 was published.
    """

    name: str
    size: int
    sha256: str | None = None
    md5: str | None = None

    @property
    def stem(self) -> str:
        """The name without ``.gz``."""
        return self.name.removesuffix(".gz")


@dataclass(frozen=True)
class Entry:
    """A named data set.

    Attributes:
        files: the files to download; none for an embedded data set.
        mirrors: URLs of folders with these files, in the order to try.
        embedded: the file inside the package; None for data sets that are downloaded.
        content: ``Split.content_hash`` of the embedded training and test split.
        format: the format of the files.
        contract: the contract that the images meet, if there is one.
        part_of: the data set whose training images include all of these, if there is one.
    """

    name: str
    description: str
    image_shape: tuple[int, ...]
    classes: tuple[str, ...]
    train_count: int
    test_count: int
    source: str
    license: str
    files: tuple[PublishedFile, ...] = ()
    mirrors: tuple[str, ...] = ()
    embedded: str | None = None
    content: tuple[str, str] | None = None
    format: Format = IDX
    contract: AnyContract | None = None
    part_of: str | None = None


def _entry(name: str, values: dict[str, Any]) -> Entry:
    """The entry of one table of ``registry.toml``."""
    files = tuple(PublishedFile(**file) for file in values.pop("files", ()))
    contract = contract_from_dict(values.pop("contract")) if "contract" in values else None
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Entry(name, files=files, contract=contract, format=FORMATS[values.pop("format", "IDX")], **values)


def _read() -> dict[str, Entry]:
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {name: _entry(name, values) for name, values in tables.items()}


REGISTRY = _read()


def dataset_names() -> tuple[str, ...]:
    """The names that ``load_dataset`` knows."""
    return tuple(REGISTRY)


def find_entry(name: str) -> Entry:
    """The entry of this name. Raises UsageError if there is none."""
    if name not in REGISTRY:
        raise unknown_name("dataset", name, REGISTRY)
    return REGISTRY[name]


def identify(*hashes: str) -> tuple[Entry, PublishedFile] | None:
    """The published file with one of these hashes, of its content or as published; None if unknown."""
    for entry in REGISTRY.values():
        for file in entry.files:
            if file.sha256 in hashes or file.md5 in hashes:
                return entry, file
    return None
