"""``POST /api/predict``: one picture or many, in whatever form a client has them."""

from __future__ import annotations

import io
import math
from itertools import chain
from typing import Any

import numpy as np
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from handspun.app.models.catalog import Model
from handspun.app.models.preprocessing import bring_to_model
from handspun.app.transport.wire import MOST_BYTES, MOST_IMAGES, MOST_PIXELS, MOST_PIXELS_IN_A_FORM, RequestError, read_json
from handspun.errors import DataError
from handspun.files.archive import read_array
from handspun.networks.answers import EMPTY, Answers
from handspun.pictures.decoding import UnreadablePictureError
from handspun.pictures.reading import decode_pixels

ARRAY = "application/x-npy"

MultiPartParser.spool_max_size = MOST_BYTES  # files of a form stay in memory like other bodies, and no disk can be full


async def predict(request: Request) -> JSONResponse:
    """Class, probabilities and verdict of each picture in the body."""
    model: Model = request.app.state.models.get(request.query_params.get("model"))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        names, images = await _from_form(request, model)
    elif kind == "application/json":
        pixels = (await read_json(request)).get("pixels")
        images = await run_in_threadpool(lambda: _bring_all(model, _from_lists(pixels)))
        names = [None] * len(images)
    elif kind == ARRAY:
        body = await request.body()
        images = await run_in_threadpool(lambda: _bring_all(model, _from_npy(body)))
        names = [None] * len(images)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        body = await request.body()
        images = (await run_in_threadpool(lambda: bring_to_model(model, _decode(body, "The picture"))))[None]
        names = [None]
    else:
        raise RequestError(
            415,
            f'Send a picture (image/png, image/jpeg, …), {ARRAY}, application/json or multipart/form-data, not "{kind}". '
            'Say which by a header, as curl does with -H "content-type: image/png".',
        )
    answers = await request.app.state.answerer.answer(model, images)
    found = [{"name": name, **answer_as_dict(model, answers, i)} for i, name in enumerate(names)]
    return JSONResponse({"model": model.name, "predictions": found})


def answer_as_dict(model: Model, answers: Answers, i: int) -> dict[str, Any]:
    """The answer number ``i`` for JSON; a picture with nothing on it has no class and no probabilities."""
    verdict = str(answers.verdict[i])
    if verdict == EMPTY:
        return {"verdict": verdict, "class": None, "probability": None, "probabilities": None}
    shares = [float(share) for share in answers.probabilities[i]]
    best = int(answers.predicted[i])
    return {
        "verdict": verdict,
        "class": model.classes[best],
        "probability": shares[best],
        "probabilities": dict(zip(model.classes, shares, strict=True)),
    }


async def _from_form(request: Request, model: Model) -> tuple[list[str | None], np.ndarray]:
    """The files of a form, whatever its fields are called."""
    _, options = parse_options_header(request.headers["content-type"])
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() != "utf-8":  # Python knows encodings that make no text, and fail in ways of their own
        raise RequestError(415, f'The names in a form are in UTF-8 (RFC 7578), not in "{charset}".')
    async with request.form(max_files=MOST_IMAGES, max_fields=0) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise RequestError(400, "The form holds no file.")
        images, pixels = [], 0
        for number, file in enumerate(files, start=1):
            body = await file.read()
            name = f"File {number} of {len(files)}"  # a hostile name shall not stand in a message
            picture = await run_in_threadpool(_decode, body, name)
            pixels += math.prod(picture.shape[:2])
            if pixels > MOST_PIXELS_IN_A_FORM:
                raise RequestError(
                    413, f"The pictures of a form have at most {MOST_PIXELS_IN_A_FORM:,} pixels together; send fewer at a time."
                )
            images.append(await run_in_threadpool(bring_to_model, model, picture))
        return [file.filename for file in files], np.stack(images)


def _decode(body: bytes, name: str) -> np.ndarray:
    """The pixels of one picture file."""
    try:
        return decode_pixels(io.BytesIO(body), most_pixels=MOST_PIXELS)
    except UnreadablePictureError as error:
        raise RequestError(400, f"{name} {error}.") from error


def _from_npy(body: bytes) -> np.ndarray:
    """The array in the bytes of a .npy file, as pictures (N, H, W) or (N, H, W, C)."""
    try:
        return _as_pictures(read_array(io.BytesIO(body), limit_bytes=MOST_BYTES))
    except DataError as error:
        raise RequestError(400, str(error)) from error


def _from_lists(pixels: Any) -> np.ndarray:
    """Nested lists of numbers from 0 to 255 as pictures.

    They are taken apart here, list by list: NumPy would make room for the longest of many texts many times.
    """
    shape: list[int] = []
    values = [pixels]
    while {type(value) for value in values} == {list} and len(shape) < 4:
        sizes = {len(value) for value in values}
        if len(sizes) > 1:
            raise RequestError(400, "pixels must be lists of rows of the same length.")
        shape += sizes
        values = list(chain.from_iterable(values))
    if {type(value) for value in values} != {int} or min(values) < 0 or max(values) > 255:
        raise RequestError(400, "pixels must be whole numbers from 0 to 255: rows of one picture, or a list of such pictures.")
    return _as_pictures(np.array(values, np.uint8).reshape(shape))


def _as_pictures(values: np.ndarray) -> np.ndarray:
    """One picture (H, W), or several (N, H, W) or (N, H, W, C), as several; RequestError for anything else."""
    if values.ndim == 2:
        values = values[None]
    if (
        values.dtype != np.uint8
        or values.ndim not in (3, 4)
        or 0 in values.shape
        or values.shape[3:] not in ((), (1,), (3,), (4,))
    ):
        raise RequestError(
            400, f"Expected uint8 pictures (H, W), (N, H, W) or (N, H, W, C), got {values.dtype} {list(values.shape)}."
        )
    if len(values) > MOST_IMAGES:
        raise RequestError(413, f"At most {MOST_IMAGES} pictures a request, got {len(values):,}.")
    return values


def _bring_all(model: Model, pictures: np.ndarray) -> np.ndarray:
    """What the model sees of each; where it has no contract, arrays of its own shape as they are."""
    if model.network.contract is None:
        return pictures
    return np.stack([bring_to_model(model, picture) for picture in pictures])


routes = [Route("/api/predict", predict, methods=["POST"])]
