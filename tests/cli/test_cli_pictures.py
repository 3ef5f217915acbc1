"""From a folder of pictures to a model that reads a new picture just as it read those of the folder."""

import re

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")
pytest.importorskip("PIL")

from PIL import Image, ImageDraw

from handspun import load, load_dataset
from handspun.pictures.contract import Contract


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
    assert "size, fit and mode are for folders of pictures; mnist-5k is not one." in outcome.err


def test_a_folder_of_pictures_gets_a_convolutional_network(handspun, folder):
    outcome = handspun("train", "photos", "--epochs", 15, "--out", "run", "--no-pictures", "--json")
    assert outcome.code == 0, outcome.err
    network = load("run/model.npz")
    assert network.input_shape == (3, 32, 32)
    assert [type(layer).__name__ for layer in network.layers[-3:]] == ["GlobalAvgPool", "Dropout", "Dense"]
    assert outcome.json["evaluation"]["accuracy"] >= 7 / 8
    with_hidden = handspun("train", "photos", "--hidden", "4", "--epochs", 1, "--out", "dense", "--no-pictures", "--json")
    assert with_hidden.json["settings"]["layers"] == [], "who asks for dense layers gets them"


def test_a_network_that_learned_nothing_gets_advice(handspun, folder):
    """With labels that mean nothing: what is learned by heart says nothing of other pictures."""
    rng = np.random.default_rng(5)
    for number in range(80):
        place = folder.parent / "noise" / ("one", "other")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(place / f"{number}.png")
    outcome = handspun(
        *("train", "noise", "--hidden", "64", "--epochs", 60, "--validation", 0.3, "--batch-size", 8),
        *("--out", "chance", "--no-pictures"),
    )
    assert outcome.code == 0, outcome.err
    told = outcome.out.replace("\n", " ")
    assert re.search(r"Training accuracy \d+\.\d\d %, validation accuracy \d+\.\d\d %: the network overfits", told)
    assert "--augment shift=2,rotation=10" in told
    assert "would score 50.00 %" in told
    good = trained(handspun).out
    assert "overfits" not in good
    assert "Always" not in good


def test_pictures_of_other_classes_are_refused(handspun, folder):
    trained(handspun)
    for place in ("red", "blue"):
        (folder / place).rename(folder / f"{place}dish")
    outcome = handspun("evaluate", "run", "photos")
    assert outcome.code == 2
    assert "the test images of photos show bluedish, reddish; the model knows blue, red." in outcome.err


def test_labels_follow_the_order_of_the_models_classes(handspun, folder):
    """A data set of some of the classes, in another order."""
    trained(handspun)
    whole = load_dataset("photos", contract=load("run/model.npz").contract)
    names = np.array(whole.classes)[whole.test.labels]
    np.savez("turned.npz", images=whole.test.images, labels=(names == "blue").astype(int), classes=np.array(["red", "blue"]))
    expected = handspun("evaluate", "run", "photos", "--json").json
    assert handspun("evaluate", "run", "turned.npz", "--json").json["confusion"] == expected["confusion"]


def test_evaluate_and_predict_prepare_strokes_alike(handspun, folder):
    digits = load_dataset("mnist-5k").test
    for label in (3, 7):
        (folder.parent / "sheets" / str(label)).mkdir(parents=True)
        for number, index in enumerate(np.flatnonzero(digits.labels == label)[:20]):
            sheet = np.full((180, 240), 255, np.uint8)
            sheet[20 : 20 + 84, 100 : 100 + 84] = 255 - np.asarray(Image.fromarray(digits.images[index]).resize((84, 84)))
            Image.fromarray(sheet).save(folder.parent / "sheets" / str(label) / f"{number}.png")
    judged = handspun("evaluate", "mnist-cnn", "sheets", "--json").json
    assert judged["accuracy"] == 1.0
    assert np.flatnonzero(np.array(judged["confusion"]).sum(axis=1)).tolist() == [3, 7]
    said = handspun("predict", "mnist-cnn", "sheets/3", "--json").json["predictions"]
    assert [one["class"] for one in said] == ["3"] * 20
    assert [one["image"] for one in said] == sorted(f"sheets/3/{number}.png" for number in range(20))


def test_models_of_one_folder_in_two_sizes_are_compared(handspun, folder):
    trained(handspun, "--size", "8")
    assert handspun("train", "photos", "--epochs", 10, "--out", "other", "--no-pictures").code == 0
    for data in ((), ("photos",)):
        said = handspun("compare", "run", "other", *data, "--json")
        assert said.code == 0, said.err
        alone = [handspun("evaluate", run, *data, "--json").json["accuracy"] for run in ("run", "other")]
        assert [said.json[side]["accuracy"] for side in "ab"] == alone


def test_one_bad_picture_does_not_stop_the_others(handspun, folder):
    trained(handspun)
    outcome = handspun("predict", "run", "photos/red", "--json")
    assert outcome.code == 1
    assert len(outcome.json["predictions"]) == 20
    assert outcome.json["errors"] == [line.removeprefix("Error: ") for line in outcome.err.splitlines()]
    assert "photos/red/broken.png is not an image" in outcome.err
    alone = handspun("predict", "run", "photos/red/broken.png")
    assert (alone.code, alone.out) == (1, "")
    (folder / "empty").mkdir()
    nothing = handspun("predict", "run", "photos/empty")
    assert nothing.code == 1
    assert "photos/empty holds no pictures" in nothing.err


def test_symbols_anywhere_on_a_sheet_are_learned_as_strokes(handspun, folder):
    """Crosses and rings, on sheets of any size, dark on light or light on dark; the page then reads them live."""
    rng = np.random.default_rng(3)

    def sheet(name):
        width, height = (int(side) for side in rng.integers(90, 260, 2))
        light = rng.random() < 0.5
        picture = Image.new("L", (width, height), 240 if light else 15)
        size = int(rng.integers(30, 80))
        left, top = int(rng.integers(4, width - size - 4)), int(rng.integers(4, height - size - 4))
        pen, ink = ImageDraw.Draw(picture), 20 if light else 250
        if name == "ring":
            pen.ellipse((left, top, left + size, top + size), outline=ink, width=6)
        else:
            pen.line((left, top, left + size, top + size), ink, 6)
            pen.line((left, top + size, left + size, top), ink, 6)
        return picture

    for name in ("cross", "ring"):
        (folder.parent / "symbols" / name).mkdir(parents=True)
        for number in range(24):
            sheet(name).save(folder.parent / "symbols" / name / f"{number}.png")
        sheet(name).save(f"new-{name}.png")
    outcome = handspun(
        "train", "symbols", "--mode", "strokes", "--size", 28, "--epochs", 20, "--out", "run", "--no-pictures", "--json"
    )
    assert outcome.code == 0, outcome.err
    assert outcome.json["evaluation"]["accuracy"] == 1.0
    assert load("run/model.npz").contract == Contract()
    said = handspun("predict", "run", "new-cross.png", "new-ring.png", "--json").json["predictions"]
    assert [one["class"] for one in said] == ["cross", "ring"]
    refused = handspun("train", "symbols", "--mode", "strokes", "--fit", "pad", "--out", "no")
    assert refused.code == 2
    assert "Strokes are always cropped, scaled and centred" in refused.err
    refused = handspun("train", "symbols", "--mode", "strokes", "--size", "28x30", "--out", "no")
    assert "Strokes are centred in a square" in refused.err
