"""A real server: on a free port of loopback, in a thread of the tests' own process."""

import threading
from contextlib import contextmanager

from handspun.app.transport.host import address_of, make_server, open_socket


@contextmanager
def serving(app, port=0):
    """Run ``app`` and give its address, without the slash at the end."""
    with open_socket("127.0.0.1", port) as listener:
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
