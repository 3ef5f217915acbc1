"""The checks of every request before it is read: who may ask, how large a body may be, how long the server waits.

A page of another site can make a browser send requests here. It cannot read the answers, but it could start a training; so a
request that changes something must come from a page of this server (by its Origin header) or from no page. A site can also
point its own name to 127.0.0.1 (DNS rebinding) and then counts as the same origin; so on loopback only loopback names are
answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handspun.app.transport.wire import MAX_BODY_BYTES

#: The names by which this machine calls itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")

#: Seconds in which the next chunk of a body must arrive.
PATIENCE = 20.0

#: The fewest bytes per second at which a body may arrive, after ``PATIENCE``: slower than the slowest modem.
MIN_BYTES_PER_SECOND = 2048

_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class _Refusal(Exception):  # noqa: N818 - an answer rather than a defect
    """A request is not answered; the arguments are the HTTP status and a sentence for the person."""


class Guard:
    """ASGI middleware that refuses requests, limits their bodies and adds security headers to the answers.

    ``hosts`` are the names in the Host header that are answered; None for any.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None = LOOPBACK) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own.setdefault(name, value)
            await send(message)

        try:
            if scope["type"] in ("http", "websocket"):
                self._check(scope)
            if scope["type"] == "http":
                await self.app(scope, _limited(receive), answer)
            else:
                await self.app(scope, receive, send)
        except _Refusal as refusal:
            status, message = refusal.args
            if scope["type"] == "websocket":
                await receive()  # the request to connect
                await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
            elif not begun:  # and the connection is closed, since the rest of the body is not read
                response = JSONResponse({"error": message}, status, headers={"connection": "close"})
                await response(scope, receive, answer)

    def _check(self, scope: Scope) -> None:
        """Raises _Refusal for a request that is not allowed."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts is not None and _name_of(host) not in self.hosts:
            raise _Refusal(421, f'This server answers to {", ".join(self.hosts)}, not to "{host[:100]}".')
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            origin = headers.get("origin")
            foreign = origin is not None and origin.partition("://")[2] != host
            if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                raise _Refusal(403, "Requests from pages of other sites are refused.")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise _Refusal(400, "Content-Length is not a number.")
        _check_size(int(length))


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise _Refusal(413, f"A request may have at most {MAX_BODY_BYTES // 2**20} MiB.")


def _name_of(host: str) -> str | None:
    """The name in a Host header, without the port; None if it is no name."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _limited(receive: Receive) -> Receive:
    """``receive`` that raises _Refusal for a body that is too large or too slow."""
    taken, waited, complete = 0, 0.0, False

    async def limited() -> Message:
        nonlocal taken, waited, complete
        if complete:  # from now on it only waits for the client to disconnect, however long that takes
            return await receive()
        begun = time.monotonic()
        try:  # one limit for all chunks: sending them one by one gains no time
            message = await asyncio.wait_for(receive(), min(PATIENCE, PATIENCE + taken / MIN_BYTES_PER_SECOND - waited))
        except TimeoutError:
            raise _Refusal(408, f"The body stopped for {PATIENCE:.0f} seconds, or came too slowly.") from None
        waited += time.monotonic() - begun
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            _check_size(taken)
        return message

    return limited
