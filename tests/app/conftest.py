"""A real server for each test module that asks: on a free port of loopback, in a thread of the tests' own process."""

import threading
from contextlib import contextmanager

import pytest

pytest.importorskip("starlette", reason='the app needs the extra "app"')
httpx = pytest.importorskip("httpx", reason="the tests of the server need httpx")

# ruff: noqa: E402
from handspun.app.models import Models, shipped_models
from handspun.app.running import address_of, make_server, open_socket
from handspun.app.server import make_app


@contextmanager
def serving(app):
    """Run ``app`` and give its address, without the slash at the end."""
    with open_socket("127.0.0.1", 0) as listener:
        ready = threading.Event()
        server = make_server(app, when_ready=ready.set)
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        assert ready.wait(20), "the server did not start"
        try:
            yield address_of(listener).rstrip("/")
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server did not end"


@pytest.fixture(scope="module")
def models():
    return Models(shipped_models())


@pytest.fixture(scope="module")
def address(models):
    """Of a server with the shipped models and without the page."""
    with serving(make_app(models)) as found:
        yield found


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=20) as made:
        yield made
