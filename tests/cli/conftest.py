import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Outcome:
    """What a command gave: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON object that standard output must be."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


@pytest.fixture
def handspun(capsys, monkeypatch):
    """Run the command in this process: ``handspun("train", "--epochs", 1)``."""

    def run(*arguments):
        from handspun.cli import main

        monkeypatch.setattr(sys, "argv", ["handspun", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture(scope="session")
def start():
    """Start the real command in a process of its own; ``script`` is Python to run before it."""

    def run(*arguments, script=None, **options):
        program = ["-m", "handspun"] if script is None else ["-c", f"{script}\nfrom handspun.cli import main\nmain()"]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1", **options.pop("env", {})}
        environment.pop("PYTHONUNBUFFERED", None)  # output waits in a buffer, as it does for people
        return subprocess.Popen([sys.executable, *program, *map(str, arguments)], env=environment, **options)

    return run


@pytest.fixture(scope="session")
def real(start):
    """Run the real command in a process of its own to its end."""

    def run(*arguments, **options):
        process = start(*arguments, **options)
        out, err = process.communicate(timeout=120)
        return Outcome(process.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def first_run(real, tmp_path_factory):
    """(run folder, outcome of the command) of the default training, 2 epochs, with pictures."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    return folder, real("train", "--epochs", 2, "--out", folder, "--json")


@pytest.fixture(scope="session")
def trained(first_run):
    """A run folder whose network knows the digits."""
    folder, outcome = first_run
    assert outcome.code == 0, outcome.err
    return folder


@pytest.fixture(scope="session")
def linear(tmp_path_factory):
    """The run folder of a linear classifier, a little worse than ``trained``."""
    from handspun.recipes.run import Plan, prepare, train
    from handspun.recipes.settings import Settings

    folder = tmp_path_factory.mktemp("runs") / "linear"
    settings = Settings(hidden=(), epochs=1)
    train(Plan(settings, prepare(settings)), folder=folder)
    return folder


@pytest.fixture(scope="session")
def digits():
    """The dataset that comes with handspun."""
    from handspun.data import load_dataset

    return load_dataset("mnist-5k")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_set(here):
    """``write(name, **changes)``: a small dataset (60 images of 6 x 6 in 3 classes) in the form that the name asks for."""

    def write(name, **changes):
        rng = np.random.default_rng(3)
        images = rng.integers(0, 256, (60, 6, 6)).astype(np.uint8)
        labels = np.arange(60, dtype=np.uint8) % 3
        images, labels = changes.pop("images", images), changes.pop("labels", labels)
        path = here / name
        if name.endswith(".npz"):
            np.savez(path, x=images, y=labels, **changes)
        elif name.endswith(".csv"):
            pixels = images.reshape(len(images), -1)
            head = ",".join(["label", *(f"pixel{i}" for i in range(pixels.shape[1]))])
            rows = [",".join(map(str, [label, *row])) for label, row in zip(labels, pixels.tolist(), strict=True)]
            path.write_text("\n".join([head, *rows]) + "\n")
        else:
            from handspun.data import write_idx

            path.mkdir()
            write_idx(path / "train-images-idx3-ubyte.gz", images)
            write_idx(path / "train-labels-idx1-ubyte", labels)
        return path

    return write


@pytest.fixture
def snapshot(here):
    """``snapshot()``: every file below the current folder with its bytes, to see that a command changed nothing."""

    def take():
        found = {}
        for path in sorted(here.rglob("*")):
            with contextlib.suppress(OSError):
                found[str(path)] = path.read_bytes() if path.is_file() else None
        return found

    return take


@pytest.fixture
def refused(handspun, snapshot):
    """Run a command that must be refused: one clear error of one or two lines, and not a byte changed below this folder."""

    def run(*arguments, code, says):
        before = snapshot()
        outcome = handspun(*arguments)
        assert outcome.code == code, outcome
        assert outcome.out == ""
        assert outcome.err.startswith("Error: "), outcome.err
        assert outcome.err.count("\n") <= 2
        assert re.search(says, outcome.err), outcome.err
        assert snapshot() == before
        return outcome

    return run
