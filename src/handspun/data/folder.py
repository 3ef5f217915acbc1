"""A folder of pictures, with one folder per class, becomes a data set: all of one size, all grey or all in colour.

Each picture is decoded into its own row of one array, so no more memory is needed than for the result. Decoded pictures are
kept (see ``folder_cache``).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun.checks import in_a_row
from handspun.data.dataset import Dataset, Split
from handspun.data.folder_cache import folder_key, keep, recall
from handspun.data.folder_scan import FolderScan, PictureFile
from handspun.data.progress import Report, reporter
from handspun.data.splits import hold_out
from handspun.engine.memory import chunks
from handspun.engine.threads import processors
from handspun.errors import DataError, UsageError
from handspun.files.archive import LIMIT_BYTES
from handspun.pictures.contract import FITS, AnyContract, Contract, PictureContract
from handspun.pictures.decoding import (
    UnreadablePictureError,
    decode_picture,
    inspect_picture,
    on_paper,
    quiet_pillow,
    require_pillow,
)
from handspun.pictures.reading import decode_pixels

#: The share of each class that becomes the test if the folder has none, and the seed that draws it.
TEST_SHARE, SPLIT_SEED = 0.2, 0

_AT_ONCE = 64  # pictures that a thread reads in one task
_MOST_NAMED = 5  # files that a note names


@dataclass(frozen=True)
class PictureOptions:
    """What the pictures of a folder are converted to.

    Attributes:
        size: (height, width), or one number for both; None for the most common size of the training pictures.
        fit: "resize" or "pad", as for a ``PictureContract``.
        mode: "grey" or "rgb"; None for grey if all pictures are grey.

    Raises:
        UsageError: on construction, if a value is invalid.
    """

    size: tuple[int, int] | int | None = None
    fit: str = "resize"
    mode: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            sides = (self.size, self.size) if isinstance(self.size, int) else in_a_row("size", self.size, "(28, 28)")
            if len(sides) != 2 or not all(type(side) is int and 1 <= side <= 10_000 for side in sides):
                raise UsageError(f"size must be one number of pixels or (height, width), 1 to 10,000 each; got {self.size}.")
            object.__setattr__(self, "size", sides)
        if self.fit not in FITS:
            raise UsageError(f'fit must be "resize" or "pad", not "{self.fit}".')
        if self.mode not in (None, "grey", "rgb"):
            raise UsageError(f'mode must be "grey", "rgb" or "strokes", not "{self.mode}".')


def read_picture_folder(
    scan: FolderScan, options: PictureOptions | AnyContract, *, progress: Report | bool | None = None
) -> Dataset:
    """Read the pictures that were found in a folder, at least one: images (N, H, W) or (N, H, W, 3) uint8, labels (N,) int64.

    Pictures are turned upright, transparent pixels become white paper, and 16 bits become 8. Unreadable files are left out, and
    the data set's notes name them. Without a folder for the test, ``TEST_SHARE`` of each class becomes the test, and copies of
    one picture stay together. ``options`` are a contract, or determine one; ``progress`` is as for ``reporter``.

    Raises:
        DataError: there is only one class, a class has fewer than two pictures, or the arrays would be too large.
        MissingExtraError: Pillow is not installed.
    """
    files = (*scan.train, *(scan.test or ()))
    read_as = repr((options, scan.test is None, scan.notes))
    key = folder_key(scan.folder, read_as, ((file.name, file.size, file.changed) for file in files))
    if arrays := recall(key):
        with suppress(KeyError, DataError):
            return _dataset(scan, options, arrays)
    _check_classes(scan, Counter(file.label for file in scan.train), "")
    require_pillow("Reading pictures")
    with quiet_pillow(), reporter(progress, unit="pictures") as report:
        images, digests = _decode(scan, files, options, report)
    arrays = _assemble(scan, files, images, digests)
    keep(key, arrays)
    return _dataset(scan, options, arrays)


def _dataset(scan: FolderScan, options: PictureOptions | AnyContract, arrays: dict[str, np.ndarray]) -> Dataset:
    """The data set of arrays from ``_assemble`` or the cache."""
    train, test = (Split(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
    classes, notes = (tuple(map(str, arrays[name])) for name in ("classes", "notes"))
    contract = options
    if isinstance(contract, PictureOptions):
        height, width, *channels = train.images.shape[1:]
        contract = PictureContract(height, width, colour=bool(channels), fit=contract.fit)
    return Dataset(scan.folder.resolve().name, train, test, classes, str(scan.folder), "unknown", notes, contract)


def _check_classes(scan: FolderScan, counts: Counter[int], remark: str) -> None:
    """Raise a DataError if there is too little to learn from; ``counts`` are the training pictures of each class."""
    if len(scan.classes) < 2:
        raise DataError(
            f'{scan.folder} has only one class, "{"".join(scan.classes)}"; put the pictures of each class into a folder.'
        )
    for label, name in enumerate(scan.classes):
        if counts[label] < 2:
            number = f"{counts[label]} picture" if counts[label] == 1 else "no pictures"
            raise DataError(f'{scan.folder}: the class "{name}" has {number} to learn from; at least 2 are needed.{remark}')


# Decoding ----------------------------------------------------------------------------------------------------------------


def _decode(
    scan: FolderScan, files: Sequence[PictureFile], options: PictureOptions | AnyContract, report: Report | None
) -> tuple[np.ndarray, list[bytes | str]]:
    """Images (N, H, W) or (N, H, W, 3) uint8, a row for each file; and for each row its hash, or why the file is unreadable."""
    if not isinstance(options, PictureOptions):
        return _read(scan, files, options, report)
    size, mode = options.size, options.mode
    if size is None or mode is None:
        looks = _each(files, lambda _, file: inspect_picture(file.path), f"{scan.folder.resolve().name}: sizes", report)
        size = size or _commonest(looks[: len(scan.train)], scan)
        if mode is None and all(isinstance(look, str) or look[2] for look in looks):
            mode = "grey"
    assert isinstance(size, tuple)
    contract = PictureContract(*size, colour=mode != "grey", fit=options.fit)
    if options.size is None and (needed := math.prod(_shape(files, contract))) > LIMIT_BYTES:
        raise DataError(
            f"{scan.folder}: {len(files):,} pictures of {size[0]} × {size[1]} pixels, the most common size, take "
            f"{needed / 1e9:.1f} GB; give a smaller size."
        )
    images, digests = _read(scan, files, contract, report)
    return images if mode else _grey_if_all_are(images, digests), digests


def _shape(files: Sequence[PictureFile], contract: AnyContract) -> tuple[int, ...]:
    """The shape of the array of all pictures."""
    if isinstance(contract, Contract):
        return (len(files), contract.side, contract.side)
    return (len(files), contract.height, contract.width, *((3,) if contract.colour else ()))


def _read(
    scan: FolderScan, files: Sequence[PictureFile], contract: AnyContract, report: Report | None
) -> tuple[np.ndarray, list[bytes | str]]:
    shape = _shape(files, contract)
    try:
        images = np.empty(shape, np.uint8)  # (N, H, W) or (N, H, W, 3)
    except (MemoryError, ValueError):
        raise DataError(f"{scan.folder}: the pictures take {math.prod(shape) / 1e9:.1f} GB; give a smaller size.") from None

    def read(row: int, file: PictureFile) -> bytes:
        if isinstance(contract, Contract):
            images[row] = contract(decode_pixels(file.path)[None])[0]
        else:
            images[row] = contract.scale(on_paper(decode_picture(file.path, side=max(shape[1:3]))))
        return hashlib.blake2b(images[row].data, digest_size=16).digest()

    return images, _each(files, read, scan.folder.resolve().name, report)


def _each(files: Sequence[PictureFile], work: Callable[[int, PictureFile], Any], name: str, report: Report | None) -> list[Any]:
    """The results of ``work`` for each row and file, in order; for a file that cannot be read, a text that says why."""

    def in_chunk(rows: slice) -> list[Any]:
        return [_outcome(work, row, files[row]) for row in range(rows.start, rows.stop)]

    results: list[Any] = []
    with ThreadPoolExecutor(min(processors(), 8)) as pool:
        try:
            for part in pool.map(in_chunk, chunks(len(files), _AT_ONCE)):
                results += part
                if report:
                    report(name, len(results), len(files))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def _outcome(work: Callable[[int, PictureFile], Any], row: int, file: PictureFile) -> Any:
    try:
        return work(row, file)
    except UnreadablePictureError as fault:
        return str(fault)
    except DataError:
        return "cannot be opened"


def _commonest(looks: Sequence[tuple[int, int, bool] | str], scan: FolderScan) -> tuple[int, int]:
    """The most common size (H, W); the smallest if there are several."""
    counts = Counter((look[0], look[1]) for look in looks if not isinstance(look, str))
    if not counts:
        raise DataError(
            f"{scan.folder}: none of the {len(looks)} training pictures can be read: {scan.train[0].name} {looks[0]}."
        )
    return min(counts, key=lambda size: (-counts[size], size[0] * size[1], size))


def _grey_if_all_are(images: np.ndarray, digests: Sequence[bytes | str]) -> np.ndarray:
    """Images (N, H, W, 3) as (N, H, W), in the same memory, if all that were read have equal channels."""
    rows = [row for row, digest in enumerate(digests) if isinstance(digest, bytes)]
    if not all((images[row] == images[row, :, :, :1]).all() for row in rows):
        return images
    size = math.prod(images.shape[1:3])
    flat = images.reshape(-1)  # a view
    for row in range(len(images)):
        # A row is written before the place where it is read, so no row that is still needed is overwritten.
        flat[row * size : (row + 1) * size] = images[row, :, :, 0].ravel()
    return flat[: len(images) * size].reshape(images.shape[:3])


# From decoded pictures to a dataset ----------------------------------------------------------------------------------------


def _assemble(
    scan: FolderScan, files: Sequence[PictureFile], images: np.ndarray, digests: Sequence[bytes | str]
) -> dict[str, np.ndarray]:
    """Split the pictures into training and test, and write the notes about them."""
    labels = np.array([file.label for file in files])  # (N,) int64
    train = [row for row, digest in enumerate(digests) if isinstance(digest, bytes) and row < len(scan.train)]
    test = [row for row, digest in enumerate(digests) if isinstance(digest, bytes) and row >= len(scan.train)]
    unread = [row for row, digest in enumerate(digests) if isinstance(digest, str)]
    named = [f"{files[row].name} {digests[row]}" for row in unread[:_MOST_NAMED]]
    left_out = f"{_count(len(unread), 'file')} left out: "
    _check_classes(scan, Counter(labels[train].tolist()), f" {left_out}{named[0]}." if unread else "")
    notes = list(scan.notes)
    if unread:
        notes.append(f"{left_out}{'; '.join(named)}{'; …' if len(unread) > _MOST_NAMED else ''}.")
    notes += _in_several_classes(files, digests, train + test)
    if scan.test is None:
        train, test = _split(scan, labels, digests, train)
        notes.append(
            f"There is no folder for the test: {TEST_SHARE:.0%} of the pictures of each class are the test, drawn with the "
            f"seed {SPLIT_SEED}."
        )
    else:
        if not test:
            raise DataError(f"{scan.folder}: none of the {len(scan.test):,} test pictures can be read.")
        notes += _in_train_and_test(files, digests, train, test)
    _reorder(images, [*train, *test, *unread])
    last = len(train) + len(test)
    return {
        "x_train": images[: len(train)],
        "y_train": labels[train],
        "x_test": images[len(train) : last],
        "y_test": labels[test],
        "classes": np.array(scan.classes, str),
        "notes": np.array(notes, str),
    }


def _split(
    scan: FolderScan, labels: np.ndarray, digests: Sequence[bytes | str], rows: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Rows for training and for the test. Copies of a picture go to the same part as the first."""
    firsts: dict[bytes | str, int] = {}
    for row in rows:
        firsts.setdefault(digests[row], row)
    drawn = np.array(list(firsts.values()))  # (M,)
    different = Counter(labels[drawn].tolist())
    for label, name in enumerate(scan.classes):
        if different[label] < 2:
            raise DataError(
                f'{scan.folder}: the pictures of the class "{name}" are copies of one picture; at least 2 different '
                "ones are needed, because one is held out for the test."
            )
    # The images of this split are the row numbers of the pictures.
    _, held = hold_out(Split(drawn[:, None].astype(np.float64), labels[drawn]), TEST_SHARE, seed=SPLIT_SEED)
    for_test = {digests[int(row)] for row in held.images[:, 0]}
    return [row for row in rows if digests[row] not in for_test], [row for row in rows if digests[row] in for_test]


