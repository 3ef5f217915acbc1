"""Broken data files are refused in one clear line that names the file."""

import gzip
import re
import sys

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")

from spoiling import cut, flip

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
        (lambda f: (f / LABELS).write_bytes((f / LABELS).read_bytes() + b"x"), f"{LABELS} continues after"),
    ],
)
def test_a_broken_idx_folder_names_the_file(spoil, says, refused, small_set):
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
def test_a_broken_csv_names_line_and_column(spoil, says, refused, small_set):
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
def test_arrays_that_are_not_a_dataset_are_refused(change, says, refused, small_set):
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
    small_set("data.npz", images=np.full((60, 4, 4), 1e19, np.float32))
    outcome = handspun("train", "data.npz", "--epochs", 1, "--no-pictures", "--out", "run")
    assert (outcome.code, outcome.out) == (1, "")
    error = outcome.err[outcome.err.index("Error:") :].splitlines()
    assert error[0].startswith("Error: Training diverged in step 1 (epoch 1): ")
    assert error[1].startswith("Try a tenth of the learning rate, ")
    assert len(error) == 2
    assert "Warning" not in outcome.err


@pytest.mark.parametrize("command", [["train"], ["predict"], ["evaluate"], ["predict", "mnist-mlp"], ["train", "--resume"]])
def test_an_inaccessible_path_is_named(command, refused, here):
    path = "x" * 300 + "/y.png"
    refused(*command, path, code=1, says="x{300}.*File name too long")
