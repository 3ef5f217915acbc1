"""Whatever is wrong ends in one clear line, the right exit code, and nothing written."""

import errno
import gzip
import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")


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


# Options --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hidden", "0"], "units must be a whole number above 0, got 0"),
        (["--hidden=-1"], '--hidden takes whole numbers with commas, such as 128,64; got "-1"'),
        (["--hidden", "12;3"], "--hidden takes whole numbers"),
        (["--hidden", "99999999999"], "hidden = 99999999999: such a network does not fit into the memory"),
        (["--hidden", "9" * 30], "does not fit into the memory"),
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--batch-size=-1"], "batch_size must be 0 .all images. or more, got -1"),
        (["--validation", "1"], "validation is a share from 0 up to 1"),
        (["--validation", "nan"], "validation is a share from 0 up to 1"),
        (["--validation", "0.9999"], "validation = 0.9999 of the images of .*: Holding out 60 of 60 images"),
        (["--lr", "nan"], "learning_rate must be a finite number that is not negative, got nan"),
        (["--lr", "inf"], "learning_rate must be a finite number"),
        (["--lr=-1"], "learning_rate must be a finite number that is not negative, got -1"),
        (["--lr", "0"], "learning_rate must be above 0"),
        (["--label-smoothing", "1"], "label_smoothing must be a number from 0.0 up to .not including. 1.0, got 1.0"),
        (["--dropout", "1"], "rate must be a number from 0.0 up to .not including. 1.0, got 1.0"),
        (["--dropout", "nan"], "rate must be a number"),
        (["--l2", "inf"], "l2 must be a finite number"),
        (["--l2=-1"], "l2 must be a finite number that is not negative"),
        (["--seed=-1"], "seed must be a whole number that is not negative, got -1"),
        (["--decay=-1"], "decay must be finite and not negative"),
        (["--decay", "0.1", "--schedule", "cosine"], "--decay belongs to the schedule inverse-time, not to cosine"),
        (["--schedule", "inverse-time"], "needs --decay"),
        (["--schedule", "cosin"], 'Unknown schedule "cosin"; did you mean "cosine"?'),
        (["--activation", "rellu"], 'Unknown activation "rellu"; did you mean "relu"?'),
        (["--optimizer", "adamm"], 'Unknown optimizer "adamm"; did you mean "adam"?'),
        (["--norm", "bach"], 'Unknown norm "bach"; did you mean "batch"?'),
        (["--recipe", "minibatch"], 'Unknown recipe "minibatch"; did you mean "minibatch-128-64"?'),
        (["--recipe", "nosuch.toml"], "Cannot read the recipe nosuch.toml: No such file"),
        (["--augment", "spin=3"], 'Unknown setting in --augment: "spin"'),
        (["--augment", "shift=far"], "--augment: Augmentation: shift must be"),
        (["--augment", "shift=2;rotation"], "--augment takes settings with commas"),
        (["--early-stopping", "0"], "early_stopping must be at least 1, got 0"),
        (["--early-stopping", "1", "--validation", "0"], "early_stopping watches the validation loss"),
        (["--budget", "0s"], "--budget takes a time above 0 such as 60s, 10m or 1h"),
        (["--budget", "soon"], '--budget takes a time .*; got "soon"'),
        (["--budget", "1s", "--epochs", "3"], "give one of --budget and --epochs"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options, says, refused, small_set):
    refused("train", small_set("data.npz"), "--no-pictures", *options, code=2, says=says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "mnst-5k"], 'Unknown dataset "mnst-5k"; did you mean "mnist-5k"?'),
        (["data", "fetch", "fashon-mnist"], 'Unknown dataset "fashon-mnist"; did you mean "fashion-mnist"?'),
        (["data", "info", "mnst"], 'Unknown dataset "mnst"; did you mean "mnist"?'),
        (["recipes", "defalt"], 'Unknown recipe "defalt"; did you mean "default"?'),
        (["reproduce", "defalt"], 'Unknown recipe "defalt"; did you mean "default"?'),
        (["reproduce", "default", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["check", "--loss", "softmax-cross"], 'Unknown loss "softmax-cross"; did you mean "softmax-cross-entropy"?'),
        (["check", "--activation", "rely"], 'Unknown activation "rely"; did you mean "relu"?'),
        (["check", "--tolerance", "nan"], "--tolerance must be above 0, got nan"),
        (["check", "--seed=-1"], "seed must be a whole number that is not negative"),
    ],
)
def test_a_name_that_is_not_known_is_answered_with_the_nearest_right_one(arguments, says, refused, here):
    refused(*arguments, code=2, says=says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[settings]\nhiden = [3]\n", 'Unknown setting in mine.toml: "hiden"; did you mean "hidden"?'),
        ("[settings]\nhidden = 3\n", "mine.toml: hidden = 3 is not of the type tuple"),
        ("[settings]\nlearning_rate = 'big'\n", "mine.toml: learning_rate = 'big' is not of the type float"),
        ("[settings]\nepochs = true\n", "mine.toml: epochs = True is not of the type int"),
        ("[settings]\nepochs = 1.5\n", "mine.toml: epochs = 1.5 is not of the type int"),
        ("[settings]\nschedule = 'cosine'\n", "mine.toml: schedule = 'cosine' is not of the type Mapping"),
        (
            "[settings]\nschedule = { name = 'step', evry = 3 }\n",
            'Unknown setting of the schedule step "evry"; did you mean',
        ),
        ("[settings]\ninitializer = 'HeNorml'\n", 'Unknown initializer "HeNorml"; did you mean "HeNormal"?'),
        ("[settings]\ninitializer_scale = 0.1\n", 'initializer_scale belongs to the initializer "ScaledNormal"'),
        ("[settings]\nmomentum = 0.9\n", 'The optimizer "adam" has no momentum setting'),
        ("titel = 'x'\n[settings]\n", 'Unknown entry in mine.toml: "titel"; did you mean "title"?'),
        ("title = 3\n[settings]\n", "mine.toml: title = 3 is not of the type str"),
        ("title = 'x'\n", r"mine.toml: the table \[settings\] is missing"),
        ("[settings\n", "mine.toml is not TOML: .*line 1"),
        ("[settings]\npool_test = 60\n", "data.npz has 60 images, too few for pool_test = 60"),
        ("[settings]\ntrain_images = 61\n", "data.npz has 60 images, too few for train_images = 61"),
    ],
)
def test_a_recipe_file_with_a_mistake_is_refused_by_the_name_of_the_entry(text, says, refused, small_set):
    data = small_set("data.npz")
    data.with_name("mine.toml").write_text(text)
    refused("train", "data.npz", "--recipe", "mine.toml", "--no-pictures", code=2, says=says)


