"""The header of a model file or checkpoint: JSON text in the array "header" of an archive."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from handspun.errors import ModelFileError, UsageError
from handspun.files.archive import read_arrays

#: The largest header that is read. A checkpoint's header holds the history of many thousand epochs.
HEADER_BYTES = 64 * 2**20


def encode_json(value: Any) -> np.ndarray:
    """The JSON text of plain data, (n,) uint8. Raises UsageError for anything but numbers, text, lists and dictionaries."""
    return np.frombuffer(json.dumps(value, sort_keys=True, default=_numpy_as_plain).encode(), np.uint8)


def _numpy_as_plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise UsageError(f"A file can hold plain data only: numbers, text, lists and dictionaries; got {type(value).__name__}.")


def read_header(path: str | os.PathLike[str], kind: str, version: int) -> dict[str, Any]:
    """Read the header of a file. Raises ModelFileError if that fails, or its format or version is another one."""
    array = read_arrays(path, names=("header",), limit_bytes=HEADER_BYTES, error=ModelFileError)["header"]
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ModelFileError(f"{path} is not a {kind} file: it has no header of text.")
    try:
        header = json.loads(array.tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: its header is not JSON.") from error
    if not isinstance(header, dict) or header.get("format") != kind:
        raise ModelFileError(f"{path} is not a {kind} file.")
    if header.get("version") != version:
        raise ModelFileError(
            f"{path} has version {header.get('version')!r} of its format; this handspun reads version {version}. "
            "Update handspun, or save the file again with an older one."
        )
    return header
