"""handspun serve and draw as a person starts them: the address is printed, the models are there, Ctrl-C ends it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("starlette", reason='the app needs the extra "app"')


@contextmanager
def started(*arguments, cwd):
    command = [sys.executable, "-m", "handspun", *arguments]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline()
            found = re.search(r"http://\S+/", line)
            assert found, line + process.stderr.read()
            yield process, found[0], line
        finally:
            process.kill()


def get(url):
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.read()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_serve_answers_until_ctrl_c(tmp_path):
    with started("serve", "--port", "0", cwd=tmp_path) as (process, address, line):
        assert "this machine only" in line
        models = json.loads(get(address + "api/models"))
        assert models["default"] == "mnist-cnn"
        assert {model["name"] for model in models["models"]} == {"mnist-cnn", "mnist-mlp"}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)
        assert "Traceback" not in process.stderr.read()
        assert process.stdout.read() == ""


def test_draw_serves_the_page_and_ends_at_sigterm(tmp_path):
    with started("draw", "--port", "0", "--no-open", cwd=tmp_path) as (process, address, _):
        assert b"<title>handspun" in get(address)
        process.terminate()
        process.wait(20)
        assert "Traceback" not in process.stderr.read()
    assert not list(tmp_path.iterdir()), "nothing was kept, so nothing is written"


def test_a_browser_that_blocks_still_gets_the_page(tmp_path, monkeypatch):
    """As those in a terminal do, which draw() starts and which do not end before the person leaves them."""
    script = tmp_path / "browser.py"
    script.write_text(
        "import pathlib, sys, urllib.request\n"
        "page = urllib.request.urlopen(sys.argv[1], timeout=10).read()\n"
        "pathlib.Path(sys.argv[2]).write_bytes(page)\n"
    )
    page = tmp_path / "page.html"
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} %s {page}")
    with started("draw", "--port", "0", cwd=tmp_path) as (process, _, _):
        end = time.monotonic() + 15
        while not page.exists():
            assert time.monotonic() < end, "the browser has waited for a page"
            time.sleep(0.05)
        process.terminate()
        process.wait(20)
    assert b"<title>handspun" in page.read_bytes()


def test_models_named_on_the_command_line_come_first(tmp_path):
    from handspun import mlp, save

    network = mlp(4, [3], 2)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    save(network, tmp_path / "runs" / "mine" / "model.npz")
    save(network, tmp_path / "mnist-mlp.npz")
    chosen = ("runs/mine", "mnist-mlp.npz", "mnist-mlp")
    with started("serve", *chosen, "--port", "0", cwd=tmp_path) as (_, address, _):
        models = json.loads(get(address + "api/models"))
    names = [model["name"] for model in models["models"]]
    assert names == ["mine", "mnist-mlp-2", "mnist-mlp", "mnist-cnn"]
    assert models["default"] == "mine"
    assert models["models"][0]["parameters"] == 4 * 3 + 3 + 3 * 2 + 2


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names there are text")
def test_names_that_are_not_text_are_printed(tmp_path):
    from handspun import mlp, save

    odd = os.fsdecode(b"caf\xe9")
    (tmp_path / odd).mkdir()
    save(mlp(4, [3], 2), tmp_path / odd / "model.npz")
    save(mlp(4, [3], 2), tmp_path / f"{odd}.npz")
    np.savez(tmp_path / odd / "data.npz", images=np.zeros((8, 4, 4), np.uint8), labels=np.arange(8) % 2)
    chosen = (odd, f"{odd}/model.npz", f"{odd}.npz", "--data", f"{odd}/data.npz")
    with started("draw", *chosen, "--no-open", "--port", "0", cwd=tmp_path) as (_, address, _):
        models = json.loads(get(address + "api/models"))["models"]
        assert [model["name"] for model in models[:3]] == [r"caf\xe9", r"caf\xe9-2", r"caf\xe9-3"]
        titles = [offer["title"] for offer in json.loads(get(address + "api/options"))["datasets"]]
        assert r"given at the start: caf\xe9/data.npz" in titles
        assert len(get(address + r"api/models/caf%5Cxe9/file")) > 500


def refused(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-m", "handspun", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_port_in_use_is_reported(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = refused("serve", "--port", str(port), cwd=tmp_path)
    assert code == 2
    assert f"127.0.0.1:{port}" in text
    assert "--port" in text


def test_invalid_addresses_and_models_are_reported(tmp_path):
    assert refused("serve", "--host", "203.0.113.7", cwd=tmp_path)[0] == 2
    code, text = refused("draw", "missing.npz", "--no-open", cwd=tmp_path)
    assert code == 1
    assert "missing.npz" in text
    code, text = refused("draw", "--data", "nothing-here", "--no-open", cwd=tmp_path)
    assert code == 2
    assert "nothing-here" in text


def test_other_machines_are_allowed_only_on_request(tmp_path):
    with started("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path) as (_, address, line):
        assert "open to every machine" in line
        request = urllib.request.Request(address + "healthz", headers={"Host": "my-computer.local"})
        assert json.loads(get(request))["status"] == "ok"
    with started("serve", "--port", "0", cwd=tmp_path) as (_, address, _):
        request = urllib.request.Request(address + "healthz", headers={"Host": "my-computer.local"})
        with pytest.raises(urllib.error.HTTPError, match="421"):
            get(request)


@pytest.mark.parametrize("host", ["LOCALHOST", "127.0.0.1", "127.0.0.2"])
def test_every_name_of_loopback_is_this_machine_only(host, tmp_path):
    try:
        socket.create_server((host, 0)).close()
    except OSError:
        pytest.skip(f"{host} is no address of this machine")  # macOS has 127.0.0.1 alone
    with started("serve", "--host", host, "--port", "0", cwd=tmp_path) as (_, address, line):
        assert "this machine only" in line
        port = address.rpartition(":")[2]
        for name in (host, "localhost"):
            request = urllib.request.Request(address + "healthz", headers={"Host": f"{name}:{port}"})
            assert json.loads(get(request))["status"] == "ok"
        with pytest.raises(urllib.error.HTTPError, match="421"):
            get(urllib.request.Request(address + "healthz", headers={"Host": "evil.example"}))
