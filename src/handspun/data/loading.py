"""From a name or a path to a data set: registered data sets by name, everything else by the content of the files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from handspun.data.cache import cache_folder, content_sha256, load_cached, missing_files, verify
from handspun.data.cifar import CIFAR10_ARCHIVE, holds_cifar_files, read_cifar_archive, read_cifar_folder
from handspun.data.dataset import Dataset, Split
from handspun.data.download import fetch_missing
from handspun.data.folder import PictureOptions, read_picture_folder
from handspun.data.folder_scan import scan_folder
from handspun.data.idx import STANDARD_NAMES, find_idx, read_idx_folder
from handspun.data.numpy_files import read_numpy_dataset
from handspun.data.progress import Report
from handspun.data.registry import REGISTRY, Entry, find_entry, identify
from handspun.data.streams import find_data, read_start
from handspun.data.tables import find_table, read_table_dataset
from handspun.data.tar import is_tar
from handspun.errors import DataError, UsageError, unknown_name
from handspun.files.archive import read_arrays
from handspun.pictures.contract import AnyContract, Contract


def load_dataset(
    name_or_path: str | os.PathLike[str],
    *,
    fetch: bool = True,
    progress: Report | bool | None = None,
    size: tuple[int, int] | int | None = None,
    fit: str | None = None,
    mode: str | None = None,
    contract: AnyContract | None = None,
) -> Dataset:
    """Load a data set.

    Args:
        name_or_path: a name of ``dataset_names()``; or the path of a NumPy archive (.npz), a CSV file (.csv, .csv.gz),
            CIFAR-10's archive (.tar.gz), a folder with MNIST's four IDX files, with CIFAR-10's six ``.bin`` files, or with
            ``train.csv`` and perhaps ``test.csv``; or a folder of pictures (PNG, JPEG, BMP, GIF, WebP, TIFF, …), one folder per
            class, perhaps below ``train`` and ``test``. A CSV file has one square picture per row: perhaps its label, a whole
            number, then its pixels, whole numbers from 0 to 255. For other tables, use ``numpy.loadtxt`` and give ``fit`` a
            pair of arrays.
        fetch: whether missing files may be downloaded into the cache folder.
        progress: where to report downloaded bytes or decoded pictures; see ``reporter``.
        size: for a folder of pictures: the size to scale to, (height, width) or one number for both; by default the most common
            size of the training pictures.
        fit: for a folder of pictures: "resize" (the default) or "pad", which keeps the proportions.
        mode: for a folder of pictures: "grey" or "rgb", by default grey if all of them are; or "strokes", for symbols drawn
            anywhere on a sheet, which become light on black, cropped and centred, like MNIST's digits (``Contract``).
        contract: for a folder of pictures: the contract to convert to, in place of size, fit and mode.

    Returns:
        The data set; images are uint8, or floats if an archive holds floats. Its ``notes`` say what the user should know about
        the pictures of a folder.

    Raises:
        UsageError: there is no data set of this name; or ``size``, ``fit`` or ``mode`` is invalid, or given for anything but a
            folder of pictures, or together with a contract.
        DataError: the files are missing (and may not be downloaded), damaged, or not a data set.
        DownloadError: the files cannot be downloaded.
        MissingExtraError: the package that downloads files or decodes pictures is not installed.
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        kind = type(name_or_path).__name__
        raise UsageError(f"load_dataset takes a name or a path, not {kind}; arrays make a Split(images, labels).")
    if contract is not None and (size, fit, mode) != (None, None, None):
        raise UsageError("A contract determines size, fit and mode: give the contract or these, not both.")
    options = contract or _options(size, fit, mode)
    misplaced = UsageError(f"size, fit and mode are for folders of pictures; {name_or_path} is not one.")
    given = (size, fit, mode) != (None, None, None)
    if given and name_or_path in REGISTRY:  # before anything is downloaded
        raise misplaced
    dataset = _load_arrays(name_or_path, fetch, progress)
    if dataset is None:
        return _load_pictures(Path(name_or_path).expanduser(), options, progress)
    if given:
        raise misplaced
    return dataset