def test_a_recipe_file_that_is_not_text_is_refused(refused, here):
    (here / "mine.toml").write_bytes(b"\xff\xfe\x00")
    refused("train", "--recipe", "mine.toml", code=2, says="Cannot read the recipe mine.toml")


@pytest.mark.parametrize("arguments", [["bogus"], ["train", "--bogus"], ["train", "--epochs", "x"], ["evaluate"]])
def test_what_the_command_line_cannot_parse_exits_with_2_and_no_traceback(arguments, handspun, here, snapshot):
    outcome = handspun(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Usage:" in outcome.err
    assert "Traceback" not in outcome.err
    assert snapshot() == {}


# Data files -----------------------------------------------------------------------------------------------------------


def cut(path, size=-40):
    path.write_bytes(path.read_bytes()[:size])


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0x10
    path.write_bytes(content)


IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"


def swap_idx(folder):
    images = gzip.decompress((folder / IMAGES).read_bytes())
    (folder / IMAGES).write_bytes(gzip.compress((folder / LABELS).read_bytes()))
    (folder / LABELS).write_bytes(images)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: cut(f / IMAGES), f"{IMAGES}"),
        (lambda f: cut(f / LABELS, -3), f"{LABELS}"),
        (lambda f: flip(f / IMAGES), f"{IMAGES}"),
        (lambda f: flip(f / IMAGES, 0), f"{IMAGES}"),
        (lambda f: (f / LABELS).write_bytes(b""), f"{LABELS} is empty"),
        (lambda f: (f / IMAGES).write_bytes(b""), f"{IMAGES} is empty"),
        (lambda f: (f / LABELS).unlink(), f"lacks the file {LABELS}"),
        (swap_idx, f"{LABELS} holds images .* where labels were expected"),
        (lambda f: (f / LABELS).write_bytes(b"\x89PNG\r\n\x1a\n"), f"{LABELS} is not an IDX file"),
        (lambda f: (f / LABELS).write_bytes((f / LABELS).read_bytes() + b"x"), f"{LABELS} goes on after"),
    ],
)
def test_a_broken_idx_folder_is_refused_by_the_name_of_the_file(spoil, says, refused, small_set):
    folder = small_set("digits")
    spoil(folder)
    refused("train", "digits", "--no-pictures", code=1, says=f"digits.*{says}")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t.replace(",", ",NaN,", 40).replace("NaN,", "", 39), "data.csv, line 2.*(NaN|cells)"),
        (lambda t: t[:-9], "data.csv, line 61: .*cells, expected 37"),
        (lambda t: "", "data.csv is empty"),
        (lambda t: t.splitlines()[0] + "\n", "data.csv holds no images"),
        (lambda t: re.sub(r",\d+\n", ",256\n", t, count=2), "data.csv, line 2.*'256' is not a whole number from 0 to 255"),
        (lambda t: re.sub(r",\d+\n", ",NaN\n", t, count=2), "data.csv, line 2.*'NaN' is not a whole number from 0 to 255"),
        (lambda t: re.sub(r",\d+\n", ",\n", t, count=2), "data.csv, line 2.*the cell is empty"),
        (lambda t: re.sub(r"\n\d,", "\n-1,", t, count=1), "data.csv, line 2.*'-1' is not a whole number"),
        (lambda t: t.replace("label", "etikett", 1), 'data.csv: 37 columns of pixels .*the first column is called "etikett"'),
        (lambda t: re.sub(r"^label,", "", re.sub(r"\n\d+,", "\n", t)), "data.csv has no column of labels"),
        (lambda t: "\0\0" + t, "data.csv"),
    ],
)
def test_a_broken_csv_is_refused_by_line_and_column(spoil, says, refused, small_set):
    path = small_set("data.csv")
    path.write_text(spoil(path.read_text()))
    refused("train", "data.csv", "--no-pictures", code=1, says=says)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": np.arange(60) - 1}, "data.npz.*Labels count from 0, but there is a label -1"),
        ({"labels": np.arange(60) / 2}, "data.npz.*Labels must be integers, not float64"),
        ({"labels": np.arange(59)}, "data.npz.*60 images but 59 labels"),
        ({"classes": np.array(["a", "b"])}, "data.npz: there is a training label 2, but the 2 classes"),
        ({"classes": np.array(["a", "b", "a"])}, "data.npz: each class needs its own name"),
        ({"images": np.full((60, 4, 4), np.nan)}, "data.npz.*NaN or infinity"),
        ({"images": np.full((60, 4, 4), 300)}, "data.npz.*Images must be uint8"),
        ({"images": np.zeros((60, 0, 4), np.uint8)}, "data.npz.*have no pixels"),
        ({"images": np.zeros((60, 4, 4), complex)}, "data.npz.*complex128"),
        ({"images": np.array([object()] * 60)}, "data.npz.*Python objects, which are never loaded"),
    ],
)
def test_arrays_that_are_no_dataset_are_refused(change, says, refused, small_set):
    small_set("data.npz", **change)
    refused("train", "data.npz", "--no-pictures", code=1, says=says)


