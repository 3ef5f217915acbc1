"""A model file that cannot be written leaves the old one and nothing else."""

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from modelfiles import names

from handspun import errors
from handspun.errors import OutputError, UsageError
from handspun.networks import modelfile
from handspun.networks.architectures import mlp
from handspun.networks.modelfile import load, save


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["os.fsync", "os.open", "pathlib.Path.replace"])
def test_failed_save_leaves_the_old_file_and_nothing_else(model, monkeypatch, place):
    before = model.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        with pytest.raises(OutputError, match=r"model\.npz.*No space left"):
            save(mlp(4, [], 2), model)
    assert model.read_bytes() == before
    assert names(model.parent) == ["model.npz"]


def test_a_disk_that_fills_up_at_any_byte_keeps_the_old_file(model):
    """A limit on the size of files makes writes fail in the middle, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = model.read_bytes()
    large = mlp(200, [30], 10)
    save(large, model.with_name("large.npz"))
    size = model.with_name("large.npz").stat().st_size
    model.with_name("large.npz").unlink()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 10, 500, 5_000, size // 2, size - 200, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(OutputError) as caught:
                save(large, model)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert str(model) in str(caught.value)
        assert model.read_bytes() == before
        assert names(model.parent) == ["model.npz"]


def test_an_interruption_while_writing_keeps_the_old_file(model, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    before = model.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save(mlp(4, [], 2), model)
    assert model.read_bytes() == before
    assert names(model.parent) == ["model.npz"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_folder_without_permission_to_write_keeps_the_old_file(model):
    before = model.read_bytes()
    model.parent.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            save(mlp(4, [], 2), model)
    finally:
        model.parent.chmod(0o700)
    assert model.read_bytes() == before
    assert names(model.parent) == ["model.npz"]


@pytest.mark.parametrize(
    "place", ["folder", "folder/", "file.txt/model.npz", "file.txt/deeper/model.npz", "x" * 252 + ".npz", "a\0b.npz"]
)
def test_a_path_that_cannot_hold_a_file_is_refused(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(OutputError):
        save(mlp(4, [], 2), tmp_path / place)
    assert names(tmp_path) == ["file.txt", "folder"]
    assert (tmp_path / "file.txt").read_text() == "x"


def test_missing_parent_folders_are_created(tmp_path):
    save(mlp(4, [], 2), tmp_path / "a" / "b" / "model.npz")
    assert load(tmp_path / "a" / "b" / "model.npz").output_shape == (2,)


def test_process_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    """Two models are saved over each other until the process is killed: the file is one of them."""
    script = (
        "import sys\nfrom handspun.networks.modelfile import save\nfrom handspun.networks.architectures import mlp\n"
        "models = [mlp(60, [20], 3, seed=seed) for seed in (0, 1)]\nprint('ready', flush=True)\n"
        "while True:\n    for model in models:\n        save(model, sys.argv[1])\n"
    )
    source = str(Path(errors.__file__).parents[1])
    path = tmp_path / "model.npz"
    known = {mlp(60, [20], 3, seed=seed).parameters.vector.tobytes() for seed in (0, 1)}
    chance = random.Random(3)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": source},
        )
        process.stdout.readline()
        try:
            process.wait(timeout=chance.uniform(0.02, 0.2))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate(timeout=30)
        assert process.returncode == -9
        if path.exists():
            assert load(path).parameters.vector.tobytes() in known
    assert path.exists()


def test_training_information_must_be_plain_data(model):
    before = model.read_bytes()
    with pytest.raises(UsageError, match="plain data"):
        save(mlp(4, [], 2), model, training={"object": object()})
    assert model.read_bytes() == before
    assert modelfile.FORMAT == "handspun-model"
