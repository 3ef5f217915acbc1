"""The server: all routes, what guards them, and the page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from threadpoolctl import threadpool_limits

import handspun
from handspun.app import openapi
from handspun.app.answers import predict
from handspun.app.answers.batching import Answerer
from handspun.app.models import catalog
from handspun.app.models.catalog import Models
from handspun.app.transport.guard import LOOPBACK, Guard
from handspun.app.transport.wire import RequestError

if TYPE_CHECKING:
    from handspun.app.runs.registry import Runs
    from handspun.app.trainings.datasets import Datasets

STATIC = Path(__file__).parent / "static"

#: What the page's files are. What the system says of their names is not asked: the registry of Windows may call .js plain text,
#: and then no browser runs it.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: Threads for all that takes long: pictures, insides, files. More of them would only wait for Python's lock, and each could
#: hold a picture of many megapixels.
THREADS = 2


def make_app(
    models: Models,
    runs: Runs | None = None,
    datasets: Datasets | None = None,
    *,
    hosts: Collection[str] | None = LOOPBACK,
) -> Starlette:
    """The application.

    Args:
        models: that can be asked.
        runs: where the page's trainings go; None for the end points of prediction alone, without the page.
        datasets: what can be trained on; those at hand if None.
        hosts: the names by which it may be addressed; None for any.
    """
    routes: list[BaseRoute] = [
        *catalog.routes,
        *predict.routes,
        *openapi.routes,
        Route("/healthz", _health),
        Route("/api", _reference),
    ]
    if runs is None:
        routes.append(Route("/", lambda request: RedirectResponse("/api")))
    else:
        # Trainings and all that they need: prediction alone starts without.
        from handspun.app.answers import inside, live
        from handspun.app.lessons import steps
        from handspun.app.runs import registry
        from handspun.app.teaching import drawings, teach
        from handspun.app.trainings import options, training
        from handspun.app.trainings.datasets import Datasets

        datasets = datasets or Datasets()
        for part in (live, inside, steps, registry, training, teach, options, drawings):
            routes += part.routes
    routes.append(Mount("/", _Page(directory=STATIC, html=True)))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.answerer = Answerer()
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        # The products of one picture are small: threads for them would only wait for each other.
        with threadpool_limits(1, user_api="blas"):
            try:
                yield
            finally:
                app.state.answerer.close()

    handlers = {RequestError: _refused, HTTPException: _http_error, ClientDisconnect: _gone}
    app = Starlette(routes=routes, middleware=[Middleware(Guard, hosts=hosts)], exception_handlers=handlers, lifespan=lifespan)
    app.state.models = models
    app.state.runs = runs
    app.state.datasets = datasets
    return app


class _Page(StaticFiles):
    """The page's files. They are small and near: a browser asks each time whether they are still the same."""

    def file_response(self, full_path: str | os.PathLike[str], *args: object, **kwargs: object) -> Response:
        response = super().file_response(full_path, *args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "no-cache"
        kind = TYPES.get(Path(full_path).suffix)
        if kind is not None and "content-type" in response.headers:  # it is not where the browser has the file already
            response.headers["content-type"] = kind
        return response


async def _health(request: Request) -> JSONResponse:  # on the event loop: it waits for no thread that pictures keep busy
    state = request.app.state
    training = state.runs is not None and state.runs.training
    return JSONResponse(
        {"status": "ok", "version": handspun.__version__, "models": len(state.models.all()), "training": training}
    )


def _reference(request: Request) -> FileResponse:
    return FileResponse(STATIC / "api.html", media_type="text/html")


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    return JSONResponse({"error": error.message}, error.status)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    routes = (route for route in request.app.routes if isinstance(route, Route))
    of_path = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = sorted({method for route in of_path for method in route.methods or ()})
    if methods and request.method not in methods:  # the page has taken the path of an end point for that of a file
        error = HTTPException(405, headers={"allow": ", ".join(methods)})
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it