@pytest.mark.parametrize("spoil", [cut, flip, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"PK\3\4 nothing")])
def test_a_broken_npz_is_refused(spoil, refused, small_set):
    spoil(small_set("data.npz"))
    refused("train", "data.npz", "--no-pictures", code=1, says="data.npz")


@pytest.mark.parametrize("labels", [np.zeros(60, int), np.full(60, 7)])
def test_images_of_a_single_class_are_refused(labels, refused, small_set):
    small_set("data.npz", labels=labels)
    refused("train", "data.npz", code=2, says=rf"All images of data.npz are of one class \({labels[0]}\)")


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("no/such.npz", 1, "No such file: no/such.npz"),
        (".", 1, ". holds no dataset: expected a folder of pictures for each class, train-images-idx3-ubyte"),
        pytest.param(
            "/dev/null",
            1,
            "/dev/null is not an ordinary file",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="POSIX devices"),
        ),
        ("x" * 300 + ".csv", 1, "File name too long"),
    ],
)
def test_a_path_without_data_is_refused(path, code, says, refused, here):
    refused("train", path, "--no-pictures", code=code, says=says)


def test_a_training_that_diverges_says_where_and_what_to_try(handspun, small_set):
    small_set("data.npz", images=np.full((60, 4, 4), 1e30, np.float32))
    outcome = handspun("train", "data.npz", "--epochs", 1, "--no-pictures", "--out", "run")
    assert (outcome.code, outcome.out) == (1, "")
    error = outcome.err[outcome.err.index("Error:") :].splitlines()
    assert error[0].startswith("Error: Training diverged in step 1 (epoch 1): ")
    assert error[1].startswith("Try a tenth of the learning rate, ")
    assert len(error) == 2
    assert "Warning" not in outcome.err


