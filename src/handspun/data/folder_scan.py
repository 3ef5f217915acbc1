"""Find the pictures in a folder: ``<folder>/<class>/…``, or ``<folder>/train/<class>/…`` and ``<folder>/test/<class>/…``.

The names of the folders are the names of the classes. Hidden files, other files and links in a circle are skipped.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from handspun.errors import DataError
from handspun.files.writing import printable
from handspun.pictures.decoding import SUFFIXES

_TRAIN_NAME = "train"
_TEST_NAMES = ("test", "val", "valid", "validation")  # the first that exists is used


@dataclass(frozen=True)
class PictureFile:
    """A picture in the folder of a class.

    Attributes:
        path: the path of the file.
        name: its path relative to the data set's folder.
        label: the number of its class.
        size: in bytes.
        changed: the time of the last change in nanoseconds.
    """

    path: str
    name: str
    label: int
    size: int
    changed: int


@dataclass(frozen=True)
class FolderScan:
    """The pictures of a folder, in the natural order of classes and names.

    Attributes:
        folder: the folder of the data set.
        classes: the names of the classes.
        train: its pictures, or those of its folder ``train``.
        test: the pictures of its folder ``test``; None if there is none.
        notes: what was skipped although the user may expect it to be used.
    """

    folder: Path
    classes: tuple[str, ...]
    train: tuple[PictureFile, ...]
    test: tuple[PictureFile, ...] | None
    notes: tuple[str, ...]


def scan_folder(folder: Path) -> FolderScan:
    """Find the pictures in a folder, without opening them.

    Raises DataError if a folder cannot be read, holds pictures outside the folders of classes, or has test pictures of a class
    without training pictures.
    """
    notes: list[str] = []
    train_folder, test_folder = _parts(folder, notes)
    found = _classes_in(train_folder, folder)
    if not found and _pictures_in(train_folder):
        raise DataError(f"{train_folder} holds pictures, but no classes: put the pictures of each class into their own folder.")
    found_for_test = _classes_in(test_folder, folder) if test_folder else {}
    if test_folder and not found_for_test:
        notes.append(f'The folder "{test_folder.name}" holds no folders of classes and is left out.')
    if unknown := sorted(set(found_for_test) - set(found), key=natural_order):
        raise DataError(f'{test_folder} has pictures of "{printable(unknown[0])}", but {train_folder} has no such class.')
    classes = sorted(found, key=natural_order)
    if lacking := [printable(name) for name in classes if found_for_test and name not in found_for_test]:
        notes.append(f"There are no test pictures of {', '.join(lacking)}.")

    # Where the name begins in a path. Creating a Path for each of many thousand files would take longer than finding them.
    start = len(os.path.join(folder, "")) if folder != Path() else 0  # noqa: PTH118

    def files(of: dict[str, list[tuple[str, os.stat_result]]]) -> Iterator[PictureFile]:
        for label, name in enumerate(classes):
            for path, info in sorted(of.get(name, ()), key=lambda file: natural_order(file[0])):
                yield PictureFile(path, printable(path[start:]), label, info.st_size, info.st_mtime_ns)

    shown = tuple(printable(name) for name in classes)
    test = tuple(files(found_for_test)) if found_for_test else None
    return FolderScan(folder, shown, tuple(files(found)), test, tuple(notes))


def natural_order(name: str) -> tuple[list[str | int], str]:
    """A sorting key that compares numbers in names by value: "2" comes before "10"."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if number % 2 else part.casefold() for number, part in enumerate(parts)], name


def _parts(folder: Path, notes: list[str]) -> tuple[Path, Path | None]:
    """The folder of the training classes, and that of the test classes, if there is one."""
    # The exact name first, then in an order that is the same on every system.
    folders = sorted(_folders_in(folder), key=lambda path: (path.name != path.name.lower(), path.name))
    train = [path for path in folders if path.name.lower() == _TRAIN_NAME]
    test = [path for name in _TEST_NAMES for path in folders if path.name.lower() == name]
    # Without a folder for the test, "train" may be one class among others: then it holds pictures itself.
    if not train or (not test and _pictures_in(train[0]) and not _folders_in(train[0])):
        return folder, None
    for there, what in ((train, "training"), (test, "test")):
        notes += [f'The folder "{path.name}" is not used; "{there[0].name}" is the {what}.' for path in there[1:]]
    return train[0], test[0] if test else None


def _classes_in(folder: Path, root: Path) -> dict[str, list[tuple[str, os.stat_result]]]:
    """The pictures of each class, by the name of its folder.

    The same name may be encoded in several ways (é is one code point or two); all of them are one class.
    """
    own = root.resolve()
    found: dict[str, list[tuple[str, os.stat_result]]] = {}
    for inside in _folders_in(folder):
        place = inside.resolve()
        if place == own or place in own.parents:
            continue  # a link back to a parent
        if pictures := list(_pictures_below(inside)):
            found.setdefault(unicodedata.normalize("NFC", inside.name), []).extend(pictures)
    return found


def _folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, and links to folders, except hidden ones."""
    return [Path(entry.path) for entry in _entries(folder) if not entry.name.startswith(".") and _is(entry.is_dir)]


def _pictures_in(folder: Path) -> bool:
    return any(_is_picture(entry) for entry in _entries(folder))


def _pictures_below(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The path and the file status of each picture below a folder."""
    waiting = [folder]
    while waiting:
        for entry in _entries(waiting.pop()):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):  # links to folders may form a circle
                waiting.append(Path(entry.path))
            elif _is_picture(entry):
                with suppress(OSError):  # it was deleted meanwhile
                    yield entry.path, entry.stat()


def _is_picture(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".")
    return not hidden and entry.name.lower().endswith(SUFFIXES) and _is(entry.is_file)


def _is(question: Callable[[], bool]) -> bool:
    """Whether an entry is a file or a folder; one of links in a circle is neither."""
    try:
        return question()
    except OSError:
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as fault:
        raise DataError(f"Cannot read {folder}: {fault.strerror or fault}.") from fault
