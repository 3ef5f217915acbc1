"""CSV files with one image per line: perhaps a label, then the pixels, row by row, from 0 to 255.

Kaggle publishes MNIST like this ("Digit Recognizer": ``train.csv`` with the header ``label,pixel0,…,pixel783``, ``test.csv``
without labels); others omit the header. Text is parsed chunk by chunk with whole-array operations. A chunk with anything but
short whole numbers is parsed cell by cell, which is slow, but reads floats and quotes, and can say which cell is wrong.
"""

from __future__ import annotations

import codecs
import math
import os
import re
from pathlib import Path

import numpy as np

from handspun.data.dataset import Dataset, Split, numbered_classes
from handspun.data.streams import open_data
from handspun.errors import DataError
from handspun.files.archive import CHUNK_BYTES, LIMIT_BYTES

_MAX_LINE = 2**20  # bytes; a line of 784 pixels has at most 3,140
_OTHER_TABLES = "For tables of anything but pictures, use numpy.loadtxt and fit(network, (x, y))."

_LABEL_NAMES = {"label", "labels", "class", "target", "y"}
_NUMBER = re.compile(rb"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_TRAIN_NAMES = ("train.csv", "train.csv.gz", "mnist_train.csv", "mnist_train.csv.gz")
_TEST_NAMES = ("test.csv", "test.csv.gz", "mnist_test.csv", "mnist_test.csv.gz")


def read_table(path: str | os.PathLike[str], *, limit_bytes: int = LIMIT_BYTES) -> Split:
    """Read a CSV file, plain or gzipped, of square grey images.

    Returns:
        Images (N, H, H) uint8, with labels (N,) uint8 if the first column holds them: the header says so or, without
        a header, the number of columns.

    Raises:
        DataError: the file is missing, truncated or damaged; a line has too few or too many cells; a cell is not a whole number
            from 0 to 255; or the images need more than ``limit_bytes``.
    """
    with open_data(path) as (stream, _, _):
        start = stream.readline(_MAX_LINE)
        if not start:
            raise DataError(f"{path} is empty; expected a CSV file.")
        columns, has_header = _split_first_line(path, start)
        labelled = _is_labelled(path, columns, has_header)
        side = math.isqrt(len(columns) - labelled)
        rows = _Rows(path, len(columns), labelled, limit_bytes)
        line = 1
        if has_header:
            start, line = b"", 2
            rows.names = columns
        else:
            start = start.removeprefix(codecs.BOM_UTF8)
        while chunk := stream.read(CHUNK_BYTES):
            text = start + chunk
            whole = text.rfind(b"\n") + 1
            if len(text) - whole > _MAX_LINE:
                line += text.count(b"\n")
                raise DataError(f"{path}, line {line}: longer than {_MAX_LINE} bytes.")
            rows.parse(text[:whole], line)
            line += text.count(b"\n")
            start = text[whole:]
        if start:
            rows.parse(start if start.endswith(b"\n") else start + b"\n", line)
    pixels, labels = rows.finish()
    if not len(pixels):
        raise DataError(f"{path} holds no images{': it ends after its header' if has_header else ''}.")
    return Split(pixels.reshape(-1, side, side), labels)


def find_table(folder: Path, part: str) -> Path | None:
    """The CSV file of the "train" or "test" part in ``folder``; None if there is none."""
    names = _TRAIN_NAMES if part == "train" else _TEST_NAMES
    return next((folder / name for name in names if (folder / name).exists()), None)


def read_table_dataset(path: Path) -> Dataset:
    """Read a CSV file with labels as a training split, or a folder with ``train.csv`` and perhaps ``test.csv``."""
    train_path = find_table(path, "train") if path.is_dir() else path
    if train_path is None:
        raise DataError(f"{path} lacks the file train.csv.")
    test_path = find_table(path, "test") if path.is_dir() else None
    train = read_table(train_path)
    if train.labels is None:
        raise DataError(f"{train_path} has no column of labels; the first column should be called label.")
    test = read_table(test_path) if test_path else None
    return Dataset(path.name, train, test, numbered_classes(train), str(path), "unknown")


def _split_first_line(path: str | os.PathLike[str], line: bytes) -> tuple[list[str], bool]:
    """The cells of the first line, and whether they are column names."""
    if b"\0" in line:
        raise DataError(f"{path} is not a CSV file: it holds zero bytes (or it is UTF-16; save it as UTF-8).")
    if not line.endswith(b"\n") and len(line) == _MAX_LINE:
        raise DataError(f"{path}, line 1: longer than {_MAX_LINE} bytes.")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}, line 1: not UTF-8 text; expected a CSV file.") from None
    cells = [cell.strip().strip('"') for cell in text.rstrip("\r\n").split(",")]
    return cells, not all(_NUMBER.fullmatch(cell.encode()) for cell in cells)


