"""How a request becomes values that the rooms above can trust: JSON, arrays, frames, and the limits of each.

Whatever is wrong with a request becomes a ``RequestError``: one sentence for the person, and the HTTP status.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

#: Bytes of a request's body: a photo, or some thousand drawings. Larger bodies are refused before they are read.
MAX_BODY_BYTES = 16 * 2**20

#: The longest side of a frame. The page scales its drawings and pictures down further before it sends them.
MAX_FRAME_SIDE = 2048

#: Values in the JSON of a body: a thousand pictures of 28 x 28. At worst Python takes a second to make that many objects,
#: during which nothing else runs. A base64 text counts as one value.
MAX_JSON_VALUES = 1_000_000

#: Characters of an error message. It may quote the request, which can be long.
_MAX_MESSAGE = 1000

#: One half of a UTF-16 surrogate pair, written as an escape. Alone it is not valid text.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")

#: Sequence number, width, height, kind, and three bytes that are always zero.
_HEADER = struct.Struct("<IHHB3x")

#: The kinds of frames, and the bytes that a pixel has in each.
INK, PICTURE = 0, 1
_CHANNELS = {INK: 1, PICTURE: 3}

_DTYPES = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1")}


class RequestError(HTTPException):
    """A request that cannot be answered: its status (4xx, or 503 if too many wait), and what is wrong and was expected."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message if len(message) <= _MAX_MESSAGE else message[:_MAX_MESSAGE] + " …")


@contextmanager
def refusing(*errors: type[Exception], status: int = 400) -> Iterator[None]:
    """Turn these errors, whose messages are for the person who sent the request, into a RequestError."""
    try:
        yield
    except errors as error:
        raise RequestError(status, str(error)) from error


def optional_name(value: Any, what: str) -> str | None:
    """``value`` if it is text or None; RequestError otherwise."""
    if not (value is None or isinstance(value, str)):
        raise RequestError(400, f"{what} must be a name.")
    return value


def index_in(count: int, value: Any, what: str) -> int:
    """``value`` if it is a whole number from 0 to ``count`` - 1; RequestError otherwise."""
    if type(value) is not int or not 0 <= value < count:
        raise RequestError(400, f"{what} must be a whole number from 0 to {count - 1}, got {value!r}.")
    return value


def number_up_to(most: float, value: Any, what: str) -> float:
    """``value`` if it is a number above 0 and at most ``most``; RequestError otherwise."""
    if type(value) not in (int, float) or not 0 < value <= most:
        raise RequestError(400, f"{what} must be a number above 0 and at most {most:g}, got {value!r}.")
    return float(value)


