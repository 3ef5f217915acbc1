"""What goes over the line: arrays in JSON, pictures in frames, errors, and how much of each is taken.

Whatever comes in is checked here before anything else sees it, and what is wrong with it becomes a ``RequestError``: one
sentence for the person, and the HTTP status.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

#: The largest body of a request: a photo, or some thousand drawings. Larger ones are refused before they are read.
MOST_BYTES = 16 * 2**20

#: The largest picture that is decoded: 24 megapixels, a photo of a telephone. Each pixel takes twelve bytes of memory until
#: a model sees it, and seventeen where it comes as a number of 32 bits.
MOST_PIXELS = 24_000_000

#: The longest side of a picture. A line of millions of pixels takes a contract, which looks around each of them, gigabytes.
MOST_LENGTH = 16_384

#: The pixels of all pictures in a form: eight photos. Compressed well, a thousand bombs fit into a body.
MOST_PIXELS_IN_A_FORM = 96_000_000

#: The longest side of a frame. The page scales its drawings and pictures to less before it sends them.
MOST_SIDE = 2048

#: How many pictures one request may ask about.
MOST_IMAGES = 1000

#: How many values the JSON in a body may hold: those of a thousand pictures of 28 x 28. Python takes a second to make so many
#: objects of the kind that takes longest, and nothing else goes on meanwhile; text in base64 is a single one.
MOST_VALUES = 1_000_000

#: Characters of a message. It may quote what came in, which has no end.
_MOST_MESSAGE = 1000

#: Half a character of UTF-16, written as an escape: alone it is no text, and nothing can be done with it.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")

#: Sequence number, width, height, kind, and three bytes that are always zero.
_HEADER = struct.Struct("<IHHB3x")

#: The kinds of frames and the bytes that a pixel has in each.
INK, PICTURE = 0, 1
_CHANNELS = {INK: 1, PICTURE: 3}

_DTYPES = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1")}


class RequestError(Exception):
    """A request that cannot be answered.

    Attributes:
        status: the HTTP status: 4xx, or 503 where too many ask at once.
        message: what is wrong and what was expected, for the person.
    """

    def __init__(self, status: int, message: str) -> None:
        if len(message) > _MOST_MESSAGE:
            message = message[:_MOST_MESSAGE] + " …"
        super().__init__(message)
        self.status = status
        self.message = message


def encode_array(values: np.ndarray) -> dict[str, Any]:
    """An array for JSON: its shape, its type (uint8 stays, all else becomes float32) and its values, row by row, in base64."""
    name = "uint8" if values.dtype == np.uint8 else "float32"
    data = np.ascontiguousarray(values, _DTYPES[name]).tobytes()
    return {"shape": list(values.shape), "dtype": name, "data": base64.b64encode(data).decode("ascii")}


def decode_array(value: Any, what: str, *, dtype: str, shape: Sequence[int] | None = None) -> np.ndarray:
    """The array that ``encode_array`` wrote.

    Args:
        value: from JSON.
        what: its name in errors.
        dtype: "uint8" or "float32", which it must have.
        shape: which it must have; None for any.

    Raises:
        RequestError: it is no such array.
    """
    if not isinstance(value, dict) or not isinstance(value.get("shape"), list) or value.get("dtype") != dtype:
        raise RequestError(400, f"{what} must be an object with shape, dtype ({dtype}) and data.")
    sizes = value["shape"]
    if not all(type(size) is int and 0 < size <= MOST_SIDE for size in sizes) or len(sizes) > 4:
        raise RequestError(400, f"{what}: {sizes} is not a shape.")
    if shape is not None and sizes != list(shape):
        raise RequestError(400, f"{what} must have the shape {list(shape)}, not {sizes}.")
    data = _bytes_of(value.get("data"), what)
    kind = _DTYPES[dtype]
    expected = int(np.prod(sizes, dtype=np.int64)) * kind.itemsize
    if len(data) != expected:
        raise RequestError(400, f"{what}: {sizes} of {dtype} takes {expected:,} bytes, got {len(data):,}.")
    return np.frombuffer(data, kind).reshape(sizes)


@dataclass(frozen=True)
class Frame:
    """A drawing or a picture that the page sent.

    Attributes:
        sequence: the number that the page gave it.
        kind: ``INK`` for strokes, light on black; ``PICTURE`` for a picture as it is.
        pixels: (H, W) uint8 of ink, (H, W, 3) of a picture.
    """

    sequence: int
    kind: int
    pixels: np.ndarray

    @classmethod
    def from_bytes(cls, data: bytes) -> Frame:
        """The frame of a binary message; RequestError where it is none."""
        if len(data) < _HEADER.size:
            raise RequestError(400, f"A frame has at least {_HEADER.size} bytes, got {len(data)}.")
        sequence, width, height, kind = _HEADER.unpack_from(data)
        return cls(sequence, kind, _pixels(data[_HEADER.size :], width, height, kind))

    @classmethod
    def from_json(cls, value: Any) -> Frame:
        """The frame of an object with width, height, kind and data (base64); RequestError where it is none."""
        if not isinstance(value, dict) or any(type(value.get(name)) is not int for name in ("width", "height", "kind")):
            raise RequestError(400, "picture must be an object with width, height, kind (whole numbers) and data.")
        data = _bytes_of(value.get("data"), "picture")
        return cls(0, value["kind"], _pixels(data, value["width"], value["height"], value["kind"]))

    @property
    def is_blank(self) -> bool:
        """Whether nothing was drawn at all."""
        return self.kind == INK and not self.pixels.any()


def _pixels(data: bytes, width: int, height: int, kind: int) -> np.ndarray:
    """The bytes of a frame as pixels."""
    channels = _CHANNELS.get(kind)
    if channels is None:
        raise RequestError(400, f"A frame is of kind 0 (ink) or 1 (picture), not {kind}.")
    if not (1 <= width <= MOST_SIDE and 1 <= height <= MOST_SIDE):
        raise RequestError(400, f"A frame has from 1 to {MOST_SIDE} pixels a side, not {width} x {height}.")
    if len(data) != width * height * channels:
        raise RequestError(
            400, f"{width} x {height} x {channels} takes {width * height * channels:,} bytes, got {len(data):,}."
        )
    pixels = np.frombuffer(data, np.uint8)
    return pixels.reshape(height, width) if channels == 1 else pixels.reshape(height, width, channels)


def _bytes_of(text: Any, what: str) -> bytes:
    if not isinstance(text, str):
        raise RequestError(400, f"{what} lacks its data (text in base64).")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(400, f"The data of {what} are not in base64.") from None


def whole_number(text: str) -> int | None:
    """The number that a part of an address is, of at most nine digits; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body of a request; RequestError where there is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(415, f'Send the body as application/json, not as "{kind}".')
    value = await run_in_threadpool(_parse, await request.body())
    if not isinstance(value, dict):
        raise RequestError(400, "The body must be a JSON object.")
    return value


def _parse(body: bytes) -> Any:
    """The value of a JSON text in UTF-8 (RFC 8259), all of which can be told again in JSON."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise RequestError(413, f"The JSON of a request holds at most {MOST_VALUES:,} values; larger pictures go as files.")
    try:
        text = body.decode()
        value = json.loads(text, parse_constant=_number, parse_float=_number)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeError is one of them
        raise RequestError(400, "The body is not JSON.") from None
    return value


def _number(text: str) -> float:
    """A number of JSON, which knows neither NaN nor infinity; 1e999 is beyond what can be computed with."""
    value = float(text)
    if not math.isfinite(value):
        raise RequestError(400, f"All numbers in the body must be finite; {text} is not.")
    return value
