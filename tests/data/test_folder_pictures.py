"""Folders of pictures: file formats, colours, orientation and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from folders import fill, noise, rows, save
from handspun.data import folder, load_dataset
from handspun.errors import UsageError
from handspun.pictures import decoding


def one(root: Path, picture, name="x.png", *, options=None, **saving) -> np.ndarray:
    """The pixels of a picture as they are read."""
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
def test_every_pixel_format_becomes_bytes(form, root):
    picture, expected = FORMS[form]
    read = one(root, picture)
    assert read.shape == expected.shape
    assert np.abs(read - expected).max() <= (8 if form == "palette" else 1)


def test_cmyk_pictures_are_read(root):
    read = one(root, Image.fromarray(COLOUR).convert("CMYK"), "x.tif")
    assert np.abs(read.astype(int) - COLOUR).max() <= 1


def test_a_palette_with_a_transparent_colour_is_put_on_white(root):
    picture = Image.new("P", (4, 5), 1)
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.putpixel((2, 3), 0)
    read = one(root, picture, transparency=0)
    assert read[3, 2].tolist() == [255, 255, 255]
    assert read[0, 0].tolist() == [0, 0, 200]


def test_the_mode_can_be_chosen(root):
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
    pixels[:, :8] = 255  # white on the left
    turned = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = one(root, picture.transpose(turned[orientation]) if orientation > 1 else picture, f"x.{suffix}", exif=exif)
    assert read.shape == (8, 24), "the size is that of the upright picture"
    assert np.abs(read.astype(int) - pixels).max() < 10


def test_a_picture_with_broken_metadata_is_read(root):
    assert (
        np.abs(one(root, np.full((8, 8), 90, np.uint8), "x.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff").astype(int) - 90).max()
        < 3
    )


def test_the_most_common_size_is_used(root):
    fill(root, {"train/a": 3}, (5, 4))
    fill(root, {"train/b": 2, "test/a": 9, "test/b": 9}, (7, 7))
    assert load_dataset(root).image_shape == (5, 4)
    assert load_dataset(root, size=3).image_shape == (3, 3)
    assert load_dataset(root, size=(2, 6)).image_shape == (2, 6)


def test_of_several_common_sizes_the_smallest_is_used(root):
    fill(root, {"a": 2}, (6, 6))
    fill(root, {"b": 2}, (5, 4))
    assert load_dataset(root).image_shape == (5, 4)


def test_pictures_are_padded_or_resized(root):
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


def test_a_large_photograph_is_decoded_at_reduced_size(root, monkeypatch):
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
def test_invalid_options_are_refused(root, options, message):
    fill(root, {"a": 2, "b": 2})
    with pytest.raises(UsageError, match=message):
        load_dataset(root, **options)


@pytest.mark.parametrize("options", [{"size": 28}, {"fit": "pad"}, {"mode": "grey"}])
def test_options_are_for_folders_of_pictures_only(tmp_path, options):
    np.savez(tmp_path / "a.npz", x=noise(4, 3, 3), y=np.arange(4))
    for name in ("mnist-5k", "mnist", tmp_path / "a.npz"):
        with pytest.raises(UsageError, match=r"size, fit and mode are for folders of pictures; .* is not one"):
            load_dataset(name, **options)