def whole_number(text: str) -> int | None:
    """The number of at most nine digits that ``text``, a part of a URL, stands for; None if it is no such number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def encode_array(values: np.ndarray) -> dict[str, Any]:
    """An array for JSON: shape, dtype (uint8 stays uint8, all else becomes float32), and values row by row in base64."""
    name = "uint8" if values.dtype == np.uint8 else "float32"
    data = np.ascontiguousarray(values, _DTYPES[name]).tobytes()
    return {"shape": list(values.shape), "dtype": name, "data": base64.b64encode(data).decode("ascii")}


def decode_array(value: Any, what: str, *, dtype: str, shape: Sequence[int] | None = None) -> np.ndarray:
    """The array that ``encode_array`` wrote, if it has this ``dtype`` ("uint8" or "float32") and ``shape`` (None for any).

    Raises RequestError, in which it is called ``what``, if it is no such array.
    """
    if not isinstance(value, dict) or not isinstance(value.get("shape"), list) or value.get("dtype") != dtype:
        raise RequestError(400, f"{what} must be an object with shape, dtype ({dtype}) and data.")
    sizes = value["shape"]
    if not all(type(size) is int and 0 < size <= MAX_FRAME_SIDE for size in sizes) or len(sizes) > 4:
        raise RequestError(400, f"{what}: {sizes} is not a shape.")
    if shape is not None and sizes != list(shape):
        raise RequestError(400, f"{what} must have the shape {list(shape)}, not {sizes}.")
    return _from_base64(value.get("data"), what, _DTYPES[dtype], sizes)


def _from_base64(text: Any, what: str, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    if not isinstance(text, str):
        raise RequestError(400, f"{what} lacks its data (text in base64).")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise RequestError(400, f"The data of {what} are not in base64.") from None
    return _from_bytes(data, what, dtype, shape)


def _from_bytes(data: bytes, what: str, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise RequestError(400, f"{what}: {list(shape)} of {dtype.name} takes {expected:,} bytes, got {len(data):,}.")
    return np.frombuffer(data, dtype).reshape(shape)


@dataclass(frozen=True)
class Frame:
    """A drawing or a picture that the page sent."""

    sequence: int  # the number that the page gave it
    kind: int  # INK for strokes, light on black; PICTURE for an unchanged picture
    pixels: np.ndarray  # (H, W) uint8 of ink, (H, W, 3) of a picture

    @classmethod
    def from_bytes(cls, data: bytes) -> Frame:
        """The frame in a binary message. Raises RequestError if there is none."""
        if len(data) < _HEADER.size:
            raise RequestError(400, f"A frame has at least {_HEADER.size} bytes, got {len(data)}.")
        sequence, width, height, kind = _HEADER.unpack_from(data)
        return cls(
            sequence, kind, _from_bytes(data[_HEADER.size :], "The frame", _DTYPES["uint8"], _shape(width, height, kind))
        )

    @classmethod
    def from_json(cls, value: Any) -> Frame:
        """The frame in an object with width, height, kind and data (base64). Raises RequestError if there is none."""
        if not isinstance(value, dict) or any(type(value.get(name)) is not int for name in ("width", "height", "kind")):
            raise RequestError(400, "picture must be an object with width, height, kind (whole numbers) and data.")
        shape = _shape(value["width"], value["height"], value["kind"])
        return cls(0, value["kind"], _from_base64(value.get("data"), "picture", _DTYPES["uint8"], shape))

    @property
    def is_blank(self) -> bool:
        """Whether nothing is drawn."""
        return self.kind == INK and not self.pixels.any()


def _shape(width: int, height: int, kind: int) -> tuple[int, ...]:
    channels = _CHANNELS.get(kind)
    if channels is None:
        raise RequestError(400, f"A frame is of kind 0 (ink) or 1 (picture), not {kind}.")
    if not (1 <= width <= MAX_FRAME_SIDE and 1 <= height <= MAX_FRAME_SIDE):
        raise RequestError(400, f"A frame has from 1 to {MAX_FRAME_SIDE} pixels a side, not {width} x {height}.")
    return (height, width) if channels == 1 else (height, width, channels)


def content_type(request: Request) -> str:
    """The media type of a request's body, without parameters; "" if the request does not say."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body of a request. Raises RequestError if there is none."""
    kind = content_type(request)
    if kind != "application/json":
        raise RequestError(415, f'Send the body as application/json, not as "{kind}".')
    value = await run_in_threadpool(_parse, await request.body())
    if not isinstance(value, dict):
        raise RequestError(400, "The body must be a JSON object.")
    return value


def json_end_point(
    answer: Callable[[Request, dict[str, Any]], Any], status: int = 200
) -> Callable[[Request], Awaitable[JSONResponse]]:
    """An end point that reads a JSON object and sends back what ``answer``, called in a thread, makes of it."""

    async def end_point(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(answer, request, await read_json(request)), status)

    return end_point


def _parse(body: bytes) -> Any:
    """The value of a JSON text in UTF-8 (RFC 8259); all of it can be written as JSON again."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise RequestError(413, f"A JSON body may hold at most {MAX_JSON_VALUES:,} values; send larger pictures as files.")
    try:
        text = body.decode()
        value = json.loads(text, parse_constant=_number, parse_float=_number)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # also UnicodeError, a ValueError
        raise RequestError(400, "The body is not JSON.") from None
    return value


def _number(text: str) -> float:
    """A finite number: JSON has neither NaN nor infinity, and 1e999 overflows."""
    value = float(text)
    if not math.isfinite(value):
        raise RequestError(400, f"All numbers in the body must be finite; {text} is not.")
    return value
