"""Golden vectors: stored pictures with the expected results of a contract, and image files of all kinds."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from handspun import DataError
from handspun.pictures.contract import Contract

GOLDEN = Path(__file__).parent / "golden" / "contract.npz"

with np.load(GOLDEN) as archive:
    KEPT = {name: archive[name] for name in archive.files}
NAMES = sorted(name.removesuffix(".in") for name in KEPT if name.endswith(".in"))


def close(result, expected, levels=1):
    """Equal up to rounding: the last bit of a float32 matrix product differs between BLAS libraries."""
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype == np.uint8
    np.testing.assert_allclose(result.astype(int), expected.astype(int), atol=levels)


@pytest.mark.parametrize("name", NAMES)
def test_golden_pictures_become_the_golden_arrays(name):
    close(Contract()(KEPT[f"{name}.in"][None])[0], KEPT[f"{name}.out"])


@pytest.mark.parametrize("name", [name for name in NAMES if "blank" not in name and name != "all_ink"])
def test_the_golden_arrays_show_the_drawn_seven(name):
    """The golden arrays are right too: each shows the same strokes as the plain one."""
    plain = KEPT["light_on_dark.out"].astype(int)
    difference = np.abs(KEPT[f"{name}.out"] - plain).mean()
    # In smaller pictures strokes have fewer pixels and are smoother.
    assert difference < (20 if "tiny" in name else 10)
    for other in (plain[:, ::-1], plain[::-1], plain.T, np.zeros_like(plain)):
        assert np.abs(other - plain).mean() > 22


def test_pictures_without_strokes_become_empty():
    for name in ("blank", "blank_in_uneven_light", "all_ink"):
        assert not KEPT[f"{name}.out"].any()


def test_the_file_stays_small():
    assert GOLDEN.stat().st_size < 200_000
    assert all(entry.endswith(".npy") for entry in zipfile.ZipFile(GOLDEN).namelist())


# As files --------------------------------------------------------------------------------------------------------------------


def turned(image, orientation):
    """The pixels in the file of a camera that was held this way; the reader turns them back."""
    from PIL import Image

    way = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return image if way is None else image.transpose(way)


def from_array(pixels):
    """A picture of these pixels."""
    from PIL import Image

    return Image.fromarray(pixels)


def light_on_clear(dark_on_light):
    """White strokes and nothing else, invisible on white paper."""
    alpha = 255 - np.asarray(dark_on_light)
    return from_array(np.dstack([np.full((*alpha.shape, 3), 255, np.uint8), alpha]))


FORMS = {
    "grey.png": lambda image: image,
    "colour.png": lambda image: image.convert("RGB"),
    "palette.png": lambda image: image.quantize(256),
    "palette.gif": lambda image: image.quantize(256),
    "grey-alpha.png": lambda image: image.convert("LA"),
    "transparent.png": lambda image: from_array(KEPT["transparent.in"]),
    "light-transparent.png": light_on_clear,
    "transparent.webp": light_on_clear,
    "sixteen.png": lambda image: from_array(np.asarray(image).astype(np.uint16) * 257),
    "float.tiff": lambda image: from_array(np.asarray(image).astype(np.float32) / 255),
    "cmyk.tiff": lambda image: image.convert("RGB").convert("CMYK"),
    "grey.bmp": lambda image: image,
    "photo.jpg": lambda image: image,
    "bits.png": lambda image: image.point(lambda value: 255 * (value > 127)).convert("1"),
}

#: JPEG, lossy WebP and black and white change edges; for these, the mean difference counts.
LOSSY = {"photo.jpg", "bits.png", "transparent.webp"}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_any_kind_becomes_the_same_array(name, tmp_path):
    image = pytest.importorskip("PIL.Image")
    from handspun.pictures.reading import read_pixels

    FORMS[name](image.fromarray(KEPT["dark_on_light.in"])).save(tmp_path / name)
    result = Contract()(read_pixels(tmp_path / name)[None])[0]
    if name in LOSSY:
        assert np.abs(result.astype(int) - KEPT["dark_on_light.out"]).mean() < 8
    else:
        close(result, KEPT["dark_on_light.out"], levels=2)  # one from rounding in the format, one from the product


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_read_upright_by_its_exif_tag(orientation, tmp_path):
    image = pytest.importorskip("PIL.Image")
    from handspun.pictures.reading import read_pixels

    exif = image.Exif()
    exif[0x0112] = orientation
    turned(image.fromarray(KEPT["dark_on_light.in"]), orientation).save(tmp_path / "held.png", exif=exif)
    close(Contract()(read_pixels(tmp_path / "held.png")[None])[0], KEPT["dark_on_light.out"])


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 500), (5000, 1), (3000, 2000)])
def test_pictures_of_extreme_sizes_are_read(size, tmp_path):
    image = pytest.importorskip("PIL.Image")
    from handspun.pictures.reading import read_pixels

    for mode, colour in (("L", 128), ("RGB", (250, 240, 255)), ("RGBA", (0, 0, 0, 0))):
        image.new(mode, size, colour).save(tmp_path / "extreme.png")
        pixels = read_pixels(tmp_path / "extreme.png")
        assert pixels.shape[:2] == size[::-1]
        assert not Contract()(pixels[None]).any()
    large = image.fromarray(KEPT["dark_on_light.in"]).resize((3200, 2400), image.Resampling.BICUBIC)
    large.save(tmp_path / "large.png")
    result = Contract()(read_pixels(tmp_path / "large.png")[None])[0]
    assert np.abs(result.astype(int) - KEPT["dark_on_light.out"]).mean() < 4


def test_a_file_that_is_not_a_picture_is_named(tmp_path):
    pytest.importorskip("PIL")
    from handspun.pictures.reading import read_pixels

    (tmp_path / "notes.png").write_text("seven")
    with pytest.raises(DataError, match=r"notes\.png is not an image that can be read"):
        read_pixels(tmp_path / "notes.png")
