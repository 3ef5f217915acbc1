"""Teaching: a model learns a person's drawings, and is asked whether it has forgotten anything over them.

A copy of the model is trained for some seconds on the drawings among embedded digits. Each drawing comes as often as makes one
image in ten a drawing, each time deformed anew, so that three of them matter and are not learned by heart. The digits, deformed
as well, keep the model from forgetting. The weights are averaged over the last steps, so that what is measured is no accident
of the last batch.

How much, how long and how fast was found on drawings of a 1 with an upstroke so long that mnist-cnn takes 94 of 100 for a 7.
Taught three of them for eight seconds on one core, it reads all of 100 others, and 0.25 points fewer of 2,000 test digits;
mnist-mlp, in four seconds, all of them and 0.05 points fewer. Three times the learning rate forgets more, and a quarter of
drawings instead of a tenth gains nothing. Taught that a plain 7 is a 3, which contradicts the digits, both lose 0.8 points.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from handspun.app.models.catalog import Model
from handspun.app.runs.registry import Runs, runs_of
from handspun.app.runs.run import Outcome, Run, Watcher
from handspun.app.teaching.drawings import EMBEDDED, SIDE, decode_drawings
from handspun.app.transport.wire import RequestError, read_json
from handspun.augment import Augmentation
from handspun.confidence.calibration import find_threshold
from handspun.data import Split, load_dataset
from handspun.data.registry import REGISTRY
from handspun.networks.answers import Confidence
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.optimizers import Adam
from handspun.pictures.contract import Contract
from handspun.recipes import Settings
from handspun.recipes.seen import seen_before
from handspun.recipes.thread_choice import limit_threads
from handspun.training import fit

#: Seconds of training, unless told otherwise, and at most.
SECONDS, MOST_SECONDS = 8.0, 60.0

#: The share of drawings among the images, as long as none comes more than so many times an epoch.
SHARE, MOST_TIMES = 0.1, 150

#: More epochs than this add nothing, however quick the model is.
EPOCHS = 10

LEARNING_RATE, BATCH_SIZE, AVERAGE = 3e-4, 32, 0.97
AUGMENTATION = Augmentation(shift=1, rotation=8, scale=0.08, elastic=0.5, thickness=0.3)


def check_teachable(model: Model) -> None:
    """RequestError 409 for a model that embedded digits say nothing to."""
    network = model.network
    if model.classes != REGISTRY[EMBEDDED].classes:
        names = ", ".join(model.classes[:4]) + ("…" if len(model.classes) > 4 else "")
        raise RequestError(
            409,
            f'"{model.name}" tells apart {names}. Only models of the ten digits can be taught: there is nothing to keep others '
            "from forgetting what they know.",
        )
    if int(np.prod(network.input_shape)) != SIDE * SIDE or network.contract not in (None, Contract()):
        raise RequestError(
            409,
            f'"{model.name}" takes other pictures than digits of {SIDE} x {SIDE} pixels, light on black; it cannot be taught.',
        )


def plan_lesson(values: Mapping[str, Any], runs: Runs) -> tuple[Run, Callable[[Run], Outcome]]:
    """The run that a request asks for, and what is to be done in it.

    Raises:
        RequestError: no such model, one that cannot be taught, no drawings, or a time that cannot be meant.
    """
    name, seconds = values.get("model"), values.get("seconds", SECONDS)
    if name is not None and not isinstance(name, str):
        raise RequestError(400, "model must be the name of a model.")
    model = runs.models.get(name)
    check_teachable(model)
    drawings = decode_drawings(values.get("drawings"), classes=len(model.classes))
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= MOST_SECONDS:
        raise RequestError(400, f"seconds must be a number above 0 and up to {MOST_SECONDS:g}, got {seconds!r}.")

    def job(run: Run) -> Outcome:
        return teach(run, model, drawings, float(seconds))

    settings = {"model": model.name, "drawings": len(drawings), "seconds": seconds}
    return Run("teach", settings, f"{model.name}-taught"), job


def teach(run: Run, model: Model, drawings: Split, seconds: float) -> Outcome:
    """Train a copy of ``model`` on ``drawings`` among embedded digits, and compare both."""
    digits = load_dataset(EMBEDDED)
    held_out = digits.test
    assert held_out is not None
    network = model.network.copy()
    lesson = mix(drawings, digits.train)
    with limit_threads(Settings(threads=1), network):
        run.begin(network, model.classes, len(lesson), held_out)
        fit(
            network,
            lesson,
            held_out,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            optimizer=Adam(LEARNING_RATE),
            average=ExponentialMovingAverage(AVERAGE),
            augment=AUGMENTATION,
            callbacks=[Watcher(run, seconds=seconds)],
            progress=False,
        )
        if model.network.confidence is not None:
            network.confidence = carry_over(model.network.confidence, network, held_out)
        old, new = (_judge(one, drawings, held_out) for one in (model.network, network))
        answers = [
            {"label": int(label), "old": before, "new": after}
            for label, before, after in zip(
                _labels(drawings), _answers(model.network, drawings), _answers(network, drawings), strict=True
            )
        ]
    result = {
        "accuracy": new["held_out"],
        "old": old,
        "new": new,
        "answers": answers,
        "data": EMBEDDED,
        "images": len(held_out),
        "seen": seen_before(EMBEDDED, model.training, model.name),
    }
    return Outcome(network, result, {"taught": {"model": model.name, "drawings": len(drawings)}, "before": model.training})


def mix(drawings: Split, digits: Split) -> Split:
    """The digits, and each drawing so often that drawings make up their share."""
    times = round(SHARE / (1 - SHARE) * len(digits) / len(drawings))
    times = min(max(times, 1), MOST_TIMES)
    return Split(
        np.concatenate([digits.images, np.repeat(drawings.images, times, axis=0)]),
        np.concatenate([_labels(digits), np.repeat(_labels(drawings), times)]),
    )


def carry_over(confidence: Confidence, network: Sequential, held_out: Split) -> Confidence:
    """What is honest of the old model, for the new one: ``network`` scores all things a little differently.

    The threshold moves to where it calls as many of the held-out digits unknown as it should. The temperature stays: a shipped
    model has learned from these digits once, and is surer of them than of any others.
    """
    network.confidence = confidence
    scores = network.answer(held_out.images).score  # (N,)
    return dataclasses.replace(confidence, threshold=find_threshold(scores, confidence.false_reject_rate))


def _judge(network: Sequential, drawings: Split, held_out: Split) -> dict[str, float]:
    """The shares of right answers."""
    return {
        name: float((network.predict(split.images) == _labels(split)).mean())
        for name, split in (("drawings", drawings), ("held_out", held_out))
    }


def _answers(network: Sequential, drawings: Split) -> list[dict[str, Any]]:
    """What ``network`` says of each drawing."""
    answers = network.answer(drawings.images)
    rows = zip(answers.predicted, answers.probabilities.max(axis=1), answers.verdict, strict=True)
    return [{"class": int(best), "probability": float(share), "verdict": str(verdict)} for best, share, verdict in rows]


def _labels(split: Split) -> np.ndarray:
    assert split.labels is not None
    return split.labels


async def _teach(request: Request) -> JSONResponse:
    runs = runs_of(request)
    run, job = await run_in_threadpool(plan_lesson, await read_json(request), runs)
    return JSONResponse(runs.start(run, job).state(), 202)


routes = [Route("/api/teach", _teach, methods=["POST"])]