def _is_labelled(path: str | os.PathLike[str], columns: list[str], has_header: bool) -> bool:
    """Whether the first column holds labels. Raises DataError unless the others form a square."""
    count, names = len(columns), [name.lower() for name in columns]
    labelled = names[0] in _LABEL_NAMES if has_header else _is_square(count - 1)
    if has_header and not labelled and not _LABEL_NAMES.isdisjoint(names):
        raise DataError(f"{path}: the column of labels must come first.")
    if count < 2 or not _is_square(count - labelled):
        first = f' (the first column is called "{columns[0][:40]}")' if has_header else ""
        raise DataError(
            f"{path}: {count - labelled} columns of pixels do not form a square{first}; expected 784 for 28 x 28, separated by "
            f"commas, perhaps after a column called label. {_OTHER_TABLES}"
        )
    return labelled


def _is_square(count: int) -> bool:
    return count > 0 and math.isqrt(count) ** 2 == count


class _Rows:
    """Collects rows in arrays that grow in place."""

    def __init__(self, path: str | os.PathLike[str], columns: int, labelled: bool, limit_bytes: int) -> None:
        self.names: list[str] = []
        self._path, self._columns, self._labelled = path, columns, labelled
        self._limit = limit_bytes // columns
        self._count = 0
        self._ended_on_line = 0
        self._pixels = np.empty((0, columns - labelled), np.uint8)  # (capacity, H*H) uint8
        self._labels = np.empty(0, np.uint8)  # (capacity,) uint8

    def parse(self, text: bytes, line: int) -> None:
        """Add the rows of ``text``, which consists of whole lines and begins with line number ``line``."""
        if not text:
            return
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        if self._ended_on_line:
            if text.strip():
                raise DataError(f"{self._path}, line {self._ended_on_line}: it is empty.")
            return
        values = _parse_plain(text, self._columns)
        if values is None:
            values = self._parse_cells(text, line)
        end = self._count + len(values)
        if end > self._limit:
            raise DataError(f"{self._path}: more than {self._limit} images, the limit.")
        if end > len(self._pixels):
            capacity = max(end, len(self._pixels) * 5 // 4)
            # In place: the memory grows at its end and no row is copied. Nobody else holds a view of it.
            self._pixels.resize((capacity, self._pixels.shape[1]), refcheck=False)
            self._labels.resize(capacity, refcheck=False)
        self._pixels[self._count : end] = values[:, self._labelled :]
        if self._labelled:
            self._labels[self._count : end] = values[:, 0]
        self._count = end

    def finish(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All pixels (N, H*H) and labels (N,), in arrays of exactly this size."""
        self._pixels.resize((self._count, self._pixels.shape[1]), refcheck=False)
        self._labels.resize(self._count, refcheck=False)
        return self._pixels, self._labels if self._labelled else None

    def _parse_cells(self, text: bytes, first_line: int) -> np.ndarray:
        """The values (rows, columns) of a text that ``_parse_plain`` cannot read; a DataError if it is invalid."""
        lines = text[:-1].split(b"\n")
        rows: list[bytes] = []
        for number, line in enumerate(lines, first_line):
            if not line.strip():
                self._ended_on_line = self._ended_on_line or number
                continue
            if self._ended_on_line:
                raise DataError(f"{self._path}, line {self._ended_on_line}: it is empty.")
            cells = line.split(b",")
            if len(cells) != self._columns:
                raise DataError(f"{self._path}, line {number}: {len(cells)} cells, expected {self._columns}.")
            rows.append(bytes(self._value(cell, number, column) for column, cell in enumerate(cells)))
        return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, self._columns)

    def _value(self, cell: bytes, line: int, column: int) -> int:
        """The number in one cell."""
        text = cell.strip()
        if text[:1] == text[-1:] == b'"':
            text = text[1:-1].strip()
        if _NUMBER.fullmatch(text):
            value = float(text)
            if value.is_integer() and 0 <= value <= 255:
                return int(value)
        name = f' ("{self.names[column][:40]}")' if self.names else ""
        shown = f"{text[:20].decode('utf-8', 'backslashreplace')!r} is not a whole number from 0 to 255"
        fault = shown if text else "the cell is empty"
        raise DataError(f"{self._path}, line {line}, column {column + 1}{name}: {fault}.")


def _parse_plain(text: bytes, columns: int) -> np.ndarray | None:
    """The values (rows, columns) of lines of whole numbers from 0 to 255 and commas; None for any other text.

    Each separator looks back: the byte before it is the ones digit of a number; if the number is long enough, the bytes before
    that are tens and hundreds.
    """
    padded = np.frombuffer(b"\n\n\n" + text, np.uint8)  # (3 + B,) so that the first separator can look back
    digits = padded - np.uint8(ord("0"))  # (3 + B,) uint8, above 9 for anything but a digit
    ends = np.flatnonzero(digits[3:] > 9)  # (V,) where each value ends in the text
    if ends.size == 0 or ends.size % columns:
        return None
    separators = padded[3:][ends].reshape(-1, columns)
    if (separators[:, :-1] != ord(",")).any() or (separators[:, -1] != ord("\n")).any():
        return None
    lengths = np.diff(ends, prepend=-1) - 1  # (V,)
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    values = digits[2:][ends].astype(np.uint16)  # (V,)
    values += digits[1:][ends] * ((lengths > 1) * np.uint16(10))
    values += digits[ends] * ((lengths > 2) * np.uint16(100))
    return None if values.max() > 255 else values.astype(np.uint8).reshape(-1, columns)
