"""One training, from its settings to its results, and the run folder."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import handspun
from handspun.confidence.calibration import fit_confidence
from handspun.data import Dataset, Split
from handspun.data.splits import choose_classes, hold_out, pool
from handspun.errors import ModelFileError, UsageError
from handspun.evaluation.evaluate import Evaluation, evaluate
from handspun.files.writing import make_folder, write_text
from handspun.networks.modelfile import save
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import AnyContract
from handspun.recipes.lock import sole_use
from handspun.recipes.settings import Settings
from handspun.recipes.thread_choice import limit_threads
from handspun.training import Callback, CSVLog, Deadline, EarlyStopping, History, fit

MODEL, CONFIG, HISTORY, CHECKPOINT = "model.npz", "config.json", "history.csv", "checkpoint.npz"
ENVIRONMENT, EVALUATION = "environment.json", "evaluation.json"


@dataclass(frozen=True)
class Material:
    """The images of a training, split as its settings say."""

    train: Split
    validation: Split | None
    test: Split | None
    classes: tuple[str, ...]
    name: str
    contract: AnyContract | None = None
    notes: tuple[str, ...] = ()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.train.images.shape[1:]


def prepare(settings: Settings, dataset: Dataset | None = None) -> Material:
    """Load the data and split them.

    Raises:
        DataError, DownloadError, UsageError: the data cannot be loaded, or hold fewer images than the settings ask for.
    """
    dataset = dataset or settings.load()
    if settings.only:
        dataset = choose_classes(dataset, settings.only)
    train, test = dataset.train, dataset.test
    if train.labels is None:
        raise UsageError(f"{settings.data} has no labels to learn from.")
    if np.all(train.labels == train.labels[0]):
        name = dataset.classes[train.labels[0]]
        raise UsageError(f"All images of {settings.data} are of one class ({name}): there is nothing to tell apart.")
    if settings.pool_test is not None:
        everything = pool(dataset)
        _enough(settings.data, len(everything), settings.pool_test, "pool_test")
        train, test = hold_out(everything, settings.pool_test, seed=settings.seed)
    if settings.train_images is not None and settings.train_images != len(train):
        _enough(settings.data, len(train), settings.train_images, "train_images")
        _, train = hold_out(train, settings.train_images, seed=settings.seed)
    validation = None
    if settings.validation:
        try:
            train, validation = hold_out(train, settings.validation, seed=settings.seed)
        except UsageError as error:
            raise UsageError(f"validation = {settings.validation} of the images of {settings.data}: {error}") from error
    if test is not None and test.labels is None:
        test = None
    return Material(train, validation, test, dataset.classes, dataset.name, dataset.contract, dataset.notes)


def _enough(data: str, available: int, wanted: int, setting: str) -> None:
    if wanted >= available:
        raise UsageError(f"{data} has {available} images, too few for {setting} = {wanted}.")


class Plan:
    """The objects of one training, made from its settings: the untrained network, and the arguments of ``fit``.

    Raises:
        UsageError: settings that contradict each other or do not fit the images.
    """

    def __init__(self, settings: Settings, material: Material) -> None:
        self.settings = settings.replace(epochs=settings.epochs_for(len(material.train)))
        self.material = material
        self.network = settings.network(material.image_shape, material.classes)
        self.network.contract = material.contract
        self.arguments = settings.fit_arguments()


@dataclass(frozen=True)
class Result:
    """What a training gave."""

    network: Sequential  # trained
    history: History  # one record for each epoch
    seconds: float  # of training, without loading, evaluation and plots
    evaluation: Evaluation | None  # on the test images; None without any
    settings: Settings  # with the planned number of epochs
    material: Material


def train(
    plan: Plan,
    *,
    budget: float | None = None,
    folder: Path | None = None,
    callbacks: Sequence[Callback] = (),
    announce: Callable[[Sequential, Settings], None] | None = None,
    progress: bool = False,
) -> Result:
    """Train as the plan says, and evaluate on the test images.

    Args:
        plan: its network is trained in place, so a plan serves one training.
        budget: seconds: train as many epochs as fit into them (at most ``MOST_EPOCHS``) and keep the best epoch's weights.
        folder: a run folder for checkpoint, configuration and history. If it holds a checkpoint, training continues from it.
        callbacks: further callbacks.
        announce: is called with the untrained network and the final settings before training begins.
        progress: show the line of ``fit``.

    Raises:
        UsageError: the training in ``folder`` is complete, or another process trains there.
        OutputError: ``folder`` cannot be written.
    """
    if folder:
        make_folder(folder)
    with limit_threads(plan.settings, plan.network), sole_use(folder) if folder else nullcontext():
        if folder and (folder / MODEL).exists():
            raise UsageError(f"The training in {folder} is complete.")
        settings, watchers = _within(budget, plan, folder)
        if folder:
            write_json(folder / CONFIG, {"settings": settings.as_dict(), "budget": budget})
            write_json(folder / ENVIRONMENT, environment())
            watchers.append(CSVLog(folder / HISTORY))
        if announce:
            announce(plan.network, settings)
        began = time.perf_counter()
        history = fit(
            plan.network,
            plan.material.train,
            plan.material.validation,
            epochs=settings.epochs or 1,
            callbacks=[*callbacks, *watchers],
            checkpoint=folder / CHECKPOINT if folder else None,
            progress=progress,
            **plan.arguments,
        )
        seconds = time.perf_counter() - began
        return _judge(Result(plan.network, history, seconds, None, settings, plan.material), folder)


def _judge(result: Result, folder: Path | None) -> Result:
    """The result with confidence and evaluation; both are saved in the folder."""
    network, material = result.network, result.material
    if material.validation is not None:
        assert material.validation.labels is not None
        network.confidence = fit_confidence(network, material.validation.images, material.validation.labels)
    evaluation = None
    if material.test is not None:
        assert material.test.labels is not None
        evaluation = evaluate(network, material.test.images, material.test.labels)
    if folder:
        told = {"data": material.name, "settings": result.settings.as_dict()}
        told |= {} if evaluation is None else {"test_accuracy": evaluation.accuracy}
        save(network, folder / MODEL, training=told)
        if evaluation is not None:
            write_json(folder / EVALUATION, evaluation_as_dict(evaluation, material.classes))
    return replace(result, evaluation=evaluation)


#: More epochs than this overfit all of these networks, however much time there is.
MOST_EPOCHS = 200


def _within(budget: float | None, plan: Plan, folder: Path | None) -> tuple[Settings, list[Callback]]:
    """The settings with as many epochs as the budget allows, and the callbacks that end training in time."""
    settings, watchers = plan.settings, list[Callback]()
    if budget is not None:
        trial_seconds = min(0.05 * budget, 1.0)
        if not (folder and (folder / CHECKPOINT).exists()):
            settings = settings.replace(epochs=_epochs_within(budget, trial_seconds, plan))
        watchers.append(Deadline(budget - trial_seconds))
    if settings.early_stopping is not None or (budget is not None and plan.material.validation is not None):
        watchers.append(EarlyStopping(settings.early_stopping))
    return settings, watchers


def _epochs_within(budget: float, trial_seconds: float, plan: Plan) -> int:
    """How many epochs take nine tenths of ``budget``, measured by training a throw-away network for ``trial_seconds``."""
    trial, material = Plan(plan.settings, plan.material), plan.material
    deadline = Deadline(trial_seconds)
    history = fit(trial.network, material.train, epochs=1_000, callbacks=[deadline], progress=False, **trial.arguments)
    an_epoch = len(material.train) / history["images_per_second"][-1]
    if material.validation is not None:
        began = time.perf_counter()
        trial.network.logits(material.validation.images)
        an_epoch += time.perf_counter() - began
    return int(np.clip(0.9 * (budget - trial_seconds) / an_epoch, 1, MOST_EPOCHS))


def saved_settings(folder: Path) -> tuple[Settings, float | None]:
    """Settings and budget of the run in ``folder``.

    Raises:
        ModelFileError: there is no run, or its configuration cannot be understood.
    """
    path = folder / CONFIG
    try:
        content = json.loads(path.read_text("utf-8"))
        budget = content["budget"]
        return Settings.from_dict(content["settings"], str(path)), None if budget is None else float(budget)
    except OSError as error:
        raise ModelFileError(f"{folder} is not a run folder: cannot read {CONFIG} ({error.strerror}).") from error
    except UsageError as error:
        raise ModelFileError(str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{path} cannot be understood: {error}.") from error


def environment() -> dict[str, Any]:
    """What a result can depend on besides its settings."""
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})  # type: ignore[union-attr]
    return {
        "handspun": handspun.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "blas": f"{blas.get('name', '?')} {blas.get('version', '?')}",
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
    }


def evaluation_as_dict(evaluation: Evaluation, classes: Sequence[str]) -> dict[str, Any]:
    """An evaluation as plain data, without the probabilities of each image."""
    scores = evaluation.scores
    columns = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1, "images": scores.support}
    return {
        "images": int(scores.support.sum()),
        "accuracy": evaluation.accuracy,
        "accuracy_interval_95": list(evaluation.interval),
        "loss": evaluation.loss,
        "calibration_error": evaluation.reliability.error,
        "plain_calibration_error": evaluation.plain_reliability.error,
        "unknown_rate": evaluation.unknown_rate,
        "classes": {name: {column: values[i].item() for column, values in columns.items()} for i, name in enumerate(classes)},
        "confusion": evaluation.confusion.tolist(),
    }


def write_json(path: Path, value: Any) -> None:
    """Write plain data as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")
