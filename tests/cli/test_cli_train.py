"""``handspun train``: the run folder, what is shown, interruption and resume."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
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


def test_a_training_leaves_model_settings_history_environment_and_pictures(first_run):
    folder, outcome = first_run
    assert (outcome.code, outcome.err) == (0, "")
    assert {path.name for path in folder.iterdir()} == FILES | PICTURES
    for name in PICTURES:
        assert (folder / name).read_bytes().startswith(b"\x89PNG\r\n")
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["numpy"] == np.__version__
    assert environment["python"] == sys.version.split()[0]


def test_the_json_of_a_training_says_what_the_files_say(first_run, digits):
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


def test_lines_without_a_terminal_are_plain_and_results_are_alone_on_standard_output(real, tmp_path):
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


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_shows_a_live_bar(start, tmp_path):
    import pty

    master, slave = pty.openpty()
    environment = {"TERM": "xterm-256color", "COLUMNS": "120", "NO_COLOR": ""}
    process = start("train", *LONG, "--out", tmp_path / "run", stdout=slave, stderr=slave, env=environment)
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
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert "\x1b[2K" in text, "a live bar erases its line"
    bar = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    seen = re.findall(r"epoch (\d+)/25 .*?loss [\d.]+  accuracy [\d.]+ %  [\d,]+ images/s +(?:\d+:\d\d|--:--)", bar)
    assert len({int(epoch) for epoch in seen}) > 1, "the bar moves"
    assert "Test accuracy" in bar


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
def test_an_interrupted_training_says_how_to_go_on_and_ends_in_the_same_model(
    number, code, start, real, tmp_path, uninterrupted
):
    folder = tmp_path / "my run"
    process = start("train", *LONG, "--out", folder)
    history = folder / "history.csv"
    wait_for(lambda: history.exists() and history.read_text().count("\n") > 2, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    told = re.search(r"Stopped after step (\d+) of 1,425; saved. Go on with: handspun (train --resume '.*')$", err, re.M)
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
def test_a_killed_training_goes_on_from_its_last_checkpoint_to_the_same_model(start, real, tmp_path, uninterrupted):
    from handspun.files.archive import read_arrays

    folder = tmp_path / "run"
    often = "import handspun.recipes.run as run; fit = run.fit\n"
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
        assert f"Another training is going on in {folder}." in refused.err or "holds a training already" in refused.err
    assert process.poll() is None
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_what_a_kill_leaves_of_lock_and_files_is_no_hindrance(start, real, tmp_path):
    folder = tmp_path / "run"
    process = start("train", *LONG, "--out", folder)
    wait_for((folder / "history.csv").exists, process)
    process.kill()
    process.communicate()
    (folder / ".handspun-1234abcd.part").write_bytes(b"half of it")
    (folder / "of somebody else.part").write_bytes(b"kept")
    assert (folder / ".lock").exists()
    assert real("train", "--resume", folder, "--threads", 1, "--no-pictures").code == 0
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert (folder / "of somebody else.part").exists()


def test_two_trainings_that_begin_at_once_have_folders_of_their_own(start, tmp_path):
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
def test_a_training_whose_folder_is_gone_says_so_and_saves_nothing(start, tmp_path):
    folder = tmp_path / "run"
    process = start("train", *LONG, "--out", folder)
    wait_for((folder / "history.csv").exists, process)
    folder.rename(tmp_path / "elsewhere")
    _, err = process.communicate()
    assert process.returncode == 1
    assert f"Cannot write {folder}" in err
    assert "saved" not in err
    assert not folder.exists()


def test_ctrl_c_before_training_exits_with_130_and_writes_nothing(handspun, here, monkeypatch, snapshot):
    from handspun.cli import train

    def interrupted(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "prepare", interrupted)
    outcome = handspun("train", "--no-pictures")
    assert (outcome.code, outcome.out) == (130, "")
    assert "Traceback" not in outcome.err
    assert snapshot() == {}


def test_ctrl_c_after_the_last_step_still_says_how_to_go_on(handspun, here, monkeypatch):
    from handspun.recipes import run

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "evaluate", interrupted)
        outcome = handspun("train", "--epochs", 1, "--hidden", "", "--no-pictures", "--out", "run")
    assert outcome.code == 130
    assert outcome.err.endswith("Stopped; saved. Go on with: handspun train --resume run\n")
    assert handspun("train", "--resume", "run", "--no-pictures").code == 0
    assert handspun("evaluate", "run").code == 0


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(handspun, here):
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


def test_where_nothing_was_held_out_the_next_step_needs_data(handspun, small_set):
    outcome = handspun("train", small_set("data.npz"), "--epochs", 1, "--hidden", "", "--no-pictures")
    assert outcome.out.splitlines()[-1] == "Next: handspun evaluate runs/data.npz-1 DATA, with images that it has not seen"


def test_without_out_runs_are_numbered_by_their_data(handspun, small_set):
    data = small_set("my data.npz")
    runs = [handspun("train", data, "--epochs", 1, "--hidden", "", "--no-pictures", "--json").json["run"] for _ in range(2)]
    assert runs == ["runs/my-data.npz-1", "runs/my-data.npz-2"]


@pytest.mark.parametrize("folder", ["with space", "ünïcödé-五", "[bold]a[", "b[/x]", ":smile:", "-dash", "it's"])
def test_any_name_of_a_folder_is_shown_as_it_is(folder, handspun, small_set):
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
def test_images_of_any_shape_and_type_can_be_trained_on_and_drawn_if_they_are_pictures(images, pictures, handspun, here):
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
def test_odd_sizes_of_batches_and_validation_train_on_every_image_once(options, sizes, handspun, small_set, monkeypatch):
    from handspun.training.batches import BatchLoader

    seen = []
    load_batch = BatchLoader.load
    monkeypatch.setattr(BatchLoader, "load", lambda self, *chosen: seen.append(load_batch(self, *chosen)) or seen[-1])
    outcome = handspun("train", small_set("data.npz"), "--epochs", 1, "--hidden", "", *options, "--no-pictures", "--json")
    assert outcome.code == 0, outcome.err
    assert [len(batch) for batch in seen] == sizes


def test_a_budget_is_kept_and_shown_in_the_settings(real, tmp_path):
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
