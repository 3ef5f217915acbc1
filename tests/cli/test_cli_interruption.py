"""``handspun train`` interrupted, killed, resumed, and started twice."""

import json
import re
import signal
import sys
import time

import pytest

pytest.importorskip("typer")
pytest.importorskip("matplotlib")
pytest.importorskip("threadpoolctl")

from handspun import load

#: A training short enough to be made a few times.
LONG = ("--epochs", 25, "--hidden", "32", "--no-pictures")

#: Makes each step of it take 5 ms longer, so that it is still running when a test interrupts it, however busy the machine is.
SLOWLY = """
import time
from handspun.training.progress import Progress
Progress.on_step_end = lambda *_: time.sleep(0.005)
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, real):
    """The bytes of the model of ``LONG`` when nothing interrupts it."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert real("train", *LONG, "--out", folder).code == 0
    return (folder / "model.npz").read_bytes()


def wait_for(condition, process):
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_training_resumes_to_the_same_model(number, code, start, real, tmp_path, uninterrupted):
    folder = tmp_path / "my run"
    process = start("train", *LONG, "--out", folder, script=SLOWLY)
    history = folder / "history.csv"
    wait_for(lambda: history.exists() and history.read_text().count("\n") > 2, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    told = re.search(r"Stopped after step (\d+) of 1,425; saved. Continue with: handspun (train --resume '.*')$", err, re.M)
    assert told, err
    assert not (folder / "model.npz").exists()

    waiting = real("evaluate", folder)
    assert (waiting.code, waiting.out) == (2, "")
    assert "not complete" in waiting.err
    assert told[2] in waiting.err

    resumed = real("train", "--resume", folder, "--no-pictures", "--json")
    assert resumed.code == 0, resumed.err
    assert [record["epoch"] for record in resumed.json["history"]] == list(range(1, 26))
    assert (folder / "model.npz").read_bytes() == uninterrupted


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_killed_training_resumes_to_the_same_model(start, real, tmp_path, uninterrupted):
    from handspun.files.archive import read_arrays

    folder = tmp_path / "run"
    often = SLOWLY + "import handspun.recipes.run as run; fit = run.fit\n"
    often += "run.fit = lambda *a, **k: fit(*a, **k, checkpoint_every=0.02)"
    process = start("train", *LONG, "--out", folder, script=often)
    wait_for((folder / "checkpoint.npz").exists, process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "model.npz").exists()
    state = json.loads(read_arrays(folder / "checkpoint.npz")["header"].tobytes())["state"]
    assert 0 < state["step"] < 1425
    assert real("train", "--resume", folder, "--no-pictures").code == 0
    assert (folder / "model.npz").read_bytes() == uninterrupted


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_run_folder_has_one_training_at_a_time(start, real, tmp_path):
    folder = tmp_path / "run"
    process = start("train", "--epochs", 10_000, "--hidden", "32", "--no-pictures", "--out", folder)
    wait_for((folder / "history.csv").exists, process)
    for other in (("--out", folder), ("--resume", folder)):
        refused = real("train", *other, "--no-pictures")
        assert (refused.code, refused.out) == (2, "")
        assert f"Another training is running in {folder}." in refused.err or "already holds a training" in refused.err
    assert process.poll() is None
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_locks_and_parts_left_by_a_kill_do_not_block_resume(start, real, tmp_path):
    folder = tmp_path / "run"
    process = start("train", *LONG, "--out", folder, script=SLOWLY)
    wait_for((folder / "history.csv").exists, process)
    process.kill()
    process.communicate()
    (folder / ".handspun-1234abcd.part").write_bytes(b"half of it")
    (folder / "of somebody else.part").write_bytes(b"kept")
    assert (folder / ".lock").exists()
    assert real("train", "--resume", folder, "--threads", 1, "--no-pictures").code == 0
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert (folder / "of somebody else.part").exists()


def test_trainings_started_at_once_get_different_folders(start, tmp_path):
    processes = [
        start("train", "--epochs", 1, "--hidden", hidden, "--no-pictures", cwd=tmp_path) for hidden in ("", "16", "32")
    ]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    folders = [tmp_path / "runs" / f"mnist-5k-{number}" for number in (1, 2, 3)]
    widths = {len(load(folder / "model.npz").parameters["dense1.bias"]) for folder in folders}
    assert widths == {10, 16, 32}
    for folder in folders:
        hidden = json.loads((folder / "config.json").read_text())["settings"]["hidden"]
        assert (hidden or [10])[0] == len(load(folder / "model.npz").parameters["dense1.bias"])
        assert (folder / "history.csv").read_text().count("\n") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX removes folders that are in use")
def test_a_training_reports_that_its_folder_was_removed(start, tmp_path):
    folder = tmp_path / "run"
    process = start("train", *LONG, "--out", folder, script=SLOWLY)
    wait_for((folder / "history.csv").exists, process)
    folder.rename(tmp_path / "elsewhere")
    _, err = process.communicate()
    assert process.returncode == 1
    assert f"Cannot write {folder}" in err
    assert "saved" not in err
    assert not folder.exists()


def test_ctrl_c_before_training_writes_nothing(handspun, here, monkeypatch, snapshot):
    from handspun.cli import train

    def interrupted(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "prepare", interrupted)
    outcome = handspun("train", "--no-pictures")
    assert (outcome.code, outcome.out) == (130, "")
    assert "Traceback" not in outcome.err
    assert snapshot() == {}


def test_ctrl_c_after_the_last_step_says_how_to_continue(handspun, here, monkeypatch):
    from handspun.recipes import run

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "evaluate", interrupted)
        outcome = handspun("train", "--epochs", 1, "--hidden", "", "--no-pictures", "--out", "run")
    assert outcome.code == 130
    assert outcome.err.endswith("Stopped; saved. Continue with: handspun train --resume run\n")
    assert handspun("train", "--resume", "run", "--no-pictures").code == 0
    assert handspun("evaluate", "run").code == 0
