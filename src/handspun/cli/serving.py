"""What ``handspun draw`` and ``handspun serve`` share."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handspun.cli.console import messages, open_model
from handspun.errors import MissingExtraError
from handspun.files.writing import printable
from handspun.pretrained import pretrained_names
from handspun.recipes.run import MODEL

if TYPE_CHECKING:
    from handspun.app.models.catalog import Models
    from handspun.app.runs.registry import Runs
    from handspun.app.trainings.datasets import Datasets

ModelsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Model files or run folders besides the models that come with handspun; the first is the one chosen at the start.",
        show_default=False,
        metavar="[MODEL]...",
    ),
]
PortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Port; by default 8420, or the next that is free.", show_default=False)
]
HostOption = Annotated[str, typer.Option(help="Address to listen at. Any but of loopback (127.0.0.1) lets other machines in.")]


def serve_app(
    chosen: list[Path] | None,
    host: str,
    port: int | None,
    *,
    runs: Callable[[Models], Runs] | None = None,
    datasets: Datasets | None = None,
    when_ready: Callable[[str], object] | None = None,
) -> None:
    """Serve until Ctrl-C.

    Args:
        chosen: models that the user named.
        host: where to listen.
        port: where to listen; None for the usual one.
        runs: makes what the page trains with; None for no page.
        datasets: what the page can train on.
        when_ready: is given the address once requests are answered.
    """
    try:
        from handspun.app.models.catalog import Model, Models, free_name, shipped_models
        from handspun.app.server import make_app
        from handspun.app.transport.guard import LOOPBACK
        from handspun.app.transport.host import address_of, make_server, open_socket
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("handspun"):
            raise
        raise MissingExtraError("The server", "app") from error
    shipped = {model.name: model for model in shipped_models()}
    found: dict[str, Model] = {}
    for path in chosen or []:
        if str(path) in pretrained_names() and not path.exists():
            found[str(path)] = shipped[str(path)]
            continue
        network, header = open_model(path)
        name = free_name(_name_of(path), {*shipped, *found})
        found[name] = Model(name, network, "file", header["training"])
    models = Models((found | shipped).values())
    with open_socket(host, port) as listener:
        address = address_of(listener)
        bound = listener.getsockname()[0]
        here = ip_address(bound).is_loopback  # whatever it was called
        hosts = dict.fromkeys((*LOOPBACK, bound, host.lower())) if here else None

        def ready() -> None:
            who = "this machine only" if here else f"open to every machine that reaches {host}: no password protects it"
            messages.print(f"handspun is at {address} ({who}). Ctrl-C ends it.", soft_wrap=True)
            if when_ready is not None:
                when_ready(address)

        app = make_app(models, None if runs is None else runs(models), datasets, hosts=hosts)
        make_server(app, when_ready=ready).run(sockets=[listener])


def _name_of(path: Path) -> str:
    """What a model file is called, or a run folder; also by the file in it."""
    place = path.resolve()
    return printable(place.name if path.is_dir() else place.parent.name if path.name == MODEL else path.stem)
