"""``handspun recipes``."""

from __future__ import annotations

from textwrap import indent
from typing import Annotated, Any

from rich.text import Text

from handspun.cli.console import out, percent, print_json
from handspun.cli.options import JsonOption, argument
from handspun.cli.tables import table
from handspun.recipes import Recipe, Settings, load_recipe, recipe_names


def recipes(
    name: Annotated[str | None, argument("Show this recipe in full.", "NAME")] = None,
    json: JsonOption = False,
) -> None:
    """The included recipes, or one in full.

    Example: handspun recipes minibatch-128-64
    """
    found = [load_recipe(known) for known in (recipe_names() if name is None else [name])]
    if json:
        plain = {recipe.name: _as_dict(recipe) for recipe in found}
        print_json(plain if name is None else plain[found[0].name])
    elif name is not None:
        _show(found[0])
    else:
        rows = table("recipe", "to reach", "what it is", words=True)
        for recipe in found:
            rows.add_row(recipe.name, "" if recipe.claim is None else percent(recipe.claim), recipe.title)
        out.print(rows)


def _show(recipe: Recipe) -> None:
    out.print(Text.assemble((recipe.name, "bold"), f": {recipe.title}"))
    for label, text in (("As published", recipe.published), ("Found", recipe.found)):
        if text:
            out.print(f"{label}: {text}")
    if recipe.claim is not None:
        out.print(f"Test accuracy to reach ({recipe.claim_source}): {percent(recipe.claim)}")
    defaults = Settings().as_dict()
    rows = table("setting", "value", words=True)
    always = ("data", "optimizer", "learning_rate", "batch_size", *(() if recipe.settings.layers else ("hidden",)))
    for key, value in recipe.settings.as_dict().items():
        if value != defaults[key] or key in always:
            rows.add_row(key, _in_words(value))
    out.print(rows)


def _in_words(value: Any) -> str:
    """A setting for people: a layer on each line, and names with their values instead of brackets."""
    if isinstance(value, list):
        return ("\n" if value and isinstance(value[0], dict) else ", ").join(map(_in_words, value))
    if not isinstance(value, dict):
        return str(value)
    inner = "".join(f":\n{indent(_in_words(own), '  ')}" for name, own in value.items() if name == "layers")
    own = {name: own for name, own in value.items() if name != "layers"}
    return ", ".join(str(one) if name in ("kind", "name") else f"{name} {_in_words(one)}" for name, one in own.items()) + inner


def _as_dict(recipe: Recipe) -> dict[str, Any]:
    names = ("title", "claim", "claim_source", "published", "found")
    return {**{name: getattr(recipe, name) for name in names}, "settings": recipe.settings.as_dict()}
