"""Model files: small, safe to load, and the same on every machine.

A model file is a NumPy archive (``.npz``) of three arrays: ``header``, JSON text as bytes; ``parameters``, the flat vector;
``statistics``, the running averages. The header holds the format and its version, the structure, the names of the classes and
the SHA-256 of each array. If the network has a ``Confidence``, its numbers are in the header and the arrays of its head are
further arrays, "confidence.weight" and so on. Loading makes layers from their settings, and only of the kinds that handspun
knows: nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from typing import Any

import numpy as np

from handspun.errors import ModelFileError, UsageError
from handspun.files.archive import read_arrays, write_arrays
from handspun.files.header import encode_json, read_header
from handspun.networks.answers import Confidence, Head
from handspun.networks.layout import size_of
from handspun.networks.sequential import Sequential

FORMAT = "handspun-model"
VERSION = 1

#: The names of the arrays of a confidence's head begin with this.
HEAD = "confidence."

#: The largest file that is loaded: 2 GiB of parameters.
LIMIT_BYTES = 2 * 2**30


def save(network: Sequential, path: str | os.PathLike[str] | io.BytesIO, *, training: dict[str, Any] | None = None) -> None:
    """Write ``network`` to ``path``, atomically. The same network always gives the same bytes.

    Args:
        network: what to save.
        path: the file, usually ``NAME.npz``, or a buffer in memory.
        training: plain data about where the weights come from, for people: recipe, data, accuracy.

    Raises:
        UsageError: a layer of a kind that is not registered, so that the file could not be loaded.
        OutputError: the file cannot be written.
    """
    _check_config(network)
    vectors = {"parameters": network.parameters.vector, "statistics": network.statistics.vector}
    confidence = network.confidence
    if confidence is not None and confidence.head is not None:
        vectors |= {HEAD + name: array for name, array in confidence.head.arrays().items()}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "network": network.config(),
        "training": training or {},
        **({} if confidence is None else {"confidence": confidence.as_dict()}),
        "sha256": {name: _sha256(vector) for name, vector in vectors.items()},
    }
    write_arrays(path, {"header": encode_json(header), **vectors})


def _check_config(network: Sequential) -> None:
    """UsageError, now and not when the weights are needed, if the network cannot be made again from its description."""
    try:
        sizes = size_of(json.loads(encode_json(network.config()).tobytes()))
    except Exception as error:  # a user's own layers may raise anything
        raise UsageError(f"The file could not be loaded again: {error} See handspun.register and Layer.config.") from error
    if sizes != (network.parameters.vector.size, network.statistics.vector.size):
        raise UsageError("The file could not be loaded again: a layer made from its config() has other parameters.")


def load(path: str | os.PathLike[str]) -> Sequential:
    """The network in the file ``path``.

    Raises:
        ModelFileError: the file is missing, truncated, altered, of a newer version, or not a model file.
    """
    return load_with_header(path)[0]


def load_with_header(path: str | os.PathLike[str]) -> tuple[Sequential, dict[str, Any]]:
    """The network and the header of its file. Raises ModelFileError as ``load`` does."""
    header = read_header(path, FORMAT, VERSION)
    arrays = read_arrays(path, limit_bytes=LIMIT_BYTES, error=ModelFileError)
    hashes = header.get("sha256")
    for name in dict.fromkeys(("parameters", "statistics", *(hashes if isinstance(hashes, dict) else ()))):
        array = arrays.get(name)
        if array is None or not isinstance(hashes, dict):
            raise ModelFileError(f'{path} lacks "{name}" or its hash: it is not a whole model file.')
        if _sha256(array) != hashes.get(name):
            raise ModelFileError(f'{path}: "{name}" was altered after the file was written (its SHA-256 differs).')
    for name in ("parameters", "statistics"):
        vector = arrays[name]
        if vector.dtype.kind != "f" or vector.ndim != 1:
            raise ModelFileError(f'{path}: "{name}" is not a vector of floating-point numbers.')
        if not np.isfinite(vector).all():
            raise ModelFileError(f'{path}: "{name}" holds values that are not finite numbers.')
    try:
        _check_sizes(path, header["network"], arrays)
        network = Sequential.from_config(header["network"])
        if not isinstance(header["training"], dict):
            raise ModelFileError(f'{path}: "training" is not a JSON object.')
        if "confidence" in header:
            network.confidence = Confidence.from_dict(header["confidence"], _head(network, arrays, header["sha256"]))
    except ModelFileError:
        raise
    except Exception as error:  # layers made from nonsense may raise anything; sizes were checked before
        raise ModelFileError(f"{path}: the description of the network cannot be understood ({error}).") from error
    for name, own in (("parameters", network.parameters), ("statistics", network.statistics)):
        if arrays[name].dtype != own.vector.dtype:
            raise ModelFileError(f'{path}: "{name}" is of {arrays[name].dtype}, not of {own.vector.dtype}.')
        own.vector[...] = arrays[name]
    return network, header


def _head(network: Sequential, arrays: dict[str, np.ndarray], hashes: dict[str, str]) -> Head | None:
    """The head of the confidence, if the file has one, from the arrays whose hashes are in the header."""
    found = {name.removeprefix(HEAD): arrays[name] for name in hashes if name.startswith(HEAD)}
    if not found:
        return None
    head = Head(**found)
    if head.hidden_weight.shape[0] != network.feature_count:
        raise UsageError(f"the head takes {head.hidden_weight.shape[0]} features, the network has {network.feature_count}")
    return head


def _check_sizes(path: str | os.PathLike[str], config: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """ModelFileError, before memory is allocated for it, for a structure that does not fit the vectors."""
    shape = config["input_shape"]
    if not all(type(size) is int and 0 < size < 2**31 for size in shape) or len(shape) > 4:
        raise ModelFileError(f"{path}: {shape} is not the shape of an input.")
    for name, needed in zip(("parameters", "statistics"), size_of(config), strict=True):
        if needed != arrays[name].size:
            raise ModelFileError(f"{path}: the structure needs {needed:,} {name}, but the file holds {arrays[name].size:,}.")


def _sha256(vector: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(vector).view(np.uint8).data).hexdigest()
