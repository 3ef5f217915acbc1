"""The stream of a drawing in the making: a frame comes with each stroke, and what the network makes of it goes back.

A pen is faster than a network may be. Frames that come while one is being answered replace each other, so that the answer is
always to the newest and nobody falls behind; each connection has at most one frame under way and one waiting.
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
from handspun.app.models.preprocessing import bring_to_model, picture_of
from handspun.app.transport.wire import Frame, RequestError, encode_array
from handspun.networks.answers import EMPTY
from handspun.pictures.contract import Contract

#: Characters of a message with settings, several times what the longest names take. It is read on the event loop, and whoever
#: sends megabytes would keep everybody waiting.
_MOST_SETTINGS = 4096

_log = logging.getLogger("handspun.app")


@dataclass
class Settings:
    """What a page wants to know with each answer.

    Attributes:
        model: by name; None for the default one.
        stages: the picture's way through the contract.
        layers: the output of each layer.
        saliency: the class whose logit's gradient by the pixels is wanted; None for none.
        focus: the layer and the unit whose connections are wanted; None for none.
    """

    model: str | None = None
    stages: bool = False
    layers: bool = False
    saliency: int | None = None
    focus: tuple[str, int] | None = None

    @classmethod
    def from_text(cls, text: str) -> Settings:
        """The settings of a message; RequestError where it is none."""
        if len(text) > _MOST_SETTINGS:
            raise RequestError(413, f"A message has at most {_MOST_SETTINGS:,} characters, this one has {len(text):,}.")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise RequestError(400, "The message is not JSON.") from None
        if not isinstance(value, dict) or value.get("type") != "settings":
            raise RequestError(400, 'Expected a message of the type "settings".')
        model, want = value.get("model"), value.get("want", {})
        if not (model is None or isinstance(model, str)) or not isinstance(want, dict):
            raise RequestError(400, "model must be a name and want an object.")
        saliency, focus = want.get("saliency"), want.get("focus")
        if not (saliency is None or type(saliency) is int):
            raise RequestError(400, "saliency must be the index of a class.")
        if focus is not None:
            if not isinstance(focus, dict) or not isinstance(focus.get("layer"), str) or type(focus.get("unit")) is not int:
                raise RequestError(400, "focus must have a layer (its name) and a unit (its index).")
            focus = (focus["layer"], focus["unit"])
        return cls(model, want.get("stages") is True, want.get("layers") is True, saliency, focus)


@dataclass
class _Page:
    """One connection: the newest frame that was not answered yet."""

    settings: Settings = field(default_factory=Settings)
    frame: bytes | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)


async def live(socket: WebSocket) -> None:
    """Take frames and settings until the page goes, and answer the newest frame."""
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
                    page.settings = Settings.from_text(message["text"])
                except RequestError as error:
                    if not await _send(socket, {"type": "error", "message": error.message}):
                        break
            else:
                page.frame = message["bytes"]
                page.came.set()
    finally:
        answering.cancel()


async def _answer_frames(socket: WebSocket, page: _Page) -> None:
    models: Models = socket.app.state.models
    answerer: Answerer = socket.app.state.answerer
    while True:
        await page.came.wait()
        page.came.clear()
        data, page.frame = page.frame, None
        assert data is not None
        try:
            answer = await answer_frame(Frame.from_bytes(data), page.settings, models, answerer)
        except RequestError as error:
            answer = {"type": "error", "message": error.message}
        except Exception:
            _log.exception("A frame could not be answered, by a defect.")
            answer = {"type": "error", "message": "This could not be answered, by a defect of handspun's own; its log has it."}
        if not await _send(socket, answer):
            return


async def _send(socket: WebSocket, value: dict[str, Any]) -> bool:
    """Whether the page was there to be told."""
    try:
        await socket.send_text(json.dumps(value, separators=(",", ":")))
    except (WebSocketDisconnect, RuntimeError):  # it went while it was answered; RuntimeError says that it is closed
        return False
    await asyncio.sleep(0)  # many messages may have come with the last one: that the line is lost shall be heard among them
    return True


async def answer_frame(frame: Frame, settings: Settings, models: Models, answerer: Answerer) -> dict[str, Any]:
    """What the page is told of one frame.

    Raises:
        RequestError: there is no such model, layer, unit or class, or the model takes no pictures.
    """
    model = models.get(settings.model)
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
        seen, stages = await run_in_threadpool(_see, model, frame, settings.stages)
        answers = await answerer.answer(model, seen[None])
        answer["seen"] = encode_array(seen)
        answer["verdict"] = str(answers.verdict[0])
        if answer["verdict"] != EMPTY:
            answer["class"] = int(answers.predicted[0])
            answer["probabilities"] = [float(share) for share in answers.probabilities[0]]
            answer |= stages
            answer |= await run_in_threadpool(_look_inside, model, seen, settings)
    return answer


def _see(model: Model, frame: Frame, stages: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """What the model sees of a frame, and the way there where it is wanted and there is one."""
    picture, contract = picture_of(model, frame), model.network.contract
    if not (stages and isinstance(contract, Contract)):
        return bring_to_model(model, picture), {}
    steps = contract.stages(picture)
    (top, bottom), (left, right) = steps.rows, steps.columns
    told: dict[str, Any] = {"box": [top, left, bottom, right]}
    if not np.array_equal(steps.ink, frame.pixels):  # most drawings are such ink already, and the page has them
        told["ink"] = encode_array(steps.ink)
    if steps.scaled.size:
        told["scaled"] = encode_array(steps.scaled)
    return steps.image, {"stages": told}


def _look_inside(model: Model, seen: np.ndarray, settings: Settings) -> dict[str, Any]:
    """What the page wants to know of the network's inside."""
    network, found = model.network, {}
    if settings.layers:
        found["layers"] = inside.layer_values(network, seen)
    if settings.saliency is not None:
        found["saliency"] = inside.saliency(network, seen, settings.saliency)
    if settings.focus is not None:
        found["focus"] = inside.focus(network, seen, *settings.focus)
    return found


routes = [WebSocketRoute("/api/live", live)]
