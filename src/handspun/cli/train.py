"""``handspun train``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from handspun.cli.console import accuracy_line, messages, note, out, percent, print_json, quoted
from handspun.cli.options import DATA, RUN, FitOption, JsonOption, ModeOption, SizeOption, ThreadsOption, argument, option
from handspun.cli.progress import ShowProgress
from handspun.cli.values import augmentation, picture_size, seconds, whole_numbers
from handspun.data import is_picture_folder
from handspun.errors import MissingExtraError, OutputError, UsageError
from handspun.files.writing import make_folder
from handspun.networks.architectures import structure
from handspun.networks.sequential import Sequential
from handspun.recipes import Settings, load_recipe
from handspun.recipes.run import (
    CHECKPOINT,
    MODEL,
    Plan,
    Result,
    evaluation_as_dict,
    prepare,
    saved_settings,
    train as run_training,
)

NETWORK, OPTIMIZATION = "Network", "Optimization"

#: Options whose text stands for a value of another type, by the names of their settings.
READ: dict[str, Callable[[str], Any]] = {
    "picture_size": picture_size,
    "channels": lambda text: whole_numbers("--channels", text),
    "hidden": lambda text: whole_numbers("--hidden", text),
    "augment": augmentation,
}


def train(
    context: typer.Context,
    data: Annotated[str | None, argument("A name, a folder of pictures or another path; by default mnist-5k.", "DATA")] = None,
    recipe: Annotated[str | None, option("A recipe's name or TOML file; see `handspun recipes`.")] = None,
    picture_size: SizeOption = None,
    picture_fit: FitOption = None,
    picture_mode: ModeOption = None,
    validation: Annotated[float | None, option("Share of the training images held out, 0 to below 1.", panel=DATA)] = None,
    augment: Annotated[
        str | None, option("Random changes to each image: shift=2,rotation=10,flip or the like; or none.", panel=DATA)
    ] = None,
    channels: Annotated[
        str | None, option("Filters of convolutions before the hidden layers, such as 16,32.", panel=NETWORK)
    ] = None,
    kernel_size: Annotated[int | None, option("Rows and columns of each filter.", panel=NETWORK)] = None,
    hidden: Annotated[str | None, option("Units of the hidden layers, such as 128,64.", panel=NETWORK)] = None,
    activation: Annotated[str | None, option("relu, leaky-relu, sigmoid, tanh, gelu or silu.", panel=NETWORK)] = None,
    norm: Annotated[str | None, option("batch or layer: normalise before each activation.", panel=NETWORK)] = None,
    dropout: Annotated[float | None, option("Dropout rate after each hidden layer, 0 to below 1.", panel=NETWORK)] = None,
    optimizer: Annotated[
        str | None, option("sgd, momentum, nesterov, rmsprop, adagrad, adam or adamw.", panel=OPTIMIZATION)
    ] = None,
    learning_rate: Annotated[float | None, option("Learning rate of the first step.", "--lr", panel=OPTIMIZATION)] = None,
    schedule: Annotated[
        str | None, option("constant, inverse-time, step, exponential, cosine or one-cycle.", panel=OPTIMIZATION)
    ] = None,
    decay: Annotated[float | None, option("Use the schedule lr/(1 + decay·t), t in steps.", panel=OPTIMIZATION)] = None,
    epochs: Annotated[int | None, option("Passes over the images; by default as suits the data.", panel=OPTIMIZATION)] = None,
    batch_size: Annotated[int | None, option("Images in a batch; 0 for all, 1 for stochastic.", panel=OPTIMIZATION)] = None,
    l2: Annotated[float | None, option("Coefficient of the L2 penalty on the weights.", "--l2", panel=OPTIMIZATION)] = None,
    label_smoothing: Annotated[float | None, option("Share of the target spread over all classes.", panel=OPTIMIZATION)] = None,
    early_stopping: Annotated[
        int | None, option("Stop after this many epochs without a better validation loss.", panel=OPTIMIZATION)
    ] = None,
    budget: Annotated[str | None, option("Train as well as possible within 60s, 10m or 1h.", panel=OPTIMIZATION)] = None,
    seed: Annotated[int | None, option("Seed of everything random.", panel=RUN)] = None,
    threads: ThreadsOption = None,
    out_folder: Annotated[Path | None, option("The run folder; by default runs/DATA-1, -2, ….", "--out", panel=RUN)] = None,
    resume: Annotated[Path | None, option("Continue the interrupted training in this run folder.", panel=RUN)] = None,
    pictures: Annotated[bool, option("Draw curves, confusion matrix, predictions, weights.", panel=RUN)] = True,
    json: JsonOption = False,
) -> None:
    """Train a classifier and keep everything about it in a run folder.

    Without arguments: 784-128-64-10 on the 5,000 included MNIST digits. A folder of pictures gets a small convolutional
    network, the recipe pictures.

    Example: handspun train mnist --hidden 256,128 --dropout 0.2 --epochs 20
    """
    # Options that are settings have the names of the settings.
    given: dict[str, Any] = context.params | {"schedule": _schedule(schedule, decay)}
    changes: dict[str, Any] = {f.name: given[f.name] for f in fields(Settings) if given.get(f.name) is not None}
    changes |= {name: read(changes[name]) for name, read in READ.items() if name in changes}
    if budget is not None and epochs is not None:
        raise UsageError("--budget chooses the number of epochs; give one of --budget and --epochs.")
    if resume is not None:
        if changes.keys() - {"threads"} or recipe or budget or out_folder:
            raise UsageError("--resume continues with the settings of the run; give it alone, or with --threads.")
        settings, time_limit = saved_settings(resume)
        if (resume / MODEL).exists():
            raise UsageError(f"The training in {resume} is complete: there is nothing to resume.")
    else:
        settings = load_recipe(recipe or _recipe_for(data, changes)).settings
        time_limit = None if budget is None else seconds(budget)
        if out_folder and ((out_folder / CHECKPOINT).exists() or (out_folder / MODEL).exists()):
            raise UsageError(
                f"{out_folder} already holds a training. Choose another --out, or use --resume {quoted(out_folder)}"
            )
    settings = settings.replace(**changes)
    if pictures and find_spec("matplotlib") is None:  # reported before an hour of training, not after
        raise MissingExtraError("Drawing pictures (--no-pictures trains without)", "cli")
    material = prepare(settings)
    for text in material.notes:
        note(text)
    plan = Plan(settings, material)  # refuses wrong settings before a folder is made
    folder = resume or out_folder or _new_folder(settings.data)
    progress = ShowProgress(folder, quiet=json)
    try:
        result = run_training(
            plan,
            budget=time_limit,
            folder=folder,
            callbacks=[progress],
            progress=not json,
            announce=None if json else lambda network, final: _announce(network, final, len(material.train)),
        )
    except KeyboardInterrupt:
        if not progress.told and (folder / CHECKPOINT).exists():  # after the last step, before the model was written
            progress.tell("Stopped")
        raise
    files = []
    if pictures:
        from handspun.recipes.plots import save_plots  # matplotlib takes longer to load than the default training takes

        files = save_plots(result, folder)
    if json:
        print_json(_as_dict(result, folder, files))
    else:
        _report(result, folder, files)


def _announce(network: Sequential, settings: Settings, images: int) -> None:
    batch = f"batch size {settings.batch_size}" if settings.batch_size else "full batches"
    messages.print(
        f"{settings.data}: {images:,} training images, {structure(network)} ({network.parameters.vector.size:,} parameters), "
        f"{settings.activation}, {settings.optimizer}, {batch}, {_epochs(settings.epochs or 1)}",
        soft_wrap=True,
    )


def _epochs(count: int) -> str:
    return f"{count} epoch" if count == 1 else f"{count} epochs"


def _report(result: Result, folder: Path, files: list[Path]) -> None:
    evaluation = result.evaluation
    out.print(f"Trained {_epochs(len(result.history.records))} in {result.seconds:.1f} s.")
    if evaluation is not None:
        images = int(evaluation.scores.support.sum())
        out.print(f"Test accuracy {accuracy_line(evaluation.accuracy, evaluation.interval, images)}")
    for advice in _advice(result):
        out.print(advice, soft_wrap=True)
    drawn = f", {len(files)} pictures" if files else ""
    out.print(f"In {folder}: {MODEL}, history, settings{drawn}", soft_wrap=True)
    unseen = " DATA, with images that it has not seen" if evaluation is None else ""
    views = " --views" if result.settings.views else ""
    out.print(f"Next: handspun evaluate {quoted(folder)}{views}{unseen}", soft_wrap=True)


#: A training accuracy this far above the validation accuracy means that the network overfits.
GAP = 0.15


def _advice(result: Result) -> Iterator[Text]:
    """Why a network does badly, and what may help."""
    last, evaluation = result.history.records[-1], result.evaluation
    seen, held_out = last.get("accuracy"), last.get("validation_accuracy")
    if seen is not None and held_out is not None and seen - held_out > GAP:
        yield Text(
            f"Training accuracy {percent(seen)}, validation accuracy {percent(held_out)}: the network overfits. "
            "More images help, and random changes to them, such as --augment shift=2,rotation=10",
            "yellow",
        )
    if evaluation is not None:
        most = int(evaluation.scores.support.argmax())
        chance = evaluation.scores.support[most] / evaluation.scores.support.sum()
        if evaluation.interval[0] <= chance:
            name = result.material.classes[most]
            yield Text(f"Always answering {name} would score {percent(chance)}: it learned little or nothing.", "yellow")


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
    """The recipe to start from if none is named."""
    if changes.get("channels"):
        return "cnn"
    pictures = data is not None and not {"hidden", "channels"} & set(changes) and is_picture_folder(data)
    return "pictures" if pictures else "default"


def _schedule(name: str | None, decay: float | None) -> dict[str, Any] | None:
    if decay is not None:
        if name not in (None, "inverse-time"):
            raise UsageError(f"--decay belongs to the schedule inverse-time, not to {name}.")
        return {"name": "inverse-time", "decay": decay}
    if name == "inverse-time":
        raise UsageError("The schedule inverse-time needs --decay, such as --decay 1e-4.")
    return None if name is None else {"name": name}


def _new_folder(data: str) -> Path:
    """Makes runs/DATA-N with the first free N."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(data).name).strip("-.") or "data"
    make_folder(Path("runs"))
    for number in itertools.count(1):
        folder = Path("runs") / f"{stem}-{number}"
        try:
            folder.mkdir()  # if two trainings start at the same moment, only one of them succeeds
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error
        return folder
    raise AssertionError("numbers do not end")
