"""All commands in one application."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.exceptions import TyperException

import handspun
from handspun.cli import check, compare, data, evaluate, models, predict, recipes, reproduce, serving, train
from handspun.errors import UsageError

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


def run() -> int:
    """Run the command that the process was started with; returns its exit code.

    Raises:
        UsageError: arguments that cannot be parsed.
    """
    try:
        return app(standalone_mode=False) or 0
    except TyperException as error:
        if not error.format_message():  # no command was given, and the help was printed
            return error.exit_code
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "handspun"
        raise UsageError(f"{error.format_message().rstrip('.')}. See {command} --help") from error
