"""Downloads from small local servers: right, wrong, truncated, refused, silent."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import socket
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest

from handspun.data import registry
from handspun.data.cifar import CIFAR10_CLASSES
from handspun.data.download import fetch_missing
from handspun.data.formats import CIFAR10
from handspun.data.idx import write_idx
from handspun.data.loading import fetch, load_dataset
from handspun.data.registry import Entry, PublishedFile
from handspun.errors import DownloadError, MissingExtraError, OutputError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 5), np.uint8)
LABELS = np.arange(20, dtype=np.uint8) % 3
NAMES = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

pytest.importorskip("requests")


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, server_state, *args):
        self.state = server_state
        super().__init__(*args)

    def do_GET(self):
        state = self.state
        state.requests.append((self.path, self.headers["User-Agent"]))
        name = self.path.rsplit("/", 1)[1]
        status = 200 if self.path.startswith("/toy/") and name in state.files else 404
        if state.status != 200:
            status = state.status
        if status != 200:
            self.send_error(status)
            return
        body = state.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if state.hang:
            state.released.wait(5)
            return
        self.wfile.write(body[: len(body) // 2] if state.cut else body)

    def log_message(self, *args):
        pass


class Server:
    """A mirror that can be made to misbehave."""

    def __init__(self):
        self.files, self.requests = {}, []
        self.status, self.cut, self.hang = 200, False, False
        self.released = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def stop(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def servers(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HANDSPUN_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    started = []

    def start() -> Server:
        started.append(Server())
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A small dataset "toy" in the registry, its files, and an empty cache folder."""
    contents = {}
    for name, array in zip(NAMES, (IMAGES, LABELS, IMAGES[:6], LABELS[:6]), strict=True):
        write_idx(tmp_path / "published" / f"{name}.gz", array)
        contents[f"{name}.gz"] = (tmp_path / "published" / f"{name}.gz").read_bytes()
    files = []
    for name, packed in contents.items():
        plain = gzip.decompress(packed)
        files.append(PublishedFile(name, len(plain), sha256=hashlib.sha256(plain).hexdigest()))
    entry = Entry("toy", "", (4, 5), ("a", "b", "c"), 20, 6, "here", "none", tuple(files), ("http://127.0.0.1:9/",))
    monkeypatch.setitem(registry.REGISTRY, "toy", entry)
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path / "cache"))
    return entry, contents, tmp_path / "cache" / "toy"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_files_are_downloaded_once(toy, servers, monkeypatch):
    _, contents, folder = toy
    server = servers()
    server.files = contents
    monkeypatch.setenv("HANDSPUN_MIRROR", server.url + "/")
    seen = []
    data = load_dataset("toy", progress=lambda *report: seen.append(report))
    assert data.train.images.tobytes() == IMAGES.tobytes()
    assert data.classes == ("a", "b", "c")
    assert names_in(folder) == sorted(contents)
    assert [path for path, _ in server.requests] == [f"/toy/{name}.gz" for name in NAMES]
    assert all(agent.startswith("handspun") for _, agent in server.requests)
    sizes = {name: len(packed) for name, packed in contents.items()}
    assert {name: (done, total) for name, done, total in seen} == {n: (s, s) for n, s in sizes.items()}
    monkeypatch.delenv("HANDSPUN_MIRROR")
    assert load_dataset("toy").test is not None
    assert fetch("toy") == folder
    assert len(server.requests) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="a whole path may have no more than 260 characters there")
def test_a_file_with_the_longest_name_is_fetched(toy, servers):
    entry, contents, folder = toy
    server, name = servers(), "x" * 252 + ".gz"
    server.files = {name: contents[f"{NAMES[0]}.gz"]}
    entry = dataclasses.replace(entry, files=(dataclasses.replace(entry.files[0], name=name),))
    assert fetch_missing(entry, folder, mirrors=[server.url]) == [folder / name]
    assert (folder / name).read_bytes() == server.files[name]
    assert names_in(folder) == [name]


def test_only_the_missing_files_are_fetched(toy, servers):
    entry, contents, folder = toy
    server = servers()
    server.files = contents
    fetch_missing(entry, folder, mirrors=[server.url])
    (folder / f"{NAMES[1]}.gz").unlink()
    assert fetch_missing(entry, folder, mirrors=[server.url]) == [folder / f"{NAMES[1]}.gz"]


def test_another_compression_of_the_content_is_accepted(toy, servers):
    entry, contents, folder = toy
    server = servers()
    server.files = {name: gzip.compress(gzip.decompress(packed), 1) for name, packed in contents.items()}
    server.files[f"{NAMES[1]}.gz"] = gzip.decompress(contents[f"{NAMES[1]}.gz"])
    assert len(fetch_missing(entry, folder, mirrors=[server.url])) == 4
    assert load_dataset("toy").train.labels.tolist() == LABELS.tolist()


