"""All commands in one application."""

from __future__ import annotations

from typing import Annotated

import typer

import handspun
from handspun.cli import check, compare, data, evaluate, models, predict, recipes, reproduce, serving, train

app = typer.Typer(
    help="Neural networks spun by hand in NumPy: train, evaluate and use small classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
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


for command in (
    train.train,
    evaluate.evaluate,
    predict.predict,
    serving.draw,
    serving.serve,
    models.models,
    compare.compare,
    reproduce.reproduce,
    recipes.recipes,
    check.check,
):
    app.command()(command)
app.add_typer(data.app, name="data")
