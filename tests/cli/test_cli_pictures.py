"""From a folder of pictures to a model that reads a new picture just as it read those of the folder."""

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")
pytest.importorskip("PIL")

from PIL import Image

from handspun import load, load_dataset


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Colour photos of two sizes: reddish ones and bluish ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 120, (16, 20, 3) if number % 3 else (30, 24, 3)).astype(np.uint8)
            pixels[..., channel] += 100
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "red" / "broken.png").write_bytes(b"nothing")
    return tmp_path / "photos"


def trained(handspun, *options):
    outcome = handspun(
        "train",
        "photos",
        "--channels",
        "4",
        "--hidden",
        "8",
        "--epochs",
        40,
        "--batch-size",
        8,
        "--lr",
        0.01,
        "--out",
        "run",
        "--no-pictures",
        *options,
    )
    assert outcome.code == 0, outcome.err
    return outcome


def test_train_on_a_folder_and_predict_new_pictures(handspun, folder):
    outcome = trained(handspun)
    assert "Note: 1 file is left out: red/broken.png is not an image that can be read" in outcome.err
    network = load("run/model.npz")
    assert network.input_shape == (3, 16, 20)
    assert network.classes == ("blue", "red")
    fresh = np.zeros((50, 70, 3), np.uint8)
    fresh[..., 0] = 180
    Image.fromarray(fresh).save("fresh.png")
    said = handspun("predict", "run", "fresh.png", "photos/blue/3.png", "--json").json["predictions"]
    assert [one["class"] for one in said] == ["red", "blue"]
    # A picture of the folder is read as it was in training: the same probabilities.
    images = load_dataset("photos").train.images
    original = np.asarray(Image.open("photos/blue/3.png").resize((20, 16), Image.Resampling.LANCZOS))
    assert (images == original).all(axis=(1, 2, 3)).any() or (load_dataset("photos").test.images == original).all(
        axis=(1, 2, 3)
    ).any()
    expected = network.answer(original[None]).probabilities[0]
    assert list(said[1]["probabilities"].values()) == pytest.approx(expected.tolist())


def test_size_fit_and_mode_reach_the_model_and_its_predictions(handspun, folder):
    trained(handspun, "--size", "8x12", "--fit", "pad", "--mode", "grey")
    network = load("run/model.npz")
    assert network.input_shape == (1, 8, 12)
    assert (network.contract.fit, network.contract.colour) == ("pad", False)
    assert handspun("predict", "run", "photos/red/0.png").code == 0
    assert handspun("evaluate", "run", "photos", "--json").json["images"] == 8


def test_picture_options_on_other_data_are_refused(handspun, folder):
    outcome = handspun("train", "mnist-5k", "--size", "8", "--out", "run")
    assert outcome.code == 2
    assert "size, fit and mode are for folders of pictures; mnist-5k is none." in outcome.err
