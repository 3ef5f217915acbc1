"""``POST /api/predict``: the classes of one picture or many, in whatever form a client has them."""

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

from handspun.app.answers.batching import MAX_PICTURES
from handspun.app.models.catalog import Model
from handspun.app.transport.wire import MAX_BODY_BYTES, RequestError, content_type, read_json, refusing
from handspun.errors import DataError
from handspun.files.archive import read_array
from handspun.networks.answers import EMPTY, Answers
from handspun.pictures.decoding import UnreadablePictureError
from handspun.pictures.reading import decode_pixels

#: Pixels of an uploaded picture: 24 megapixels, a phone's photo. Decoding takes twelve bytes per pixel, or seventeen if the
#: file stores 32-bit numbers.
MAX_UPLOAD_PIXELS = 24_000_000

#: Pixels of all pictures in a form: eight photos. Well compressed, a thousand huge pictures fit into one body.
MAX_FORM_PIXELS = 96_000_000

MultiPartParser.spool_max_size = MAX_BODY_BYTES  # files of a form stay in memory, as other bodies do: no disk can fill up


async def predict(request: Request) -> JSONResponse:
    """Class, probabilities and verdict of each picture in the body."""
    model: Model = request.app.state.models.get(request.query_params.get("model"))
    kind = content_type(request)
    names: list[str | None] | None = None
    if kind == "multipart/form-data":
        names, images = await _from_form(request, model)
    elif kind == "application/json":
        images = await run_in_threadpool(_from_lists, model, (await read_json(request)).get("pixels"))
    elif kind == "application/x-npy":
        images = await run_in_threadpool(_from_npy, model, await request.body())
    elif kind.startswith("image/") or kind == "application/octet-stream":
        images = await run_in_threadpool(_from_file, model, await request.body())
    else:
        raise RequestError(
            415,
            "Send a picture (image/png, image/jpeg, …), application/x-npy, application/json or multipart/form-data, not "
            f'"{kind}". Say which in the header, as curl does with -H "content-type: image/png".',
        )
    answers = await request.app.state.answerer.answer(model, images)
    found = [{"name": name, **answer_as_dict(model, answers, i)} for i, name in enumerate(names or [None] * len(images))]
    return JSONResponse({"model": model.name, "predictions": found})


def answer_as_dict(model: Model, answers: Answers, i: int) -> dict[str, Any]:
    """Answer number ``i`` for JSON; an empty picture has no class and no probabilities."""
    verdict = str(answers.verdict[i])
    if verdict == EMPTY:
        return {"verdict": verdict, "class": None, "probability": None, "probabilities": None}
    probabilities = [float(share) for share in answers.probabilities[i]]
    best = int(answers.predicted[i])
    return {
        "verdict": verdict,
        "class": model.classes[best],
        "probability": probabilities[best],
        "probabilities": dict(zip(model.classes, probabilities, strict=True)),
    }


async def _from_form(request: Request, model: Model) -> tuple[list[str | None], np.ndarray]:
    """The files of a form, whatever its fields are called: their names, and what the model sees of them."""
    _, options = parse_options_header(request.headers["content-type"])
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() != "utf-8":  # some of Python's encodings make no text, and fail in their own ways
        raise RequestError(415, f'The names in a form are in UTF-8 (RFC 7578), not in "{charset}".')
    async with request.form(max_files=MAX_PICTURES, max_fields=0) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise RequestError(400, "The form has no file.")
        images, pixels = [], 0
        for number, file in enumerate(files, start=1):
            # The file's own name may be hostile, and stays out of the message.
            picture = await run_in_threadpool(_decode, await file.read(), f"File {number} of {len(files)}")
            pixels += math.prod(picture.shape[:2])
            if pixels > MAX_FORM_PIXELS:
                raise RequestError(413, f"The pictures of a form may have at most {MAX_FORM_PIXELS:,} pixels together.")
            images.append(await run_in_threadpool(model.preprocess, picture))
        return [file.filename for file in files], np.stack(images)


def _from_file(model: Model, body: bytes) -> np.ndarray:
    return model.preprocess(_decode(body, "The picture"))[None]


def _decode(body: bytes, name: str) -> np.ndarray:
    """The pixels of a picture file."""
    try:
        return decode_pixels(io.BytesIO(body), most_pixels=MAX_UPLOAD_PIXELS)
    except UnreadablePictureError as error:
        raise RequestError(400, f"{name} {error}.") from error


def _from_npy(model: Model, body: bytes) -> np.ndarray:
    with refusing(DataError):
        pictures = read_array(io.BytesIO(body), limit_bytes=MAX_BODY_BYTES)
    return _from_array(model, pictures)


def _from_lists(model: Model, pixels: Any) -> np.ndarray:
    """Pictures from nested lists of numbers from 0 to 255.

    The lists are flattened here, level by level: NumPy would make an array of texts as wide as the longest of them.
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
        raise RequestError(400, "pixels must be whole numbers from 0 to 255: the rows of a picture, or a list of pictures.")
    return _from_array(model, np.array(values, np.uint8).reshape(shape))


def _from_array(model: Model, values: np.ndarray) -> np.ndarray:
    """What the model sees of a picture (H, W), or of pictures (N, H, W) or (N, H, W, C); without a contract, the array itself.

    Raises RequestError for other arrays.
    """
    if values.ndim == 2:
        values = values[None]
    colours = values.shape[3:]
    if values.dtype != np.uint8 or values.ndim not in (3, 4) or 0 in values.shape or colours not in ((), (1,), (3,), (4,)):
        raise RequestError(
            400, f"Expected uint8 pictures (H, W), (N, H, W) or (N, H, W, C), got {values.dtype} {list(values.shape)}."
        )
    if len(values) > MAX_PICTURES:
        raise RequestError(413, f"At most {MAX_PICTURES} pictures per request, got {len(values):,}.")
    if model.network.contract is None:
        return values
    return np.stack([model.preprocess(picture) for picture in values])


routes = [Route("/api/predict", predict, methods=["POST"])]
