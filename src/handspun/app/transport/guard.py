"""What every request passes before anything reads it: who may ask, how much is taken, how long is waited.

A page of another site can make a browser send requests here. It cannot read the answers, but a training would begin all the
same; so whatever changes something must come from a page of this server (its Origin), or from no page at all. And a site can
let its own name point to 127.0.0.1 (DNS rebinding), and then it *is* the same origin; so on loopback only the names of loopback
count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handspun.app.transport.wire import MOST_BYTES

#: The names of this machine for itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")

#: Seconds in which the next piece of a body must come.
PATIENCE = 20.0

#: Bytes a second that a body must come to, but for ``PATIENCE`` in all: less than the slowest modem's.
SLOWEST = 2048

_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class _TooLargeError(Exception):
    """A body goes on beyond the limit."""


class _TooSlowError(Exception):
    """A body does not go on."""


class Guard:
    """ASGI middleware.

    Args:
        app: what it guards.
        hosts: the names in the Host header that are answered; None for any.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None = LOOPBACK) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if refusal is None:
                await self.app(scope, receive, send)
            else:
                await receive()  # the request to connect
                await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
            return

        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own.setdefault(name, value)
            await send(message)

        if refusal is None:
            try:
                await self.app(scope, _limited(receive), answer)
            except _TooLargeError:
                refusal = _too_large()
            except _TooSlowError:
                refusal = _error(408, f"Nothing came for {PATIENCE:.0f} seconds, or too little.")
        if refusal is not None and not begun:
            refusal.headers["connection"] = "close"  # what else of the body may come is not read
            await refusal(scope, receive, answer)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        """Why a request is not let in, if it is not."""
        host = headers.get("host", "")
        if self.hosts is not None and _name_of(host) not in self.hosts:
            return _error(421, f'This server answers to {", ".join(self.hosts)}, not to "{host[:100]}".')
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            origin = headers.get("origin")
            foreign = origin is not None and origin.partition("://")[2] != host
            if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return _error(403, "Requests from pages of other sites are refused.")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return _error(400, "Content-Length is not a number.")
        return _too_large() if int(length) > MOST_BYTES else None


def _name_of(host: str) -> str | None:
    """The name in a Host header, without the port; None where it is no name."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _limited(receive: Receive) -> Receive:
    """``receive``, for no more than ``MOST_BYTES`` and with no more than ``PATIENCE``."""
    taken, waited, complete = 0, 0.0, False

    async def limited() -> Message:
        nonlocal taken, waited, complete
        if complete:  # from now on there is only waiting for the client to go, as long as it wants
            return await receive()
        begun = time.monotonic()
        try:  # also no more for all pieces together: those that come one by one win no time
            message = await asyncio.wait_for(receive(), min(PATIENCE, PATIENCE + taken / SLOWEST - waited))
        except TimeoutError:
            raise _TooSlowError from None
        waited += time.monotonic() - begun
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if taken > MOST_BYTES:
                raise _TooLargeError
        return message

    return limited


def _too_large() -> JSONResponse:
    return _error(413, f"A request has at most {MOST_BYTES // 2**20} MiB.")


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
