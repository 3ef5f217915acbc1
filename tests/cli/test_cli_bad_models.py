"""Broken models, and data that do not suit a model, are refused in one clear line."""

import shutil

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")

from spoiling import flip


@pytest.mark.parametrize("place", [0.0, 0.02, 0.3, 0.6, 0.9, 0.9999])
def test_a_flipped_bit_is_refused_or_changes_nothing(place, handspun, trained, here):
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
def test_files_that_are_not_models_are_refused(command, refused, trained, here):
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


def test_data_of_another_shape_are_refused_by_name(refused, handspun, trained, small_set):
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


def test_a_model_without_training_record_asks_for_data(refused, here):
    from handspun import mlp, save

    for training in ({}, {"settings": [1]}):
        save(mlp(784, [], 10), "model.npz", training=training)
        refused("evaluate", "model.npz", code=2, says="does not say what it was trained on: name the data")


def test_models_with_different_classes_cannot_be_compared(refused, here, trained):
    from handspun import mlp, save

    save(mlp(784, [], 3), "three.npz")
    refused("compare", trained, "three.npz", code=2, says="have different classes; they cannot be compared")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Name image files, a dataset with --data, or a table with --csv: exactly one of them"),
        (["a.png", "--data", "mnist-5k"], "one of them"),
        (["--data", "mnist-5k", "--csv", "x.csv"], "one of them"),
        (["a.png", "--index", "3"], "--index chooses images of a dataset"),
        (["a.png", "--out", "x.csv"], "--out writes the answers for a table"),
        (["--data", "mnist-5k", "--index", "1000"], "--index 1000 is out of range: there are 1,000 images, from 0 to 999"),
        (["--data", "mnist-5k", "--index=-1"], '--index takes whole numbers .*; got "-1"'),
        (["--data", "mnist-5k", "--index", ""], "--index takes whole numbers"),
        (["--data", "mnist-5k", "--index", "1,,2"], "--index takes whole numbers"),
    ],
)
def test_predict_refuses_contradicting_options(options, says, refused, trained, here):
    refused("predict", trained, *options, code=2, says=says)
