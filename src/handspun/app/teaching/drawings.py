"""Labelled drawings: from the page, to a data set file, and back.

The file is a NumPy archive of ``images``, ``labels`` and ``classes``, a data set for ``handspun train`` and everything else.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handspun.app.transport.wire import RequestError, decode_array, encode_array, index_in, read_json, refusing
from handspun.data import Dataset, Split
from handspun.data.numpy_files import read_numpy_dataset
from handspun.data.registry import REGISTRY
from handspun.errors import DataError
from handspun.files.archive import write_arrays

#: The included digits, and their classes; drawings are mixed with them.
EMBEDDED = "mnist-5k"
DIGITS = REGISTRY[EMBEDDED].classes

#: Rows and columns of a drawing as a digit network sees it.
SIDE = 28

#: Drawings in a tray or a file: more than anyone draws in an evening.
MAX_DRAWINGS = 1000

#: Bytes that the arrays of a file may take in memory, characters of a class's name, and number of classes.
_MAX_BYTES, _MAX_NAME, _MAX_CLASSES = 16 * 2**20, 60, 1000


def decode_drawings(value: Any, *, classes: int) -> Split:
    """The drawings of a request: images (N, 28, 28) uint8 and their labels.

    Raises RequestError if there are none or too many, or they are not valid.
    """
    if not isinstance(value, list) or not value:
        raise RequestError(400, "drawings must be a list of objects with pixels and label, at least one.")
    _check_count(len(value))
    images = np.empty((len(value), SIDE, SIDE), np.uint8)
    labels = np.empty(len(value), np.int64)
    for i, drawing in enumerate(value):
        if not isinstance(drawing, dict):
            raise RequestError(400, f"Drawing {i} must be an object with pixels and label.")
        images[i] = decode_array(drawing.get("pixels"), f"The pixels of drawing {i}", dtype="uint8", shape=(SIDE, SIDE))
        labels[i] = index_in(classes, drawing.get("label"), f"The label of drawing {i}")
    return Split(images, labels)


def encode_drawings(split: Split) -> list[dict[str, Any]]:
    """The opposite of ``decode_drawings``, for JSON."""
    return [
        {"pixels": encode_array(image), "label": int(label)}
        for image, label in zip(split.images, labels_of(split), strict=True)
    ]


def write_drawings(split: Split, classes: Sequence[str]) -> bytes:
    """The data set file of labelled drawings."""
    arrays = {"images": split.images, "labels": labels_of(split).astype(np.uint16), "classes": np.asarray(classes, np.str_)}
    content = io.BytesIO()
    write_arrays(content, arrays)
    return content.getvalue()


def read_drawings(content: bytes) -> Dataset:
    """The drawings in the bytes of a data set file.

    Raises RequestError if it is no such file, or has too many pictures or pictures of another size.
    """
    with refusing(DataError):
        dataset = read_numpy_dataset(io.BytesIO(content), limit_bytes=_MAX_BYTES)
    images = dataset.train.images
    if images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
        found = " x ".join(map(str, images.shape[1:]))
        raise RequestError(400, f"Drawings have {SIDE} x {SIDE} bytes; the file has images of {found} {images.dtype}.")
    _check_count(len(images))
    return dataset


def labels_of(split: Split) -> np.ndarray:
    """The labels of a split that has some."""
    assert split.labels is not None
    return split.labels


def _check_count(count: int) -> None:
    if count > MAX_DRAWINGS:
        raise RequestError(413, f"There may be at most {MAX_DRAWINGS:,} drawings at a time, got {count:,}.")


async def _write(request: Request) -> Response:
    body = await read_json(request)
    classes = body.get("classes", list(DIGITS))
    if not isinstance(classes, list) or not 1 <= len(classes) <= _MAX_CLASSES or len(set(map(str, classes))) < len(classes):
        raise RequestError(400, f"classes must be a list of 1 to {_MAX_CLASSES:,} different names.")
    if not all(isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable() for name in classes):
        raise RequestError(400, f"The name of a class must be text of 1 to {_MAX_NAME} characters.")

    def write() -> bytes:
        return write_drawings(decode_drawings(body.get("drawings"), classes=len(classes)), classes)

    headers = {"content-disposition": 'attachment; filename="drawings.npz"'}
    return Response(await run_in_threadpool(write), media_type="application/octet-stream", headers=headers)


async def _read(request: Request) -> JSONResponse:
    dataset = await run_in_threadpool(read_drawings, await request.body())
    return JSONResponse({"drawings": encode_drawings(dataset.train), "classes": list(dataset.classes)})


routes = [Route("/api/drawings/file", _write, methods=["POST"]), Route("/api/drawings", _read, methods=["POST"])]
