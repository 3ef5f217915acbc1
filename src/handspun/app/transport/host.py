"""To run the application on an address, until Ctrl-C."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from uvicorn.protocols.http.h11_impl import H11Protocol

from handspun.app.transport import guard
from handspun.app.transport.wire import MOST_BYTES
from handspun.errors import UsageError

if TYPE_CHECKING:
    import h11

#: Connections at a time; more are turned away with 503. A page has two or three.
MOST_CONNECTIONS = 512

#: How many ports after the usual one are tried.
_TRIES = 20


def open_socket(host: str, port: int | None, usual: int = 8420) -> socket.socket:
    """A socket that listens.

    Args:
        host: a name or address of this machine.
        port: its port, 0 for any that is free; None for ``usual``, or the next that is free.
        usual: the port by custom.

    Raises:
        UsageError: the port is taken, or there is no such address here.
    """
    try:
        family, _, _, _, _ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise UsageError(f'"{host}" is no address of this machine ({error.strerror or error}).') from error
    reason = ""
    ports = range(usual, usual + _TRIES) if port is None else (port,)
    for number in ports:
        # With the protocol named, asyncio switches off the waiting for full packets (Nagle), which takes 40 ms an answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if sys.platform == "win32":  # where SO_REUSEADDR would give one port to two servers
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(1024)
            return listener
        except (OSError, OverflowError) as error:
            listener.close()
            reason = getattr(error, "strerror", None) or str(error)
    where = f"{host}:{port}" if port is not None else f"{host}, ports {ports[0]} to {ports[-1]}"
    raise UsageError(f"Cannot listen at {where}: {reason}. Choose another with --port.")


def address_of(listener: socket.socket) -> str:
    """The URL under which a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}/"


def make_server(app: Starlette, *, when_ready: Callable[[], None] | None = None) -> uvicorn.Server:
    """A server for the application; its ``run(sockets=[…])`` ends when the process is told to, or by ``should_exit``.

    Args:
        app: what to serve.
        when_ready: is called once requests are answered.
    """
    config = uvicorn.Config(
        app,
        http=_Connection,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,  # on one machine to compress takes longer than to send
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    return _Server(config, when_ready)


class _Connection(H11Protocol):
    """Ends itself where no whole head of a request comes.

    uvicorn waits for one without end once the first byte of it is there, or nothing has come at all, and a few hundred
    connections that ask nothing would keep everybody else out.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:  # what came is no whole head, or that of a WebSocket
            self._wait()
        else:
            self._wait_no_longer()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._wait()  # what is no request for a WebSocket to the library of those, one with a body say, gets no answer
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """From the first byte of a head: those that come one by one win no time."""
        if self._patience is None:
            self._patience = self.loop.call_later(guard.PATIENCE, self._end)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self) -> None:
        protocol = self.transport.get_protocol()
        if protocol is self or not getattr(protocol, "handshake_complete", True):  # and no WebSocket has taken its place
            self.transport.close()


class _Server(uvicorn.Server):
    """Says when it is ready; and ends what streams and trains before it waits for connections to end."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._when_ready is not None:
            self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert isinstance(self.config.app, Starlette)
        if (runs := self.config.app.state.runs) is not None:
            await run_in_threadpool(runs.close)
        await super().shutdown(sockets)