def change(server: Server, fault: str):
    if fault == "wrong":
        server.files = {name: gzip.compress(b"another") for name in server.files}
    elif fault == "damaged":
        server.files = {name: packed[:-9] + b"\0" * 9 for name, packed in server.files.items()}
    elif fault == "page":
        server.files = dict.fromkeys(server.files, b"<html>please log in</html>")
    elif fault == "bomb":
        server.files = {name: gzip.compress(bytes(10**6)) for name in server.files}
    elif fault == "long":
        server.files = {name: bytes(10**6) for name in server.files}
    elif fault == "cut":
        server.cut = True
    elif fault == "silent":
        server.hang = True
    else:
        server.status = int(fault)


FAULTS = {
    "wrong": "sent another file than the published one",
    "damaged": "sent another file than the published one",
    "page": "sent another file than the published one",
    "bomb": "sent another file than the published one",
    "long": "sent more than the file holds",
    "cut": "broke off half-way",
    "silent": "no answer within 0.3 s",
    "403": "HTTP 403",
    "404": "HTTP 404",
    "500": "HTTP 500",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_mirror_is_reported_and_the_next_one_tried(toy, servers, fault):
    entry, contents, folder = toy
    bad, good = servers(), servers()
    bad.files = good.files = contents
    change(bad, fault)
    with pytest.raises(DownloadError) as caught:
        fetch_missing(entry, folder, mirrors=[bad.url], timeout=0.3)
    what, where = str(caught.value).splitlines()
    assert what == f"Cannot download {NAMES[0]}.gz of toy: {bad.host}: {FAULTS[fault]}."
    assert where.startswith(f"Put {', '.join(f'{name}.gz' for name in NAMES)} into the folder {folder}, or set HANDSPUN_MIRROR")
    assert names_in(folder) == []
    # The file comes from the second server; the first is tried first again.
    one = Entry(**{**vars(entry), "files": entry.files[:1]})
    assert fetch_missing(one, folder, mirrors=[bad.url, good.url], timeout=0.3) == [folder / f"{NAMES[0]}.gz"]
    assert (folder / f"{NAMES[0]}.gz").read_bytes() == contents[f"{NAMES[0]}.gz"]
    assert names_in(folder) == [f"{NAMES[0]}.gz"]


def test_an_archive_is_downloaded_like_any_file(servers, tmp_path, monkeypatch):
    records = np.random.default_rng(0).integers(0, 10, (2, 3073), np.uint8)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = records.nbytes
            archive.addfile(info, io.BytesIO(records.tobytes()))
    name, packed = "cifar-10-binary.tar.gz", stream.getvalue()
    files = (PublishedFile(name, 2**17, md5=hashlib.md5(packed).hexdigest()),)
    entry = Entry("toy", "", (32, 32, 3), CIFAR10_CLASSES, 10, 2, "here", "none", files, format=CIFAR10)
    monkeypatch.setitem(registry.REGISTRY, "toy", entry)
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path))
    bad, good = servers(), servers()
    bad.files, good.files = {name: packed[:-1] + b"x"}, {name: packed}
    with pytest.raises(DownloadError, match="sent another file than the published one"):
        fetch("toy", mirrors=[bad.url])
    assert names_in(tmp_path / "toy") == []
    assert fetch("toy", mirrors=[bad.url, good.url]) == tmp_path / "toy"
    test = load_dataset("toy", fetch=False).test
    assert np.array_equal(test.labels, records[:, 0])
    assert np.array_equal(test.images[1, :, :, 2].ravel(), records[1, 2049:])


def test_a_silent_server_is_given_up(toy, servers):
    entry, _, folder = toy
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DownloadError, match=r"no answer within 0\.2 s"):
            fetch_missing(entry, folder, mirrors=[url], timeout=0.2)


def test_every_failed_mirror_is_named(toy, servers):
    entry, _, folder = toy
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(DownloadError) as caught:
        fetch_missing(entry, folder, mirrors=[f"http://user:secret@{host}", "gopher://b", "http://[", "c"])
    first, _ = str(caught.value).splitlines()
    assert f": {host}: no connection; b: not a valid URL; " in first
    assert "secret" not in str(caught.value)


def test_the_published_mirrors_are_the_default(toy, servers):
    entry, _, folder = toy
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9: no connection"):
        fetch_missing(entry, folder)


def test_the_argument_overrides_the_environment(toy, servers, monkeypatch):
    entry, contents, folder = toy
    server = servers()
    server.files = contents
    monkeypatch.setenv("HANDSPUN_MIRROR", "http://127.0.0.1:9")
    assert len(fetch_missing(entry, folder, mirrors=[server.url], progress=True)) == 4


def test_a_folder_that_cannot_be_created_is_an_output_error(toy, servers):
    entry, contents, folder = toy
    server = servers()
    server.files = contents
    folder.parent.write_text("in the way")
    with pytest.raises(OutputError, match="Set HANDSPUN_DATA_DIR"):
        fetch_missing(entry, folder, mirrors=[server.url])


def test_downloading_needs_requests(toy, monkeypatch):
    entry, _, folder = toy
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(MissingExtraError, match=r'needs the extra "cli": pip install "handspun\[cli\]"'):
        fetch_missing(entry, folder)
    assert names_in(folder) == []


def test_importing_and_loading_needs_numpy_only():
    code = (
        "import sys, handspun.data as d; d.load_dataset('mnist-5k'); "
        "print([m for m in ('pooch', 'requests', 'rich', 'PIL', 'tqdm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
