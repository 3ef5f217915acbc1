"""All runs: one at a time, and the last ones that are over, whose models can be kept or discarded.

The end points under ``/api/runs`` are here, except those that start a run: ``trainings`` and ``teaching`` do.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from handspun.app.models.catalog import Model, Models, free_name
from handspun.app.runs.run import Outcome, Run
from handspun.app.transport.wire import RequestError, optional_name, read_json, refusing, whole_number
from handspun.errors import OutputError
from handspun.files.writing import make_folder
from handspun.networks.modelfile import save

#: Runs that are remembered, with their networks and validation images. The oldest is forgotten first.
MAX_RUNS = 10

#: Seconds that a closing server gives a training to finish its step.
PATIENCE = 5.0

#: Valid names of models; a name is also the name of a file.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")


class Runs:
    """All runs; safe to use from any thread.

    Kept models go to ``models``, and their files to ``folder``; None to keep them only until the server ends.
    """

    def __init__(self, models: Models, folder: Path | None = None) -> None:
        self.models = models
        self._folder = folder
        self._lock = threading.Lock()
        self._keeping = threading.Lock()  # one model is kept or discarded at a time: never both, and two get two names
        self._runs: dict[str, Run] = {}  # the oldest first
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def training(self) -> bool:
        """Whether a run is in progress."""
        return any(not run.finished for run in self.all())

    def start(self, run: Run, job: Callable[[Run], Outcome]) -> Run:
        """Let ``run`` do ``job`` in its own thread. Raises RequestError 409 if another run is in progress."""
        with self._lock:
            if self._closed:
                raise RequestError(409, "The server is about to end and starts no more trainings.")
            if any(not other.finished for other in self._runs.values()):
                raise RequestError(409, "Another training is in progress. Wait for its end, or stop it, before you start one.")
            self._runs[run.id] = run
            for outdated in list(self._runs)[:-MAX_RUNS]:
                del self._runs[outdated]
            self._thread = threading.Thread(target=run.execute, args=(job,), name=f"training-{run.id}", daemon=True)
            self._thread.start()
        return run

    def get(self, name: str) -> Run:
        """The run with this id. Raises RequestError 404 if there is none."""
        with self._lock:
            if name not in self._runs:
                raise RequestError(404, "There is no such training: it was forgotten, or the server was restarted.")
            return self._runs[name]

    def all(self) -> list[Run]:
        """All runs, the newest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def keep(self, run: Run, name: str | None = None) -> Model:
        """Add the network of ``run`` to the models and write its file, under ``name``, numbered if it is taken.

        Raises:
            RequestError: there is no network, it is already kept, or the name is not valid.
            OutputError: the file cannot be written; nothing is kept then.
        """
        wanted = run.name if name is None else name.strip()
        if not _NAME.fullmatch(wanted):
            raise RequestError(400, "A model's name has 1 to 60 letters, digits, spaces, dots, hyphens and underscores.")
        with self._keeping:  # not run.lock, which every watcher needs: writing a large file takes a second
            outcome = run.outcome
            if outcome is None:
                raise RequestError(409, "There is nothing to keep: the training is not over, has failed, or was discarded.")
            if (kept := run.state()["model"]) is not None:
                raise RequestError(409, f'This model is already kept, as "{kept}".')
            if self._folder is None:
                name = free_name(wanted, self._taken())
            else:
                path = self._reserve(self._folder, wanted)
                try:
                    save(outcome.network, path, training=outcome.training)
                except Exception:
                    path.unlink(missing_ok=True)
                    raise
                name = path.stem
            model = Model(name, outcome.network, "taught" if run.kind == "teach" else "trained", outcome.training)
            self.models.add(model)
            run.tell(model=name, decision="kept")
        return model

    def _taken(self) -> set[str]:
        """The names of all models, on offer and in the folder."""
        files = self._folder.glob("*.npz") if self._folder else ()
        return {model.name for model in self.models.all()} | {path.stem for path in files}

    def _reserve(self, folder: Path, wanted: str) -> Path:
        """An empty file with a free name, created at once: another server may be keeping a model in the same folder."""
        make_folder(folder)
        while True:
            path = folder / f"{free_name(wanted, self._taken())}.npz"
            try:
                path.touch(exist_ok=False)
                return path
            except FileExistsError:
                continue
            except OSError as error:
                raise OutputError(f"Cannot write {path}: {error.strerror or error}.") from error

    def discard(self, run: Run) -> None:
        """Discard the network of ``run``; its curves stay. Raises RequestError 409 if it is not over, or kept."""
        with self._keeping, run.lock:
            if not run.finished:
                raise RequestError(409, "This training is in progress. Stop it first.")
            if run.state()["model"] is not None:
                raise RequestError(409, "This model is kept; it can no longer be discarded.")
            run.outcome = None
            run.tell(decision="discarded")

    def forget(self, run: Run) -> None:
        """Forget a run that is over; a model kept from it stays. Raises RequestError 409 if it is not over."""
        if not run.finished:
            raise RequestError(409, "This training is in progress. Stop it first.")
        with self._lock:
            self._runs.pop(run.id, None)

    def close(self) -> None:
        """End the run in progress after its step, and close all listeners: the server ends."""
        with self._lock:
            self._closed = True
            thread, runs = self._thread, list(self._runs.values())
        for run in runs:
            run.abandon()
        if thread:
            thread.join(PATIENCE)
        for run in runs:
            run.end()


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


def _discard(request: Request) -> JSONResponse:
    run = _run_of(request)
    runs_of(request).discard(run)
    return JSONResponse(run.summary())


def _cell(request: Request) -> JSONResponse:
    run = _run_of(request)
    true, predicted = (whole_number(request.path_params[name]) for name in ("true", "predicted"))
    if true is None or predicted is None:
        raise RequestError(404, "A cell is named by the indices of two classes, as in cell/7/1.")
    return JSONResponse(run.cell(true, predicted))


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
