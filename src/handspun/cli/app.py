"""All commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

import handspun
from handspun.cli import check, compare, data, draw, evaluate, models, predict, recipes, reproduce, serve, train

app = typer.Typer(
    help="Neural networks spun by hand in NumPy: train, evaluate and use small classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"handspun {handspun.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Neural networks spun by hand in NumPy: train, evaluate and use small classifiers."""


for command in (train, evaluate, predict, draw, serve, models, compare, reproduce, recipes, check):
    function = getattr(command, command.__name__.rsplit(".", 1)[1])
    app.command()(function)
app.add_typer(data.app, name="data")
