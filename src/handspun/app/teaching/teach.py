"""Teaching: a model learns a person's drawings, and is tested on whether it has forgotten anything.

A copy of the model is trained for some seconds on the drawings mixed with the included digits. The drawings are repeated until
one image in ten is a drawing, each time deformed differently, so that even three drawings count and are not memorized. The
digits, deformed as well, keep the model from forgetting. The weights are averaged over the last steps, so that the comparison
does not depend on the last batch. Share, duration and learning rate were measured:
docs/decisions/2026-11-21-teaching-mixes-in-digits.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from handspun.app.models.catalog import Model
from handspun.app.runs.registry import Runs, runs_of
from handspun.app.runs.run import Outcome, Run
from handspun.app.runs.watcher import Watcher
from handspun.app.teaching.drawings import DIGITS, EMBEDDED, SIDE, decode_drawings, labels_of
from handspun.app.transport.wire import RequestError, json_end_point, number_up_to, optional_name
from handspun.augment import Augmentation
from handspun.confidence.calibration import find_threshold
from handspun.data import Split, load_dataset
from handspun.networks.answers import Confidence
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.optimizers import Adam
from handspun.pictures.contract import Contract
from handspun.recipes import Settings
from handspun.recipes.seen import seen_before
from handspun.recipes.thread_choice import limit_threads
from handspun.training import fit

#: Seconds of training: by default, and at most.
SECONDS, MAX_SECONDS = 8.0, 60.0

#: The share of drawings among the images, and how often one drawing may be repeated to reach it.
SHARE, MAX_TIMES = 0.1, 150

#: More epochs add nothing, however fast the model is.
EPOCHS = 10

LEARNING_RATE, BATCH_SIZE, AVERAGE = 3e-4, 32, 0.97
AUGMENTATION = Augmentation(shift=1, rotation=8, scale=0.08, elastic=0.5, thickness=0.3)


def check_teachable(model: Model) -> None:
    """Raises RequestError 409 for a model that cannot be taught with the included digits."""
    network = model.network
    if model.classes != DIGITS:
        names = ", ".join(model.classes[:4]) + ("…" if len(model.classes) > 4 else "")
        raise RequestError(
            409,
            f'"{model.name}" tells apart {names}. Only models of the ten digits can be taught: for others there is nothing to '
            "keep them from forgetting.",
        )
    if int(np.prod(network.input_shape)) != SIDE * SIDE or network.contract not in (None, Contract()):
        raise RequestError(409, f'Cannot teach "{model.name}": it does not take light {SIDE} x {SIDE} digits on black.')


def plan_teaching(values: Mapping[str, Any], runs: Runs) -> tuple[Run, Callable[[Run], Outcome]]:
    """The run that a request asks for, and its job.

    Raises RequestError if there is no such model, it cannot be taught, there are no drawings, or the time is not valid.
    """
    model = runs.models.get(optional_name(values.get("model"), "model"))
    check_teachable(model)
    drawings = decode_drawings(values.get("drawings"), classes=len(model.classes))
    seconds = number_up_to(MAX_SECONDS, values.get("seconds", SECONDS), "seconds")

    def job(run: Run) -> Outcome:
        return teach(run, model, drawings, seconds)

    settings = {"model": model.name, "drawings": len(drawings), "seconds": seconds}
    return Run("teach", settings, f"{model.name}-taught"), job


def teach(run: Run, model: Model, drawings: Split, seconds: float) -> Outcome:
    """Train a copy of ``model`` on ``drawings`` mixed with the included digits, and compare both models."""
    digits = load_dataset(EMBEDDED)
    held_out = digits.test
    assert held_out is not None
    network = model.network.copy()
    mixed = mix(drawings, digits.train)
    with limit_threads(Settings(threads=1), network):
        run.begin(network, model.classes, len(mixed), held_out)
        fit(
            network,
            mixed,
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
        old, new = (_accuracies(one, drawings, held_out) for one in (model.network, network))
        pairs = zip(labels_of(drawings), _answers(model.network, drawings), _answers(network, drawings), strict=True)
        answers = [{"label": int(label), "old": before, "new": after} for label, before, after in pairs]
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
    """The digits, and each drawing repeated until drawings make up their share."""
    times = round(SHARE / (1 - SHARE) * len(digits) / len(drawings))
    times = min(max(times, 1), MAX_TIMES)
    return Split(
        np.concatenate([digits.images, np.repeat(drawings.images, times, axis=0)]),
        np.concatenate([labels_of(digits), np.repeat(labels_of(drawings), times)]),
    )


def carry_over(confidence: Confidence, network: Sequential, held_out: Split) -> Confidence:
    """The confidence of the old model, adapted to ``network``, whose scores differ slightly.

    The threshold moves until the right share of held-out digits is called unknown. The temperature stays: an included model has
    been trained on these digits and is more confident about them than about others.
    """
    network.confidence = confidence
    scores = network.answer(held_out.images).score  # (N,)
    return dataclasses.replace(confidence, threshold=find_threshold(scores, confidence.false_reject_rate))


def _accuracies(network: Sequential, drawings: Split, held_out: Split) -> dict[str, float]:
    return {
        name: float((network.predict(split.images) == labels_of(split)).mean())
        for name, split in (("drawings", drawings), ("held_out", held_out))
    }


def _answers(network: Sequential, drawings: Split) -> list[dict[str, Any]]:
    """The answer of ``network`` to each drawing."""
    answers = network.answer(drawings.images)
    rows = zip(answers.predicted, answers.probabilities.max(axis=1), answers.verdict, strict=True)
    return [{"class": int(best), "probability": float(share), "verdict": str(verdict)} for best, share, verdict in rows]


def _teach(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    runs = runs_of(request)
    return runs.start(*plan_teaching(body, runs)).state()


routes = [Route("/api/teach", json_end_point(_teach, 202), methods=["POST"])]
