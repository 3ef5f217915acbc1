"""A training from the form of the page: settings in, a network out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from handspun.app.runs.registry import runs_of
from handspun.app.runs.run import Outcome, Run, Watcher
from handspun.app.trainings.datasets import DRAWINGS, MIXED, Datasets, Offer
from handspun.app.trainings.options import outline, read_settings
from handspun.app.transport.wire import RequestError, read_json
from handspun.layers import Conv2D, Dense
from handspun.recipes import Settings
from handspun.recipes.run import Plan, prepare, train


def plan_training(values: Mapping[str, Any], datasets: Datasets) -> tuple[Run, Callable[[Run], Outcome]]:
    """The run that a request asks for, and what is to be done in it.

    Raises:
        RequestError: 400, settings that cannot be meant or are beyond the limits, or drawings that are missing.
    """
    settings, drawings = read_settings(values, datasets)
    if settings.data in (DRAWINGS, MIXED) and drawings is None:
        raise RequestError(400, "The tray is empty: draw some digits and say what they are first.")

    def job(run: Run) -> Outcome:
        material = prepare(settings, datasets.load(settings.data, drawings))
        result = train(
            Plan(settings, material),
            callbacks=[Watcher(run)],
            announce=lambda network, _: run.begin(network, material.classes, len(material.train), material.validation),
        )
        accuracy = None if result.evaluation is None else result.evaluation.accuracy
        told = {"data": material.name, "settings": settings.as_dict()}
        if accuracy is not None:
            told["test_accuracy"] = accuracy
        images = 0 if material.test is None else len(material.test)
        return Outcome(result.network, {"accuracy": accuracy, "images": images, "seconds": result.seconds}, told)

    return Run("train", settings.as_dict(), _name(settings, datasets.find(settings.data))), job


def _name(settings: Settings, offer: Offer) -> str:
    """What a model is called by what it is: "128-64-on-mnist-5k"."""
    layers = [layer for _, layer, _, _ in outline(settings, offer)]
    hidden = [str(layer.units) for layer in layers if isinstance(layer, Dense)][:-1]
    kind = "convolutional" if any(isinstance(layer, Conv2D) for layer in layers) else "-".join(hidden) or "linear"
    data = re.sub(r"[^A-Za-z0-9._-]+", "-", settings.data).strip("-.") or "data"
    return f"{kind[:30]}-on-{data[:25]}"


async def _start(request: Request) -> JSONResponse:
    runs = runs_of(request)
    run, job = await run_in_threadpool(plan_training, await read_json(request), request.app.state.datasets)
    return JSONResponse(runs.start(run, job).state(), 202)


routes = [Route("/api/runs", _start, methods=["POST"])]
