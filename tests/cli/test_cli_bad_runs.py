"""Run folders that cannot be resumed, and files that cannot be written, are refused in one clear line."""

import errno
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")

from spoiling import cut, flip


def test_a_run_is_never_overwritten(refused, handspun, trained):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    refused(
        "train", "--out", trained, code=2, says=rf"{trained} already holds a training. Choose another --out, or use --resume"
    )
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_resume_refuses_complete_runs_and_other_folders(refused, trained, here):
    (here / "empty").mkdir()
    refused("train", "--resume", trained, code=2, says="is complete: there is nothing to resume")
    refused("train", "--resume", "nosuch", code=1, says="nosuch is not a run folder: cannot read config.json")
    refused("train", "--resume", "empty", code=1, says="empty is not a run folder: cannot read config.json")
    refused("train", "--resume", trained / "model.npz", code=1, says="is not a run folder")
    refused("train", "--resume", trained, "--lr", 1, code=2, says="--resume continues with the settings of the run")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "config.json cannot be understood"),
        ("[]", "config.json cannot be understood"),
        ('{"settings": []}', "config.json cannot be understood"),
        ('{"settings": [], "budget": null}', "config.json cannot be understood"),
        ('{"settings": {}, "budget": "long"}', "config.json cannot be understood"),
        (
            '{"settings": {"epoch": 3}, "budget": null}',
            'Unknown setting in run/config.json: "epoch"; did you mean "epochs"?',
        ),
        ("[" * 100_000, "config.json cannot be understood"),
    ],
)
def test_resume_refuses_a_broken_configuration(text, says, refused, here):
    (here / "run").mkdir()
    (here / "run" / "config.json").write_text(text)
    refused("train", "--resume", "run", "--no-pictures", code=1, says=says)


@pytest.fixture
def interrupted(trained, here):
    """A copy of a run folder as it is between its last step and its model file."""
    folder = here / "run"
    shutil.copytree(trained, folder)
    for path in folder.iterdir():
        if path.name not in ("config.json", "checkpoint.npz", "history.csv", "environment.json"):
            path.unlink()
    return folder


def resume_fails(handspun, folder, code, says):
    kept = {name: (folder / name).read_bytes() for name in ("checkpoint.npz", "history.csv")}
    outcome = handspun("train", "--resume", folder, "--no-pictures")
    assert (outcome.code, outcome.out) == (code, "")
    error = outcome.err[outcome.err.index("Error:") :]
    assert re.search(says, error)
    assert error.count("\n") <= 2
    assert kept == {name: (folder / name).read_bytes() for name in kept}
    assert not (folder / "model.npz").exists()


@pytest.mark.parametrize("spoil", [cut, flip, lambda p: p.write_bytes(b"")])
def test_resume_refuses_a_broken_checkpoint_and_keeps_it(spoil, handspun, interrupted):
    spoil(interrupted / "checkpoint.npz")
    resume_fails(handspun, interrupted, 1, "checkpoint.npz")


def test_resume_names_the_settings_that_changed(handspun, interrupted):
    path = interrupted / "config.json"
    configuration = json.loads(path.read_text())
    configuration["settings"]["batch_size"] = 32
    path.write_text(json.dumps(configuration))
    resume_fails(handspun, interrupted, 2, "batch_size was 64, now 32")


def test_resume_refuses_other_data(handspun, interrupted, digits, here):
    np.savez("mine.npz", x=digits.train.images[::2], y=digits.train.labels[::2])
    path = interrupted / "config.json"
    configuration = json.loads(path.read_text())
    configuration["settings"]["data"] = str(here / "mine.npz")
    path.write_text(json.dumps(configuration))
    resume_fails(handspun, interrupted, 2, "was made with other training data")


def test_an_impossible_folder_is_reported_before_training(refused, trained, here):
    (here / "file").write_text("kept")
    for folder in ("file", "file/run"):
        refused("train", "--out", folder, "--no-pictures", code=1, says=f"Cannot make the folder {folder}: ")
        refused("reproduce", "default", "--out", folder, code=1, says=f"Cannot make the folder {folder}: ")
    refused("evaluate", trained, "--picture", "file/x.png", code=1, says="Cannot write file/x.png: ")
    (here / "folder").mkdir()
    refused("evaluate", trained, "--picture", "folder", code=1, says="it is a folder. Give the name of a file")
    refused("data", "info", "mnist-5k", "--picture", "file/x.png", code=1, says="Cannot write file/x.png: ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_reported(refused, trained, here):
    (here / "locked").mkdir()
    (here / "locked").chmod(0o500)
    refused(
        "train", "--out", "locked/run", "--no-pictures", code=1, says="Cannot make the folder locked/run: Permission denied"
    )
    refused("reproduce", "default", "--out", "locked/run", code=1, says="Cannot make the folder locked/run")
    refused("evaluate", trained, "--picture", "locked/x.png", code=1, says="Cannot write locked/x.png: Permission denied")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that nobody can write to")
def test_a_read_only_file_system_is_reported(refused, here):
    refused("train", "--out", "/proc/run", "--no-pictures", code=1, says="Cannot .*/proc/run")


def test_a_full_disk_leaves_the_old_file_intact(refused, trained, digits, here, monkeypatch):
    head, row = ",".join(f"pixel{i}" for i in range(784)), ",".join(map(str, digits.test.images[0].ravel()))
    (here / "test.csv").write_text(f"{head}\n{row}\n")
    (here / "answers.csv").write_text("older answers")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    options = ("--csv", "test.csv", "--out", "answers.csv")
    refused("predict", trained, *options, code=1, says="Cannot write answers.csv: No space left on device")
    refused("evaluate", trained, "--picture", "x.png", code=1, says="Cannot write x.png: No space left on device")


def test_an_error_prints_no_json(refused, here):
    refused("evaluate", "nosuch", "--json", code=1, says="No such file: nosuch")
