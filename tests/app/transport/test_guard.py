"""The guard: hosts, origins, limits of size and time; and clients that leave."""

import http.client
import json
import select
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from serving import serving
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from handspun.app.runs.registry import Runs
from handspun.app.server import STATIC, THREADS, make_app
from handspun.app.transport import guard, wire
from handspun.app.transport.host import open_socket
from handspun.errors import UsageError

PIXELS = {"pixels": [[0, 0], [0, 255]]}


@pytest.fixture(scope="module")
def page(models, tmp_path_factory):
    """The address of a server with the page."""
    with serving(make_app(models, Runs(models, folder=tmp_path_factory.mktemp("kept")))) as found:
        yield found


@pytest.mark.parametrize(("platform", "option"), [("win32", 0x1005), ("linux", socket.SO_REUSEADDR)])
def test_a_port_is_never_shared_with_another_server(platform, option, monkeypatch):
    asked = []

    class Recording(socket.socket):
        def setsockopt(self, *what):
            asked.append(what)

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", 0x1005, raising=False)  # only Windows has it
    monkeypatch.setattr(socket, "socket", Recording)
    with open_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            open_socket("127.0.0.1", port)
    assert asked == [(socket.SOL_SOCKET, option, 1)] * 2


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "[", "localhost@evil"])
def test_other_host_names_are_refused(client, host):
    answer = client.get("/api/models", headers={"host": host})
    assert answer.status_code in (400, 421)
    assert "models" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:9", "LOCALHOST"])
def test_loopback_host_names_are_answered(client, host):
    assert client.get("/healthz", headers={"host": host}).json()["status"] == "ok"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_other_sites_cannot_change_anything(page, client, headers):
    for path in ("/api/predict", "/api/runs", "/api/teach", "/api/runs/1/stop", "/api/drawings", "/api/step"):
        answer = http_post(page + path, json.dumps(PIXELS).encode(), {"content-type": "application/json", **headers})
        assert answer[0] == 403, path
        assert "other sites" in answer[1]


def test_the_apps_page_and_programs_are_allowed(client, address):
    for headers in ({"origin": address}, {}, {"origin": address, "sec-fetch-site": "same-origin"}):
        assert client.post("/api/predict", json=PIXELS, headers=headers).status_code == 200


def test_the_live_stream_is_only_for_the_apps_page(page):
    url = page.replace("http", "ws") + "/api/live"
    for origin in ("https://evil.example", "null"):
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            connect(url, origin=origin).recv(timeout=10)
    with connect(url, origin=page):
        pass


def test_a_server_for_prediction_has_no_page_and_no_training(client):
    answer = client.get("/", follow_redirects=False)
    assert answer.headers["location"] == "/api"
    assert client.get("/api").status_code == 200
    for method, path in (("GET", "/api/runs"), ("POST", "/api/runs"), ("POST", "/api/teach"), ("POST", "/api/step")):
        assert client.request(method, path).status_code in (404, 405)


