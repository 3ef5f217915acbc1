"""A recipe is a TOML file: settings, the published result, and what was not published and we had to choose."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from handspun.errors import UsageError, unknown_name
from handspun.recipes.settings import Settings

_FIELDS = {"title": str, "claim": float, "claim_source": str, "published": str, "found": str}


@dataclass(frozen=True)
class Recipe:
    """Settings with their name and the result they should reach."""

    name: str  # for ``handspun train --recipe`` and ``handspun reproduce``
    title: str  # what it is, in one line
    settings: Settings
    claim: float | None = None  # the test accuracy to reach, from 0 to 1
    claim_source: str = "target"  # "published" or "target"
    published: str = ""  # architecture and training as published
    found: str = ""  # what was not published, and how we chose it


def recipe_names() -> list[str]:
    """The names of the included recipes."""
    return sorted(entry.name.removesuffix(".toml") for entry in _presets().iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """The included recipe ``name``, or the recipe in the file ``name`` if that ends in ".toml".

    Raises:
        UsageError: an unknown name, or a file that is not a recipe; the message names the wrong entry.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"Cannot read the recipe {path}: {getattr(error, 'strerror', None) or error}.") from error
        return _parse(path.stem, str(path), text)
    if name not in recipe_names():
        raise unknown_name("recipe", name, recipe_names())
    return _parse(name, f"recipe {name}", (_presets() / f"{name}.toml").read_text("utf-8"))


def _presets() -> Any:
    return files("handspun.recipes") / "presets"


def _parse(name: str, where: str, text: str) -> Recipe:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not TOML: {error}.") from error
    settings = content.pop("settings", None)
    if not isinstance(settings, dict):
        raise UsageError(f"{where}: the table [settings] is missing.")
    for key, value in content.items():
        if key not in _FIELDS:
            raise unknown_name(f"entry in {where}:", key, [*_FIELDS, "settings"])
        fits = isinstance(value, (_FIELDS[key], int) if _FIELDS[key] is float else _FIELDS[key])
        if not fits or isinstance(value, bool):
            raise UsageError(f"{where}: {key} = {value!r} is not of the type {_FIELDS[key].__name__}.")
    return Recipe(**{"name": name, "title": name, "settings": Settings.from_dict(settings, where), **content})