def _in_several_classes(files: Sequence[PictureFile], digests: Sequence[bytes | str], rows: Sequence[int]) -> Iterator[str]:
    """A note about equal pictures with different labels, if there are any."""
    firsts: dict[bytes | str, int] = {}
    pairs = [(firsts.setdefault(digests[row], row), row) for row in rows]
    if wrong := [(first, row) for first, row in pairs if files[first].label != files[row].label]:
        first, row = wrong[0]
        yield f"{_count(len(wrong), 'picture')} in two classes at once: {files[first].name} and {files[row].name} are equal."


def _in_train_and_test(
    files: Sequence[PictureFile], digests: Sequence[bytes | str], train: Sequence[int], test: Sequence[int]
) -> Iterator[str]:
    """A note about test pictures that are also training pictures, if there are any."""
    learned = {digests[row]: row for row in reversed(train)}
    if seen := [row for row in test if digests[row] in learned]:
        example = f"{files[seen[0]].name} and {files[learned[digests[seen[0]]]].name} are equal"
        yield f"{_count(len(seen), 'test picture')} also among the training pictures: {example}."


def _count(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number:,} {what}s are"


def _reorder(images: np.ndarray, order: Sequence[int]) -> None:
    """Reorder rows in place: row i becomes what row order[i] was. Each cycle of rows needs memory for one more row."""
    left = list(order)
    for start in range(len(left)):
        if left[start] in (start, -1):
            continue
        saved, row = images[start].copy(), start
        while (source := left[row]) != start:
            images[row] = images[source]
            left[row], row = -1, source
        images[row] = saved
        left[row] = -1
