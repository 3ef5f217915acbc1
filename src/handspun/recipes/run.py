"""One training from its settings to its results, and the folder that keeps them."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
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
    """The images of a training, cut as its settings say."""

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


@dataclass(frozen=True)
class Result:
    """What a training gave.

    Attributes:
        network: trained.
        history: of the epochs.
        seconds: the time of training, without loading, evaluation and pictures.
        evaluation: on the test images; None where there are none.
        settings: with the number of epochs that was made.
        material: the images.
    """

    network: Sequential
    history: History
    seconds: float
    evaluation: Evaluation | None
    settings: Settings
    material: Material


def prepare(settings: Settings, dataset: Dataset | None = None) -> Material:
    """Load the data and cut them.

    Raises:
        DataError, DownloadError, UsageError: the data cannot be had, or hold fewer images than the settings ask for.
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


def check_settings(settings: Settings, material: Material) -> None:
    """UsageError for settings that do not go together, or with the images."""
    settings.network(material.image_shape, material.classes)
    settings.fit_arguments()


def train(
    settings: Settings,
    material: Material,
    *,
    budget: float | None = None,
    folder: Path | None = None,
    callbacks: Sequence[Callback] = (),
    announce: Callable[[Sequential, Settings], None] | None = None,
) -> Result:
    """Train as the settings say, and evaluate on the test images.

    Args:
        settings: what to do.
        material: the images, from ``prepare``.
        budget: seconds: as many epochs as fit into them (at most ``MOST_EPOCHS``), ending with the best ones' weights.
        folder: a run folder for checkpoint, configuration and history. Where it holds a checkpoint, training goes on.
        callbacks: more of them.
        announce: is called with the untrained network and the final settings before training begins.
    """
    network = settings.network(material.image_shape, material.classes)
    network.contract = material.contract
    settings.fit_arguments()  # finds wrong settings, before anything is written
    if folder:
        make_folder(folder)
    with limit_threads(settings, network), sole_use(folder) if folder else nullcontext():
        if folder and (folder / MODEL).exists():
            raise UsageError(f"The training in {folder} is complete.")
        return _train(network, settings, material, budget, folder, callbacks, announce)


def _train(
    network: Sequential,
    settings: Settings,
    material: Material,
    budget: float | None,
    folder: Path | None,
    callbacks: Sequence[Callback],
    announce: Callable[[Sequential, Settings], None] | None,
) -> Result:
    settings = settings.replace(epochs=settings.epochs_for(len(material.train)))
    watchers = list(callbacks)
    if budget is not None:
        if not (folder and (folder / CHECKPOINT).exists()):
            settings = settings.replace(epochs=_epochs_within(budget, settings, material))
        watchers.append(Deadline(budget - _trial_seconds(budget)))
    if settings.early_stopping is not None or (budget is not None and material.validation is not None):
        watchers.append(EarlyStopping(settings.early_stopping))
    arguments = settings.fit_arguments()
    if folder:
        configuration = {"settings": settings.as_dict(), "budget": budget}
        write_json(folder / CONFIG, configuration)
        write_json(folder / ENVIRONMENT, environment())
        watchers.append(CSVLog(folder / HISTORY))
    if announce:
        announce(network, settings)
    began = time.perf_counter()
    history = fit(
        network,
        material.train,
        material.validation,
        epochs=settings.epochs or 1,
        callbacks=watchers,
        checkpoint=folder / CHECKPOINT if folder else None,
        progress=False,
        **arguments,
    )
    seconds = time.perf_counter() - began
    if material.validation is not None:
        assert material.validation.labels is not None
        network.confidence = fit_confidence(network, material.validation.images, material.validation.labels)
    evaluation = None
    if material.test is not None:
        assert material.test.labels is not None
        evaluation = evaluate(network, material.test.images, material.test.labels)
    if folder:
        accuracy = {} if evaluation is None else {"test_accuracy": evaluation.accuracy}
        save(network, folder / MODEL, training={"data": material.name, "settings": settings.as_dict(), **accuracy})
        if evaluation is not None:
            write_json(folder / EVALUATION, evaluation_as_dict(evaluation, material.classes))
    return Result(network, history, seconds, evaluation, settings, material)


#: More epochs than this overfit any of the networks here, however much time there is.
MOST_EPOCHS = 200


def _epochs_within(budget: float, settings: Settings, material: Material) -> int:
    """How many epochs take nine tenths of ``budget`` seconds, judged by training a throw-away network for a moment."""
    trial = settings.network(material.image_shape, material.classes)
    seconds = _trial_seconds(budget)
    history = fit(
        trial, material.train, epochs=1_000, callbacks=[Deadline(seconds)], progress=False, **settings.fit_arguments()
    )
    an_epoch = len(material.train) / history["images_per_second"][-1]
    if material.validation is not None:
        began = time.perf_counter()
        trial.logits(material.validation.images)
        an_epoch += time.perf_counter() - began
    return int(np.clip(0.9 * (budget - seconds) / an_epoch, 1, MOST_EPOCHS))


def _trial_seconds(budget: float) -> float:
    """How much of ``budget`` seconds goes into finding out how long an epoch takes."""
    return min(0.05 * budget, 1.0)


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
    """What a result may depend on besides its settings."""
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
    """An evaluation as plain data, without the probabilities of the single images."""
    scores = evaluation.scores
    return {
        "images": int(scores.support.sum()),
        "accuracy": evaluation.accuracy,
        "accuracy_interval_95": list(evaluation.interval),
        "loss": evaluation.loss,
        "calibration_error": evaluation.reliability.error,
        "plain_calibration_error": evaluation.plain_reliability.error,
        "unknown_rate": evaluation.unknown_rate,
        "classes": {
            name: {
                "precision": float(scores.precision[i]),
                "recall": float(scores.recall[i]),
                "f1": float(scores.f1[i]),
                "images": int(scores.support[i]),
            }
            for i, name in enumerate(classes)
        },
        "confusion": evaluation.confusion.tolist(),
    }


def write_json(path: Path, value: Any) -> None:
    """Write plain data as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def _enough(data: str, available: int, wanted: int, setting: str) -> None:
    if wanted >= available:
        raise UsageError(f"{data} has {available} images, too few for {setting} = {wanted}.")
