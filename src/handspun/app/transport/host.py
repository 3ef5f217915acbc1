"""Runs the application at an address until Ctrl-C."""

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
from handspun.app.transport.wire import MAX_BODY_BYTES
from handspun.errors import UsageError

if TYPE_CHECKING:
    import h11

#: Connections at a time; further ones get a 503. A page has two or three.
MAX_CONNECTIONS = 512

#: The usual port, and the ones that are tried after it.
_PORTS = range(8420, 8440)


def open_socket(host: str, port: int | None) -> socket.socket:
    """A socket that listens at a name or address of this machine; ``port`` is 0 for any, None for 8420 or the next free one.

    Raises UsageError if the port is taken, or this machine has no such address.
    """
    try:
        family, _, _, _, _ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise UsageError(f'"{host}" is not an address of this machine ({error.strerror or error}).') from error
    reason = ""
    ports = _PORTS if port is None else (port,)
    for number in ports:
        # Given the protocol, asyncio turns off Nagle's algorithm, which would delay each answer by 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if sys.platform == "win32":  # there SO_REUSEADDR would give one port to two servers
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
    raise UsageError(f"Cannot listen at {where}: {reason}. Choose another port with --port.")


def address_of(listener: socket.socket) -> str:
    """The URL at which a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}/"


def make_server(app: Starlette, *, when_ready: Callable[[], None] | None = None) -> uvicorn.Server:
    """A server for the application; its ``run(sockets=[…])`` ends by a signal or ``should_exit``.

    ``when_ready`` is called as soon as requests are answered.
    """
    config = uvicorn.Config(
        app,
        http=_Connection,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MAX_BODY_BYTES,
        ws_per_message_deflate=False,  # on one machine, compressing takes longer than sending
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    server.when_ready = when_ready
    return server


class _Connection(H11Protocol):
    """Closes itself if no complete head of a request arrives in time.

    uvicorn waits forever, both for the first byte and for the rest of a head, so that a few hundred silent connections would
    lock everybody else out.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:  # no complete head yet, or that of a WebSocket
            self._wait()
        else:
            self._wait_no_longer()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._wait()  # the WebSocket library does not answer bad requests, such as one with a body
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Start the time limit, once per head: sending byte by byte gains no time."""
        if self._patience is None:
            self._patience = self.loop.call_later(guard.PATIENCE, self._end)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self) -> None:
        protocol = self.transport.get_protocol()
        if protocol is self or not getattr(protocol, "handshake_complete", True):  # no WebSocket has taken over
            self.transport.close()


class _Server(uvicorn.Server):
    """Says when it is ready, and ends streams and trainings before it waits for connections to close."""

    when_ready: Callable[[], None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.when_ready is not None:
            self.when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert isinstance(self.config.app, Starlette)
        if (runs := self.config.app.state.runs) is not None:
            await run_in_threadpool(runs.close)
        await super().shutdown(sockets)
