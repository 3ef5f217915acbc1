"""The server: all routes, the guard before them, and the page's files."""

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

if TYPE_CHECKING:
    from handspun.app.runs.registry import Runs
    from handspun.app.trainings.datasets import Datasets

STATIC = Path(__file__).parent / "static"

#: Media types of the page's files. The system's own table is not used: on Windows it may call .js plain text, and then no
#: browser runs it.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: Threads for all slow work: pictures, insides, files. More threads would only wait for Python's lock, and each could hold a
#: picture of many megapixels.
THREADS = 2


def make_app(
    models: Models, runs: Runs | None = None, datasets: Datasets | None = None, *, hosts: Collection[str] | None = LOOPBACK
) -> Starlette:
    """The application.

    Args:
        models: the models on offer.
        runs: the page's trainings; None for prediction alone, without the page.
        datasets: what the page can train on; None for the included and downloaded data sets.
        hosts: the host names that are answered; None for any.
    """
    routes: list[BaseRoute] = [*catalog.routes, *predict.routes, *openapi.routes]
    routes.append(Route("/healthz", _health))
    routes.append(Route("/api", lambda request: FileResponse(STATIC / "api.html", media_type="text/html")))
    if runs is None:
        routes.append(Route("/", lambda request: RedirectResponse("/api")))
    else:
        # Imported here, with all that trainings need: prediction alone starts without them.
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
        # The matrix products of one picture are small: BLAS threads would only wait for each other.
        with threadpool_limits(1, user_api="blas"):
            try:
                yield
            finally:
                app.state.answerer.close()

    handlers = {HTTPException: _refused, ClientDisconnect: _gone}
    app = Starlette(routes=routes, middleware=[Middleware(Guard, hosts=hosts)], exception_handlers=handlers, lifespan=lifespan)
    app.state.models, app.state.runs, app.state.datasets = models, runs, datasets
    return app


class _Page(StaticFiles):
    """The page's files. They are small and local, so a browser asks each time whether they have changed."""

    def file_response(self, full_path: str | os.PathLike[str], *args: object, **kwargs: object) -> Response:
        response = super().file_response(full_path, *args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "no-cache"
        kind = TYPES.get(Path(full_path).suffix)
        if kind is not None and "content-type" in response.headers:  # a 304 has none
            response.headers["content-type"] = kind
        return response


async def _health(request: Request) -> JSONResponse:  # on the event loop: it must not wait for threads that decode pictures
    state = request.app.state
    training = state.runs is not None and state.runs.training
    return JSONResponse(
        {"status": "ok", "version": handspun.__version__, "models": len(state.models.all()), "training": training}
    )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    routes = (route for route in request.app.routes if isinstance(route, Route))
    of_path = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = sorted({method for route in of_path for method in route.methods or ()})
    if methods and request.method not in methods:  # the mount for files has caught the path of an end point
        error = HTTPException(405, headers={"allow": ", ".join(methods)})
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the client has gone
