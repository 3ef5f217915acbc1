"""``handspun draw``."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from handspun.cli.serving import HostOption, ModelsArgument, PortOption, serve_app
from handspun.errors import MissingExtraError


def draw(
    models: ModelsArgument = None,
    port: PortOption = None,
    host: HostOption = "127.0.0.1",
    out: Annotated[Path, typer.Option(help="Folder for models that are trained and kept in the page.")] = Path("runs/app"),
    data: Annotated[str | None, typer.Option(help="A data set to train on in the page: a name, or a path.")] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Draw in the browser and see the network think: live answers, its inside, each step; teach it and train others.

    Example: handspun draw
    """
    try:
        from handspun.app.runs.registry import Runs
        from handspun.app.trainings.datasets import Datasets
    except ModuleNotFoundError as error:
        raise MissingExtraError("The drawing app", "app") from error
    serve_app(
        models,
        host,
        port,
        runs=lambda known: Runs(known, folder=out),
        datasets=Datasets([] if data is None else [data]),
        when_ready=_open_page if open_browser else None,
    )


def _open_page(address: str) -> None:
    """Open the page without waiting for the browser: one in a terminal stays until it is closed, and waits for the server."""
    threading.Thread(target=webbrowser.open, args=(address,), name="browser", daemon=True).start()
