"""``handspun predict --many``: numbers of several digits."""

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("PIL")

from PIL import Image

from handspun import load_dataset


@pytest.fixture
def number(here):
    """``number(name, *rows)``: a picture, dark on light, of rows of digits; each is one that the default model knows."""
    test = load_dataset("mnist-5k").test
    assert test.labels is not None
    first = {digit: test.images[np.flatnonzero(test.labels == digit)[0]] for digit in range(10)}

    def write(name, *rows):
        picture = np.zeros((60 * len(rows) + 20, 320), np.uint8)
        for line, row in enumerate(rows):
            for place, digit in enumerate(row):
                top, left = 20 + 60 * line, 20 + 60 * place
                picture[top : top + 28, left : left + 28] = first[int(digit)]
        Image.fromarray(255 - picture).save(here / name)
        return name

    return write


def test_the_number_and_each_digit_with_its_box(handspun, number):
    outcome = handspun("predict", "--many", number("photo.png", "2026"))
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "photo.png  2026"
    assert [line.split()[0] for line in lines[2:6]] == ["2", "0", "2", "6"]
    left, top, right, bottom = map(int, lines[2].split()[-4:])
    assert 20 <= left < right <= 48
    assert 20 <= top < bottom <= 48


def test_several_lines_and_files_as_json(handspun, number):
    said = handspun("predict", "mnist-cnn", number("a.png", "31", "415"), number("b.png", "9"), "--many", "--json").json
    assert said["model"] == "mnist-cnn"
    assert [entry["text"] for entry in said["numbers"]] == ["31\n415", "9"]
    digits = said["numbers"][0]["digits"]
    assert [digit["line"] for digit in digits] == [0, 0, 1, 1, 1]
    for digit in digits:
        assert digit["probability"] == max(digit["probabilities"].values()) > 0.5
        assert sum(digit["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    lefts = [digit["box"][0] for digit in digits]
    assert lefts == sorted(lefts[:2]) + sorted(lefts[2:])
    assert handspun("predict", "--many", "a.png").out.startswith("a.png  31 / 415\n")


def test_a_non_digit_is_reported_as_such(handspun, number):
    picture = np.asarray(Image.open(number("a.png", "31"))).copy()
    picture[10:70:6, 180:240] = picture[10:70, 180:240:6] = 0  # a lattice
    Image.fromarray(picture).save("a.png")
    digits = handspun("predict", "--many", "a.png", "--json").json["numbers"][0]["digits"]
    assert [digit["verdict"] for digit in digits] == ["known", "known", "unknown"]
    *_, last = handspun("predict", "--many", "a.png").out.splitlines()
    assert "(not a digit)" in last


def test_an_empty_sheet_has_no_digits(handspun, number):
    Image.new("L", (50, 40), 255).save("empty.png")
    assert handspun("predict", "--many", "empty.png").out == "empty.png  no digits found\n"
    assert handspun("predict", "--many", "empty.png", "--json").json["numbers"] == [
        {"image": "empty.png", "text": "", "digits": []}
    ]


def test_an_unreadable_picture_gives_one_line(handspun, here):
    outcome = handspun("predict", "--many", "--data", "mnist-5k")
    assert outcome.code == 2
    assert "--many reads the digits in image files: name them." in outcome.err
    assert handspun("predict", "--many", "missing.png").code != 0


def test_a_model_of_photos_cannot_read_numbers(handspun, number):
    from handspun import mlp, save
    from handspun.pictures.contract import PictureContract

    network = mlp(4, [3], 2)
    network.contract = PictureContract(2, 2, colour=False)
    save(network, "photos.npz")
    outcome = handspun("predict", "photos.npz", number("a.png", "1"), "--many")
    assert outcome.code == 2
    assert "--many splits a picture into strokes" in outcome.err
