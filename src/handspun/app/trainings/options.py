"""What the form of the page offers, in addition to the data sets: layers, augmentation, optimizers, presets, and limits."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from handspun.app.teaching.drawings import EMBEDDED, MAX_DRAWINGS
from handspun.layers import ACTIVATIONS
from handspun.optimization.optimizers import OPTIMIZERS

#: The largest values: what one core and 2 GiB of memory can do with patience. Outputs are those of one layer and
#: multiplications those of all layers, for one image. A step of 64 images, and so a stop, takes seconds at most.
LIMITS = {
    "epochs": 200,
    "batch_size": 1024,
    "layers": 24,
    "parameters": 5_000_000,
    "outputs": 250_000,
    "multiplications": 100_000_000,
    "drawings": MAX_DRAWINGS,
}


def _number(name: str, title: str, low: float, high: float, step: float, default: float) -> dict[str, Any]:
    return {"name": name, "title": title, "low": low, "high": high, "step": step, "default": default}


def _kind(kind: str, title: str, text: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "title": title, "text": text, "arguments": list(arguments)}


_WINDOW = _number("size", "window size", 2, 8, 1, 2)

#: Kinds of layers that the page builds networks of, with the fields of their arguments.
LAYER_KINDS: list[dict[str, Any]] = [
    _kind("Dense", "dense", "each unit sees all values", _number("units", "units", 1, 2048, 1, 64)),
    _kind(
        "Conv2D",
        "convolution",
        "small filters, the same at every place",
        _number("filters", "filters", 1, 256, 1, 16),
        _number("kernel_size", "kernel size", 1, 11, 1, 3),
        {"name": "padding", "title": "padding", "choices": ["same", "valid"], "default": "same"},
    ),
    _kind("MaxPool2D", "max pooling", "the largest value of each window", _WINDOW),
    _kind("AvgPool2D", "average pooling", "the mean of each window", _WINDOW),
    _kind("GlobalAvgPool", "global average", "the mean of each feature map"),
    *({**_kind(kind.__name__, name, "activation"), "activation": True} for name, kind in ACTIVATIONS.items()),
    _kind("BatchNorm", "batch norm", "mean 0 and variance 1 over the batch"),
    _kind("LayerNorm", "layer norm", "mean 0 and variance 1 over the units"),
    _kind("Dropout", "dropout", "sets random values to 0 in training", _number("rate", "rate", 0, 0.9, 0.05, 0.2)),
    _kind("Flatten", "flatten", "turns a picture into one row of numbers"),
]

#: The arguments of ``Augmentation`` that the page offers; digits are still readable at the highest values.
AUGMENTATIONS: list[dict[str, Any]] = [
    _number("shift", "shift, pixels", 0, 6, 0.5, 1.5),
    _number("rotation", "rotation, degrees", 0, 45, 1, 10),
    _number("scale", "scale, fraction", 0, 0.5, 0.01, 0.1),
    _number("shear", "shear, degrees", 0, 45, 1, 8),
    _number("elastic", "elastic, pixels", 0, 3, 0.1, 0.7),
    _number("thickness", "thickness, pixels", 0, 2, 0.1, 0.4),
    _number("noise", "noise, of 255", 0, 80, 1, 15),
    _number("cutout", "cutout, pixels", 0, 14, 1, 6),
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

_ONE_CYCLE = {"name": "one-cycle", "warmup": 0.2}

SCHEDULES = [
    {"name": "constant", "title": "constant", "settings": {"name": "constant"}},
    {"name": "cosine", "title": "cosine", "settings": {"name": "cosine"}},
    {"name": "one-cycle", "title": "one cycle", "settings": _ONE_CYCLE},
]


def _dense(*units: int) -> list[dict[str, Any]]:
    return [block for size in units for block in ({"kind": "Dense", "units": size}, {"kind": "ReLU"})]


def _convolution(filters: int) -> list[dict[str, Any]]:
    return [
        {"kind": "Conv2D", "filters": filters, "kernel_size": 5, "padding": "valid"},
        {"kind": "BatchNorm"},
        {"kind": "MaxPool2D", "size": 2},
        {"kind": "ReLU"},
    ]


_ADAMW: dict[str, Any] = {"optimizer": "adamw", "weight_decay": 0.01, "schedule": _ONE_CYCLE, "batch_size": 64}


def _preset(name: str, title: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "title": title, "settings": {"data": EMBEDDED, **settings}}


PRESETS: list[dict[str, Any]] = [
    _preset(
        "two-hidden",
        "two hidden layers",
        **_ADAMW,
        layers=[{"kind": "Dropout", "rate": 0.3}, *_dense(128, 64)],
        learning_rate=0.003,
        epochs=20,
    ),
    _preset("linear", "no hidden layer", layers=[], optimizer="adam", learning_rate=0.001, epochs=15),
    _preset(
        "convolutions",
        "two convolutions",
        **_ADAMW,
        layers=[*_convolution(16), *_convolution(32), {"kind": "Flatten"}],
        learning_rate=0.005,
        epochs=8,
    ),
    _preset(
        "augmented",
        "deformed digits",
        **_ADAMW,
        layers=_dense(256, 128),
        learning_rate=0.002,
        epochs=40,
        augment={"shift": 1.5, "rotation": 10, "scale": 0.1, "shear": 8, "elastic": 0.7},
    ),
]


def _options(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "datasets": [dataclasses.asdict(offer) for offer in request.app.state.datasets.offers()],
            "optimizers": [{"name": name, "learning_rate": LEARNING_RATES[name]} for name in OPTIMIZERS],
            "schedules": SCHEDULES,
            "augmentations": AUGMENTATIONS,
            "layer_kinds": LAYER_KINDS,
            "presets": PRESETS,
            "limits": LIMITS,
        }
    )


routes = [Route("/api/options", _options, methods=["GET"])]
