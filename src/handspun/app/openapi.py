"""The description of the end points for other programs, by the OpenAPI Specification 3.1; ``/api`` shows it to people."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import handspun
from handspun.app.transport.wire import MOST_BYTES, MOST_IMAGES, MOST_PIXELS

_ERROR = {
    "description": "What is wrong with the request, in a sentence.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _object(required: bool = True, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": list(properties)} if required else {})}


def _answers(schema: str, description: str, *codes: int) -> dict[str, Any]:
    """The answer that is asked for, errors with those codes, and what any request may be told: wrong host, too many at once."""
    found = {"description": description, "content": _json(schema)}
    return {"200": found, **{str(code): _ERROR for code in (*codes, 421, 503)}}


SPECIFICATION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "handspun",
        "version": handspun.__version__,
        "description": "Small classifiers of pictures, in NumPy. Nothing that is sent leaves the machine that this runs on. "
        f"A request has at most {MOST_BYTES // 2**20} MiB, a picture at most {MOST_PIXELS // 1_000_000} megapixels, "
        f"and at most {MOST_IMAGES} pictures are taken at a time.",
    },
    "paths": {
        "/api/predict": {
            "post": {
                "operationId": "predict",
                "summary": "Read pictures",
                "description": "Class and calibrated probabilities of each picture. It may be of any size, dark on light or "
                "light on dark, what it shows anywhere in it: the model's contract brings it to what the model was trained on.",
                "parameters": [
                    {
                        "name": "model",
                        "in": "query",
                        "required": False,
                        "description": "The model's name; by default the first of /api/models.",
                        "schema": {"type": "string"},
                        "example": "mnist-cnn",
                    }
                ],
                "requestBody": {
                    "required": True,
                    "description": "One picture as a file; several files as a form; or the pixels, from 0 to 255.",
                    "content": {
                        "image/png": {},
                        "image/jpeg": {},
                        "multipart/form-data": {
                            "schema": _object(
                                images={
                                    "type": "array",
                                    "items": {"type": "string", "format": "binary", "contentMediaType": "image/*"},
                                }
                            )
                        },
                        "application/x-npy": {
                            "schema": {"description": "A NumPy array in a .npy file, uint8: (H, W), (N, H, W) or (N, H, W, C)."}
                        },
                        "application/json": {
                            "schema": _object(
                                pixels={
                                    "type": "array",
                                    "description": "Rows of one picture, or a list of pictures.",
                                    "items": {},
                                }
                            ),
                            "example": {"pixels": [[0, 0, 0, 0], [0, 255, 0, 0], [0, 255, 0, 0], [0, 0, 0, 0]]},
                        },
                    },
                },
                "responses": _answers(
                    "Predictions", "The answers, in the order of the pictures.", 400, 403, 404, 408, 413, 415
                ),
            }
        },
        "/api/models": {
            "get": {
                "operationId": "models",
                "summary": "The models that can be asked",
                "responses": _answers("Models", "All models, and which is asked by default."),
            }
        },
        "/api/models/{name}/file": {
            "get": {
                "operationId": "modelFile",
                "summary": "A model as a file",
                "description": "The model file, as handspun predict and handspun.load take it.",
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {"description": "The file.", "content": {"application/octet-stream": {}}},
                    "404": _ERROR,
                },
            }
        },
        "/healthz": {
            "get": {
                "operationId": "health",
                "summary": "Whether the server is well",
                "responses": _answers("Health", "It is."),
            }
        },
    },
    "components": {
        "schemas": {
            "Error": _object(error={"type": "string"}),
            "Health": _object(
                status={"const": "ok"}, version={"type": "string"}, models={"type": "integer"}, training={"type": "boolean"}
            ),
            "Models": _object(
                default={"type": "string"}, models={"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
            ),
            "Model": _object(
                name={"type": "string"},
                origin={"enum": ["shipped", "file", "trained", "taught"]},
                classes={"type": "array", "items": {"type": "string"}},
                input_shape={"type": "array", "items": {"type": "integer"}},
                picture_shape={"type": ["array", "null"], "items": {"type": "integer"}},
                parameters={"type": "integer"},
                bytes={"type": "integer"},
                structure={"type": "string"},
                accuracy={"type": ["number", "null"], "description": "On test images, from 0 to 1."},
                calibrated={"type": "boolean", "description": "Whether it can say that it does not know."},
                layers={"type": "array", "items": {"type": "object"}},
            ),
            "Predictions": _object(
                model={"type": "string"},
                predictions={"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
            ),
            "Prediction": _object(
                name={"type": ["string", "null"], "description": "Of the file, if it had one."},
                verdict={
                    "enum": ["known", "unknown", "empty"],
                    "description": '"unknown": it is probably none of the classes. "empty": nothing is on the picture.',
                },
                **{"class": {"type": ["string", "null"]}},
                probability={"type": ["number", "null"]},
                probabilities={"type": ["object", "null"], "additionalProperties": {"type": "number"}},
            ),
        }
    },
}


def specification(request: Request) -> JSONResponse:
    """The description."""
    return JSONResponse(SPECIFICATION)


routes = [Route("/openapi.json", specification)]
