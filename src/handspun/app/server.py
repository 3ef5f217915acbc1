"""The server: all routes, what guards them, and the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import handspun
from handspun.app import models as model_routes
from handspun.app.models import Models
from handspun.app.wire import RequestError

STATIC = Path(__file__).parent / "static"


def make_app(models: Models, *, page: bool = True) -> Starlette:
    """The application.

    Args:
        models: that can be asked.
        page: whether there is the page with its trainings, or the end points for prediction alone.
    """
    routes: list[BaseRoute] = [*model_routes.routes, Route("/healthz", _health)]
    if page:
        routes.append(Mount("/", StaticFiles(directory=STATIC, html=True)))
    app = Starlette(routes=routes, exception_handlers={RequestError: _refused})
    app.state.models = models
    return app


def _health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "version": handspun.__version__, "models": len(request.app.state.models.all())})


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    return JSONResponse({"error": error.message}, error.status)
