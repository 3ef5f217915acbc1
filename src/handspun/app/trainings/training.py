"""From a request to a run: the settings, checked against the limits, and the training that they describe.

A request may name only data sets on offer, so it cannot read other files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from handspun.app.models.catalog import layer_as_dict
from handspun.app.runs.registry import runs_of
from handspun.app.runs.run import Outcome, Run
from handspun.app.runs.watcher import Watcher
from handspun.app.teaching.drawings import DIGITS, decode_drawings
from handspun.app.trainings.datasets import DRAWINGS, MIXED, Datasets, Offer
from handspun.app.trainings.options import AUGMENTATIONS, LAYER_KINDS, LIMITS
from handspun.app.transport.wire import RequestError, json_end_point, refusing
from handspun.data import Split
from handspun.engine.parameters import count
from handspun.errors import HandspunError
from handspun.layers import Conv2D, Dense, Layer
from handspun.networks.layout import array_shapes, every_layer
from handspun.recipes import Settings
from handspun.recipes.run import Plan, prepare, train

#: Settings that the page may not choose: those for picture files, and threads (a training beside live answers gets one).
NOT_FOR_THE_PAGE = ("picture_size", "picture_fit", "picture_mode", "threads")


def plan_training(values: Mapping[str, Any], datasets: Datasets) -> tuple[Run, Callable[[Run], Outcome]]:
    """The run that a request asks for, and its job.

    Raises RequestError 400 if the settings are not valid or beyond the limits, or drawings are missing.
    """
    settings, drawings = read_settings(values, datasets)
    if settings.data in (DRAWINGS, MIXED) and drawings is None:
        raise RequestError(400, "The tray is empty. Draw some digits and label them first.")

    def job(run: Run) -> Outcome:
        material = prepare(settings, datasets.load(settings.data, drawings))
        result = train(
            Plan(settings, material),
            callbacks=[Watcher(run)],
            announce=lambda network, _: run.begin(network, material.classes, len(material.train), material.validation),
        )
        accuracy = None if result.evaluation is None else result.evaluation.accuracy
        told = {"data": material.name, "settings": settings.as_dict()}
        if accuracy is not None:
            told["test_accuracy"] = accuracy
        images = 0 if material.test is None else len(material.test)
        return Outcome(result.network, {"accuracy": accuracy, "images": images, "seconds": result.seconds}, told)

    return Run("train", settings.as_dict(), _name(settings, datasets.find(settings.data))), job


def read_settings(values: Mapping[str, Any], datasets: Datasets) -> tuple[Settings, Split | None]:
    """The settings in a request, checked as far as possible without training, and its drawings.

    Raises RequestError 400 if they are not valid or beyond the limits.
    """
    plain = dict(values)
    drawings = None
    if "drawings" in plain:
        drawings = decode_drawings(plain.pop("drawings"), classes=len(DIGITS))
    for name in NOT_FOR_THE_PAGE:
        if name in plain:
            raise RequestError(400, f'The page may not choose "{name}".')
    with refusing(HandspunError, ValueError, TypeError, OverflowError):
        settings = Settings.from_dict({"epochs": 10, **plain}, "the request").replace(threads=1)
        _check_limits(settings)
        outline(settings, datasets.find(settings.data))
        settings.fit_arguments()
    return settings, drawings


def _check_limits(settings: Settings) -> None:
    """Raises RequestError for more than ``LIMITS`` allow, and for numbers that are not finite."""
    for name in ("epochs", "batch_size"):
        value, most = getattr(settings, name), LIMITS[name]
        if value is None or not 1 <= value <= most:
            raise RequestError(400, f"{name} must be from 1 to {most:,} here, got {value}.")
    if len(settings.layers) > LIMITS["layers"] or len(settings.hidden) + len(settings.channels) > LIMITS["layers"]:
        raise RequestError(400, f"A network of the page may have at most {LIMITS['layers']} layers.")
    kinds = [entry["kind"] for entry in LAYER_KINDS]
    for table in settings.layers:
        if table.get("kind") not in kinds:
            raise RequestError(400, f"{table.get('kind')} is not a layer of the page. There are: {', '.join(kinds)}.")
    highest = {entry["name"]: entry["high"] for entry in AUGMENTATIONS}
    for name, value in (settings.augment or {}).items():
        if name not in highest:
            raise RequestError(400, f'augment: the page may not choose "{name}". There are: {", ".join(highest)}.')
        if isinstance(value, (int, float)) and not 0 <= value <= highest[name]:
            raise RequestError(400, f"augment: {name} must be from 0 to {highest[name]} here, got {value}.")
    for name, value in settings.as_dict().items():
        if isinstance(value, float) and not math.isfinite(value):
            raise RequestError(400, f"{name} must be a finite number, got {value}.")


def outline(settings: Settings, offer: Offer) -> list[tuple[Layer, tuple[int, ...], int]]:
    """Each layer of the network with the shape of its output and its number of parameters; nothing is allocated.

    Raises UsageError if the layers do not fit each other or the images, RequestError 400 if they are beyond the limits.
    """
    layers, shape = settings.make_layers(offer.image_shape, offer.classes)
    rows: list[tuple[Layer, tuple[int, ...], int]] = []
    total = work = 0
    for layer in layers:
        size = count(array_shapes(every_layer([layer], shape))[0])
        shape = layer.output_shape(shape)
        total += size
        work += size * math.prod(shape[1:])  # a filter is used at each place, a weight of a dense layer once
        for what, value in (("outputs", math.prod(shape)), ("parameters", total), ("multiplications", work)):
            if value > LIMITS[what]:
                raise RequestError(400, f"At {layer!r} there are {value:,} {what}; at most {LIMITS[what]:,} are allowed.")
        rows.append((layer, shape, size))
    return rows


def _name(settings: Settings, offer: Offer) -> str:
    """A model's name from its layers and data: "128-64-on-mnist-5k"."""
    layers = [layer for layer, _, _ in outline(settings, offer)]
    hidden = [str(layer.units) for layer in layers if isinstance(layer, Dense)][:-1]
    kind = "convolutional" if any(isinstance(layer, Conv2D) for layer in layers) else "-".join(hidden) or "linear"
    data = re.sub(r"[^A-Za-z0-9._-]+", "-", settings.data).strip("-.") or "data"
    return f"{kind[:30]}-on-{data[:25]}"


def _start(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    return runs_of(request).start(*plan_training(body, request.app.state.datasets)).state()


def _outline(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    datasets: Datasets = request.app.state.datasets
    try:
        settings, _ = read_settings(body, datasets)
        rows = outline(settings, datasets.find(settings.data))
    except RequestError as error:  # a half-built network is often invalid: that is an answer like any other
        return {"layers": [], "parameters": 0, "error": error.detail}
    return {"layers": [layer_as_dict(*row) for row in rows], "parameters": sum(size for *_, size in rows), "error": None}


routes = [
    Route("/api/runs", json_end_point(_start, 202), methods=["POST"]),
    Route("/api/outline", json_end_point(_outline), methods=["POST"]),
]
