"""What all commands share: where results, messages and progress go.

Results go to standard output; progress and messages to standard error, so that a pipe gets results alone.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handspun.errors import UsageError
from handspun.evaluation.metrics import ClassScores
from handspun.networks.modelfile import load_with_header
from handspun.networks.sequential import Sequential
from handspun.pictures.decoding import SUFFIXES
from handspun.pretrained import load_pretrained_with_header, pretrained_names
from handspun.recipes.run import MODEL

# Away from a terminal there is no width to fit into; 120 columns keep a table in one piece.
# No markup: names of files and classes may hold brackets and colons.
out = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 120)
messages = Console(stderr=True, highlight=False, markup=False, emoji=False)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Processes or threads that share the work; by default one for each processor.")
]
ViewsOption = Annotated[
    bool, typer.Option("--views", help="Answer by the mean over nine views of each picture, turned and scaled a little.")
]
ModelArgument = Annotated[
    Path, typer.Argument(help="A model file (.npz), a run folder, or a model of `handspun models`.", metavar="MODEL")
]


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(value, indent=2))


def open_model(path: Path) -> tuple[Sequential, dict[str, Any]]:
    """The network that a user means by a file, a run folder or the name of a model that comes with handspun, and its header."""
    if str(path) in pretrained_names() and not path.exists():
        return load_pretrained_with_header(str(path))
    return load_with_header(model_file(path))


def names_a_model(path: Path) -> bool:
    """Whether a path is meant as a model, not as a picture or a folder of pictures."""
    if path.is_dir():
        return (path / MODEL).exists() or not any(file.suffix.lower() in SUFFIXES for file in path.iterdir())
    return path.suffix == ".npz" or str(path) in pretrained_names()


def model_file(path: Path) -> Path:
    """The model file that a user means by a file or a run folder."""
    if not path.is_dir():
        return path
    if not (path / MODEL).exists():
        raise UsageError(
            f"{path} holds no {MODEL}: its training is not complete. Go on: handspun train --resume {quoted(path)}"
        )
    return path / MODEL


def quoted(path: Path) -> str:
    """A path as it is given in a command, to the shells of this system."""
    if sys.platform == "win32":  # whose shells know no single quotes, and where each path has a backslash
        return subprocess.list2cmdline([str(path)])
    return shlex.quote(str(path))


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return f"{100 * share:.2f} %"


def probability(share: float) -> str:
    """The probability of a class as a percentage: a softmax is never certain, though rounding may say so."""
    if share < 0.00005:
        return "<0.01 %"
    return ">99.99 %" if share >= 0.99995 else percent(share)


def accuracy_line(accuracy: float, interval: Sequence[float], images: int) -> str:
    """An accuracy with its 95 % interval and the number of images that it rests on."""
    low, high = interval
    return f"{percent(accuracy)}  (95 % interval {100 * low:.2f} to {percent(high)}, {images:,} images)"


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table in the project's plain style; columns after the first are aligned to the right."""
    made = Table(title=title, box=None, header_style="bold", pad_edge=False, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made


def scores_table(scores: ClassScores, classes: Sequence[str]) -> Table:
    """Precision, recall and F1 of each class."""
    made = table("class", "precision", "recall", "F1", "images")
    for i, name in enumerate(classes):
        values = (f"{100 * column[i]:.1f} %" for column in (scores.precision, scores.recall, scores.f1))
        made.add_row(name, *values, f"{scores.support[i]:,}")
    return made


def confusion_table(confusion: np.ndarray, classes: Sequence[str]) -> Table:
    """The confusion matrix, zeros as dots, right answers in bold."""
    made = table("true \\ predicted", *classes)
    for i, name in enumerate(classes):
        cells = [Text(f"{n:,}" if n or i == j else "·", "bold" if i == j else "") for j, n in enumerate(confusion[i])]
        made.add_row(name, *cells)
    return made