def test_headers_protect_the_page(page, client):
    for answer in (client.get("/api"), client.get("/nothing"), client.post("/api/predict"), client.get("/api/models")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_media_types_do_not_depend_on_the_system(page, monkeypatch):
    monkeypatch.setattr("starlette.responses.guess_type", lambda path: ("text/plain", None))
    types = {".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8"}
    types |= {".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
    files = [path.relative_to(STATIC) for path in STATIC.rglob("*.*")]
    assert {path.suffix for path in files} == set(types)
    for name, suffix in (("", ".html"), ("api", ".html"), *((path.as_posix(), path.suffix) for path in files)):
        answer = httpx.get(f"{page}/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, types[suffix]), name
    again = httpx.get(page, headers={"if-none-match": httpx.get(page).headers["etag"]})
    assert (again.status_code, again.headers.get("content-type")) == (304, None)


def test_unknown_paths_and_methods_are_refused(client):
    assert client.get("/nothing/here").json() == {"error": "Not Found"}
    assert client.get("/../../../etc/passwd").status_code == 404
    assert client.get("/%2e%2e/%2e%2e/pyproject.toml").status_code == 404
    answer = client.delete("/api/predict")
    assert answer.status_code == 405
    assert answer.json()["error"] == "Method Not Allowed"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/predict", "POST"),
        ("/api/models", "GET, HEAD"),
        ("/api/runs", "GET, HEAD, POST"),
        ("/api/runs/1", "DELETE, GET, HEAD"),
        ("/api/runs/1/stop", "POST"),
    ],
)
def test_the_answer_to_a_wrong_method_names_the_right_ones(page, path, methods):
    for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS"):
        if method not in methods:
            answer = httpx.request(method, page + path)
            assert (answer.status_code, answer.headers["allow"]) == (405, methods), method
            assert answer.json() == {"error": "Method Not Allowed"}


def http_post(url, body, headers, *, length=None):
    """POST with http.client: status and text."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    connection.request("POST", parts.path, body, headers if length is None else {**headers, "content-length": str(length)})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def read_all(client):
    """Everything until the server closes the connection."""
    return b"".join(iter(lambda: client.recv(10_000), b"")).decode()


def raw(address):
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), 20)


def test_a_body_announced_as_too_large_is_refused_unread(address):
    with raw(address) as client:
        client.sendall(
            b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            + f"Content-Length: {wire.MAX_BODY_BYTES + 1}\r\n\r\n".encode()
        )
        answer = read_all(client)
    assert answer.startswith("HTTP/1.1 413")
    assert "16 MiB" in answer


def test_a_body_that_grows_too_large_is_refused(address):
    """It is chunked, so that its length is not known in advance."""

    sent = 0

    def chunks():
        nonlocal sent
        while sent < 200:
            sent += 1
            yield bytes(2**20)

    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request("POST", "/api/predict", chunks(), {"content-type": "image/png"}, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):  # it was refused before it had sent everything
        assert 16 <= sent < 200
    else:
        pytest.fail("the whole body was read")
    finally:
        connection.close()


def test_an_upload_that_stops_is_ended(address, client, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE", 0.5)
    with raw(address) as slow:
        slow.sendall(
            b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc"
        )
        assert client.post("/api/predict", json=PIXELS).status_code == 200
        answer = read_all(slow)
    assert answer.startswith("HTTP/1.1 408")


@pytest.mark.parametrize(("piece", "status"), [(b"x", 408), (b"x" * 2000, 400)])
def test_a_trickling_upload_is_ended_but_a_slow_one_is_not(address, piece, status, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE", 0.6)
    with raw(address) as slow:
        slow.sendall(b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: image/png\r\n")
        slow.sendall(b"Content-Length: %d\r\n\r\n" % (8 * len(piece)))
        for _ in range(8):
            slow.sendall(piece)
            if select.select([slow], [], [], 0.2)[0]:  # it is answered already
                break
        assert read_all(slow).startswith(f"HTTP/1.1 {status}")


@pytest.mark.parametrize("part", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc"])
def test_a_silent_connection_is_ended(page, part, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE", 0.3)
    with raw(page) as silent, connect(page.replace("http", "ws") + "/api/live") as live:
        silent.sendall(part)
        assert read_all(silent) == ""
        live.send("{}")  # which has made a request, and stays
        assert "settings" in live.recv(timeout=10)


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
@pytest.mark.parametrize("own", [b"Content-Length: 15", b"Transfer-Encoding: chunked", b"X: " + b"x" * 10_000])
def test_an_invalid_request_for_a_websocket_is_ended(page, before, own, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE", 0.3)
    with raw(page) as client:
        head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        client.sendall(before + head + own + b"\r\n\r\n")
        assert read_all(client).count("HTTP/1.1 200") == len(before[:1])


def test_half_of_a_second_request_is_ended_too(page, monkeypatch):
    """uvicorn closes an idle connection after five seconds, but waits forever for the rest of a second request."""
    monkeypatch.setattr(guard, "PATIENCE", 0.3)
    with raw(page) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /healthz HT")
        assert "HTTP/1.1 200" not in read_all(client)


def test_health_is_answered_while_all_threads_are_busy(client, monkeypatch):
    """Otherwise two large pictures would make the server look dead."""
    begun, go_on = threading.Semaphore(0), threading.Event()
    monkeypatch.setattr(
        "handspun.app.answers.predict._decode", lambda *args: (begun.release(), go_on.wait(20), np.zeros((9, 9), np.uint8))[-1]
    )
    body, kind = b"picture", {"content-type": "image/png"}
    with ThreadPoolExecutor(THREADS) as others:
        for _ in range(THREADS):
            others.submit(client.post, "/api/predict", content=body, headers=kind)
        try:
            assert all(begun.acquire(timeout=20) for _ in range(THREADS))
            assert client.get("/healthz", timeout=10).status_code == 200
        finally:
            go_on.set()


def test_clients_that_vanish_do_no_harm(address, client, caplog):
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    body = json.dumps({"pixels": np.zeros((50, 28, 28), int).tolist()}).encode()
    for part in (head % 1000 + b'{"pix', head % len(body) + body):
        for _ in range(20):
            gone = raw(address)
            gone.sendall(part)
            gone.close()
    time.sleep(0.3)
    assert client.post("/api/predict", json=PIXELS).status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text


@pytest.mark.parametrize("junk", [b"\0" * 100, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" * 20, b"GET / HTTP/9.9\r\n\r\n"])
def test_anything_but_http_is_refused(address, client, junk):
    with raw(address) as sender:
        sender.sendall(junk)
        sender.shutdown(socket.SHUT_WR)
        answer = sender.recv(1000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert client.get("/healthz").status_code == 200
