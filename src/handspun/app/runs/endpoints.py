"""The end points under ``/api/runs``, except those that start a run: ``trainings`` and ``teaching`` do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from handspun.app.runs.registry import Runs
from handspun.app.runs.run import Run
from handspun.app.transport.wire import RequestError, optional_name, read_json, refusing, whole_number
from handspun.errors import OutputError


def runs_of(request: Request) -> Runs:
    """The runs of the app that received a request."""
    return request.app.state.runs


def _run_of(request: Request) -> Run:
    return runs_of(request).get(request.path_params["id"])


async def _list(request: Request) -> JSONResponse:
    return JSONResponse({"runs": [run.summary() for run in runs_of(request).all()]})


async def _show(request: Request) -> JSONResponse:
    return JSONResponse(_run_of(request).state())


async def _forget(request: Request) -> Response:
    runs_of(request).forget(_run_of(request))
    return Response(status_code=204)


async def _events(request: Request) -> StreamingResponse:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}  # no proxy may collect events
    return StreamingResponse(_run_of(request).stream(), media_type="text/event-stream", headers=headers)


def _steering(steer: Callable[[Run], None]) -> Callable[..., Any]:
    async def end_point(request: Request) -> JSONResponse:
        run = _run_of(request)
        steer(run)
        return JSONResponse(run.summary())

    return end_point


async def _keep(request: Request) -> JSONResponse:
    run = _run_of(request)
    body = await read_json(request) if await request.body() else {}  # a name is optional
    with refusing(OutputError, status=409):
        await run_in_threadpool(runs_of(request).keep, run, optional_name(body.get("name"), "name"))
    return JSONResponse(run.summary())


async def _discard(request: Request) -> JSONResponse:
    run = _run_of(request)
    await run_in_threadpool(runs_of(request).discard, run)
    return JSONResponse(run.summary())


async def _cell(request: Request) -> JSONResponse:
    run = _run_of(request)
    true, predicted = (whole_number(request.path_params[name]) for name in ("true", "predicted"))
    if true is None or predicted is None:
        raise RequestError(404, "A cell is named by the indices of two classes, as in cell/7/1.")
    return JSONResponse(await run_in_threadpool(run.cell, true, predicted))


def _each(path: str, end_point: Callable[..., Any], method: str = "GET") -> Route:
    return Route(f"/api/runs/{{id}}{path}", end_point, methods=[method])


routes = [
    Route("/api/runs", _list, methods=["GET"]),
    _each("", _show),
    _each("", _forget, "DELETE"),
    _each("/events", _events),
    _each("/keep", _keep, "POST"),
    _each("/discard", _discard, "POST"),
    _each("/pause", _steering(Run.pause), "POST"),
    _each("/resume", _steering(Run.resume), "POST"),
    _each("/stop", _steering(Run.stop), "POST"),
    _each("/cell/{true}/{predicted}", _cell),
]
