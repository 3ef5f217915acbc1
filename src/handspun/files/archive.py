"""NumPy archives (``.npz``): named arrays, each a ``.npy`` file, in one zip. Data sets and models are stored in them.

A file from outside is treated as data only. Nothing is unpickled, each array's header is checked before memory is allocated for
it, and no member may decompress to more or less than it declares. A file that breaks a rule raises one error that names the
file, the member and the fault.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.lib import format as npy

from handspun.errors import DataError, HandspunError, UsageError
from handspun.files.writing import replacing

if TYPE_CHECKING:
    from zipfile import ZipFile

#: The most memory that the arrays of one file may take, unless the caller sets another limit.
LIMIT_BYTES = 2 * 2**30

#: Deflate cannot compress further (258 bytes to 2 bits): a file that claims more does not hold it.
MAX_DEFLATE_RATIO = 1032

#: What errors call a file that has no path.
NAMELESS = "The file"

#: How many bytes are decompressed at once.
CHUNK_BYTES = 2**18

_MAX_MEMBERS = 4096
_MAX_READ = 2**20  # bytes read at once; limits the table of contents
_MAX_HEADER = 2000  # bytes; NumPy's own headers have 128
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/ -]{0,199}")
_HEADER_TEXT = re.compile(rb"[A-Za-z0-9_\s{}()\[\],:'\"<>|=+-]*")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip file; with it, equal arrays always make equal files
_END_RECORD = struct.Struct("<4s4H2LH")  # signature, 2 disk numbers, members here, in all, size, offset, comment length

ErrorClass = type[HandspunError]


def open_regular(path: str | os.PathLike[str], *, error: ErrorClass = DataError) -> io.BufferedReader:
    """Open an ordinary file for reading in binary. Raises ``error`` if it is missing, unreadable, a folder or a device."""
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise error(f"{path} is a folder; a file was expected.")
        if not stat.S_ISREG(mode):
            raise error(f"{path} is not an ordinary file.")
        return Path(path).open("rb")
    except FileNotFoundError:
        raise error(f"No such file: {path}") from None
    except (OSError, ValueError) as fault:
        raise error(f"Cannot read {path}: {getattr(fault, 'strerror', None) or fault}.") from fault


def read_arrays(
    path: str | os.PathLike[str] | io.BytesIO,
    *,
    limit_bytes: int = LIMIT_BYTES,
    names: Iterable[str] | None = None,
    error: ErrorClass = DataError,
) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file in its order: in the memory order of the file and the machine's byte order,
    writeable.

    Args:
        path: the file, or its content.
        limit_bytes: the most memory that the arrays may take together.
        names: which arrays to read; ``None`` for all of them.
        error: the class of error that a faulty file raises.

    Raises:
        error: the file is missing, truncated, damaged or hostile, holds objects, or lacks one of ``names``.
    """
    import zipfile

    with _opened(path, error) as (file, name):
        try:
            with zipfile.ZipFile(cast(IO[bytes], _ShyReader(file)), "r") as archive:
                _check_count(name, file, len(archive.infolist()), error)
                return _read_members(name, archive, limit_bytes, names, error)
        except _TooMuchAtOnceError:
            raise error(f"{name}: its table of contents is larger than any archive of arrays needs.") from None
        except zipfile.BadZipFile as fault:
            raise error(f"{name} is not a whole NumPy archive (.npz): {_lower(fault)}.") from fault


def read_array(
    path: str | os.PathLike[str] | io.BytesIO, *, limit_bytes: int = LIMIT_BYTES, error: ErrorClass = DataError
) -> np.ndarray:
    """Read the array of a ``.npy`` file, given its path or its content. Raises ``error`` as ``read_arrays`` does."""
    with _opened(path, error) as (file, name):
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        return _read_npy(name, file, size, limit_bytes, error)


