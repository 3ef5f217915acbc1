"""The models that a command is given: file, run folder or name of an included model; and the names of their classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handspun.cli.console import quoted
from handspun.errors import UsageError
from handspun.networks.modelfile import load_with_header
from handspun.networks.sequential import Sequential
from handspun.pictures.decoding import SUFFIXES
from handspun.pretrained import load_pretrained_with_header, pretrained_names
from handspun.recipes.run import MODEL


def is_included(path: Path) -> bool:
    """Whether a path is the name of an included model, and no file or folder has that name."""
    return str(path) in pretrained_names() and not path.exists()


def open_model(path: Path) -> tuple[Sequential, dict[str, Any]]:
    """The network in a file, a run folder or an included model, and the header of its file.

    Raises:
        UsageError: a run folder without a model.
        ModelFileError: the file is missing or broken.
    """
    if is_included(path):
        return load_pretrained_with_header(str(path))
    if path.is_dir() and not (path / MODEL).exists():
        raise UsageError(
            f"{path} holds no {MODEL}: its training is not complete. Continue it: handspun train --resume {quoted(path)}"
        )
    return load_with_header(path / MODEL if path.is_dir() else path)


def names_a_model(path: Path) -> bool:
    """Whether a path means a model, not a picture or a folder of pictures."""
    if path.is_dir():
        return (path / MODEL).exists() or not any(file.suffix.lower() in SUFFIXES for file in path.iterdir())
    return path.suffix == ".npz" or str(path) in pretrained_names()


def class_names(network: Sequential) -> tuple[str, ...]:
    """The names of the classes; their numbers if the model has no names."""
    return network.classes or tuple(str(i) for i in range(max(network.output_shape[-1], 2)))


def none_of(classes: tuple[str, ...]) -> str:
    """What to call a picture that shows none of the classes."""
    return "not a digit" if all(name in tuple("0123456789") for name in classes) else "none of the classes"