def _options(size: tuple[int, int] | int | None, fit: str | None, mode: str | None) -> PictureOptions | Contract:
    """What pictures are converted to."""
    if mode != "strokes":
        return PictureOptions(size, fit or "resize", mode)
    if fit is not None:
        raise UsageError("Strokes are always cropped, scaled and centred: fit is for other pictures.")
    usual = Contract()
    sides = set(size) if isinstance(size, tuple) else {size or usual.side}
    if len(sides) > 1:
        raise UsageError(f"Strokes are centred in a square: give one number for size, not {size}.")
    (side,) = sides
    return Contract(side, max(round(side * usual.box / usual.side), 1))


def is_picture_folder(name_or_path: str | os.PathLike[str]) -> bool:
    """Whether this is a folder that ``load_dataset`` would read as pictures."""
    if name_or_path in REGISTRY:
        return False
    path = Path(name_or_path).expanduser()
    try:
        return path.is_dir() and _reader_of(path) is None
    except (OSError, ValueError):
        return False


def _load_arrays(name_or_path: str | os.PathLike[str], fetch: bool, progress: Report | bool | None) -> Dataset | None:
    """Load anything but a folder of pictures; None for such a folder."""
    name = name_or_path if isinstance(name_or_path, str) else None
    if name in REGISTRY:
        return _load_entry(REGISTRY[name], fetch, progress)
    path = Path(name_or_path).expanduser()
    try:
        exists = path.exists()
    except (OSError, ValueError) as fault:
        raise DataError(f"Cannot read {path}: {fault}.") from fault
    if not exists:
        if name is not None and not any(sign in name for sign in ("/", os.sep, ".", "~")):
            raise UsageError(f"{unknown_name('dataset', name, REGISTRY)} There is no folder {name} here either.")
        raise DataError(f"No such file: {path}")
    if not path.is_dir():
        return _load_file(path)
    reader = _reader_of(path)
    return reader(path) if reader else None


def fetch(
    name: str,
    *,
    mirrors: Sequence[str] | None = None,
    timeout: float = 20.0,
    progress: Report | bool | None = None,
) -> Path:
    """Download the missing files of a data set, verify the others, and return its folder or file.

    Raises:
        UsageError: there is no data set of this name.
        DataError: a file in the cache folder is damaged, or belongs to another data set.
        DownloadError, OutputError, MissingExtraError: see ``fetch_missing``.
    """
    entry = find_entry(name)
    if entry.embedded:
        return _embedded_path(entry)
    folder = cache_folder() / entry.name
    fetched = fetch_missing(entry, folder, mirrors=mirrors, timeout=timeout, progress=progress)
    for file in entry.files:
        path = entry.format.find(folder, file.stem)
        if path is not None and path not in fetched:
            verify(entry, file, path)
    return folder


