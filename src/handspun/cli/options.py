"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def option(text: str, *names: str, panel: str | None = None, **more: Any) -> Any:
    """An option with this help text, in a panel of ``--help``; its names default to that of the parameter."""
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


def argument(text: str, metavar: str) -> Any:
    """A positional argument with this help text, shown as ``metavar``."""
    return typer.Argument(help=text, metavar=metavar, show_default=False)


DATA, RUN = "Data", "Run"

JsonOption = Annotated[bool, option("Print one JSON object on standard output, and nothing else.", "--json")]
ThreadsOption = Annotated[
    int | None, option("Processes or threads to use; by default one per processor.", min=1, metavar="<int>", panel=RUN)
]
ViewsOption = Annotated[bool, option("Average the answers over nine slightly changed views of each picture.", "--views")]
ModelArgument = Annotated[Path, argument("A model file (.npz), a run folder, or a name from `handspun models`.", "MODEL")]
SizeOption = Annotated[str | None, option("Scale pictures of a folder to 32 or 32x48 (height x width).", "--size", panel=DATA)]
FitOption = Annotated[str | None, option("Fit pictures of a folder: resize, or pad to keep proportions.", "--fit", panel=DATA)]
ModeOption = Annotated[
    str | None, option("Read a folder as grey, rgb, or strokes (symbols written anywhere on a sheet).", "--mode", panel=DATA)
]
