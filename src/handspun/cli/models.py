"""``handspun models``."""

from __future__ import annotations

from typing import Annotated

import typer

from handspun.cli.console import JsonOption, out, percent, print_json, table
from handspun.networks.architectures import structure
from handspun.pretrained import DEFAULT, load_pretrained_with_header, model_card, pretrained_names


def models(
    name: Annotated[str | None, typer.Argument(help="Show the card of this model.", show_default=False)] = None,
    json: JsonOption = False,
) -> None:
    """The trained models that come with handspun, or the card of one: data, recipe, accuracy, known weaknesses.

    Example: handspun models mnist-cnn
    """
    if name is not None:
        card = model_card(name)
        if json:
            print_json({"name": name, "card": card})
        else:
            out.print(card, soft_wrap=True)
        return
    found = []
    for own in pretrained_names():
        network, header = load_pretrained_with_header(own)
        found.append(
            {
                "name": own,
                "structure": structure(network),
                "parameters": int(network.parameters.vector.size),
                "test_accuracy": header["training"].get("test_accuracy"),
                "default": own == DEFAULT,
            }
        )
    if json:
        print_json({"models": found})
        return
    rows = table("name", "test accuracy", "parameters", "layers")
    rows.columns[3].justify = "left"
    for model in found:
        rows.add_row(model["name"], percent(model["test_accuracy"]), f"{model['parameters']:,}", model["structure"])
    out.print(rows)
