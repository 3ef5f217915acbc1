"""Drawings that were given their right answer: from the page, to a data set file, and back.

The file is a NumPy archive of ``images``, ``labels`` and ``classes``, which ``handspun train`` and everything else here reads.
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

from handspun.app.transport.wire import RequestError, decode_array, encode_array, read_json
from handspun.data import Dataset, Split
from handspun.data.numpy_files import read_numpy_dataset
from handspun.errors import DataError
from handspun.files.archive import write_arrays

#: The included data set of digits that drawings are mixed with.
EMBEDDED = "mnist-5k"

#: Rows and columns of a drawing as a network of digits sees it.
SIDE = 28

#: Drawings in a tray or a file: more than anyone draws in an evening.
MOST_DRAWINGS = 1000

#: What the arrays of a file may come to in memory, and the length of a class's name and their number.
_LIMIT_BYTES, _NAME_LENGTH, _MOST_CLASSES = 16 * 2**20, 60, 1000

_DIGITS = tuple("0123456789")


def decode_drawings(value: Any, *, classes: int) -> Split:
    """The drawings of a request: images (N, 28, 28) uint8 and their labels.

    Raises:
        RequestError: they are none, too many, or not of these classes.
    """
    if not isinstance(value, list) or not value:
        raise RequestError(400, "drawings must be a list of objects with pixels and label, at least one.")
    if len(value) > MOST_DRAWINGS:
        raise RequestError(413, f"{MOST_DRAWINGS:,} drawings are the most at a time, got {len(value):,}.")
    images = np.empty((len(value), SIDE, SIDE), np.uint8)
    labels = np.empty(len(value), np.int64)
    for i, drawing in enumerate(value):
        if not isinstance(drawing, dict):
            raise RequestError(400, f"Drawing {i} must be an object with pixels and label.")
        images[i] = decode_array(drawing.get("pixels"), f"The pixels of drawing {i}", dtype="uint8", shape=(SIDE, SIDE))
        label = drawing.get("label")
        if type(label) is not int or not 0 <= label < classes:
            raise RequestError(400, f"The label of drawing {i} must be a whole number from 0 to {classes - 1}, got {label!r}.")
        labels[i] = label
    return Split(images, labels)


def encode_drawings(split: Split) -> list[dict[str, Any]]:
    """The opposite, for JSON."""
    assert split.labels is not None
    return [
        {"pixels": encode_array(image), "label": int(label)} for image, label in zip(split.images, split.labels, strict=True)
    ]


def write_drawings(split: Split, classes: Sequence[str]) -> bytes:
    """The data set file of labelled drawings."""
    assert split.labels is not None
    arrays = {"images": split.images, "labels": split.labels.astype(np.uint16), "classes": np.asarray(classes, np.str_)}
    content = io.BytesIO()
    write_arrays(content, arrays)
    return content.getvalue()


def read_drawings(content: bytes) -> Dataset:
    """The drawings in the bytes of a data set file.

    Raises:
        RequestError: it is no such file, holds too many, or pictures of another size.
    """
    try:
        dataset = read_numpy_dataset(io.BytesIO(content), limit_bytes=_LIMIT_BYTES)
    except DataError as error:
        raise RequestError(400, str(error)) from error
    train = dataset.train
    if train.images.shape[1:] != (SIDE, SIDE) or train.images.dtype != np.uint8:
        found = " x ".join(map(str, train.images.shape[1:]))
        raise RequestError(
            400, f"Drawings are of {SIDE} x {SIDE} bytes; the file holds images of {found} {train.images.dtype}."
        )
    if len(train) > MOST_DRAWINGS:
        raise RequestError(413, f"{MOST_DRAWINGS:,} drawings are the most at a time; the file holds {len(train):,}.")
    return dataset


async def _write(request: Request) -> Response:
    body = await read_json(request)
    classes = body.get("classes", _DIGITS)
    if (
        not isinstance(classes, (list, tuple))
        or not 1 <= len(classes) <= _MOST_CLASSES
        or len(set(map(str, classes))) < len(classes)
    ):
        raise RequestError(400, f"classes must be a list of 1 to {_MOST_CLASSES:,} names, each of its own.")
    if not all(isinstance(name, str) and 0 < len(name) <= _NAME_LENGTH and name.isprintable() for name in classes):
        raise RequestError(400, f"A class is called by text of 1 to {_NAME_LENGTH} characters.")

    def write() -> bytes:
        return write_drawings(decode_drawings(body.get("drawings"), classes=len(classes)), classes)

    headers = {"content-disposition": 'attachment; filename="drawings.npz"'}
    return Response(await run_in_threadpool(write), media_type="application/octet-stream", headers=headers)


async def _read(request: Request) -> JSONResponse:
    dataset = await run_in_threadpool(read_drawings, await request.body())
    return JSONResponse({"drawings": encode_drawings(dataset.train), "classes": list(dataset.classes)})


routes = [
    Route("/api/drawings/file", _write, methods=["POST"]),
    Route("/api/drawings", _read, methods=["POST"]),
]
