"""The description of the end points by the OpenAPI Specification 3.1, for programs; ``/api`` shows it to people."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse
from starlette.routing import Route

import handspun
from handspun.app.answers.batching import MAX_PICTURES
from handspun.app.answers.predict import MAX_UPLOAD_PIXELS
from handspun.app.transport.wire import MAX_BODY_BYTES

_TEXT, _INTEGER = {"type": "string"}, {"type": "integer"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _schema(name)}}


_ERROR = {"description": "What is wrong with the request, in a sentence.", "content": _json("Error")}


def _answers(schema: str, description: str, *codes: int) -> dict[str, Any]:
    """The answer, errors with those codes, and the errors that any request may get: wrong host, too many requests."""
    found = {"description": description, "content": _json(schema)}
    return {"200": found, **{str(code): _ERROR for code in (*codes, 421, 503)}}


def _get(operation: str, summary: str, responses: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"get": {"operationId": operation, "summary": summary, "responses": responses, **more}}


_PREDICT = {
    "operationId": "predict",
    "summary": "Classify pictures",
    "description": "Class and calibrated probabilities of each picture. A picture may have any size, be dark on light or light "
    "on dark, and show its subject anywhere: it is prepared as the model was trained (the model's contract).",
    "parameters": [
        {
            "name": "model",
            "in": "query",
            "required": False,
            "description": "The model's name; by default the first of /api/models.",
            "schema": _TEXT,
            "example": "mnist-cnn",
        }
    ],
    "requestBody": {
        "required": True,
        "description": "One picture file; several files as a form; or pixels from 0 to 255.",
        "content": {
            "image/png": {},
            "image/jpeg": {},
            "multipart/form-data": {
                "schema": _object(images=_list({"type": "string", "format": "binary", "contentMediaType": "image/*"}))
            },
            "application/x-npy": {
                "schema": {"description": "A NumPy array in a .npy file, uint8: (H, W), (N, H, W) or (N, H, W, C)."}
            },
            "application/json": {
                "schema": _object(pixels=_list({}, description="The rows of one picture, or a list of pictures.")),
                "example": {"pixels": [[0, 0, 0, 0], [0, 255, 0, 0], [0, 255, 0, 0], [0, 0, 0, 0]]},
            },
        },
    },
    "responses": _answers("Predictions", "The predictions, in the order of the pictures.", 400, 403, 404, 408, 413, 415),
}

_SCHEMAS = {
    "Error": _object(error=_TEXT),
    "Health": _object(status={"const": "ok"}, version=_TEXT, models=_INTEGER, training={"type": "boolean"}),
    "Models": _object(default=_TEXT, models=_list(_schema("Model"))),
    "Model": _object(
        name=_TEXT,
        origin={"enum": ["shipped", "file", "trained", "taught"]},
        classes=_list(_TEXT),
        input_shape=_list(_INTEGER),
        picture_shape={"type": ["array", "null"], "items": _INTEGER},
        parameters=_INTEGER,
        bytes=_INTEGER,
        structure=_TEXT,
        accuracy={"type": ["number", "null"], "description": "On test images, from 0 to 1."},
        calibrated={"type": "boolean", "description": 'Whether it can answer "unknown".'},
        layers=_list({"type": "object"}),
    ),
    "Predictions": _object(model=_TEXT, predictions=_list(_schema("Prediction"))),
    "Prediction": _object(
        name={"type": ["string", "null"], "description": "The file's name, if it had one."},
        verdict={
            "enum": ["known", "unknown", "empty"],
            "description": '"unknown": probably none of the classes. "empty": there is nothing in the picture.',
        },
        **{"class": {"type": ["string", "null"]}},
        probability={"type": ["number", "null"]},
        probabilities={"type": ["object", "null"], "additionalProperties": {"type": "number"}},
    ),
}

SPECIFICATION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "handspun",
        "version": handspun.__version__,
        "description": "Small image classifiers, in NumPy. Nothing that you send leaves the machine that runs this server. "
        f"A request may have at most {MAX_BODY_BYTES // 2**20} MiB and {MAX_PICTURES} pictures, and a picture at most "
        f"{MAX_UPLOAD_PIXELS // 1_000_000} megapixels.",
    },
    "paths": {
        "/api/predict": {"post": _PREDICT},
        "/api/models": _get("models", "List the models", _answers("Models", "All models, and the name of the default one.")),
        "/api/models/{name}/file": _get(
            "modelFile",
            "Download a model",
            {"200": {"description": "The file.", "content": {"application/octet-stream": {}}}, "404": _ERROR},
            description="The model file, for handspun predict and handspun.load.",
            parameters=[{"name": "name", "in": "path", "required": True, "schema": _TEXT}],
        ),
        "/healthz": _get("health", "Check that the server is running", _answers("Health", "It is running.")),
    },
    "components": {"schemas": _SCHEMAS},
}


routes = [Route("/openapi.json", lambda request: JSONResponse(SPECIFICATION))]