# Models ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0.0, 0.02, 0.3, 0.6, 0.9, 0.9999])
def test_a_model_file_with_a_flipped_bit_is_refused_or_the_same(place, handspun, trained, here):
    shutil.copy(trained / "model.npz", "model.npz")
    flip(here / "model.npz", place)
    outcome = handspun("evaluate", "model.npz", "--json")
    if outcome.code:  # some bytes of an archive, such as the hour of a member, mean nothing
        assert outcome.code == 1
        assert outcome.err.startswith("Error: model.npz")
        assert outcome.err.count("\n") == 1
    else:
        assert {**outcome.json, "model": ""} == {**handspun("evaluate", trained, "--json").json, "model": ""}


@pytest.mark.parametrize("command", [["evaluate"], ["predict", "--data", "mnist-5k"], ["check"]])
def test_what_is_no_model_is_refused(command, refused, trained, here):
    content = (trained / "model.npz").read_bytes()
    (here / "cut.npz").write_bytes(content[:-1000])
    (here / "empty.npz").write_bytes(b"")
    (here / "text.npz").write_text("a model")
    np.savez("arrays.npz", x=np.zeros(3))
    for name, says in (
        ("cut.npz", "cut.npz is not a whole NumPy archive"),
        ("empty.npz", "empty.npz is not a whole NumPy archive"),
        ("text.npz", "text.npz is not a whole NumPy archive"),
        ("arrays.npz", 'arrays.npz (is not a handspun-model file|has no array "header")'),
        ("nothing.npz", "No such file: nothing.npz"),
        (trained / "checkpoint.npz", "checkpoint.npz is not a handspun-model file"),
    ):
        refused(command[0], name, *command[1:], code=1, says=says)
    (here / "folder").mkdir()
    refused(command[0], "folder", *command[1:], code=2, says="folder holds no model.npz: its training is not complete")


def test_data_that_do_not_fit_the_network_are_refused_by_their_name(refused, handspun, trained, small_set):
    data = small_set("small.npz")
    says = r"small.npz: The images have shape \(6, 6\) each, but the network takes \(28, 28\)"
    refused("evaluate", trained, data, code=2, says=says)
    refused("predict", trained, "--data", data, code=2, says=says)
    refused("compare", trained, trained, data, code=2, says=says)
    refused("check", trained, "--data", data, code=2, says=r"images have shape \(6, 6\) each")
    refused("predict", trained, "--csv", small_set("small.csv"), code=2, says="small.csv: The images have shape")
    many = small_set("many.npz", images=np.zeros((60, 28, 28), np.uint8), labels=np.arange(60))
    refused("evaluate", trained, many, code=2, says="many.npz have a label 59; the model has classes 0 to 9")


def test_a_model_without_test_images_asks_for_data(refused, handspun, small_set):
    data = small_set("data.npz")
    assert handspun("train", data, "--epochs", 1, "--no-pictures", "--out", "run").code == 0
    refused("evaluate", "run", code=2, says="has no test images with labels: name the data to evaluate on")


