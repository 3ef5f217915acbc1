"""From image files to pixels, whatever the polarity, size, transparency, depth and rotation."""

import contextlib
import io
import json
import sys

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from handspun import DataError, UsageError, fit, load_dataset, mlp
from handspun.pictures import decoding
from handspun.pictures.decoding import on_paper
from handspun.pictures.reading import decode_pixels, read_picture


@pytest.fixture(scope="module")
def network():
    """A network that knows the digits."""
    train = load_dataset("mnist-5k").train
    made = mlp(784, [64], 10)
    fit(made, (train.images, train.labels), epochs=4)
    return made


@pytest.fixture(scope="module")
def known(network):
    """For each class, in order, one test digit that the network is sure of: images (10, 28, 28)."""
    test = load_dataset("mnist-5k").test
    probabilities = network.predict_proba(test.images)
    best = [np.where(test.labels == digit, probabilities[:, digit], 0).argmax() for digit in range(10)]
    assert probabilities[best, range(10)].min() > 0.99
    return test.images[best]


def grey(image):
    return Image.fromarray(255 - image)


def on_transparent(image):
    """Black ink, and nothing else."""
    rgba = np.zeros((28, 28, 4), np.uint8)
    rgba[..., 3] = image
    return Image.fromarray(rgba)


def light_on_transparent(image):
    return Image.merge("LA", (Image.new("L", (28, 28), 255), Image.fromarray(image)))


def sixteen_bits(image):
    return Image.fromarray((255 - image).astype(np.uint16) * 257)


def in_colours(image):
    """Dark blue ink on yellowish paper."""
    share = image[..., None] / 255.0
    return Image.fromarray(np.uint8(share * [10, 20, 90] + (1 - share) * [250, 245, 220]))


