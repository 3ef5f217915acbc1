"""``handspun recipes``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from handspun.cli.console import JsonOption, out, percent, print_json, table
from handspun.recipes import Recipe, load_recipe, recipe_names


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one in full.", show_default=False)] = None,
    json: JsonOption = False,
) -> None:
    """The recipes that come with handspun.

    Example: handspun recipes minibatch-128-64
    """
    if name is not None:
        recipe = load_recipe(name)
        if json:
            print_json(_as_dict(recipe))
            return
        out.print(Text.assemble((recipe.name, "bold"), f": {recipe.title}"))
        for label, text in (("As published", recipe.published), ("Found", recipe.found)):
            if text:
                out.print(f"{label}: {text}")
        if recipe.claim is not None:
            out.print(f"Test accuracy to meet ({recipe.claim_source}): {percent(recipe.claim)}")
        defaults = type(recipe.settings)().as_dict()
        rows = table("setting", "value")
        for key, value in recipe.settings.as_dict().items():
            if value != defaults[key] or key in ("data", "hidden", "optimizer", "learning_rate", "batch_size"):
                rows.add_row(key, str(value))
        out.print(rows)
        return
    found = [load_recipe(known) for known in recipe_names()]
    if json:
        print_json({recipe.name: _as_dict(recipe) for recipe in found})
        return
    rows = table("recipe", "to meet", "what it is")
    rows.columns[2].justify = "left"
    for recipe in found:
        rows.add_row(recipe.name, "" if recipe.claim is None else percent(recipe.claim), recipe.title)
    out.print(rows)


def _as_dict(recipe: Recipe) -> dict[str, Any]:
    return {
        "title": recipe.title,
        "claim": recipe.claim,
        "claim_source": recipe.claim_source,
        "published": recipe.published,
        "found": recipe.found,
        "settings": recipe.settings.as_dict(),
    }
