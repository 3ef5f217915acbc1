"""``handspun draw`` and ``handspun serve``: a server for the page, or for other programs."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from handspun.cli.console import messages
from handspun.cli.model_choice import is_included, open_model
from handspun.cli.options import argument, option
from handspun.errors import MissingExtraError
from handspun.files.writing import printable
from handspun.recipes.run import MODEL

if TYPE_CHECKING:
    from handspun.app.models.catalog import Models
    from handspun.app.runs.registry import Runs
    from handspun.app.trainings.datasets import Datasets

ModelsArgument = Annotated[
    list[Path] | None, argument("Models besides the included ones; the first is selected at the start.", "MODEL")
]
PortOption = Annotated[
    int | None, option("Port; by default 8420, or the next free one.", min=0, max=65535, metavar="<int>", show_default=False)
]
HostOption = Annotated[str, option("Address to listen on. Any but 127.0.0.1 lets other machines in.")]


def serve(
    models: ModelsArgument = None,
    port: PortOption = None,
    host: HostOption = "127.0.0.1",
) -> None:
    """Answer other programs over HTTP: POST a picture to /api/predict; /api describes it.

    Example: handspun serve mnist-mlp --port 8000
    """
    _serve(models, host, port)


def draw(
    models: ModelsArgument = None,
    port: PortOption = None,
    host: HostOption = "127.0.0.1",
    out: Annotated[Path, option("Folder for the models that are trained and kept in the page.")] = Path("runs/app"),
    data: Annotated[str | None, option("Another data set to train on in the page: a name or a path.")] = None,
    open_browser: Annotated[bool, option("Open the page in the browser.", "--open/--no-open")] = True,
) -> None:
    """Draw digits in the browser and see the network think; teach it, and train others.

    Example: handspun draw
    """
    try:
        from handspun.app.runs.registry import Runs
        from handspun.app.trainings.datasets import Datasets
    except ModuleNotFoundError as error:
        raise MissingExtraError("The drawing app", "app") from error
    _serve(
        models,
        host,
        port,
        runs=lambda known: Runs(known, folder=out),
        datasets=Datasets([] if data is None else [data]),
        when_ready=_open_page if open_browser else None,
    )


def _open_page(address: str) -> None:
    """Open the page without waiting: a browser in a terminal returns only when closed, and needs the server until then."""
    threading.Thread(target=webbrowser.open, args=(address,), name="browser", daemon=True).start()


def _serve(
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
        host: the address to listen on.
        port: the port to listen on; None for the usual one.
        runs: makes the trainings of the page; None for no page.
        datasets: what the page can train on.
        when_ready: is called with the address as soon as requests are answered.
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
        if is_included(path):
            found[str(path)] = shipped[str(path)]
            continue
        network, header = open_model(path)
        name = free_name(_name_of(path), {*shipped, *found})
        found[name] = Model(name, network, "file", header["training"])
    models = Models((found | shipped).values())
    with open_socket(host, port) as listener:
        address = address_of(listener)
        bound = listener.getsockname()[0]
        here = ip_address(bound).is_loopback  # whatever its name
        hosts = dict.fromkeys((*LOOPBACK, bound, host.lower())) if here else None

        def ready() -> None:
            who = "this machine only" if here else f"open to every machine that reaches {host}, without a password"
            messages.print(f"handspun is at {address} ({who}). Ctrl-C ends it.", soft_wrap=True)
            if when_ready is not None:
                when_ready(address)

        app = make_app(models, None if runs is None else runs(models), datasets, hosts=hosts)
        make_server(app, when_ready=ready).run(sockets=[listener])


def _name_of(path: Path) -> str:
    """The name of a model file; for a run folder, or the file in it, the name of the folder."""
    place = path.resolve()
    return printable(place.name if path.is_dir() else place.parent.name if path.name == MODEL else path.stem)
