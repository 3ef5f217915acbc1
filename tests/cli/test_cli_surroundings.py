"""The real command where things are missing: extras, a reader of the pipe, room on the disk, signs of the alphabet."""

import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def without(*modules):
    """Python that makes it seem as if ``modules`` were not installed."""
    return f"import sys; sys.modules.update(dict.fromkeys({modules!r}))"


@pytest.mark.parametrize(
    ("missing", "arguments", "feature"),
    [
        ("typer", ["--help"], "The command line"),
        ("rich", ["--version"], "The command line"),
        ("rich.console", ["data", "list"], "The command line"),
        ("matplotlib", ["train", "--out", "run"], "Drawing pictures (--no-pictures trains without)"),
        ("matplotlib", ["data", "info", "mnist-5k", "--picture", "x.png"], "Plotting"),
        ("requests", ["data", "fetch", "mnist"], ""),
        ("threadpoolctl", ["train", "--no-pictures", "--out", "run"], "Training by settings"),
    ],
)
def test_a_missing_extra_names_the_command_to_install_it(missing, arguments, feature, real, tmp_path):
    environment = {"HANDSPUN_DATA_DIR": str(tmp_path / "cache"), "HANDSPUN_MIRROR": "http://127.0.0.1:9"}
    outcome = real(*arguments, script=without(missing), cwd=tmp_path, env=environment)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"Error: {feature}")
    assert outcome.err.endswith('needs the extra "cli": pip install "handspun[cli]"\n')
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "x.png").exists()


def test_a_missing_pillow_gives_one_line(real, trained, tmp_path):
    outcome = real("predict", trained, "seven.png", script=without("PIL"), cwd=tmp_path)
    expected = 'Error: Reading pictures needs the extra "cli": pip install "handspun[cli]"\n'
    assert (outcome.code, outcome.out, outcome.err) == (1, "", expected)


def test_training_without_plots_needs_neither_matplotlib_nor_pillow(real, tmp_path):
    options = ("--epochs", 1, "--hidden", "", "--no-pictures", "--out", tmp_path / "run")
    outcome = real("train", *options, script=without("matplotlib", "PIL", "requests"))
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "run" / "model.npz").exists()


@posix
def test_a_closed_pipe_is_silent(start, trained, tmp_path):
    for arguments in (["data", "list"], ["evaluate", trained, "--json"], ["--help"]):
        reader, writer = os.pipe()
        os.close(reader)
        process = start(*arguments, stdout=writer)
        os.close(writer)
        _, err = process.communicate(timeout=60)
        assert err == ""
        assert process.returncode == 1


@posix
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["data", "list"], ["data", "list", "--json"], ["recipes"], ["--version"]])
def test_standard_output_on_a_full_disk_gives_one_line(arguments, start):
    with Path("/dev/full").open("w") as full:
        process = start(*arguments, stdout=full)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "Error: No space left on device.\n")


@posix
def test_a_closed_standard_output_does_not_stop_a_command(tmp_path):
    command = [sys.executable, "-m", "handspun", "train", "--epochs", "1", "--hidden", "", "--no-pictures", "--out", "run"]
    done = subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", *command], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "run" / "model.npz").exists()


@posix
def test_a_file_size_limit_names_the_file_and_allows_resume(start, real, tmp_path):
    import resource

    def at_most_300_kilobytes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    options = ("--epochs", 1, "--no-pictures", "--out", tmp_path / "run")
    process = start("train", *options, preexec_fn=at_most_300_kilobytes)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1] == f"Error: Cannot write {tmp_path / 'run' / 'checkpoint.npz'}: File too large."
    assert "Traceback" not in err
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.json", "environment.json", "history.csv"}
    assert real("train", "--resume", tmp_path / "run", "--no-pictures").code == 0


def test_characters_a_terminal_lacks_are_shown_as_numbers(real, trained):
    outcome = real("evaluate", trained, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert outcome.code == 0, outcome.err
    assert "\\xb7" in outcome.out, "the dot for a zero"


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="file names there are UTF-8")
def test_a_file_name_that_is_not_utf8_works(tmp_path):
    folder = bytes(tmp_path) + b"/a\xff"
    command = [sys.executable, "-m", "handspun", "train", "--epochs", "1", "--hidden", "", "--no-pictures"]
    done = subprocess.run([*command, "--out", folder, "--json"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"].endswith("/a\udcff")
    shown = subprocess.run([*command[:3], "evaluate", folder], capture_output=True, check=False)
    assert shown.returncode == 0, shown.stderr


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        ("win32", "C:\\runs\\first", "C:\\runs\\first"),
        ("win32", "C:\\my runs\\first", '"C:\\my runs\\first"'),
        ("linux", "/runs/first", "/runs/first"),
        ("linux", "/my runs/first", "'/my runs/first'"),
        ("darwin", "/runs/$HOME", "'/runs/$HOME'"),
    ],
)
def test_paths_are_quoted_for_the_shells_of_the_system(platform, path, expected, monkeypatch):
    from handspun.cli.console import quoted

    monkeypatch.setattr(sys, "platform", platform)
    assert quoted(PurePosixPath(path)) == expected


def test_every_command_with_json_prints_one_object_only(real, trained, linear, tmp_path):
    (tmp_path / "quick.toml").write_text("[settings]\nhidden = []\nepochs = 1\ntrain_images = 300\n")
    for arguments in (
        ["evaluate", trained],
        ["predict", trained, "--data", "mnist-5k"],
        ["compare", trained, linear],
        ["reproduce", "quick.toml", "--seeds", 1, "--out", "out"],
        ["check", "--hidden", 4, "--elements", 2],
        ["data", "info", "mnist-5k"],
    ):
        outcome = real(*arguments, "--json", cwd=tmp_path)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.json
