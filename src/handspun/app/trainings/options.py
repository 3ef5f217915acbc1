"""What a training started from the page may be: its data, its layers, its settings, and how large it may get.

A request names data sets that are offered here, and no file: what lies elsewhere on the disk is none of its business.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from handspun.app.teaching.drawings import EMBEDDED, MOST_DRAWINGS, decode_drawings
from handspun.app.trainings.datasets import Datasets, Offer
from handspun.app.transport.wire import RequestError, read_json
from handspun.data import Split
from handspun.data.registry import REGISTRY
from handspun.engine.parameters import count
from handspun.errors import HandspunError
from handspun.layers import ACTIVATIONS, Layer
from handspun.networks.layout import array_shapes, every_layer
from handspun.optimization.optimizers import OPTIMIZERS
from handspun.recipes import Settings

#: How large things may get: what one core and 2 GiB of memory do with patience. Outputs are those of a layer for one image, and
#: multiplications those of all layers; a step on 64 images then takes seconds at most, and so does a stop.
LIMITS = {
    "epochs": 200,
    "batch_size": 1024,
    "layers": 24,
    "parameters": 5_000_000,
    "outputs": 250_000,
    "multiplications": 100_000_000,
    "drawings": MOST_DRAWINGS,
}

#: Settings that are not the page's: files and their pictures, and threads, of which a training beside live answers gets one.
NOT_FOR_THE_PAGE = ("picture_size", "picture_fit", "picture_mode", "threads")

#: Kinds of layers that the page builds networks of, with their arguments as a form needs them.
LAYER_KINDS: list[dict[str, Any]] = [
    {
        "kind": "Dense",
        "title": "dense",
        "text": "each unit sees everything",
        "arguments": [{"name": "units", "title": "units", "low": 1, "high": 2048, "step": 1, "default": 64}],
    },
    {
        "kind": "Conv2D",
        "title": "convolution",
        "text": "small filters, everywhere the same",
        "arguments": [
            {"name": "filters", "title": "filters", "low": 1, "high": 256, "step": 1, "default": 16},
            {"name": "kernel_size", "title": "size", "low": 1, "high": 11, "step": 1, "default": 3},
            {"name": "padding", "title": "edge", "choices": ["same", "valid"], "default": "same"},
        ],
    },
    {
        "kind": "MaxPool2D",
        "title": "max-pooling",
        "text": "the strongest of a window",
        "arguments": [{"name": "size", "title": "window", "low": 2, "high": 8, "step": 1, "default": 2}],
    },
    {
        "kind": "AvgPool2D",
        "title": "mean-pooling",
        "text": "the mean of a window",
        "arguments": [{"name": "size", "title": "window", "low": 2, "high": 8, "step": 1, "default": 2}],
    },
    {"kind": "GlobalAvgPool", "title": "global mean", "text": "one number a feature map", "arguments": []},
    *(
        {"kind": kind.__name__, "title": name, "text": "activation", "arguments": [], "activation": True}
        for name, kind in ACTIVATIONS.items()
    ),
    {"kind": "BatchNorm", "title": "batch norm", "text": "mean 0 and variance 1 over the batch", "arguments": []},
    {"kind": "LayerNorm", "title": "layer norm", "text": "mean 0 and variance 1 over the units", "arguments": []},
    {
        "kind": "Dropout",
        "title": "dropout",
        "text": "forgets some values while it trains",
        "arguments": [{"name": "rate", "title": "share", "low": 0, "high": 0.9, "step": 0.05, "default": 0.2}],
    },
    {"kind": "Flatten", "title": "flatten", "text": "a picture as a row of numbers", "arguments": []},
]

#: What of ``Augmentation`` the page offers; the highest values are what digits survive.
AUGMENTATIONS: list[dict[str, Any]] = [
    {"name": "shift", "title": "shift, pixels", "low": 0, "high": 6, "step": 0.5, "default": 1.5},
    {"name": "rotation", "title": "rotation, degrees", "low": 0, "high": 45, "step": 1, "default": 10},
    {"name": "scale", "title": "scale, share", "low": 0, "high": 0.5, "step": 0.01, "default": 0.1},
    {"name": "shear", "title": "lean, degrees", "low": 0, "high": 45, "step": 1, "default": 8},
    {"name": "elastic", "title": "elastic, pixels", "low": 0, "high": 3, "step": 0.1, "default": 0.7},
    {"name": "thickness", "title": "thickness, pixels", "low": 0, "high": 2, "step": 0.1, "default": 0.4},
    {"name": "noise", "title": "noise, of 255", "low": 0, "high": 80, "step": 1, "default": 15},
    {"name": "cutout", "title": "hidden square, pixels", "low": 0, "high": 14, "step": 1, "default": 6},
]

#: Learning rates to begin with, by optimizer.
LEARNING_RATES = {
    "sgd": 0.1,
    "momentum": 0.03,
    "nesterov": 0.03,
    "rmsprop": 0.001,
    "adagrad": 0.01,
    "adam": 0.001,
    "adamw": 0.003,
}

SCHEDULES = [
    {"name": "constant", "title": "constant", "settings": {"name": "constant"}},
    {"name": "cosine", "title": "cosine", "settings": {"name": "cosine"}},
    {"name": "one-cycle", "title": "one cycle", "settings": {"name": "one-cycle", "warmup": 0.2}},
]


def _dense(*units: int) -> list[dict[str, Any]]:
    return [block for size in units for block in ({"kind": "Dense", "units": size}, {"kind": "ReLU"})]


_SMALL_CNN = [
    {"kind": "Conv2D", "filters": 16, "kernel_size": 5, "padding": "valid"},
    {"kind": "BatchNorm"},
    {"kind": "MaxPool2D", "size": 2},
    {"kind": "ReLU"},
    {"kind": "Conv2D", "filters": 32, "kernel_size": 5, "padding": "valid"},
    {"kind": "BatchNorm"},
    {"kind": "MaxPool2D", "size": 2},
    {"kind": "ReLU"},
    {"kind": "Flatten"},
]

PRESETS: list[dict[str, Any]] = [
    {
        "name": "two-hidden",
        "title": "two hidden layers",
        "settings": {
            "data": EMBEDDED,
            "layers": [{"kind": "Dropout", "rate": 0.3}, *_dense(128, 64)],
            "optimizer": "adamw",
            "learning_rate": 0.003,
            "weight_decay": 0.01,
            "schedule": {"name": "one-cycle", "warmup": 0.2},
            "epochs": 20,
            "batch_size": 64,
        },
    },
    {
        "name": "linear",
        "title": "no hidden layer",
        "settings": {"data": EMBEDDED, "layers": [], "optimizer": "adam", "learning_rate": 0.001, "epochs": 15},
    },
    {
        "name": "convolutions",
        "title": "two convolutions",
        "settings": {
            "data": EMBEDDED,
            "layers": _SMALL_CNN,
            "optimizer": "adamw",
            "learning_rate": 0.005,
            "weight_decay": 0.01,
            "schedule": {"name": "one-cycle", "warmup": 0.2},
            "epochs": 8,
            "batch_size": 64,
        },
    },
    {
        "name": "augmented",
        "title": "deformed digits",
        "settings": {
            "data": EMBEDDED,
            "layers": _dense(256, 128),
            "optimizer": "adamw",
            "learning_rate": 0.002,
            "weight_decay": 0.01,
            "schedule": {"name": "one-cycle", "warmup": 0.2},
            "epochs": 40,
            "batch_size": 64,
            "augment": {"shift": 1.5, "rotation": 10, "scale": 0.1, "shear": 8, "elastic": 0.7},
        },
    },
]


def read_settings(values: Mapping[str, Any], datasets: Datasets) -> tuple[Settings, Split | None]:
    """The settings that a request asks for, checked as far as they can be without training, and the drawings sent with them.

    Raises:
        RequestError: 400, they cannot be meant or are beyond the limits.
    """
    plain = dict(values)
    drawings = None
    if "drawings" in plain:
        drawings = decode_drawings(plain.pop("drawings"), classes=len(REGISTRY[EMBEDDED].classes))
    for name in NOT_FOR_THE_PAGE:
        if name in plain:
            raise RequestError(400, f'"{name}" is not for the page to choose.')
    try:
        settings = Settings.from_dict({"epochs": 10, **plain}, "the request").replace(threads=1)
        _check_limits(settings)
        outline(settings, datasets.find(settings.data))
        settings.fit_arguments()
    except RequestError:
        raise
    except (HandspunError, ValueError, TypeError, OverflowError) as error:
        raise RequestError(400, str(error)) from error
    return settings, drawings


def _check_limits(settings: Settings) -> None:
    """RequestError for more than ``LIMITS`` allow, and for what is no number."""
    for name in ("epochs", "batch_size"):
        value, most = getattr(settings, name), LIMITS[name]
        if value is None or not 1 <= value <= most:
            raise RequestError(400, f"{name} goes from 1 to {most:,} here, got {value}.")
    if len(settings.layers) > LIMITS["layers"] or len(settings.hidden) + len(settings.channels) > LIMITS["layers"]:
        raise RequestError(400, f"A network of the page has at most {LIMITS['layers']} layers.")
    kinds = [entry["kind"] for entry in LAYER_KINDS]
    for table in settings.layers:
        if table.get("kind") not in kinds:
            raise RequestError(400, f"{table.get('kind')} is no layer of the page. There are: {', '.join(kinds)}.")
    highest = {entry["name"]: entry["high"] for entry in AUGMENTATIONS}
    for name, value in (settings.augment or {}).items():
        if name not in highest:
            raise RequestError(400, f'augment: "{name}" is not for the page to choose. There are: {", ".join(highest)}.')
        if isinstance(value, (int, float)) and not 0 <= value <= highest[name]:
            raise RequestError(400, f"augment: {name} goes from 0 to {highest[name]} here, got {value}.")
    for name, value in settings.as_dict().items():
        if isinstance(value, float) and not math.isfinite(value):
            raise RequestError(400, f"{name} must be a finite number, got {value}.")


def outline(settings: Settings, offer: Offer) -> list[tuple[str, Layer, tuple[int, ...], int]]:
    """The layers of the network, the first to the last: name, layer, shape of its output, parameters. It takes no memory.

    Raises:
        UsageError: the layers do not fit each other or the images.
        RequestError: 400, they are beyond the limits.
    """
    layers, shape = settings.make_layers(offer.image_shape, offer.classes)
    rows: list[tuple[str, Layer, tuple[int, ...], int]] = []
    total = work = 0
    for layer in layers:
        ((name, _, _),) = every_layer([layer], shape)
        size = count(array_shapes([(name, layer, shape)])[0])
        shape = layer.output_shape(shape)
        total += size
        work += size * math.prod(shape[1:])  # a filter is used at each place, a weight of a dense layer once
        if math.prod(shape) > LIMITS["outputs"]:
            raise RequestError(
                400, f"{layer!r} gives {math.prod(shape):,} numbers an image; {LIMITS['outputs']:,} are the most."
            )
        if total > LIMITS["parameters"]:
            raise RequestError(400, f"Such a network has {total:,} parameters or more; {LIMITS['parameters']:,} are the most.")
        if work > LIMITS["multiplications"]:
            raise RequestError(
                400,
                f"Such a network takes {work:,} multiplications an image or more; {LIMITS['multiplications']:,} are the most.",
            )
        rows.append((name, layer, shape, size))
    return rows


async def _options(request: Request) -> JSONResponse:
    datasets: Datasets = request.app.state.datasets
    offers = await run_in_threadpool(datasets.offers)
    return JSONResponse(
        {
            "datasets": [dataclasses.asdict(offer) for offer in offers],
            "optimizers": [{"name": name, "learning_rate": LEARNING_RATES[name]} for name in OPTIMIZERS],
            "schedules": SCHEDULES,
            "augmentations": AUGMENTATIONS,
            "layer_kinds": LAYER_KINDS,
            "presets": PRESETS,
            "limits": LIMITS,
        }
    )


async def _outline(request: Request) -> JSONResponse:
    datasets: Datasets = request.app.state.datasets
    values = await read_json(request)

    def find() -> dict[str, Any]:
        try:
            settings, _ = read_settings(values, datasets)
            rows = outline(settings, datasets.find(settings.data))
        except RequestError as error:  # while one builds a network it often is none yet: an answer like any other
            return {"layers": [], "parameters": 0, "error": error.message}
        layers = [
            {"kind": type(layer).__name__, "text": repr(layer), "output_shape": list(shape), "parameters": size}
            for _, layer, shape, size in rows
        ]
        return {"layers": layers, "parameters": sum(size for *_, size in rows), "error": None}

    return JSONResponse(await run_in_threadpool(find))


routes = [Route("/api/options", _options, methods=["GET"]), Route("/api/outline", _outline, methods=["POST"])]
