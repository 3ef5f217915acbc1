"""Folders of pictures: broken files, copies, and the notes about them."""

from __future__ import annotations

import zlib

import pytest

pytest.importorskip("PIL")


from folders import fill, noise, rows, save
from handspun.data import load_dataset
from handspun.errors import DataError
from handspun.pictures import decoding


def test_broken_files_are_named_and_left_out(root):
    pictures = fill(root, {"train/a": 4, "train/b": 4, "test/a": 2, "test/b": 2})
    whole = (root / "train/a/1.png").read_bytes()
    (root / "train/a/1.png").write_bytes(whole[:-30])
    (root / "train/b/0.png").write_bytes(b"no picture")
    (root / "train/b/3.png").write_bytes(b"")
    (root / "test/a/0.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 5\n")
    data = load_dataset(root)
    left = [f"train/{n}.png" for n in ("a/0", "a/2", "a/3", "b/1", "b/2")]
    assert rows(data.train.images) == [pictures[name].tobytes() for name in left]
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert rows(data.test.images) == [pictures[f"test/{n}.png"].tobytes() for n in ("a/1", "b/0", "b/1")]
    (note,) = data.notes
    assert note.startswith("4 files are left out: train/a/1.png is not an image that can be read (")
    assert "; train/b/0.png is not an image that can be read (its format is not known); " in note
    assert "test/a/0.png" in note
    assert "\n" not in note


def test_a_note_names_no_more_than_five(root):
    fill(root, {"train/a": 9, "train/b": 9, "test/a": 2, "test/b": 2})
    for i in range(7):
        (root / f"train/a/{i}.png").write_bytes(b"?")
    (note,) = load_dataset(root).notes
    assert note.startswith("7 files are left out: ")
    assert note.count("; train") == 4
    assert note.endswith("; ….")


def test_a_decompression_bomb_is_left_out(root, monkeypatch):
    fill(root, {"train/a": 3, "train/b": 3, "test/a": 2, "test/b": 2})
    bomb = bytearray((root / "train/a/0.png").read_bytes())
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # the width and height that the file claims
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (root / "train/a/0.png").write_bytes(bomb)
    for options in ({}, {"size": (5, 4), "mode": "rgb"}):
        (note,) = load_dataset(root, **options).notes
        assert note == "1 file is left out: train/a/0.png has more than 100,000,000 pixels, the limit."
    save(root / "train/a/0.png", noise(6, 7))
    monkeypatch.setattr(decoding, "MOST_DECODED_PIXELS", 41)
    (note,) = load_dataset(root).notes
    assert note == "1 file is left out: train/a/0.png has 7 × 6 pixels; at most 41 are read."


def test_enough_pictures_must_be_readable(root):
    fill(root, {"a": 3, "b": 3})
    for i in range(2):
        (root / "b" / f"{i}.png").write_bytes(b"?")
    with pytest.raises(DataError, match=r'the class "b" has 1 picture.* 2 files are left out: b/0\.png is not an image'):
        load_dataset(root)
    for path in root.rglob("*.png"):
        path.write_bytes(b"?")
    with pytest.raises(DataError, match=r"none of the 6 training pictures can be read: a/0\.png is not an image"):
        load_dataset(root)
    with pytest.raises(DataError, match=r'the class "a" has no pictures.* 6 files are left out: a/0\.png is not an image'):
        load_dataset(root, size=4, mode="grey")


def test_pictures_in_training_and_test_are_reported(root):
    pictures = fill(root, {"train/a": 3, "train/b": 3, "test/a": 3, "test/b": 2})
    save(root / "test/a/1.png", pictures["train/a/2.png"])
    save(root / "test/b/0.bmp", pictures["train/b/2.png"])
    (note,) = load_dataset(root).notes
    assert note == ("2 test pictures are also among the training pictures: test/a/1.png and train/a/2.png are equal.")


def test_pictures_in_two_classes_are_reported(root):
    pictures = fill(root, {"train/a": 3, "train/b": 3, "test/a": 1, "test/b": 1})
    save(root / "train/b/2.png", pictures["train/a/1.png"])
    (note,) = load_dataset(root).notes
    assert note == "1 picture is in two classes at once: train/a/1.png and train/b/2.png are equal."


def test_copies_of_one_picture_stay_on_one_side(root):
    pictures = fill(root, {"a": 20, "b": 20})
    for name, pixels in pictures.items():
        for copy in range(int(name[2:-4]) % 4):
            save(root / f"{name}-{copy}.png", pixels)
    data = load_dataset(root)
    train, test = rows(data.train.images), rows(data.test.images)
    assert len(train) + len(test) == 40 + 2 * 5 * (1 + 2 + 3)
    assert not set(train) & set(test)
    assert (len(set(train)), len(set(test))) == (32, 8)


def test_a_class_of_copies_cannot_be_split(root):
    pictures = fill(root, {"a": 5, "b": 1})
    save(root / "b/1.png", pictures["b/0.png"])
    with pytest.raises(DataError, match='the pictures of the class "b" are copies of one picture; at least 2 different'):
        load_dataset(root)
