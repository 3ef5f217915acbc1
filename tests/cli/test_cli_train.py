"""``handspun train``: the run folder, what is shown, and how options become settings."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("matplotlib")
pytest.importorskip("threadpoolctl")

from handspun import evaluate, load
from handspun.recipes.settings import Settings

PICTURES = {
    "confusion-matrix.png",
    "first-layer-weights.png",
    "learning-curves.png",
    "learning-rate.png",
    "predictions.png",
    "worst-mistakes.png",
}
FILES = {"model.npz", "config.json", "history.csv", "checkpoint.npz", "environment.json", "evaluation.json"}

#: A training long enough to be interrupted, and short enough to be made a few times.
LONG = ("--epochs", 25, "--hidden", "32", "--no-pictures")


def test_a_run_folder_holds_model_settings_history_and_pictures(first_run):
    folder, outcome = first_run
    assert (outcome.code, outcome.err) == (0, "")
    assert {path.name for path in folder.iterdir()} == FILES | PICTURES
    for name in PICTURES:
        assert (folder / name).read_bytes().startswith(b"\x89PNG\r\n")
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["numpy"] == np.__version__
    assert environment["python"] == sys.version.split()[0]


def test_the_json_of_a_training_agrees_with_its_files(first_run, digits):
    folder, outcome = first_run
    said = outcome.json
    assert said["run"] == str(folder)
    assert {Path(path).name for path in said["pictures"]} == PICTURES
    assert said["settings"] == json.loads((folder / "config.json").read_text())["settings"]
    assert said["evaluation"] == json.loads((folder / "evaluation.json").read_text())
    with (folder / "history.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert rows == said["history"]
    assert [row["epoch"] for row in rows] == [1, 2]
    judged = evaluate(load(folder / "model.npz"), digits.test.images, digits.test.labels)
    assert said["evaluation"]["accuracy"] == judged.accuracy > 0.8


def test_without_a_terminal_lines_are_plain(real, tmp_path):
    outcome = real("train", "--epochs", 2, "--no-pictures", "--out", tmp_path / "run")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert "\r" not in outcome.err
    assert re.search(r"^epoch 2/2  loss [\d.]+  accuracy [\d.]+ %  validation [\d.]+ %  [\d,]+ images/s$", outcome.err, re.M)
    assert "784-128-64-10" in outcome.err
    lines = outcome.out.splitlines()
    assert re.match(r"Test accuracy [\d.]+ %  \(95 % interval", lines[1])
    assert lines[-1] == f"Next: handspun evaluate {tmp_path / 'run'}"
    assert len(lines) == 4


def on_a_terminal(start, code, *options):
    """What a training shows on a terminal of 120 columns; it must end with this exit code."""
    pty = pytest.importorskip("pty", reason="pseudo-terminals are POSIX")
    master, slave = pty.openpty()
    environment = {"TERM": "xterm-256color", "COLUMNS": "120", "NO_COLOR": ""}
    process = start("train", *LONG, *options, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.wait(timeout=60) == code
    return shown.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_shows_a_live_bar(start, tmp_path):
    text = on_a_terminal(start, 0, "--out", tmp_path / "run")
    assert "\x1b[2K" in text, "a live bar erases its line"
    bar = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    seen = re.findall(r"epoch (\d+)/25  loss [\d.]+  accuracy [\d.]+ %  [\d,]+ images/s  (?:[\d.]+ s|[\d:]+) left", bar)
    assert len({int(epoch) for epoch in seen}) > 1, "the bar moves"
    assert "Test accuracy" in bar


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_after_a_training_that_diverged_the_cursor_is_back(start, tmp_path):
    text = on_a_terminal(start, 1, "--out", tmp_path / "run", "--optimizer", "sgd", "--lr", 1e30)
    assert "Training diverged in step" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def test_the_seed_decides_the_bytes_of_a_training(handspun, here):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        outcome = handspun(
            "train", "--epochs", 1, "--hidden", 8, "--dropout", 0.1, "--seed", seed, "--no-pictures", "--out", name
        )
        assert outcome.code == 0
    a, b, c = (load(f"{name}/model.npz").parameters.vector for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_every_option_reaches_the_settings(handspun, small_set):
    data = small_set("data.csv")
    outcome = handspun(
        *("train", data, "--hidden", "5, 4", "--activation", "tanh", "--norm", "layer", "--optimizer", "nesterov"),
        *("--lr", 0.02, "--decay", 0.001, "--epochs", 3, "--batch-size", 7, "--l2", 1e-4, "--dropout", 0.25),
        *(
            "--augment",
            "shift=1.5, flip,crop=2",
            "--label-smoothing",
            0.1,
            "--validation",
            0.2,
            "--early-stopping",
            4,
            "--seed",
            11,
            "--threads",
            1,
        ),
        *("--out", "run", "--no-pictures", "--json"),
    )
    assert outcome.code == 0, outcome.err
    expected = {
        "data": str(data),
        "hidden": [5, 4],
        "activation": "tanh",
        "norm": "layer",
        "optimizer": "nesterov",
        "learning_rate": 0.02,
        "schedule": {"name": "inverse-time", "decay": 0.001},
        "epochs": 3,
        "batch_size": 7,
        "l2": 1e-4,
        "dropout": 0.25,
        "augment": {"shift": 1.5, "flip": True, "crop": 2},
        "label_smoothing": 0.1,
        "validation": 0.2,
        "early_stopping": 4,
        "seed": 11,
        "threads": 1,
    }
    settings = json.loads((data.parent / "run" / "config.json").read_text())["settings"]
    assert {name: settings[name] for name in expected} == expected
    assert outcome.json["settings"] == settings
    kinds = [layer["kind"] for layer in load("run/model.npz").config()["layers"]]
    hidden = ["Dense", "LayerNorm", "Tanh", "Dropout"]
    assert [kind for kind in kinds if kind != "Flatten"][-9:] == [*hidden, *hidden, "Dense"]


def test_the_augmentation_of_a_recipe_can_be_switched_off(handspun, small_set):
    data = small_set("data.npz")
    recipe = data.with_name("mine.toml")
    recipe.write_text("[settings]\nhidden = [3]\nepochs = 1\naugment = { shift = 2 }\n")
    for options, expected in (((), {"shift": 2}), (("--augment", "none"), {}), (("--augment", "noise=9"), {"noise": 9})):
        outcome = handspun("train", data, "--recipe", recipe, *options, "--no-pictures", "--json")
        assert outcome.json["settings"]["augment"] == expected


def test_a_recipe_file_decides_and_options_change_it(handspun, small_set):
    data = small_set("data.npz")
    recipe = data.with_name("mine.toml")
    recipe.write_text('title = "mine"\n[settings]\nhidden = [3]\noptimizer = "sgd"\nepochs = 2\nvalidation = 0.0\n')
    outcome = handspun("train", data, "--recipe", recipe, "--hidden", "4", "--no-pictures", "--json")
    assert outcome.code == 0, outcome.err
    settings = Settings.from_dict(outcome.json["settings"])
    assert (settings.hidden, settings.optimizer, settings.epochs, settings.validation) == ((4,), "sgd", 2, 0.0)
    assert "validation_loss" not in outcome.json["history"][0]


def test_without_test_images_the_next_step_needs_data(handspun, small_set):
    outcome = handspun("train", small_set("data.npz"), "--epochs", 1, "--hidden", "", "--no-pictures")
    assert outcome.out.splitlines()[-1] == "Next: handspun evaluate runs/data.npz-1 DATA, with images that it has not seen"


def test_without_out_runs_are_numbered_by_their_data(handspun, small_set):
    data = small_set("my data.npz")
    runs = [handspun("train", data, "--epochs", 1, "--hidden", "", "--no-pictures", "--json").json["run"] for _ in range(2)]
    assert runs == ["runs/my-data.npz-1", "runs/my-data.npz-2"]


@pytest.mark.parametrize("folder", ["with space", "ünïcödé-五", "[bold]a[", "b[/x]", ":smile:", "-dash", "it's"])
def test_any_folder_name_is_shown_unchanged(folder, handspun, small_set):
    data = small_set("data.npz")
    options = ("--epochs", 1, "--hidden", "", "--no-pictures")
    outcome = handspun("train", data, *options, f"--out=./{folder}")
    assert outcome.code == 0, outcome.err
    assert f"In {folder}: model.npz" in outcome.out
    outcome = handspun("evaluate", f"./{folder}", data)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"{folder} on the images of {data}\n")


@pytest.mark.parametrize(
    ("images", "pictures"),
    [
        (np.zeros((30, 36), np.uint8), 6),  # flat, and a square
        (np.zeros((30, 35), np.uint8), 3),  # flat, and none
        (np.zeros((30, 5, 7), np.uint8), 6),
        (np.zeros((30, 5, 7, 3), np.uint8), 6),
        (np.zeros((30, 5, 7, 2), np.uint8), 3),
        (np.zeros((30, 5, 7), np.float64) - 3.5, 6),
        (np.ones((30, 5, 7), np.float16), 6),
        (np.full((30, 1, 1), 9, np.uint8), 6),
    ],
)
def test_images_of_any_shape_can_be_trained_on(images, pictures, handspun, here):
    labels = np.arange(30) % 2 * 3  # labels may skip numbers
    np.savez("data.npz", x_train=images, y_train=labels, x_test=images[:10], y_test=labels[:10])
    outcome = handspun("train", "data.npz", "--epochs", 1, "--hidden", 4, "--out", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert len(outcome.json["pictures"]) == pictures
    assert list(outcome.json["evaluation"]["classes"]) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        (("--batch-size", 1), [1] * 54),
        (("--batch-size", 1000), [54]),
        (("--batch-size", 0), [54]),
        (("--batch-size", 50), [50, 4]),
        (("--validation", 0.95), [3]),
    ],
)
def test_odd_batch_sizes_use_every_image_once(options, sizes, handspun, small_set, monkeypatch):
    from handspun.training.batches import BatchLoader

    seen = []
    load_batch = BatchLoader.load
    monkeypatch.setattr(BatchLoader, "load", lambda self, *chosen: seen.append(load_batch(self, *chosen)) or seen[-1])
    outcome = handspun("train", small_set("data.npz"), "--epochs", 1, "--hidden", "", *options, "--no-pictures", "--json")
    assert outcome.code == 0, outcome.err
    assert [len(batch) for batch in seen] == sizes


def test_a_budget_is_kept_and_recorded(real, tmp_path):
    outcome = real("train", "--budget", "0.8s", "--out", tmp_path / "run", "--no-pictures", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["seconds"] < 1.6
    assert json.loads((tmp_path / "run" / "config.json").read_text())["budget"] == 0.8


def test_the_module_and_the_installed_command_are_the_same():
    version = subprocess.run([sys.executable, "-m", "handspun", "--version"], capture_output=True, text=True, check=True)
    from importlib.metadata import entry_points

    import handspun

    assert version.stdout == f"handspun {handspun.__version__}\n"
    (script,) = entry_points(group="console_scripts", name="handspun")
    from handspun.cli import main

    assert script.load() is main
