"""The included models.

Beside each model file is its card: data, training, accuracy and known weaknesses. ``scripts/make_pretrained.py`` makes both.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from typing import Any

from handspun.errors import unknown_name
from handspun.networks.modelfile import load_with_header
from handspun.networks.sequential import Sequential

#: The model that ``handspun predict`` uses by default.
DEFAULT = "mnist-cnn"


def pretrained_names() -> list[str]:
    """The names of the included models."""
    return sorted(entry.name.removesuffix(".npz") for entry in files(__name__).iterdir() if entry.name.endswith(".npz"))


def load_pretrained(name: str = DEFAULT) -> Sequential:
    """The model ``name``, ready to predict.

    Raises:
        UsageError: an unknown name; the message suggests the nearest.
    """
    return load_pretrained_with_header(name)[0]


def load_pretrained_with_header(name: str) -> tuple[Sequential, dict[str, Any]]:
    """The model ``name`` and the header of its file: see ``handspun.networks.modelfile``."""
    with as_file(_file(name, "npz")) as path:
        return load_with_header(path)


def model_card(name: str) -> str:
    """The card of the model ``name``, as Markdown; raises as ``load_pretrained`` does."""
    return _file(name, "md").read_text("utf-8")


def _file(name: str, suffix: str) -> Traversable:
    if name not in (known := pretrained_names()):
        raise unknown_name("model", name, known)
    return files(__name__) / f"{name}.{suffix}"