def test_a_model_that_does_not_say_what_it_learned_from_asks_for_data(refused, here):
    from handspun import mlp, save

    for training in ({}, {"settings": [1]}):
        save(mlp(784, [], 10), "model.npz", training=training)
        refused("evaluate", "model.npz", code=2, says="does not say what it was trained on: name the data")


def test_models_of_other_classes_cannot_be_compared(refused, here, trained):
    from handspun import mlp, save

    save(mlp(784, [], 3), "three.npz")
    refused("compare", trained, "three.npz", code=2, says="tell different classes apart; they cannot be compared")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Name image files, or a dataset with --data, or a table with --csv: one of them"),
        (["a.png", "--data", "mnist-5k"], "one of them"),
        (["--data", "mnist-5k", "--csv", "x.csv"], "one of them"),
        (["a.png", "--index", "3"], "--index chooses from a dataset"),
        (["a.png", "--out", "x.csv"], "--out writes the answers for a table"),
        (["--data", "mnist-5k", "--index", "1000"], "--index 1000 is out of range: there are 1,000 images, from 0 to 999"),
        (["--data", "mnist-5k", "--index=-1"], '--index takes whole numbers .*; got "-1"'),
        (["--data", "mnist-5k", "--index", ""], "--index takes whole numbers"),
        (["--data", "mnist-5k", "--index", "1,,2"], "--index takes whole numbers"),
    ],
)
def test_predict_refuses_options_that_do_not_fit_each_other(options, says, refused, trained, here):
    refused("predict", trained, *options, code=2, says=says)


# Run folders ----------------------------------------------------------------------------------------------------------


def test_a_run_is_never_written_over(refused, handspun, trained):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    refused("train", "--out", trained, code=2, says=rf"{trained} holds a training already. Give another --out, or --resume")
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_resume_of_what_is_complete_or_no_run_is_refused(refused, trained, here):
    (here / "empty").mkdir()
    refused("train", "--resume", trained, code=2, says="is complete: there is nothing to resume")
    refused("train", "--resume", "nosuch", code=1, says="nosuch is not a run folder: cannot read config.json")
    refused("train", "--resume", "empty", code=1, says="empty is not a run folder: cannot read config.json")
    refused("train", "--resume", trained / "model.npz", code=1, says="is not a run folder")
    refused("train", "--resume", trained, "--lr", 1, code=2, says="--resume goes on with the settings of the run")


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
def test_resume_refuses_a_configuration_that_cannot_be_understood(text, says, refused, here):
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


def test_resume_refuses_other_settings_and_says_which(handspun, interrupted):
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


# Where it cannot be written -------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_said_before_training(refused, trained, here):
    (here / "file").write_text("kept")
    for folder in ("file", "file/run"):
        refused("train", "--out", folder, "--no-pictures", code=1, says=f"Cannot make the folder {folder}: ")
        refused("reproduce", "default", "--out", folder, code=1, says=f"Cannot make the folder {folder}/receipts: ")
    refused("evaluate", trained, "--picture", "file/x.png", code=1, says="Cannot write file/x.png: ")
    (here / "folder").mkdir()
    refused("evaluate", trained, "--picture", "folder", code=1, says="it is a folder. Give the name of a file")
    refused("data", "info", "mnist-5k", "--picture", "file/x.png", code=1, says="Cannot write file/x.png: ")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that nobody can write to")
def test_a_file_system_that_cannot_be_written_is_said(refused, here):
    refused("train", "--out", "/proc/run", "--no-pictures", code=1, says="Cannot .*/proc/run")


def test_a_full_disk_leaves_the_older_file_whole(refused, trained, digits, here, monkeypatch):
    head, row = ",".join(f"pixel{i}" for i in range(784)), ",".join(map(str, digits.test.images[0].ravel()))
    (here / "test.csv").write_text(f"{head}\n{row}\n")
    (here / "answers.csv").write_text("older answers")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    options = ("--csv", "test.csv", "--out", "answers.csv")
    refused("predict", trained, *options, code=1, says="Cannot write answers.csv: No space left on device")
    refused("evaluate", trained, "--picture", "x.png", code=1, says="Cannot write x.png: No space left on device")


def test_an_error_leaves_standard_output_empty_for_json_too(refused, here):
    refused("evaluate", "nosuch", "--json", code=1, says="No such file: nosuch")
