"""``handspun train``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from handspun.augment import Augmentation
from handspun.cli.console import JsonOption, ThreadsOption, accuracy_line, messages, out, percent, print_json, quoted
from handspun.cli.data import picture_size
from handspun.cli.progress import ShowProgress
from handspun.data import is_picture_folder
from handspun.errors import MissingExtraError, OutputError, UsageError
from handspun.files.writing import make_folder
from handspun.networks.architectures import structure
from handspun.networks.sequential import Sequential
from handspun.recipes import Settings, load_recipe
from handspun.recipes.run import (
    CHECKPOINT,
    MODEL,
    Result,
    check_settings,
    evaluation_as_dict,
    prepare,
    saved_settings,
    train as run_training,
)


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A name of `handspun data list`, a folder of pictures or another path; by default mnist-5k.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A recipe's name or TOML file; see `handspun recipes`.")] = None,
    size: Annotated[
        str | None, typer.Option(help="Of a folder of pictures: what they are brought to, such as 32 or 32x48.")
    ] = None,
    fit: Annotated[str | None, typer.Option(help="Of a folder of pictures: resize, or pad to keep proportions.")] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="Of a folder of pictures: grey or rgb; or strokes, for symbols drawn or written anywhere on a sheet."
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Filters of convolutions in front of the hidden layers, such as 16,32; begins from the recipe cnn."),
    ] = None,
    kernel_size: Annotated[int | None, typer.Option(help="Rows and columns of a filter.")] = None,
    hidden: Annotated[str | None, typer.Option(help="Units of the hidden layers, such as 128,64.")] = None,
    activation: Annotated[str | None, typer.Option(help="relu, leaky-relu, sigmoid, tanh, gelu or silu.")] = None,
    norm: Annotated[str | None, typer.Option(help="batch or layer: normalise before each activation.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd, momentum, nesterov, rmsprop, adagrad, adam or adamw.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Learning rate of the first step.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant, inverse-time, step, exponential, cosine or one-cycle.")
    ] = None,
    decay: Annotated[
        float | None, typer.Option(help="Of the inverse-time schedule lr/(1 + decay·t), t in steps; implies it.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="How often to go through the images; by default as suits them.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step; 0 is all of them, 1 is stochastic.")] = None,
    l2: Annotated[float | None, typer.Option("--l2", help="Coefficient of the L2 penalty on the weights.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Rate of dropout after each hidden layer, 0 to 1.")] = None,
    label_smoothing: Annotated[float | None, typer.Option(help="Share of the target spread over all classes.")] = None,
    validation: Annotated[float | None, typer.Option(help="Share of the training images held out to watch, 0 to 1.")] = None,
    augment: Annotated[
        str | None,
        typer.Option(help="Random changes to each image, such as shift=2,rotation=10,flip; none switches a recipe's off."),
    ] = None,
    early_stopping: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better validation loss, and keep the best.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Train the best you can within this time: 60s, 10m, 1h.")] = None,
    seed: Annotated[int | None, typer.Option(help="From which everything random is drawn.")] = None,
    threads: ThreadsOption = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="The run folder; by default runs/DATA-N with the next free N.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the interrupted training in this run folder.")] = None,
    pictures: Annotated[bool, typer.Option(help="Draw curves, confusion matrix, predictions, weights.")] = True,
    json: JsonOption = False,
) -> None:
    """Train a classifier and keep everything about it in a run folder.

    Without arguments: 784-128-64-10 on the 5,000 MNIST digits that come with handspun. A folder of pictures gets a small
    convolutional network, the recipe pictures.

    Example: handspun train mnist --hidden 256,128 --dropout 0.2 --epochs 20
    """
    given: dict[str, Any] = {
        "data": data,
        "picture_size": None if size is None else picture_size(size),
        "picture_fit": fit,
        "picture_mode": mode,
        "channels": None if channels is None else _sizes("--channels", channels),
        "kernel_size": kernel_size,
        "hidden": None if hidden is None else _sizes("--hidden", hidden),
        "activation": activation,
        "norm": norm,
        "optimizer": optimizer,
        "learning_rate": lr,
        "schedule": _schedule(schedule, decay),
        "epochs": epochs,
        "batch_size": batch_size,
        "l2": l2,
        "dropout": dropout,
        "label_smoothing": label_smoothing,
        "validation": validation,
        "augment": None if augment is None else _augmentation(augment),
        "early_stopping": early_stopping,
        "seed": seed,
        "threads": threads,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if budget is not None and epochs is not None:
        raise UsageError("--budget chooses the number of epochs; give one of --budget and --epochs.")
    if resume is not None:
        if changes.keys() - {"threads"} or recipe or budget or out_folder:
            raise UsageError("--resume goes on with the settings of the run; give it alone, or with --threads.")
        folder = resume
        settings, seconds = saved_settings(folder)
        settings = settings.replace(**changes)
        if (folder / MODEL).exists():
            raise UsageError(f"The training in {folder} is complete: there is nothing to resume.")
    else:
        settings = load_recipe(recipe or _recipe_for(data, changes)).settings
        settings = settings.replace(**changes)
        seconds = None if budget is None else _seconds(budget)
        folder = out_folder
        if folder and ((folder / CHECKPOINT).exists() or (folder / MODEL).exists()):
            raise UsageError(f"{folder} holds a training already. Give another --out, or --resume {quoted(folder)}")

    if pictures and find_spec("matplotlib") is None:  # said before an hour of training, not after
        raise MissingExtraError("Drawing pictures (--no-pictures trains without)", "cli")
    material = prepare(settings)
    for note in material.notes:
        messages.print(f"Note: {note}", soft_wrap=True)
    check_settings(settings, material)  # before a folder is made
    folder = folder or _new_folder(settings.data)
    progress = ShowProgress(folder, quiet=json)
    try:
        result = run_training(
            settings,
            material,
            budget=seconds,
            folder=folder,
            callbacks=[progress],
            announce=None if json else lambda network, final: _announce(network, final, len(material.train)),
        )
    except KeyboardInterrupt:
        if not progress.told and (folder / CHECKPOINT).exists():  # after the last step, before the model was written
            messages.print(f"Stopped; saved. Go on with: handspun train --resume {quoted(folder)}", soft_wrap=True)
        raise
    files = _draw(result, folder) if pictures else []
    if json:
        print_json(_as_dict(result, folder, files))
    else:
        _report(result, folder, files)


def _announce(network: Sequential, settings: Settings, images: int) -> None:
    batch = f"batches of {settings.batch_size}" if settings.batch_size else "full batches"
    messages.print(
        f"{settings.data}: {images:,} images to train, {structure(network)} ({network.parameters.vector.size:,} parameters), "
        f"{settings.activation}, {settings.optimizer}, {batch}, {settings.epochs} epochs",
        soft_wrap=True,
    )


def _draw(result: Result, folder: Path) -> list[Path]:
    from handspun.recipes.plots import save_pictures  # matplotlib takes longer to load than the digits to learn

    return save_pictures(result, folder)


def _report(result: Result, folder: Path, files: list[Path]) -> None:
    evaluation = result.evaluation
    out.print(f"Trained {len(result.history.records)} epochs in {result.seconds:.1f} s.")
    if evaluation is not None:
        images = int(evaluation.scores.support.sum())
        out.print(f"Test accuracy {accuracy_line(evaluation.accuracy, evaluation.interval, images)}")
    drawn = f", {len(files)} pictures" if files else ""
    for advice in _advice(result):
        out.print(advice, soft_wrap=True)
    out.print(f"In {folder}: {MODEL}, history, settings{drawn}", soft_wrap=True)
    unseen = " DATA, with images that it has not seen" if evaluation is None else ""
    views = " --views" if result.settings.views else ""
    out.print(f"Next: handspun evaluate {quoted(folder)}{views}{unseen}", soft_wrap=True)


#: From so much more of the training images right than of the held-out ones on, a network has learned them by heart.
GAP = 0.15


def _advice(result: Result) -> Iterator[Text]:
    """What someone should know of a network that does badly, and may do about it."""
    last, evaluation = result.history.records[-1], result.evaluation
    seen, held_out = last.get("accuracy"), last.get("validation_accuracy")
    if seen is not None and held_out is not None and seen - held_out > GAP:
        yield Text(
            f"Right for {percent(seen)} of the images that it learned from, and for {percent(held_out)} of those held out: "
            "it has learned them by heart. More images help, and changing them at random, as in --augment shift=2,rotation=10",
            "yellow",
        )
    if evaluation is not None:
        most = int(evaluation.scores.support.argmax())
        chance = evaluation.scores.support[most] / evaluation.scores.support.sum()
        if evaluation.interval[0] <= chance:
            name = result.material.classes[most]
            yield Text(
                f"To say {name} always would be right for {percent(chance)}: it has learned little or nothing.", "yellow"
            )


def _as_dict(result: Result, folder: Path, files: list[Path]) -> dict[str, Any]:
    evaluation = result.evaluation
    return {
        "run": str(folder),
        "model": str(folder / MODEL),
        "pictures": [str(path) for path in files],
        "seconds": result.seconds,
        "settings": result.settings.as_dict(),
        "history": result.history.records,
        "evaluation": None if evaluation is None else evaluation_as_dict(evaluation, result.material.classes),
    }


def _recipe_for(data: str | None, changes: dict[str, Any]) -> str:
    """The recipe that options begin from where none is named."""
    if changes.get("channels"):
        return "cnn"
    pictures = data is not None and not {"hidden", "channels"} & set(changes) and is_picture_folder(data)
    return "pictures" if pictures else "default"


def _augmentation(text: str) -> dict[str, Any]:
    """Settings of ``Augmentation`` such as "shift=2,flip"; none of them for "none"."""
    found: dict[str, Any] = {}
    for part in text.split(",") if text.strip() != "none" else ():
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not name or (value and not re.fullmatch(r"\d+(\.\d*)?|\.\d+|[a-z]+", value)):
            raise UsageError(f'--augment takes settings with commas, such as shift=2,rotation=10,flip; got "{text}".')
        number = float(value) if value and not value.isalpha() else value or True
        found[name] = int(number) if isinstance(number, float) and number.is_integer() else number
    Augmentation.from_dict(found, "--augment")
    return found


def _sizes(option: str, text: str) -> tuple[int, ...]:
    """Sizes such as "128,64" as numbers; "" is no layer."""
    if not text.strip():
        return ()
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", text):
        raise UsageError(f'{option} takes whole numbers with commas, such as 128,64; got "{text}".')
    return tuple(int(size) for size in text.split(","))


def _schedule(name: str | None, decay: float | None) -> dict[str, Any] | None:
    if decay is not None:
        if name not in (None, "inverse-time"):
            raise UsageError(f"--decay belongs to the schedule inverse-time, not to {name}.")
        return {"name": "inverse-time", "decay": decay}
    if name == "inverse-time":
        raise UsageError("The schedule inverse-time needs --decay, such as --decay 1e-4.")
    return None if name is None else {"name": name}


def _seconds(text: str) -> float:
    """Times such as "90", "90s", "1.5m" or "1h" in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(s|m|h)?", text.strip())
    seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2] or "s"] if match else 0.0
    if not seconds > 0:
        raise UsageError(f'--budget takes a time above 0 such as 60s, 10m or 1h; got "{text}".')
    return seconds


def _new_folder(data: str) -> Path:
    """runs/DATA-N, made with the first N for which there is no folder."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(data).name).strip("-.") or "data"
    make_folder(Path("runs"))
    for number in itertools.count(1):
        folder = Path("runs") / f"{stem}-{number}"
        try:
            folder.mkdir()  # only one of two trainings that begin at the same moment can
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error
        return folder
    raise AssertionError("numbers do not end")