def describe(name: str) -> dict:
    """Describe a data set and the state of its files, which are read and hashed for this.

    Returns:
        A dictionary for JSON: name, description, image_shape, classes, train_count, test_count, source, license, size (bytes on
        disk), state, and files, each with name, path (None if missing), size, state and fault. States are "embedded",
        "verified", "unverified" (unpacked by hand, and only the packed file has a known hash), "missing" and "damaged"; the
        state of the data set is the worst of its files' states.

    Raises:
        UsageError: there is no data set of this name.
    """
    entry = find_entry(name)
    if entry.embedded:
        path = _embedded_path(entry)
        files = [_describe_file(path.name, path, lambda _: _load_embedded(entry) and "embedded")]
    else:
        paths = [entry.format.find(cache_folder() / entry.name, file.stem) for file in entry.files]
        files = [_describe_file(f.name, path, partial(verify, entry, f)) for f, path in zip(entry.files, paths, strict=True)]
    states = ("embedded", "verified", "unverified", "missing", "damaged")
    names = ("name", "description", "image_shape", "classes", "train_count", "test_count", "source", "license")
    described = {name: getattr(entry, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in described.items()} | {
        "size": sum(file["size"] for file in files),
        "state": max((file["state"] for file in files), key=states.index),
        "files": files,
    }


def _load_entry(entry: Entry, may_fetch: bool, progress: Report | bool | None) -> Dataset:
    if entry.embedded:
        return _load_embedded(entry)
    folder = cache_folder() / entry.name
    if missing := missing_files(entry, folder):
        if not may_fetch:
            names = ", ".join(file.name for file in missing)
            raise DataError(f"{entry.name} is not in {folder}: {names} missing. Download it first.")
        fetch_missing(entry, folder, progress=progress)
    return load_cached(entry, folder)


def _load_embedded(entry: Entry) -> Dataset:
    path = _embedded_path(entry)
    arrays = read_arrays(path, names=("x_train", "y_train", "x_test", "y_test"))
    train, test = Split(arrays["x_train"], arrays["y_train"]), Split(arrays["x_test"], arrays["y_test"])
    if (train.content_hash, test.content_hash) != entry.content:
        raise DataError(f"{path} is not the file that was published with handspun; install handspun again.")
    return Dataset(entry.name, train, test, entry.classes, entry.source, entry.license, contract=entry.contract)


def _embedded_path(entry: Entry) -> Path:
    return Path(__file__).with_name(str(entry.embedded))


def _reader_of(path: Path) -> Callable[[Path], Dataset] | None:
    """The function that reads a folder; None if it can only be a folder of pictures."""
    images_name, labels_name = STANDARD_NAMES["train"]
    if find_idx(path, labels_name) or find_idx(path, images_name):
        return _load_idx_folder
    if find_table(path, "train"):
        return read_table_dataset
    if archive := find_data(path, CIFAR10_ARCHIVE.removesuffix(".gz")):
        return lambda _: read_cifar_archive(archive)
    return read_cifar_folder if holds_cifar_files(path) else None


def _load_idx_folder(path: Path) -> Dataset:
    dataset = read_idx_folder(path)
    # The files of Fashion-MNIST and MNIST have the same names; known labels tell the names of the classes.
    labels_name = STANDARD_NAMES["train"][1]
    labels_path = find_idx(path, labels_name)
    known = identify(content_sha256(labels_path, 2**20)) if labels_path else None
    if known and known[1].stem == labels_name:
        dataset = dataclasses.replace(dataset, classes=known[0].classes)
    return dataset


def _load_pictures(path: Path, options: PictureOptions | AnyContract, progress: Report | bool | None) -> Dataset:
    scan = scan_folder(path)
    if not scan.train:
        images_name, labels_name = STANDARD_NAMES["train"]
        raise DataError(
            f"{path} holds no dataset: expected a folder of pictures for each class, {images_name} and {labels_name} "
            "(plain or .gz), data_batch_1.bin and the other files of CIFAR-10, or train.csv."
        )
    return read_picture_folder(scan, options, progress=progress)


def _load_file(path: Path) -> Dataset:
    start = read_start(path, 512)
    if path.suffix == ".npz" or start.startswith(b"PK\3\4"):
        return read_numpy_dataset(path)
    if path.suffix == ".npy" or start.startswith(b"\x93NUMPY"):
        raise DataError(f"{path} holds one array; a dataset needs images and labels in one archive (.npz).")
    if is_tar(start):
        return read_cifar_archive(path)
    if start.startswith(b"\0\0"):
        raise DataError(f"{path} is one IDX file; give the folder that holds the images and the labels.")
    return read_table_dataset(path)


def _describe_file(name: str, path: Path | None, check: Callable[[Path], Any]) -> dict:
    """The state of one file; ``check`` returns it or raises a DataError."""
    described = {"name": name, "path": None, "size": 0, "state": "missing", "fault": None}
    if path is None:
        return described
    described |= {"path": str(path), "size": path.stat().st_size}
    try:
        return described | {"state": check(path)}
    except DataError as fault:
        return described | {"state": "damaged", "fault": str(fault)}
