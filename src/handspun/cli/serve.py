"""``handspun serve``."""

from __future__ import annotations

from handspun.cli.serving import HostOption, ModelsArgument, PortOption, serve_app


def serve(
    models: ModelsArgument = None,
    port: PortOption = None,
    host: HostOption = "127.0.0.1",
) -> None:
    """Answer other programs over HTTP: POST a picture to /api/predict; /api has the description.

    Example: handspun serve mnist-mlp --port 8000
    """
    serve_app(models, host, port)
