"""``handspun evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from handspun.augment.views import VIEWS
from handspun.cli.console import accuracy_line, note, out, percent, print_json
from handspun.cli.datasets import fits, labelled
from handspun.cli.model_choice import class_names, open_model
from handspun.cli.options import JsonOption, ModelArgument, ViewsOption, argument, option
from handspun.cli.tables import confusion_table, messy_table, scores_table, unknown_table
from handspun.confidence.unknown import Acceptance, acceptance, evaluate_unknown, kinds_for
from handspun.data import load_dataset
from handspun.errors import UsageError
from handspun.evaluation.evaluate import Evaluation, evaluate as evaluate_network
from handspun.evaluation.messy import MESSY, evaluate_messy
from handspun.networks.answers import Confidence
from handspun.networks.sequential import Sequential
from handspun.recipes.run import evaluation_as_dict
from handspun.recipes.seen import learned_from, seen_before

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def evaluate(
    model: ModelArgument,
    data: Annotated[str | None, argument("A name or path; by default the test images of the model's training.", "DATA")] = None,
    messy: Annotated[bool, option("Also on distorted versions: shifted, rotated, noisy, inverted, ….", "--messy")] = False,
    unknown: Annotated[bool, option("Also how often it takes noise, scribbles and letters for a class.", "--unknown")] = False,
    others: Annotated[str | None, option("With --unknown: also this dataset, which shows none of its classes.")] = None,
    views: ViewsOption = False,
    picture: Annotated[Path | None, option("Draw the confusion matrix, or with --messy the versions, into this PNG.")] = None,
    trust: Annotated[Path | None, option("Draw a reliability diagram (can probabilities be trusted?) into this PNG.")] = None,
    json: JsonOption = False,
) -> None:
    """Accuracy with its 95 % interval, loss, trust, precision, recall and F1 of each class, confusion matrix.

    Example: handspun evaluate runs/mnist-5k-1 --messy
    """
    if others is not None and not unknown:
        raise UsageError("--others names images that show no class of the model: use it with --unknown.")
    if views and (messy or unknown):
        raise UsageError("--messy and --unknown evaluate single views: use --views without them.")
    network, header = open_model(model)
    images, labels, where = labelled(data, header, network)
    training = header.get("training")
    note(seen_before(data or learned_from(training), training, model))
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
    if trust is not None or picture is not None:
        from handspun import plots

        if trust is not None:
            plots.save(plots.reliability_diagram(result.reliability, result.plain_reliability), trust)
        if picture is not None:
            plots.save(_versions(images) if messy else plots.confusion_matrix(result.confusion, classes), picture)
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
        out.print("", confusion_table(result.confusion, classes), sep="\n")
    if messy_result is not None:
        out.print("", messy_table(messy_result), sep="\n")
        out.print(f"\nmean of the {len(messy_result.versions)} distorted versions  {percent(messy_result.mean)}")
    if accepted:
        out.print("", unknown_table(accepted), sep="\n")


def _trust(result: Evaluation, confidence: Confidence | None) -> str:
    """How far probabilities are off, and for how many images the model would not answer, in words."""
    words = f"probabilities are off by {percent(result.reliability.error)} on average"
    if confidence is None or result.unknown_rate is None:
        return words
    return (
        f"{words} ({percent(result.plain_reliability.error)} before temperature {confidence.temperature:.2f}); "
        f"{percent(result.unknown_rate)} called unknown"
    )


def _accepted(network: Sequential, others: str | None) -> tuple[Acceptance, ...]:
    """How often the model takes other pictures for its classes: those of ``UNKNOWN`` and of a dataset."""
    contract = network.contract
    if contract is None:
        raise UsageError("--unknown shows the model other pictures, but this model has no contract to turn them into inputs.")
    found = evaluate_unknown(network, contract, kinds_for(class_names(network)))
    if others is None:
        return found
    dataset = load_dataset(others)
    images = (dataset.test or dataset.train).images
    return (*found, acceptance(others, f"the {'test ' if dataset.test else ''}images", network.answer(contract(images))))


def _versions(images: np.ndarray) -> Figure:
    """Some images, clean and distorted. High values are drawn as light, so that "inverted" looks inverted."""
    from handspun import plots

    some = images[:14]
    versions = {"clean": some, **{name: version(some) for name, version in MESSY.items()}}
    notes = {"clean": "as they are", **{name: version.strength for name, version in MESSY.items()}}
    return plots.version_grid(versions, notes, ink=False)
