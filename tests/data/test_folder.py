"""Folders of pictures: what is found, how it is decoded, how it is split, and what is said of the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from handspun.data import folder, folder_cache, folder_scan, load_dataset
from handspun.errors import DataError, MissingExtraError, UsageError
from handspun.pictures import decoding

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "pets"


def noise(*shape) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


def save(path: Path, pixels, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def fill(root: Path, counts: dict[str, int], shape=(5, 4, 3), suffix=".png") -> dict[str, np.ndarray]:
    """Write so many pictures of noise into each folder; returns their pixels by name."""
    pictures = {f"{name}/{i}{suffix}": noise(*shape) for name, count in counts.items() for i in range(count)}
    for name, pixels in pictures.items():
        save(root / name, pixels)
    return pictures


def rows(images) -> list[bytes]:
    return [image.tobytes() for image in images]


def test_train_and_test(root):
    pictures = fill(root, {"train/dog": 3, "train/cat": 4, "test/dog": 2, "test/cat": 1})
    data = load_dataset(root)
    assert data.name == "pets"
    assert data.classes == ("cat", "dog")
    assert data.train.images.dtype == np.uint8
    assert data.train.images.shape == (7, 5, 4, 3)
    expected = [pictures[f"train/cat/{i}.png"] for i in range(4)] + [pictures[f"train/dog/{i}.png"] for i in range(3)]
    assert np.array_equal(data.train.images, expected)
    assert data.train.labels.tolist() == [0] * 4 + [1] * 3
    assert np.array_equal(data.test.images, [pictures[f"test/{name}.png"] for name in ("cat/0", "dog/0", "dog/1")])
    assert data.test.labels.tolist() == [0, 1, 1]
    assert data.notes == ()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".TIFF", ".PNG", ".webp", ".ppm"])
def test_formats_without_loss_keep_every_pixel(root, suffix):
    pictures = fill(root, {"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1}, suffix=".png")
    for name, pixels in pictures.items():
        (root / name).unlink()
        save((root / name).with_suffix(suffix), pixels, **({"lossless": True} if suffix == ".webp" else {}))
    assert rows(load_dataset(root).train.images) == [pictures[f"train/{n}.png"].tobytes() for n in ("a/0", "a/1", "b/0", "b/1")]


def test_jpeg_and_gif(root):
    smooth = np.add.outer(np.arange(16) * 8, np.arange(16) * 7).astype(np.uint8)
    for name in ("a/0", "a/1", "b/0", "b/1"):
        save(root / "train" / f"{name}.jpg", np.stack([smooth, smooth.T, 255 - smooth], axis=2), quality=95, subsampling=0)
        save(root / "test" / f"{name}.gif", smooth)
    data = load_dataset(root)
    assert abs(data.train.images[0].astype(int) - np.stack([smooth, smooth.T, 255 - smooth], axis=2)).max() < 12
    assert np.array_equal(data.test.images[0], np.stack([smooth] * 3, axis=2))


def test_classes_and_files_come_in_natural_order(root):
    pictures = fill(root, {f"train/{name}": 11 for name in ("10", "9", "2 b", "2 a")})
    fill(root, {f"test/{name}": 1 for name in ("10", "9", "2 b", "2 a")})
    data = load_dataset(root)
    assert data.classes == ("2 a", "2 b", "9", "10")
    assert rows(data.train.images[:11]) == [pictures[f"train/2 a/{i}.png"].tobytes() for i in range(11)]


def test_a_split_of_its_own_is_stratified_and_always_the_same(root, cache):
    pictures = fill(root, {"a": 20, "b": 10})
    data = load_dataset(root)
    assert np.bincount(data.train.labels).tolist() == [16, 8]
    assert np.bincount(data.test.labels).tolist() == [4, 2]
    assert sorted(rows(data.train.images) + rows(data.test.images)) == sorted(rows(pictures.values()))
    by_pixels = {pixels.tobytes(): name for name, pixels in pictures.items()}
    for split in (data.train, data.test):
        names = [by_pixels[row] for row in rows(split.images)]
        assert [name[0] for name in names] == ["ab"[label] for label in split.labels]
        assert names == sorted(names, key=folder_scan.natural_order), "in the order of the folder"
    assert any("20% of the pictures of each class are the test" in note for note in data.notes)
    for path in cache.iterdir():
        path.unlink()
    again = load_dataset(root)
    assert (again.train.content_hash, again.test.content_hash) == (data.train.content_hash, data.test.content_hash)


# What pictures are brought to ----------------------------------------------------------------------------------------------


def one(root: Path, picture, name="x.png", *, options=None, **saving) -> np.ndarray:
    """The pixels that a picture is read as."""
    for label in "ab":
        for copy in range(2):
            save(root / "train" / label / f"{copy}{name}", picture, **saving)
        save(root / "test" / label / name, picture, **saving)
    data = load_dataset(root, **(options or {}))
    assert len({*rows(data.train.images), *rows(data.test.images)}) == 1
    return data.train.images[0]


GREY, COLOUR = noise(5, 4), noise(5, 4, 3)
ALPHA = noise(5, 4)
ON_WHITE = 255 + (GREY.astype(float) - 255) * ALPHA / 255
FORMS = {
    "grey": (Image.fromarray(GREY), GREY),
    "grey stored as colour": (Image.fromarray(np.stack([GREY] * 3, axis=2)), GREY),
    "grey palette": (Image.fromarray(GREY).convert("P"), GREY),
    "16 bits": (Image.fromarray(GREY.astype(np.uint16) * 257), GREY),
    "black and white": (Image.fromarray(GREY > 127), np.where(GREY > 127, 255, 0)),
    "grey with alpha": (Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA))), ON_WHITE),
    "colour": (Image.fromarray(COLOUR), COLOUR),
    "colour with alpha": (Image.fromarray(np.dstack([COLOUR, ALPHA])), 255 + (COLOUR - 255.0) * ALPHA[..., None] / 255),
    "palette": (Image.fromarray(COLOUR).quantize(256), COLOUR),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_brought_to_bytes(form, root):
    picture, expected = FORMS[form]
    read = one(root, picture)
    assert read.shape == expected.shape
    assert np.abs(read - expected).max() <= (8 if form == "palette" else 1)


def test_cmyk(root):
    read = one(root, Image.fromarray(COLOUR).convert("CMYK"), "x.tif")
    assert np.abs(read.astype(int) - COLOUR).max() <= 1


def test_a_palette_with_a_transparent_colour_lies_on_white(root):
    picture = Image.new("P", (4, 5), 1)
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.putpixel((2, 3), 0)
    read = one(root, picture, transparency=0)
    assert read[3, 2].tolist() == [255, 255, 255]
    assert read[0, 0].tolist() == [0, 0, 200]


def test_modes_on_demand(root):
    assert np.array_equal(one(root, GREY, options={"mode": "rgb"}), np.stack([GREY] * 3, axis=2))
    weighted = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(one(root, COLOUR, options={"mode": "grey"}) - weighted).max() <= 1


def test_one_coloured_picture_makes_all_coloured(root):
    fill(root, {"train/a": 2, "train/b": 2}, (5, 4))
    fill(root, {"test/a": 1, "test/b": 1}, (5, 4, 3))
    data = load_dataset(root)
    assert data.image_shape == (5, 4, 3)
    assert (data.train.images[..., 0] == data.train.images[..., 2]).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_photographs_are_turned_upright(root, orientation, suffix):
    pixels = np.zeros((8, 24), np.uint8)
    pixels[:, :8] = 255  # light at the left
    turned = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = one(root, picture.transpose(turned[orientation]) if orientation > 1 else picture, f"x.{suffix}", exif=exif)
    assert read.shape == (8, 24), "the size is that of the upright picture"
    assert np.abs(read.astype(int) - pixels).max() < 10


def test_broken_metadata_are_no_reason_to_leave_a_picture_out(root):
    assert (
        np.abs(one(root, np.full((8, 8), 90, np.uint8), "x.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff").astype(int) - 90).max()
        < 3
    )


def test_the_most_common_size_of_the_training_pictures_is_taken(root):
    fill(root, {"train/a": 3}, (5, 4))
    fill(root, {"train/b": 2, "test/a": 9, "test/b": 9}, (7, 7))
    assert load_dataset(root).image_shape == (5, 4)
    assert load_dataset(root, size=3).image_shape == (3, 3)
    assert load_dataset(root, size=(2, 6)).image_shape == (2, 6)


def test_of_several_common_sizes_the_smallest(root):
    fill(root, {"a": 2}, (6, 6))
    fill(root, {"b": 2}, (5, 4))
    assert load_dataset(root).image_shape == (5, 4)


def test_fit(root):
    wide = np.full((10, 40), 40, np.uint8)
    wide[:, 15:25] = 200
    padded = one(root, wide, options={"size": 20, "fit": "pad"})
    assert (padded[:7] == 40).all(), "filled with the colour of the border"
    assert (padded[13:] == 40).all()
    assert abs(int(padded[10, 10]) - 200) < 5
    assert (padded[8:12, :5] == 40).all(), "both sides are scaled alike: 40 x 10 becomes 20 x 5"
    resized = one(root, wide, options={"size": 20, "fit": "resize"})
    assert (abs(resized[:, 10].astype(int) - 200) < 5).all()
    assert one(root, np.full((1, 300), 7, np.uint8), options={"size": 4, "fit": "pad"}).tolist() == [[7] * 4] * 4


def test_a_photograph_much_larger_than_needed_is_decoded_small(root, monkeypatch):
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    pixels = np.stack([np.tile(ramp, (300, 1)), np.tile(ramp[::-1], (300, 1)), np.full((300, 400), 60, np.uint8)], axis=2)
    sizes, decode = [], decoding.decode_picture
    monkeypatch.setattr(folder, "decode_picture", lambda *a, **k: (sizes.append(decode(*a, **k)), sizes[-1])[1])
    small = one(root, pixels, "x.jpg", options={"size": (15, 20)}, quality=95)
    assert {picture.size for picture in sizes} == {(100, 75)}, "a quarter, which is more than twice what is needed"
    exact = Image.fromarray(pixels).resize((20, 15), Image.Resampling.LANCZOS)
    assert np.abs(small.astype(int) - np.asarray(exact)).max() <= 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, r"size must be .* got 0"),
        ({"size": (3, 4, 5)}, "size must be"),
        ({"size": (3, 4.5)}, "size must be"),
        ({"size": True}, "size must be"),
        ({"size": 20_000}, "size must be"),
        ({"fit": "crop"}, 'fit must be "resize" or "pad", not "crop"'),
        ({"mode": "gray"}, 'mode must be "grey", "rgb" or "strokes", not "gray"'),
    ],
)
def test_options_that_cannot_be_meant(root, options, message):
    fill(root, {"a": 2, "b": 2})
    with pytest.raises(UsageError, match=message):
        load_dataset(root, **options)


@pytest.mark.parametrize("options", [{"size": 28}, {"fit": "pad"}, {"mode": "grey"}])
def test_options_are_for_folders_of_pictures_only(tmp_path, options):
    np.savez(tmp_path / "a.npz", x=noise(4, 3, 3), y=np.arange(4))
    for name in ("mnist-5k", "mnist", tmp_path / "a.npz"):
        with pytest.raises(UsageError, match=r"size, fit and mode are for folders of pictures; .* is not one"):
            load_dataset(name, **options)


# What is left out, and what is said of it -----------------------------------------------------------------------------------


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


def test_a_decompression_bomb_is_left_out_with_the_reason(root, monkeypatch):
    fill(root, {"train/a": 3, "train/b": 3, "test/a": 2, "test/b": 2})
    bomb = bytearray((root / "train/a/0.png").read_bytes())
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # the width and height that the file claims
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (root / "train/a/0.png").write_bytes(bomb)
    for options in ({}, {"size": (5, 4), "mode": "rgb"}):
        (note,) = load_dataset(root, **options).notes
        assert note == "1 file is left out: train/a/0.png has more pixels than the 100,000,000 that are read at most."
    save(root / "train/a/0.png", noise(6, 7))
    monkeypatch.setattr(decoding, "MOST_DECODED_PIXELS", 41)
    (note,) = load_dataset(root).notes
    assert note == "1 file is left out: train/a/0.png has 7 × 6 pixels; at most 41 are read."


def test_other_files_and_hidden_ones_are_passed_over(root):
    fill(root, {"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1, "train/.thumbnails": 2, ".git": 2})
    for name in ("train/a/notes.txt", "train/a/._0.png", "train/b/Thumbs.db", "train/.DS_Store", "readme.png.md"):
        (root / name).write_bytes(b"?")
    (root / "train" / "empty").mkdir()
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert (len(data.train), data.notes) == (4, ())


def test_folders_within_a_class_belong_to_it(root):
    fill(root, {"a/2020": 2, "a/2021/may": 3, "b": 5})
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.test) == 10


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_circles_of_links_are_harmless(root):
    fill(root, {"a": 5, "b": 5})
    (root / "a" / "up").symlink_to(root, target_is_directory=True)
    (root / "itself").symlink_to(root, target_is_directory=True)
    (root / "above").symlink_to(root.parent, target_is_directory=True)
    (root / "circle").symlink_to(root / "circle")
    (root / "a" / "circle.png").symlink_to(root / "a" / "circle.png")
    (root / "a" / "nowhere.png").symlink_to(root / "nothing.png")
    os.mkfifo(root / "a" / "pipe.png")
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.test) == 10
    linked = root.with_name("linked")
    linked.mkdir()
    for name in "ab":
        (linked / name).symlink_to(root / name, target_is_directory=True)
    assert len(load_dataset(linked).train) == 8, "a class may be a link"
    for path in (root / "circle", root / "circle" / "a"):
        with pytest.raises(DataError, match="circle"):
            folder_cache.folder_key(path, "", ())


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"a": 5}, 'has only one class, "a"'),
        ({"train/a": 5, "test/a": 5}, 'has only one class, "a"'),
        ({"a": 5, "b": 1}, 'the class "b" has 1 picture to learn from; at least 2 are needed'),
        ({"train/a": 5, "train/b": 1, "test/a": 2, "test/b": 2}, 'the class "b" has 1 picture'),
        ({"train/a": 5, "train/b": 5, "test/a": 2, "test/c": 2}, 'test has pictures of "c", but .*train has no such class'),
        ({".": 5}, "holds pictures, but no classes: put the pictures of each class into their own folder"),
        ({"train": 5, "test": 5}, "train holds pictures, but no classes"),
        ({}, "holds no dataset: expected a folder of pictures for each class, train-images"),
        ({"train/.hidden": 3}, "holds no dataset"),
    ],
)
def test_folders_that_make_no_dataset(root, counts, message):
    root.mkdir()
    fill(root, counts)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(root)
    assert str(root) in str(caught.value)


def test_what_is_left_when_files_are_broken_must_still_be_enough(root):
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


def test_folders_beside_train_and_test(root):
    fill(root, {"train/a": 2, "train/b": 2, "val/a": 2, "other/c": 2})
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert len(data.test) == 2
    assert data.notes == ("There are no test pictures of b.",)
    fill(root, {"test/a": 1, "test/b": 1})
    data = load_dataset(root)
    assert data.notes == ('The folder "val" is not used; "test" is the test.',)
    assert data.test.labels.tolist() == [0, 1]


@pytest.mark.parametrize("backwards", [False, True])
def test_folders_that_differ_by_capitals_alone(root, monkeypatch, backwards):
    fill(root, {"train/a": 3, "train/b": 3, "test/a": 1, "test/b": 1})
    listed = folder_scan._entries
    monkeypatch.setattr(
        folder_scan, "_entries", lambda path: sorted(listed(path), key=lambda entry: entry.name, reverse=backwards)
    )
    load_dataset(root)  # what is cached knows nothing of the folders that come now
    fill(root, {"Train/a": 5, "Train/b": 5, "TEST/a": 2, "TEST/b": 2, "Val/a": 2})
    if len(list(root.iterdir())) == 3:
        pytest.skip("to this file system both names are one")
    data = load_dataset(root)
    assert (len(data.train), len(data.test)) == (6, 2)
    assert data.notes == (
        'The folder "Train" is not used; "train" is the training.',
        'The folder "TEST" is not used; "test" is the test.',
        'The folder "Val" is not used; "test" is the test.',
    )
    (root / "train").rename(root / "TRAIN")
    assert load_dataset(root).notes[0] == 'The folder "Train" is not used; "TRAIN" is the training.'


def test_a_test_without_classes_is_no_test(root):
    fill(root, {"train/a": 5, "train/b": 5, "test": 3})
    data = load_dataset(root)
    assert data.notes[0] == 'The folder "test" holds no folders of classes and is left out.'
    assert (len(data.train), len(data.test)) == (8, 2)


def test_a_class_may_be_called_train(root):
    fill(root, {"car": 5, "train": 5})
    assert load_dataset(root).classes == ("car", "train")


def test_pictures_that_are_in_training_and_test_are_reported(root):
    pictures = fill(root, {"train/a": 3, "train/b": 3, "test/a": 3, "test/b": 2})
    save(root / "test/a/1.png", pictures["train/a/2.png"])
    save(root / "test/b/0.bmp", pictures["train/b/2.png"])
    (note,) = load_dataset(root).notes
    assert note == ("2 test pictures are also among the training pictures: test/a/1.png and train/a/2.png are equal.")


def test_pictures_that_are_in_two_classes_are_reported(root):
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


def test_arrays_beyond_all_memory_are_refused(root, monkeypatch):
    fill(root, {"a": 3, "b": 3})
    monkeypatch.setattr(folder, "LIMIT_BYTES", 100)
    with pytest.raises(DataError, match=r"6 pictures of 5 × 4 pixels, the most common size, take 0\.0 GB; give a smaller size"):
        load_dataset(root)
    assert load_dataset(root, size=(5, 4)).image_shape == (5, 4, 3), "a size that was asked for is taken"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may read everything")
def test_a_folder_that_may_not_be_read_is_named(root):
    fill(root, {"a": 2, "b": 2})
    (root / "a").chmod(0)
    try:
        with pytest.raises(DataError, match=r"Cannot read .*a: Permission denied"):
            load_dataset(root)
    finally:
        (root / "a").chmod(0o700)


def test_names_that_are_no_text(root):
    if sys.platform != "linux":
        pytest.skip("file names are text there")
    fill(root, {"a": 5})
    odd = os.fsdecode(b"caf\xe9")
    fill(root, {odd: 5})
    assert load_dataset(root).classes == ("a", "caf\\xe9")


def test_a_class_whose_name_is_written_in_two_ways_is_one(root):
    composed, decomposed = "caf\u00e9", "cafe\u0301"  # as Linux and Windows write it, and as macOS does
    fill(root, {f"train/{decomposed}": 3, "train/tea": 3, f"test/{composed}": 2, "test/tea": 1})
    data = load_dataset(root)
    assert data.classes == (composed, "tea")
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 0, 0, 1, 1, 1], [0, 0, 1])
    assert data.notes == ()
    fill(root, {f"train/{composed}": 4})
    if len(list((root / "train").iterdir())) == 3:  # else both names are one to this file system, too
        data = load_dataset(root)
        assert data.classes == (composed, "tea")
        assert data.train.labels.tolist() == [0] * 7 + [1] * 3


def test_without_pillow(root, monkeypatch):
    fill(root, {"a": 5, "b": 5})
    expected = load_dataset(root)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert load_dataset(root).train.content_hash == expected.train.content_hash, "what is cached needs no decoder"
    with pytest.raises(MissingExtraError, match=r'Reading pictures needs the extra "cli"'):
        load_dataset(root, size=3)


def test_memory_is_that_of_the_result(root):
    fill(root, {"a": 40, "b": 40}, (64, 64, 3))
    # In a process of its own: threads that tests before have left would be counted as well.
    script = (
        "import sys, tracemalloc\nfrom handspun.data import folder, load_dataset\n"
        "folder.keep = lambda key, arrays: None\n"  # NumPy writes arrays in pieces of 16 MiB
        "load_dataset(sys.argv[1], size=3)\n"  # what is imported on first use
        "tracemalloc.start()\ndata = load_dataset(sys.argv[1])\n"
        "print(tracemalloc.get_traced_memory()[1], data.train.images.nbytes + data.test.images.nbytes)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    peak, size = map(int, done.stdout.split())
    assert size == 80 * 64 * 64 * 3
    assert peak < size + 400_000


def test_progress_is_told(root):
    fill(root, {"train/a": 50, "train/b": 50, "test/a": 1, "test/b": 1})
    told = []
    load_dataset(root, progress=lambda *report: told.append(report))
    assert told == [("pets: sizes", 64, 102), ("pets: sizes", 102, 102), ("pets", 64, 102), ("pets", 102, 102)]


def test_any_number_of_threads_gives_the_same(root, monkeypatch):
    fill(root, {"a": 150, "b": 150})
    (root / "a" / "7.png").write_bytes(b"?")
    results = []
    for number in (1, 2, 5):
        monkeypatch.setattr(folder, "processors", lambda number=number: number)
        monkeypatch.setattr(folder_cache, "_VERSION", f"with {number}")  # nothing is found in the cache
        results.append(load_dataset(root))
    equal(results[1], results[0])
    equal(results[2], results[0])


# The cache --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch):
    """The pictures that were decoded since the list was last cleared."""
    names, decode = [], decoding.decode_picture
    monkeypatch.setattr(folder, "decode_picture", lambda path, **k: (names.append(path), decode(path, **k))[1])
    return names


def equal(one, other):
    assert one.train.content_hash == other.train.content_hash
    assert one.test.content_hash == other.test.content_hash
    assert (one.name, one.classes, one.notes, one.source) == (other.name, other.classes, other.notes, other.source)


def test_what_was_decoded_is_not_decoded_again(root, cache, decoded):
    fill(root, {"a": 5, "b": 5})
    (root / "a" / "4.png").write_bytes(b"?")
    first = load_dataset(root)
    assert len(decoded) == 10
    decoded.clear()
    equal(load_dataset(root), first)
    assert decoded == []
    assert len(list(cache.iterdir())) == 1


def test_what_the_arrays_depend_on_makes_another_key(root, cache, decoded):
    fill(root, {"a": 5, "b": 5})
    load_dataset(root)
    changes = [
        lambda: load_dataset(root, size=3),
        lambda: load_dataset(root, fit="pad"),
        lambda: load_dataset(root, mode="grey"),
        lambda: (save(root / "a/0.png", noise(5, 4, 3)), load_dataset(root)),
        lambda: ((root / "a/0.png").rename(root / "a/x.png"), load_dataset(root)),
        lambda: (os.utime(root / "b/0.png", ns=(1, 1)), load_dataset(root)),
        lambda: ((root / "a/1.png").unlink(), load_dataset(root)),
        lambda: (root.rename(root.with_name("other")), load_dataset(root.with_name("other"))),
    ]
    for number, change in enumerate(changes):
        decoded.clear()
        change()
        assert decoded, f"change {number}"


def test_a_cache_that_cannot_be_written_is_no_error(root, monkeypatch, tmp_path):
    fill(root, {"a": 5, "b": 5})
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path / "file"))
    assert len(load_dataset(root).train) == 8


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:500] + b"\xff" * 40 + b[540:]])
def test_a_damaged_cache_is_made_again(root, cache, decoded, spoil):
    fill(root, {"a": 5, "b": 5})
    first = load_dataset(root)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    decoded.clear()
    equal(load_dataset(root), first)
    assert len(decoded) == 10
    assert path.read_bytes() == whole


def test_a_cache_of_something_else_is_made_again(root, cache):
    fill(root, {"a": 5, "b": 5})
    first = load_dataset(root)
    (path,) = cache.iterdir()
    np.savez(path, x_train=np.zeros((2, 2)))
    equal(load_dataset(root), first)


def test_the_cache_keeps_what_was_used_last(root, cache, decoded):
    fill(root, {"a": 5, "b": 5})
    for size in range(1, folder_cache.MOST_KEPT + 1):
        load_dataset(root, size=size)
    for number, path in enumerate(sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, ns=(number, number))
    load_dataset(root, size=1)
    load_dataset(root, size=50)
    assert len(list(cache.iterdir())) == folder_cache.MOST_KEPT
    decoded.clear()
    load_dataset(root, size=1)
    assert decoded == []
    load_dataset(root, size=2)
    assert decoded, "it was the one not used for longest"