FORMS = {
    "dark on light": grey,
    "light on dark": Image.fromarray,
    "large, dark on light": lambda image: grey(image).resize((280, 280), Image.Resampling.NEAREST),
    "large and smooth, light on dark": lambda image: Image.fromarray(image).resize((280, 280), Image.Resampling.BICUBIC),
    "transparent": on_transparent,
    "transparent, light strokes": light_on_transparent,
    "16 bits": sixteen_bits,
    "palette": lambda image: grey(image).quantize(16),
    "grey with alpha": lambda image: grey(image).convert("LA"),
    "colours": in_colours,
    "CMYK": lambda image: grey(image).convert("RGB").convert("CMYK"),
    "black and white": lambda image: grey(image).point(lambda value: 255 * (value > 127)).convert("1"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_file_format_of_a_digit_is_recognized(form, network, known, tmp_path):
    images = []
    for digit, image in enumerate(known):
        made = FORMS[form](image)
        path = tmp_path / f"{digit}.{'tiff' if made.mode == 'CMYK' else 'png'}"
        made.save(path)
        images.append(read_picture(path, (28, 28)))
    assert all(image.shape == (28, 28) and image.dtype == np.uint8 for image in images)
    assert network.predict(np.stack(images)).tolist() == list(range(10))


@pytest.mark.parametrize("form", ["dark on light", "light on dark", "transparent", "transparent, light strokes", "16 bits"])
def test_a_picture_of_the_right_size_keeps_every_pixel(form, known, tmp_path):
    FORMS[form](known[3]).save(tmp_path / "3.png")
    difference = read_picture(tmp_path / "3.png", (28, 28)).astype(int) - known[3]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright_by_its_exif_tag(orientation, known, tmp_path):
    transpose = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # as stored; the reader turns it back by 270 degrees
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    picture = grey(known[4])
    if orientation in transpose:
        picture = picture.transpose(transpose[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "4.jpg", quality=100, exif=exif)
    difference = read_picture(tmp_path / "4.jpg", (28, 28)).astype(int) - known[4]
    assert np.abs(difference).max() <= 8, "no more than JPEG changes"


def test_a_picture_keeps_its_proportions_and_is_centred(tmp_path):
    pixels = np.zeros((50, 100), np.uint8)
    pixels[15:35, 40:60] = 255  # a square of light, in the middle
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    read = read_picture(tmp_path / "wide.png", (20, 20)).astype(int)  # a fifth: 10 of 20 rows, the square 4 by 4
    assert (read[8:12, 8:12] > 150).all()
    read[7:13, 7:13] = 0
    assert read.max() <= 30
    np.testing.assert_array_equal(read, read[:, ::-1])
    np.testing.assert_array_equal(read, read[::-1])


def test_a_flat_input_of_784_values_is_28_by_28(known, tmp_path):
    grey(known[0]).save(tmp_path / "0.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "0.png", (784,)), read_picture(tmp_path / "0.png", (28, 28)))
    assert read_picture(tmp_path / "0.png", (9, 14)).shape == (9, 14)


@pytest.mark.parametrize("value", [0, 255])
def test_an_empty_sheet_has_one_shade(value, tmp_path):
    Image.new("L", (40, 30), value).save(tmp_path / "empty.png")
    assert read_picture(tmp_path / "empty.png", (28, 28)).max() == 0


def test_a_picture_of_one_pixel_can_be_read(tmp_path):
    Image.new("L", (1, 1), 200).save(tmp_path / "dot.png")
    assert read_picture(tmp_path / "dot.png", (28, 28)).shape == (28, 28)


@pytest.mark.parametrize("shape", [(28, 28, 3), (783,), (1, 2, 3, 4)])
def test_a_network_without_grey_inputs_is_refused(shape, tmp_path):
    with pytest.raises(UsageError, match="which are not grey images"):
        read_picture(tmp_path / "any.png", shape)


def png(image):
    stream = io.BytesIO()
    grey(image).resize((90, 90)).save(stream, "png")
    return stream.getvalue()


def jpeg(image):
    stream = io.BytesIO()
    grey(image).resize((90, 90)).save(stream, "jpeg")
    return stream.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: b"",
        lambda image: b"no picture at all",
        lambda image: png(image)[:200],
        lambda image: png(image)[:60] + bytes([png(image)[60] ^ 0xFF]) + png(image)[61:],
        lambda image: png(image)[:-80],
        lambda image: png(image)[:8],
        lambda image: jpeg(image)[:300],
        lambda image: jpeg(image)[:20],
        lambda image: b"\x00\x00\x01\x00" + bytes(40),
        lambda image: b"GIF89a" + bytes(3),
        lambda image: b"BM" + bytes(30),
    ],
)
def test_a_broken_picture_is_named_in_one_error(spoil, known, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(spoil(known[2]))
    with pytest.raises(DataError, match=r"broken\.png is not an image that can be read \(") as caught:
        read_picture(path, (28, 28))
    assert "\n" not in str(caught.value)


def test_a_picture_cut_anywhere_is_read_or_refused(known, tmp_path):
    path = tmp_path / "cut.png"
    for content in (png(known[2]), jpeg(known[2])):
        for size in range(0, len(content), 37):
            path.write_bytes(content[:size])
            with contextlib.suppress(DataError):
                assert read_picture(path, (28, 28)).shape == (28, 28)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"No such file: .*nothing\.png"):
        read_picture(tmp_path / "nothing.png", (28, 28))
    with pytest.raises(DataError, match="folder"):
        read_picture(tmp_path, (28, 28))


def test_a_huge_picture_is_refused_before_decoding(known, tmp_path, monkeypatch):
    grey(known[1]).save(tmp_path / "large.png")
    monkeypatch.setattr(decoding, "MOST_DECODED_PIXELS", 783)
    with pytest.raises(DataError, match=r"large\.png has 28 × 28 pixels; at most 783 are read"):
        read_picture(tmp_path / "large.png", (28, 28))
    monkeypatch.undo()
    bomb = bytearray(png(known[1]))
    bomb[16:24] = (60_000).to_bytes(4) * 2  # the width and height that the file claims
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(DataError, match=r"bomb\.png"):
        read_picture(tmp_path / "bomb.png", (28, 28))


def test_the_command_reads_pictures(known, network, tmp_path, capsys, monkeypatch):
    pytest.importorskip("typer")
    from handspun import save
    from handspun.cli import main

    save(network, tmp_path / "model.npz")
    paths = [tmp_path / f"{digit} ünï.png" for digit in range(10)]
    for path, image in zip(paths, known, strict=True):
        grey(image).save(path)
    monkeypatch.setattr(sys, "argv", ["handspun", "predict", *map(str, [tmp_path / "model.npz", *paths]), "--json"])
    with contextlib.suppress(SystemExit):
        main()
    answers = json.loads(capsys.readouterr().out)["predictions"]
    assert [answer["class"] for answer in answers] == list("0123456789")
    assert [answer["image"] for answer in answers] == list(map(str, paths))


@pytest.mark.parametrize("colour", ["white", "black"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_paper_is_composited_like_pillow(colour, mode):
    value, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    picture = Image.merge("LA", (Image.fromarray(value), Image.fromarray(alpha))).convert(mode)
    expected = Image.alpha_composite(Image.new("RGBA", picture.size, colour), picture.convert("RGBA")).convert("RGB")
    np.testing.assert_array_equal(np.asarray(on_paper(picture, colour)), np.asarray(expected))


def test_all_pixels_of_16_bits_have_one_scale():
    values = np.random.default_rng(0).normal(0, 1, (300, 301)).astype(np.float32)  # more than one chunk
    values[0, :3] = np.nan, 7, -1
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF")
    expected = np.clip(np.rint(np.nan_to_num(values) * (255 / 7)), 0, 255)
    np.testing.assert_array_equal(decode_pixels(stream), expected)
