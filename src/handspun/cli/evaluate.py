"""``handspun evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handspun.cli.console import (
    JsonOption,
    ModelArgument,
    accuracy_line,
    confusion_table,
    model_file,
    out,
    print_json,
    scores_table,
)
from handspun.cli.images import class_names, labelled
from handspun.evaluation import evaluate as evaluate_network
from handspun.modelfile import load_with_header
from handspun.recipes.run import evaluation_as_dict


def evaluate(
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Argument(help="A name or path; by default the test images of the model's own training.", show_default=False),
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the confusion matrix into this PNG file.")] = None,
    json: JsonOption = False,
) -> None:
    """Accuracy with its 95 % interval, loss, precision, recall and F1 of each class, confusion matrix.

    Example: handspun evaluate runs/mnist-5k-1
    """
    network, header = load_with_header(model_file(model))
    images, labels, where = labelled(data, header, network)
    result = evaluate_network(network, images, labels)
    classes = class_names(network)
    if picture is not None:
        from handspun import plots

        plots.save(plots.confusion_matrix(result.confusion, classes), picture)
    if json:
        print_json({"model": str(model), "data": where, **evaluation_as_dict(result, classes)})
        return
    out.print(f"{model} on {where}", soft_wrap=True)
    out.print(f"accuracy  {accuracy_line(result.accuracy, result.interval, len(labels))}")
    out.print(f"loss      {result.loss:.4f} nats\n")
    out.print(scores_table(result.scores, classes))
    if len(classes) <= 20:
        out.print()
        out.print(confusion_table(result.confusion, classes))
