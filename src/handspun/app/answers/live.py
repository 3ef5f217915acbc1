"""The live stream of a drawing: the page sends a frame with each stroke, and gets back the network's answer.

A pen can be faster than a network. Of the frames that arrive while one is computed only the newest is kept, so that answers
never lag behind: each connection has at most one frame in progress and one waiting.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from handspun.app.answers import inside
from handspun.app.answers.batching import Answerer
from handspun.app.models.catalog import Model, Models
from handspun.app.transport.wire import Frame, RequestError, encode_array, optional_name
from handspun.networks.answers import EMPTY
from handspun.pictures.contract import Contract

#: Characters of a message with settings; the longest names take a fraction of it. Messages are parsed on the event loop, where
#: one of several megabytes would delay all clients.
_MAX_SETTINGS = 4096

_log = logging.getLogger("handspun.app")


@dataclass
class Wanted:
    """What a page wants to know with each answer."""

    model: str | None = None  # by name; None for the default one
    stages: bool = False  # of the picture in the contract
    layers: bool = False  # the output of each layer
    saliency: int | None = None  # of this class
    focus: tuple[str, int] | None = None  # the connections of this layer's unit

    @classmethod
    def from_text(cls, text: str) -> Wanted:
        """The settings that a message of the type "settings" asks for. Raises RequestError for any other message."""
        if len(text) > _MAX_SETTINGS:
            raise RequestError(413, f"A message may have at most {_MAX_SETTINGS:,} characters, this one has {len(text):,}.")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise RequestError(400, "The message is not JSON.") from None
        if not isinstance(value, dict) or value.get("type") != "settings":
            raise RequestError(400, 'Expected a message of the type "settings".')
        want = value.get("want", {})
        if not isinstance(want, dict):
            raise RequestError(400, "want must be an object.")
        saliency, focus = want.get("saliency"), want.get("focus")
        if not (saliency is None or type(saliency) is int):
            raise RequestError(400, "saliency must be the index of a class.")
        if focus is not None:
            if not isinstance(focus, dict) or not isinstance(focus.get("layer"), str) or type(focus.get("unit")) is not int:
                raise RequestError(400, "focus must have a layer (its name) and a unit (its index).")
            focus = (focus["layer"], focus["unit"])
        model = optional_name(value.get("model"), "model")
        return cls(model, want.get("stages") is True, want.get("layers") is True, saliency, focus)


@dataclass
class _Page:
    """One connection: what it wants, and the newest frame that is not answered yet."""

    wanted: Wanted = field(default_factory=Wanted)
    frame: bytes | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)


async def live(socket: WebSocket) -> None:
    """Take frames and settings until the page disconnects, and answer the newest frame."""
    await socket.accept()
    page = _Page()
    answering = asyncio.create_task(_answer_frames(socket, page))
    try:
        while not answering.done():
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                break
            if message.get("text") is not None:
                try:
                    page.wanted = Wanted.from_text(message["text"])
                except RequestError as error:
                    if not await _send(socket, {"type": "error", "message": error.detail}):
                        break
            else:
                page.frame = message["bytes"]
                page.came.set()
    finally:
        answering.cancel()


async def _answer_frames(socket: WebSocket, page: _Page) -> None:
    state = socket.app.state
    while True:
        await page.came.wait()
        page.came.clear()
        data, page.frame = page.frame, None
        assert data is not None
        try:
            answer = await answer_frame(Frame.from_bytes(data), page.wanted, state.models, state.answerer)
        except RequestError as error:
            answer = {"type": "error", "message": error.detail}
        except Exception:
            _log.exception("A bug: a frame could not be answered.")
            answer = {"type": "error", "message": "No answer, because of a bug in handspun; see the server's log."}
        if not await _send(socket, answer):
            return


async def _send(socket: WebSocket, value: dict[str, Any]) -> bool:
    """Whether the page was there to receive it."""
    try:
        await socket.send_text(json.dumps(value, separators=(",", ":")))
    except (WebSocketDisconnect, RuntimeError):  # it has left; a closed socket raises RuntimeError
        return False
    await asyncio.sleep(0)  # among many messages in a row, a disconnect must be noticed
    return True


async def answer_frame(frame: Frame, wanted: Wanted, models: Models, answerer: Answerer) -> dict[str, Any]:
    """The answer to one frame, for JSON.

    Raises RequestError if there is no such model, layer, unit or class, or the model takes no pictures.
    """
    model = models.get(wanted.model)
    answer: dict[str, Any] = {
        "type": "answer",
        "sequence": frame.sequence,
        "model": model.name,
        "classes": list(model.classes),
        "class": None,
        "probabilities": None,
        "verdict": EMPTY,
        "seen": None,
    }
    if not frame.is_blank:
        seen, stages = await run_in_threadpool(_see, model, frame, wanted.stages)
        answers = await answerer.answer(model, seen[None])
        answer["seen"] = encode_array(seen)
        answer["verdict"] = str(answers.verdict[0])
        if answer["verdict"] != EMPTY:
            answer["class"] = int(answers.predicted[0])
            answer["probabilities"] = [float(share) for share in answers.probabilities[0]]
            answer |= stages
            answer |= await run_in_threadpool(_look_inside, model, seen, wanted)
    return answer


def _see(model: Model, frame: Frame, stages: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """What the model sees of a frame; and the stages on the way, if they are wanted and the model's contract has any."""
    picture, contract = model.picture_of(frame), model.network.contract
    if not (stages and isinstance(contract, Contract)):
        return model.preprocess(picture), {}
    steps = contract.stages(picture)
    (top, bottom), (left, right) = steps.rows, steps.columns
    told: dict[str, Any] = {"box": [top, left, bottom, right]}
    if not np.array_equal(steps.ink, frame.pixels):  # the ink of most drawings is the drawing, which the page has
        told["ink"] = encode_array(steps.ink)
    if steps.scaled.size:
        told["scaled"] = encode_array(steps.scaled)
    return steps.image, {"stages": told}


def _look_inside(model: Model, seen: np.ndarray, wanted: Wanted) -> dict[str, Any]:
    """What the page wants to know about the inside of the network."""
    network, found = model.network, {}
    if wanted.layers:
        found["layers"] = inside.layer_values(network, seen)
    if wanted.saliency is not None:
        found["saliency"] = inside.saliency(network, seen, wanted.saliency)
    if wanted.focus is not None:
        found["focus"] = inside.focus(network, seen, *wanted.focus)
    return found


routes = [WebSocketRoute("/api/live", live)]