def write_arrays(path: str | os.PathLike[str] | io.BytesIO, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """Write an ``.npz`` file for ``read_arrays`` or ``numpy.load``; a path is written atomically.

    No time is stored, so with one version of zlib the same arrays in the same order give the same bytes.

    Raises:
        UsageError: the reader would refuse a name or an array, or there are too many arrays.
        OutputError: the file cannot be written.
    """
    import zipfile

    members = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    if len(members) > _MAX_MEMBERS:
        raise UsageError(f"{len(members)} arrays are too many for one archive; at most {_MAX_MEMBERS} fit.")
    for name, array in members.items():
        if fault := _name_fault(name):
            raise UsageError(f'An array cannot be called "{name}": {fault}.')
        if fault := _dtype_fault(array.dtype):
            raise UsageError(f'The array "{name}" cannot be written: {fault}.')
    opened = nullcontext(path) if isinstance(path, io.BytesIO) else replacing(path)
    with opened as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in members.items():
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            info.create_system, info.external_attr = 3, 0o644 << 16  # the same on every platform
            with archive.open(info, "w", force_zip64=array.nbytes >= 2**31 - 2**20) as member:
                npy.write_array(member, array, version=(1, 0), allow_pickle=False)


@contextmanager
def _opened(path: str | os.PathLike[str] | io.BytesIO, error: ErrorClass) -> Iterator[tuple[io.BufferedIOBase, str]]:
    """The open file, and its name for errors. Whatever a damaged file raises within the block becomes an ``error``."""
    named = not isinstance(path, io.BytesIO)
    name = str(path) if named else NAMELESS
    with open_regular(path, error=error) if named else nullcontext(path) as file, _damage(name, error):
        yield file, name


@contextmanager
def _damage(where: str, error: ErrorClass) -> Iterator[None]:
    """Turn what zipfile, zlib and file objects raise for damaged files, in addition to BadZipFile, into an ``error``."""
    try:
        yield
    except HandspunError:
        raise
    except (OSError, EOFError, zlib.error, struct.error, ValueError, LookupError, OverflowError, RuntimeError) as fault:
        raise error(f"{where} is damaged: {_lower(fault)}.") from fault


class _TooMuchAtOnceError(Exception):
    """A single read of more bytes than a valid archive needs."""


class _ShyReader:
    """A file that refuses large single reads: zipfile would read a table of contents of any declared size."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1, /) -> bytes:
        if size > _MAX_READ:
            raise _TooMuchAtOnceError
        return self._file.read(size)


def _check_count(path: str, file: io.BufferedIOBase, found: int, error: ErrorClass) -> None:
    """Refuse an archive whose end record declares another number of members: a damaged entry can hide those after it."""
    file.seek(-_END_RECORD.size, os.SEEK_END)
    signature, _, _, _, declared, _, _, _ = _END_RECORD.unpack(file.read(_END_RECORD.size))
    # An archive with a comment has the record elsewhere, and one with more than 65,534 members has another record.
    if signature == b"PK\5\6" and declared not in (found, 0xFFFF):
        raise error(f"{path} is damaged: it should hold {declared} members, but {found} were found.")


def _read_members(
    path: str, archive: ZipFile, limit_bytes: int, names: Iterable[str] | None, error: ErrorClass
) -> dict[str, np.ndarray]:
    """Check the members of an open archive, and read the wanted ones."""
    from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile

    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise error(f"{path}: {len(members)} members are too many; at most {_MAX_MEMBERS} are read.")
    found = {}
    for info in members:
        name = info.filename.removesuffix(".npy")
        where = f'{path}, member "{_shown(info.filename)}"'
        if name == info.filename:
            raise error(f"{where}: not an array; the names of arrays end in .npy.")
        if fault := _name_fault(name):
            raise error(f"{where}: {fault}.")
        if name in found:
            raise error(f"{where}: there are two members with this name.")
        found[name] = info
    wanted = list(found) if names is None else list(names)
    for name in wanted:
        if name not in found:
            raise error(f'{path} has no array "{name}"; it holds {_shown(", ".join(found), 200) or "none"}.')

    arrays, left = {}, limit_bytes
    for name in wanted:
        info = found[name]
        where = f'{path}, member "{info.filename}"'
        if info.flag_bits & 0x1:
            raise error(f"{where}: it is encrypted.")
        # No LZMA and bzip2: zipfile cannot limit what they decompress to.
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise error(f"{where}: compression method {info.compress_type}; expected deflate or none.")
        declared = info.file_size
        if declared > max(info.compress_size, 1) * MAX_DEFLATE_RATIO:
            raise error(f"{where}: claims {declared} bytes, more than {info.compress_size} can decompress to.")
        # Ask for one byte more than declared, to notice a member that is longer.
        info.file_size = declared + 1
        try:
            with _damage(where, error), archive.open(info) as stream:
                array = _read_npy(where, cast(io.BufferedIOBase, stream), declared, left, error)
        except BadZipFile as fault:
            raise error(f"{where} is damaged: {_lower(fault)}.") from fault
        arrays[name] = array
        left -= array.nbytes
    return arrays


def _read_npy(where: str, stream: io.BufferedIOBase, size: int, limit_bytes: int, error: ErrorClass) -> np.ndarray:
    """Read one ``.npy`` file of ``size`` bytes from a stream that holds nothing else."""
    head = _read_up_to(stream, min(size, _MAX_HEADER + 12))
    shape, fortran_order, dtype, start = _parse_header(where, head, error)
    if fault := _dtype_fault(dtype):
        raise error(f"{where}: {fault}.")
    if len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
        raise error(f"{where}: {_shown(shape)} is not the shape of an array.")
    # Count 0 as 1: NumPy refuses absurd shapes even of empty arrays.
    if math.prod(max(n, 1) for n in shape) * max(dtype.itemsize, 1) > max(limit_bytes, 0):
        raise error(f"{where}: {dtype} {_shown(shape)} is more than the {limit_bytes} bytes allowed.")
    nbytes = math.prod(shape) * dtype.itemsize
    if start + nbytes != size:
        raise error(
            f"{where}: {dtype} {_shown(shape)} takes {nbytes} bytes, but {size - start} follow the header; "
            "it is cut or damaged."
        )
    flat = np.empty(nbytes, np.uint8)  # (nbytes,) uint8
    position = min(len(head) - start, nbytes)
    flat[:position] = np.frombuffer(head, np.uint8)[start : start + position]
    position = read_into(stream, flat, position)
    if position < nbytes:
        raise error(f"{where}: it ends after {start + position} of {size} bytes.")
    if stream.read(1):
        raise error(f"{where}: it continues after the {size} bytes that it declares.")
    if dtype.kind == "b" and nbytes and flat.max() > 1:
        raise error(f"{where}: it holds bytes other than 0 and 1, but is declared as bool.")
    array = as_native(flat, dtype) if nbytes else np.empty(math.prod(shape), dtype.newbyteorder("="))
    if dtype.kind == "U" and nbytes and not _is_text(array):
        raise error(f"{where}: it holds text that is not Unicode.")
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


def read_into(stream: io.BufferedIOBase, flat: np.ndarray, position: int = 0) -> int:
    """Fill an array (n,) uint8 from ``position`` on with bytes of a stream; returns where the stream ended, n at most."""
    view = flat.data
    while position < len(flat) and (got := stream.readinto(view[position : position + CHUNK_BYTES])):
        position += got
    return position


def as_native(flat: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values of type ``dtype`` in the bytes (n,) uint8, in the machine's byte order and the same memory."""
    array = flat.view(dtype)
    return array if dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _parse_header(where: str, head: bytes, error: ErrorClass) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, Fortran order, dtype and length of the header at the start of a ``.npy`` file."""
    if not head.startswith(npy.MAGIC_PREFIX):
        raise error(f"{where}: not a NumPy array (.npy).")
    stream = io.BytesIO(head)
    try:
        version = npy.read_magic(stream)
        prefix = {(1, 0): "<H", (2, 0): "<I"}.get(version)
        if prefix is None:
            raise error(f"{where}: .npy format {version[0]}.{version[1]}; expected 1.0 or 2.0.")
        start = stream.tell() + struct.calcsize(prefix)
        (length,) = struct.unpack(prefix, head[stream.tell() : start])
        text = head[start : start + length]
        # Plain text only: NumPy uses Python's own parser, which warns about odd escapes and old numbers.
        if len(text) < length or not _HEADER_TEXT.fullmatch(text) or re.search(rb"\d[lL]", text):
            raise error(f"{where}: its header is cut, too long or not plain text.")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(stream, max_header_size=_MAX_HEADER)
    except HandspunError:
        raise
    except Exception as fault:  # a parser can raise anything when it reads nonsense
        raise error(f"{where}: its header cannot be understood ({_lower(fault)}).") from fault
    return shape, fortran_order, dtype, stream.tell()


def _read_up_to(stream: io.BufferedIOBase, size: int) -> bytes:
    """Read ``size`` bytes, or as many as there are: a single ``read`` of a zip member may return fewer."""
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _dtype_fault(dtype: np.dtype) -> str | None:
    """Why arrays of this type are refused; None if they are accepted."""
    if dtype.hasobject:
        return "it holds Python objects, which are never loaded because they could run code"
    if dtype.names is not None or dtype.subdtype is not None or dtype.kind not in "biufSU":
        return f"the type {_shown(dtype)} is not supported; expected numbers, booleans or text"
    if dtype.kind == "f" and dtype.itemsize > 8:
        return f"the type {dtype} differs from machine to machine; expected float64 or smaller"
    return None


def _is_text(array: np.ndarray) -> bool:
    """Whether all characters of an array of text are valid code points; Python fails on invalid ones in odd ways."""
    codes = array.view(np.uint32)
    return not ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes <= 0xDFFF))).any()


def _name_fault(name: str) -> str | None:
    """Why an array may not have this name; None if it may."""
    if not _NAME.fullmatch(name) or ".." in name or "//" in name or name.endswith((".npy", "/", " ", ".")):
        return "a name consists of letters, digits, spaces and _ . : / -, and must not lead to another folder"
    return None


def _shown(value: object, length: int = 60) -> str:
    """A value from a file, safe to print: short and on one line."""
    text = str(value)
    text = text if len(text) <= length else f"{text[:length]}…"
    return "".join(c if c.isprintable() else "?" for c in text)


def _lower(fault: BaseException) -> str:
    """A library's error text, as the end of our sentence."""
    text = _shown(fault, 120).rstrip(".")
    return text[:1].lower() + text[1:] if text else type(fault).__name__
