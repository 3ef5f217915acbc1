"""The models on offer: those included with handspun, those named on the command line, those trained in the page."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handspun.app.models.pixels import picture_size
from handspun.app.transport.wire import INK, Frame, RequestError, refusing
from handspun.engine.parameters import Shape
from handspun.errors import UsageError
from handspun.layers import Layer
from handspun.networks.architectures import structure
from handspun.networks.modelfile import save
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import Contract
from handspun.pretrained import DEFAULT, load_pretrained_with_header, pretrained_names

#: The longest side of a picture. The contract looks around each pixel; a line of millions of pixels would take it gigabytes.
MAX_PICTURE_SIDE = 16_384


@dataclass(frozen=True)
class Model:
    """A network with a name."""

    name: str
    network: Sequential  # its weights never change while it is on offer
    origin: str  # "shipped", "file", "trained" or "taught"
    training: dict[str, Any] = field(default_factory=dict)  # what the model file says about it

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; their numbers if the model has no names."""
        return self.network.classes or tuple(str(i) for i in range(max(self.network.output_shape[-1], 2)))

    @property
    def of_strokes(self) -> bool:
        """Whether it reads strokes, by their ink; other models see unchanged pictures."""
        return isinstance(self.network.contract, Contract)

    def picture_of(self, frame: Frame) -> np.ndarray:
        """The picture in a frame, (H, W) or (H, W, 3). For a model of photos ink is dark on white, as the page shows it."""
        return 255 - frame.pixels if frame.kind == INK and not self.of_strokes else frame.pixels

    def preprocess(self, picture: np.ndarray) -> np.ndarray:
        """What the model sees of one picture (H, W) or (H, W, C), uint8, by the contract in its file.

        Raises RequestError 400 if the model has no contract, or the picture does not fit it.
        """
        contract = self.network.contract
        if contract is None:
            raise RequestError(
                400,
                f'The model "{self.name}" does not say how pictures become its inputs. '
                f"Send arrays of the model's input shape, {list(self.network.input_shape)}.",
            )
        height, width = picture.shape[:2]
        if max(height, width) > MAX_PICTURE_SIDE:
            raise RequestError(400, f"A picture has at most {MAX_PICTURE_SIDE:,} pixels a side, not {width:,} x {height:,}.")
        with refusing(UsageError):
            return contract(picture[None])[0]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        network = self.network
        return {
            "name": self.name,
            "origin": self.origin,
            "classes": list(self.classes),
            "input_shape": list(network.input_shape),
            "picture_shape": picture_size(network),
            "parameters": int(network.parameters.vector.size),
            "bytes": int(network.parameters.vector.nbytes),
            "structure": structure(network),
            "accuracy": self.training.get("test_accuracy"),
            "calibrated": network.confidence is not None,
            "layers": [{"name": layer.name, **layer_as_dict(layer, shape, size)} for layer, shape, size in network.outline()],
        }


def layer_as_dict(layer: Layer, output_shape: Shape, parameters: int) -> dict[str, Any]:
    """A layer for JSON."""
    return {"kind": type(layer).__name__, "text": repr(layer), "output_shape": list(output_shape), "parameters": parameters}


class Models:
    """All models by name; safe to use from any thread. The first of ``models`` is the default."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._lock = threading.Lock()
        self._models = {model.name: model for model in models}
        self.default = next(iter(self._models))

    def get(self, name: str | None = None) -> Model:
        """The model ``name``, or the default one for None. Raises RequestError 404 if there is none."""
        with self._lock:
            model = self._models.get(self.default if name is None else name)
            if model is None:
                raise RequestError(404, f'There is no model "{name}". Known models: {", ".join(self._models)}.')
            return model

    def add(self, model: Model) -> None:
        """Add a model, in place of one of the same name."""
        with self._lock:
            self._models[model.name] = model

    def all(self) -> list[Model]:
        """All models."""
        with self._lock:
            return list(self._models.values())


def shipped_models() -> list[Model]:
    """The included models, the default one first."""
    names = sorted(pretrained_names(), key=lambda name: (name != DEFAULT, name))
    found = ((name, *load_pretrained_with_header(name)) for name in names)
    return [Model(name, network, "shipped", header["training"]) for name, network, header in found]


def free_name(wanted: str, taken: Collection[str]) -> str:
    """``wanted``, numbered if it is taken. Case is ignored: on some systems both names would be one file."""
    name, number = wanted, 2
    folded = {other.casefold() for other in taken}
    while name.casefold() in folded:
        name, number = f"{wanted}-{number}", number + 1
    return name


def _list(request: Request) -> JSONResponse:
    models: Models = request.app.state.models
    return JSONResponse({"default": models.default, "models": [model.as_dict() for model in models.all()]})


def _file(request: Request) -> Response:
    model: Model = request.app.state.models.get(request.path_params["name"])
    content = io.BytesIO()
    save(model.network, content, training=model.training)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", model.name)  # safe in a header and as a file name
    headers = {"content-disposition": f'attachment; filename="{name}.npz"'}
    return Response(content.getvalue(), media_type="application/octet-stream", headers=headers)


routes = [Route("/api/models", _list), Route("/api/models/{name}/file", _file)]
