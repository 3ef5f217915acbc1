"""``handspun data`` with folders of pictures and with CIFAR-10."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

RNG = np.random.default_rng(0)


@pytest.fixture
def pets(here, monkeypatch):
    """A folder of 5 cats and 5 dogs, one of which is broken."""
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(here / "cache"))
    for name in ("cat", "dog"):
        (here / "pets" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(RNG.integers(0, 256, (6, 5, 3), np.uint8)).save(here / "pets" / name / f"{i}.png")
    (here / "pets" / "dog" / "3.png").write_bytes(b"no picture")
    return here / "pets"


def test_info_describes_a_folder_and_names_skipped_files(handspun, pets):
    shown = handspun("data", "info", pets, "--json")
    said = shown.json
    assert (said["train_count"], said["test_count"], said["image_shape"]) == (7, 2, [6, 5, 3])
    assert said["classes"] == ["cat", "dog"]
    assert said["notes"][0].startswith("1 file is left out: dog/3.png is not an image that can be read")
    assert shown.err.splitlines()[0] == f"Note: {said['notes'][0]}"
    shown = handspun("data", "info", "pets")
    assert shown.err.splitlines() == [f"Note: {note}" for note in said["notes"]]
    assert "left out" not in shown.out
    assert "cat, dog" in shown.out


def test_info_takes_the_options_of_pictures(handspun, pets):
    said = handspun("data", "info", pets, "--size", "4x3", "--fit", "pad", "--mode", "grey", "--json").json
    assert said["image_shape"] == [4, 3]
    assert handspun("data", "info", pets, "--size", "7", "--json").json["image_shape"] == [7, 7, 3]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pets", "--size", "4,3"], 'A size is a number of pixels such as 32, or height x width such as 32x48; got "4,3"'),
        (["pets", "--size", "0"], "size must be one number of pixels or (height, width)"),
        (["pets", "--mode", "color"], 'mode must be "grey", "rgb" or "strokes", not "color"'),
        (["cifar10", "--size", "4"], "size, fit and mode are for folders of pictures; cifar10 is not one"),
        (["mnist-5k", "--fit", "pad"], "size, fit and mode are for folders of pictures; mnist-5k is not one"),
    ],
)
def test_invalid_picture_options_are_refused(handspun, pets, arguments, says):
    shown = handspun("data", "info", *arguments)
    assert shown.code == 2
    assert says in shown.err
    assert len(shown.err.splitlines()) == 1


def test_info_draws_samples_in_colour(handspun, pets):
    pytest.importorskip("matplotlib")
    assert handspun("data", "info", pets, "--picture", "samples.png").code == 0
    with Image.open("samples.png") as drawn:
        colours = np.asarray(drawn.convert("RGB")).astype(int)
    assert np.abs(colours[..., 0] - colours[..., 2]).max() > 100


def test_cifar10_that_cannot_be_downloaded_is_an_error(handspun, pets, monkeypatch):
    pytest.importorskip("requests")
    said = handspun("data", "info", "cifar10", "--json").json
    assert (said["state"], said["image_shape"]) == ("missing", [32, 32, 3])
    assert said["files"][0]["name"] == "cifar-10-binary.tar.gz"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HANDSPUN_MIRROR", "http://127.0.0.1:9")
    shown = handspun("data", "fetch", "cifar10")
    assert shown.code == 1
    what, where = shown.err.splitlines()
    assert what == "Error: Cannot download cifar-10-binary.tar.gz of cifar10: 127.0.0.1:9: no connection."
    assert where.startswith("Put cifar-10-binary.tar.gz into the folder")
