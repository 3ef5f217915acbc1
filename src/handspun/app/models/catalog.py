"""The models that the app can ask: those that come with handspun, those named at the start, those trained in the page."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handspun.app.models.pixels import picture_size
from handspun.app.transport.wire import RequestError
from handspun.networks.architectures import structure
from handspun.networks.modelfile import save
from handspun.networks.sequential import Sequential
from handspun.pretrained import DEFAULT, load_pretrained_with_header, pretrained_names


@dataclass(frozen=True)
class Model:
    """A network with its name.

    Attributes:
        name: by which it is chosen.
        network: it; its weights never change while it is here.
        origin: "shipped", "file", "trained" or "taught".
        training: what the model file tells of its training.
    """

    name: str
    network: Sequential
    origin: str
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """What the outputs stand for; their numbers where the model has no names."""
        return self.network.classes or tuple(str(i) for i in range(max(self.network.output_shape[-1], 2)))

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
            "layers": [
                {
                    "name": layer.name,
                    "kind": type(layer).__name__,
                    "text": repr(layer),
                    "output_shape": list(shape),
                    "parameters": size,
                }
                for layer, shape, size in network.outline()
            ],
        }


class Models:
    """All models by name. Any thread may ask and change it.

    Args:
        models: at the start; the first is the default.
    """

    def __init__(self, models: Iterable[Model]) -> None:
        self._lock = threading.Lock()
        self._models = {model.name: model for model in models}
        self.default = next(iter(self._models))

    def get(self, name: str | None = None) -> Model:
        """The model ``name``, the default one for None; RequestError 404 where there is none."""
        with self._lock:
            model = self._models.get(self.default if name is None else name)
            if model is None:
                raise RequestError(404, f'There is no model "{name}". Known: {", ".join(self._models)}.')
            return model

    def add(self, model: Model) -> None:
        """Take in a model; one of the same name is replaced."""
        with self._lock:
            self._models[model.name] = model

    def all(self) -> list[Model]:
        """All of them."""
        with self._lock:
            return list(self._models.values())


def shipped_models() -> list[Model]:
    """Those that come with handspun, the default one first."""
    names = sorted(pretrained_names(), key=lambda name: (name != DEFAULT, name))
    found = ((name, *load_pretrained_with_header(name)) for name in names)
    return [Model(name, network, "shipped", header["training"]) for name, network, header in found]


def free_name(wanted: str, taken: Collection[str]) -> str:
    """``wanted``, with a number behind it where it is taken, if only in other capitals: to some systems both name one file."""
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
    name = re.sub(r"[^A-Za-z0-9._-]", "_", model.name)  # what is safe in a header and on a disk
    headers = {"content-disposition": f'attachment; filename="{name}.npz"'}
    return Response(content.getvalue(), media_type="application/octet-stream", headers=headers)


routes = [Route("/api/models", _list), Route("/api/models/{name}/file", _file)]
