"""``handspun evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from handspun.augment.views import VIEWS
from handspun.cli.classes import class_names
from handspun.cli.console import (
    JsonOption,
    ModelArgument,
    ViewsOption,
    accuracy_line,
    confusion_table,
    messages,
    open_model,
    out,
    percent,
    print_json,
    scores_table,
    table,
)
from handspun.cli.datasets import fits, labelled
from handspun.confidence.unknown import Acceptance, acceptance, evaluate_unknown, kinds_for
from handspun.data import load_dataset
from handspun.errors import UsageError
from handspun.evaluation.evaluate import Evaluation, evaluate as evaluate_network
from handspun.evaluation.messy import MESSY, MessyEvaluation, evaluate_messy
from handspun.networks.answers import Confidence
from handspun.networks.sequential import Sequential
from handspun.recipes.run import evaluation_as_dict
from handspun.recipes.seen import learned_from, seen_before

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def evaluate(
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Argument(help="A name or path; by default the test images of the model's own training.", show_default=False),
    ] = None,
    messy: Annotated[
        bool, typer.Option("--messy", help="Also on messy versions: shifted, rotated, noisy, inverted and more.")
    ] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Also how often it takes empty sheets, noise, scribbles and letters for a class.")
    ] = False,
    others: Annotated[
        str | None, typer.Option(help="With --unknown: also images of this dataset, none of which shows a class of the model.")
    ] = None,
    views: ViewsOption = False,
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw the confusion matrix, or with --messy some images of each version, into this PNG file."),
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(help="Draw how far probabilities can be trusted, a reliability diagram, into this PNG file."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Accuracy with its 95 % interval, loss, trust, precision, recall and F1 of each class, confusion matrix.

    Example: handspun evaluate runs/mnist-5k-1 --messy
    """
    if others is not None and not unknown:
        raise UsageError("--others names images that no class fits: ask for them with --unknown.")
    if views and (messy or unknown):
        raise UsageError("--messy and --unknown are about single views: ask for --views without them.")
    network, header = open_model(model)
    images, labels, where = labelled(data, header, network)
    training = header.get("training")
    if note := seen_before(data or learned_from(training), training, model):
        messages.print(f"Note: {note}", soft_wrap=True)
    fits(images, network, where, views=views)
    result = evaluate_network(network, images, labels, views=views)
    classes = class_names(network)
    messy_result = None
    if messy:
        try:
            messy_result = evaluate_messy(network, images, labels, network.contract)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
    accepted = _accepted(network, others) if unknown else ()
    if trust is not None:
        from handspun import plots

        plots.save(plots.reliability_diagram(result.reliability, result.plain_reliability), trust)
    if picture is not None:
        from handspun import plots

        figure = _versions(images) if messy else plots.confusion_matrix(result.confusion, classes)
        plots.save(figure, picture)
    if json:
        more: dict[str, Any] = {} if messy_result is None else {"messy": messy_result.as_dict()}
        more |= {"unknown": [kind.as_dict() for kind in accepted]} if accepted else {}
        more["views"] = len(VIEWS) if views else 1
        print_json({"model": str(model), "data": where, **evaluation_as_dict(result, classes), **more})
        return
    out.print(f"{model} on {where}{', nine views of each' if views else ''}", soft_wrap=True)
    out.print(f"accuracy  {accuracy_line(result.accuracy, result.interval, len(labels))}")
    out.print(f"loss      {result.loss:.4f} nats")
    out.print(f"trust     {_trust(result, None if views else network.confidence)}\n")
    out.print(scores_table(result.scores, classes))
    if len(classes) <= 20:
        out.print()
        out.print(confusion_table(result.confusion, classes))
    if messy_result is not None:
        out.print()
        out.print(_messy_table(messy_result))
        out.print(f"\nmean of the {len(messy_result.versions)} messy versions  {percent(messy_result.mean)}")
    if accepted:
        out.print()
        out.print(_unknown_table(accepted))


def _trust(result: Evaluation, confidence: Confidence | None) -> str:
    """How far probabilities are off, and how many images the model would not answer for, in words."""
    words = f"probabilities are off by {percent(result.reliability.error)} in the mean"
    if confidence is None or result.unknown_rate is None:
        return words
    return (
        f"{words} ({percent(result.plain_reliability.error)} before temperature {confidence.temperature:.2f}); "
        f"{percent(result.unknown_rate)} called unknown"
    )


def _accepted(network: Sequential, others: str | None) -> tuple[Acceptance, ...]:
    """How often the model takes pictures of other things for its classes: those of ``UNKNOWN`` and of a dataset."""
    contract = network.contract
    if contract is None:
        raise UsageError(
            "--unknown shows other pictures to a model, but this one has no contract to bring them to what it takes."
        )
    found = evaluate_unknown(network, contract, kinds_for(class_names(network)))
    if others is None:
        return found
    dataset = load_dataset(others)
    images = (dataset.test or dataset.train).images
    return (*found, acceptance(others, f"the {'test ' if dataset.test else ''}images", network.answer(contract(images))))


def _unknown_table(accepted: tuple[Acceptance, ...]) -> Table:
    """How often each kind of picture was taken for one of the classes, and how often for an empty one."""
    made = table("of other things", "taken for a class", "95 % interval", "for empty", "images", "what they are")
    made.columns[-1].justify = "left"
    for kind in accepted:
        low, high = kind.interval
        interval = f"{100 * low:.2f} to {percent(high)}"
        made.add_row(kind.name, percent(kind.rate), interval, percent(kind.empty), f"{kind.images:,}", kind.what)
    return made


def _messy_table(result: MessyEvaluation) -> Table:
    """The accuracy on each version with its interval, and how far it is from that on clean images."""
    made = table("version", "accuracy", "95 % interval", "beside clean", "how messy")
    made.columns[-1].justify = "left"
    for row in (result.clean, *result.versions):
        low, high = row.interval
        beside = "" if row is result.clean else f"{100 * (row.accuracy - result.clean.accuracy):+.2f}"
        made.add_row(row.name, percent(row.accuracy), f"{100 * low:.2f} to {percent(high)}", beside, row.strength)
    return made


def _versions(images: np.ndarray) -> Figure:
    """Some images, clean and messy, as light as they are stored: "inverted" is then what it says."""
    from handspun import plots

    some = images[:14]
    versions = {"clean": some, **{name: version(some) for name, version in MESSY.items()}}
    notes = {"clean": "as they are", **{name: version.strength for name, version in MESSY.items()}}
    return plots.version_grid(versions, notes, ink=False)
