"""The trainings that the page has started: one at a time, and those that are over."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from handspun.app.models.catalog import Model, Models, free_name
from handspun.app.runs.run import Outcome, Run
from handspun.app.transport.wire import RequestError, read_json, whole_number
from handspun.errors import OutputError
from handspun.files.writing import make_folder
from handspun.networks.modelfile import save

#: Trainings that are remembered, with their networks and the images that they were judged on. The oldest goes first.
MOST_RUNS = 10

#: Seconds that a closing server gives a training to finish its step.
PATIENCE = 5.0

#: What a model may be called: it is also the name of a file.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")


class Runs:
    """All trainings. Any thread may ask and change them.

    Args:
        models: where a model goes that is to be kept.
        folder: where the file of a model goes that is to be kept; None keeps it until the server ends.

    Attributes:
        models: as given.
    """

    def __init__(self, models: Models, folder: Path | None = None) -> None:
        self.models = models
        self._folder = folder
        self._lock = threading.Lock()
        self._keeping = threading.Lock()  # one is kept or discarded at a time: it cannot be both, and two get two names
        self._runs: dict[str, Run] = {}  # the oldest first
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def training(self) -> bool:
        """Whether one goes on."""
        return any(not run.finished for run in self.all())

    def start(self, run: Run, job: Callable[[Run], Outcome]) -> Run:
        """Let ``run`` do ``job`` in a thread of its own.

        Raises:
            RequestError: 409, another one is not over.
        """
        with self._lock:
            if self._closed:
                raise RequestError(409, "The server is about to end; it starts no more trainings.")
            if any(not other.finished for other in self._runs.values()):
                raise RequestError(409, "Another training goes on. Wait for its end, or stop it, and start this one then.")
            self._runs[run.id] = run
            for outdated in list(self._runs)[:-MOST_RUNS]:
                del self._runs[outdated]
            self._thread = threading.Thread(target=run.execute, args=(job,), name=f"training-{run.id}", daemon=True)
            self._thread.start()
        return run

    def get(self, name: str) -> Run:
        """The run of this id; RequestError 404 where there is none."""
        with self._lock:
            if name not in self._runs:
                raise RequestError(404, "There is no such training: the server was started anew, or it was forgotten.")
            return self._runs[name]

    def all(self) -> list[Run]:
        """All of them, the newest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def keep(self, run: Run, name: str | None = None) -> Model:
        """Put the network of ``run`` among the models, under ``name`` or one like it that is free, and into a file.

        Raises:
            RequestError: there is no network, it is kept already, or the name will not do.
            OutputError: the file cannot be written; nothing is kept then.
        """
        wanted = run.name if name is None else name.strip()
        if not _NAME.fullmatch(wanted):
            raise RequestError(400, "A model is called by 1 to 60 letters, digits, spaces, dots, hyphens and underscores.")
        with self._keeping:  # and not run.lock, which all who watch ask for: to write a large file takes a second
            outcome = run.outcome
            if outcome is None:
                raise RequestError(409, "There is nothing to keep: the training is not over, has failed, or was discarded.")
            if (kept := run.state()["model"]) is not None:
                raise RequestError(409, f'This model is kept already, as "{kept}".')
            taken = {model.name for model in self.models.all()}
            if self._folder:
                make_folder(self._folder)
                taken |= {path.stem for path in self._folder.glob("*.npz")}
            name = free_name(wanted, taken)
            if self._folder:
                path = _reserve(self._folder, wanted, taken)
                try:
                    save(outcome.network, path, training=outcome.training)
                except Exception:
                    path.unlink(missing_ok=True)
                    raise
                name = path.stem
            model = Model(name, outcome.network, "taught" if run.kind == "teach" else "trained", outcome.training)
            self.models.add(model)
            run.tell(model=model.name, decision="kept")
        return model

    def discard(self, run: Run) -> None:
        """Let go of the network of ``run``; its curves stay. RequestError 409 where it is not over, or kept."""
        with self._keeping, run.lock:
            if not run.finished:
                raise RequestError(409, "This training goes on. Stop it first.")
            if run.state()["model"] is not None:
                raise RequestError(409, "This model is kept; it can no longer be discarded.")
            run.outcome = None
            run.tell(decision="discarded")

    def forget(self, run: Run) -> None:
        """Forget a run that is over; a model that was kept of it stays. RequestError 409 where it is not over."""
        if not run.finished:
            raise RequestError(409, "This training goes on. Stop it first.")
        with self._lock:
            self._runs.pop(run.id, None)

    def close(self) -> None:
        """Let a training end after its step, and all who listen go: the server ends."""
        with self._lock:
            self._closed = True
            thread, runs = self._thread, list(self._runs.values())
        for run in runs:
            run.abandon()
        if thread:
            thread.join(PATIENCE)
        for run in runs:
            run.end()


def _reserve(folder: Path, wanted: str, taken: set[str]) -> Path:
    """An empty file of a free name, made at once: another server may keep a model in the same folder at this moment."""
    while True:
        path = folder / f"{free_name(wanted, taken)}.npz"
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            taken.add(path.stem)
        except OSError as error:
            raise OutputError(f"Cannot write {path}: {error.strerror or error}.") from error


def runs_of(request: Request) -> Runs:
    """The trainings of the app that a request has come to."""
    return request.app.state.runs


async def _list(request: Request) -> JSONResponse:
    return JSONResponse({"runs": [run.summary() for run in runs_of(request).all()]})


async def _show(request: Request) -> JSONResponse:
    return JSONResponse(_asked(request).state())


async def _forget(request: Request) -> Response:
    runs_of(request).forget(_asked(request))
    return Response(status_code=204)


async def _events(request: Request) -> StreamingResponse:
    stream: AsyncIterator[str] = _asked(request).stream()
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nobody in between may collect events
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def _steering(steer: Callable[[Run], None]) -> Callable[..., Any]:
    async def end_point(request: Request) -> JSONResponse:
        run = _asked(request)
        steer(run)
        return JSONResponse(run.summary())

    return end_point


async def _keep(request: Request) -> JSONResponse:
    run = _asked(request)
    name = None
    if await request.body():  # the name is the person's to choose, or not
        name = (await read_json(request)).get("name")
        if name is not None and not isinstance(name, str):
            raise RequestError(400, "name must be text.")
    try:
        await run_in_threadpool(runs_of(request).keep, run, name)
    except OutputError as error:
        raise RequestError(409, str(error)) from error
    return JSONResponse(run.summary())


async def _discard(request: Request) -> JSONResponse:
    run = _asked(request)
    await run_in_threadpool(runs_of(request).discard, run)
    return JSONResponse(run.summary())


async def _cell(request: Request) -> JSONResponse:
    run = _asked(request)
    true, predicted = (whole_number(request.path_params[name]) for name in ("true", "predicted"))
    if true is None or predicted is None:
        raise RequestError(404, "A cell is named by the indices of two classes, as in cell/7/1.")
    return JSONResponse(await run_in_threadpool(run.cell, true, predicted))


def _asked(request: Request) -> Run:
    return runs_of(request).get(request.path_params["id"])


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
