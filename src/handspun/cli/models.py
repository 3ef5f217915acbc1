"""``handspun models``."""

from __future__ import annotations

from typing import Annotated

from handspun.cli.console import out, percent, print_json
from handspun.cli.options import JsonOption, argument
from handspun.cli.tables import table
from handspun.networks.architectures import structure
from handspun.pretrained import DEFAULT, load_pretrained_with_header, model_card, pretrained_names


def models(
    name: Annotated[str | None, argument("Show the card of this model.", "NAME")] = None,
    json: JsonOption = False,
) -> None:
    """The included models, or the card of one: data, recipe, accuracy, known weaknesses.

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
    rows = table("name", "test accuracy", "parameters", "layers", words=True)
    for own in pretrained_names():
        network, header = load_pretrained_with_header(own)
        facts = {
            "name": own,
            "structure": structure(network),
            "parameters": int(network.parameters.vector.size),
            "test_accuracy": header["training"].get("test_accuracy"),
            "default": own == DEFAULT,
        }
        found.append(facts)
        rows.add_row(own, percent(facts["test_accuracy"]), f"{facts['parameters']:,}", facts["structure"])
    if json:
        print_json({"models": found})
    else:
        out.print(rows)
