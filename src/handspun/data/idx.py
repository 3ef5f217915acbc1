"""IDX, the format of MNIST: a magic number, the shape, then the values, perhaps gzipped.

The magic number is two zero bytes, a code for the type and the number of dimensions. Each dimension follows in 4 bytes,
big-endian like the values. Source: http://yann.lecun.com/exdb/mnist/, "The IDX file format".
"""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path

import numpy as np

from handspun.checks import plain_array
from handspun.data.dataset import Dataset, Split, numbered_classes
from handspun.data.streams import find_data, open_data
from handspun.errors import DataError, UsageError
from handspun.files.archive import LIMIT_BYTES, MAX_DEFLATE_RATIO, as_native, read_into
from handspun.files.writing import replacing

#: MNIST's names of the files of each split, images and labels; many data sets use them too.
STANDARD_NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str], *, limit_bytes: int = LIMIT_BYTES) -> np.ndarray:
    """Read an IDX file, plain or gzipped, into an array in the machine's byte order.

    Raises:
        DataError: the file is missing, not IDX, truncated or damaged, continues after its last value, or claims more than
            ``limit_bytes``.
    """
    return read_idx_and_hash(path, limit_bytes=limit_bytes)[0]


def read_idx_and_hash(path: str | os.PathLike[str], *, limit_bytes: int = LIMIT_BYTES) -> tuple[np.ndarray, str]:
    """The array of an IDX file, as ``read_idx``, and the SHA-256 (hex) of its decompressed content."""
    with open_data(path) as (stream, file_size, gzipped):
        magic = stream.read(4)
        if not magic:
            raise DataError(f"{path} is empty; an IDX file was expected.")
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or not 1 <= magic[3] <= 8:
            raise DataError(f"{path} is not an IDX file: it begins with the bytes {magic.hex(' ')}.")
        dtype = np.dtype(_DTYPES[magic[2]])
        sizes = stream.read(4 * magic[3])
        if len(sizes) < 4 * magic[3]:
            raise DataError(f"{path} is cut off: it ends within its header.")
        shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
        header_size = 4 + len(sizes)
        nbytes = math.prod(shape) * dtype.itemsize
        # Count 0 as 1: NumPy refuses absurd shapes even of empty arrays.
        if math.prod(max(n, 1) for n in shape) * dtype.itemsize > limit_bytes:
            raise DataError(f"{path} claims the shape {shape}: more than the {limit_bytes} bytes allowed.")
        # Checked before memory is allocated: a small file may claim any shape.
        room = file_size * MAX_DEFLATE_RATIO if gzipped else file_size - header_size
        if nbytes > room:
            raise DataError(
                f"{path} is cut off or damaged: it claims the shape {shape}, {nbytes} bytes, "
                f"but holds {'at most ' if gzipped else ''}{room}."
            )
        flat = np.empty(nbytes, np.uint8)
        if (end := read_into(stream, flat)) < nbytes:
            raise DataError(f"{path} is cut off: it ends after {end} of the {nbytes} bytes that it claims.")
        if stream.read(1):
            raise DataError(f"{path} continues after the {nbytes} bytes of its shape {shape}.")
    digest = hashlib.sha256(magic + sizes)
    digest.update(flat.data)
    return as_native(flat, dtype).reshape(shape), digest.hexdigest()


def write_idx(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write an IDX file, gzipped if the name ends in ``.gz``; equal arrays make equal files.

    Raises UsageError for an array that IDX cannot hold, OutputError if the file cannot be written.
    """
    array = plain_array("write_idx", array)
    codes = {np.dtype(dtype).newbyteorder("="): code for code, dtype in _DTYPES.items()}
    code = codes.get(array.dtype.newbyteorder("="))
    if code is None or not 1 <= array.ndim <= 8:
        raise UsageError(
            f"IDX cannot hold an array {array.dtype} {array.shape}; it needs 1 to 8 dimensions of uint8, int8, int16, int32, "
            "float32 or float64."
        )
    content = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content += array.astype(_DTYPES[code]).tobytes()
    if Path(path).suffix == ".gz":
        import gzip

        content = gzip.compress(content, mtime=0)
    with replacing(path) as file:
        file.write(content)


def join_idx(images: np.ndarray, labels: np.ndarray, images_path: Path, labels_path: Path) -> Split:
    """Combine the arrays of two IDX files into a split. Raises DataError if one is of the wrong kind or they do not match."""
    if labels.ndim != 1 or labels.dtype.kind == "f":
        what = "images" if labels.ndim in (3, 4) else "something else"
        raise DataError(f"{labels_path} holds {what} {labels.shape} where labels were expected.")
    if images.ndim not in (3, 4) or images.dtype != np.uint8:
        what = "labels" if images.ndim == 1 else f"{images.dtype}"
        raise DataError(f"{images_path} holds {what} {images.shape} where images (N, H, W) uint8 were expected.")
    if len(images) != len(labels):
        raise DataError(f"{images_path} holds {len(images)} images, but {labels_path.name} {len(labels)} labels.")
    try:
        return Split(images, labels)
    except DataError as fault:
        raise DataError(f"{images_path} and {labels_path.name}: {fault}") from fault


def find_idx(folder: Path, stem: str) -> Path | None:
    """The file ``stem`` in ``folder``, gzipped or plain. Some publish it with a dot in place of the second dash."""
    return find_data(folder, stem) or find_data(folder, stem.replace("-idx", ".idx"))


def read_idx_folder(folder: Path) -> Dataset:
    """Read a folder with the files of ``STANDARD_NAMES``, or those of the training split. Raises DataError for others."""
    splits: dict[str, Split | None] = {}
    for part, (images_name, labels_name) in STANDARD_NAMES.items():
        images_path, labels_path = find_idx(folder, images_name), find_idx(folder, labels_name)
        if images_path is None and labels_path is None and part == "test":
            splits[part] = None
            continue
        if images_path is None or labels_path is None:
            missing = images_name if images_path is None else labels_name
            raise DataError(f"{folder} lacks the file {missing} (or {missing}.gz).")
        splits[part] = join_idx(read_idx(images_path), read_idx(labels_path), images_path, labels_path)
    train, test = splits["train"], splits["test"]
    assert train is not None
    return Dataset(folder.name, train, test, numbered_classes(train, test), str(folder), "unknown")
