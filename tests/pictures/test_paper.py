"""Paper as cameras and scanners see it: uneven light and lines are found and removed, and nothing else is changed."""

import numpy as np
import pytest

from handspun import load_dataset, load_pretrained
from handspun.evaluation.messy import MESSY
from handspun.pictures.contract import Contract
from handspun.pictures.grey import to_grey
from handspun.pictures.normalize import normalize_polarity_and_contrast
from handspun.pictures.paper import closing, even_out, is_uneven
from photos import jpeg, light, photo, sheet_with_digit


@pytest.fixture(scope="module")
def split():
    return load_dataset("mnist-5k").test


def brute_closing(picture, size):
    """By definition: the maximum over each window that touches the picture, then the minimum over the windows of a pixel."""
    height, width = picture.shape
    brightest = {}
    for top in range(1 - size, height):
        for left in range(1 - size, width):
            brightest[top, left] = picture[max(top, 0) : top + size, max(left, 0) : left + size].max()
    result = np.empty_like(picture)
    for row in range(height):
        for column in range(width):
            windows = [(row - i, column - j) for i in range(size) for j in range(size)]
            result[row, column] = min(brightest[window] for window in windows)
    return result


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_closing_equals_its_definition(size):
    picture = np.random.default_rng(size).integers(0, 256, (9, 13)).astype(np.uint8)
    np.testing.assert_array_equal(closing(picture, size), brute_closing(picture, size))


def test_closing_fills_narrow_things_and_keeps_wide_ones():
    picture = np.full((40, 60), 200, np.uint8)
    picture[5:35, 10:14] = 30  # a stroke
    picture[:, 30:] = 90  # a shadow
    picture[10:14, 40:50] = 20
    expected = np.full((40, 60), 200, np.uint8)
    expected[:, 30:] = 90
    np.testing.assert_array_equal(closing(picture, 8), expected)


def stroke_in(light_, ink=0.2, ground=0.9):
    """A sheet (H, W) in uneven light with a frame of ink on it, and where the ink is."""
    ink_here = np.zeros(light_.shape, bool)
    ink_here[60:140, 80:90] = ink_here[60:140, 130:140] = ink_here[60:70, 80:140] = ink_here[130:140, 80:140] = True
    return np.rint(255 * light_ * np.where(ink_here, ink, ground)).astype(np.uint8), ink_here


def fading(height=200, width=300, least=0.35):
    return np.broadcast_to(np.linspace(1, least, width), (height, width))


def half_shadow(height=200, width=300):
    sheet = np.ones((height, width))
    sheet[:, 105:] = 0.5  # through the frame
    return sheet


@pytest.mark.parametrize(("ink", "ground"), [(0.2, 0.9), (0.9, 0.2)], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("sheet", [fading(), fading().T[:200, :200], half_shadow()], ids=["across", "down", "shadow"])
def test_strokes_are_equal_in_light_and_shadow(sheet, ink, ground):
    picture, ink_here = stroke_in(sheet, ink, ground)
    assert is_uneven(picture[None]).all()
    result = even_out(picture)
    # Smoothing over 3 x 3 pixels removes at most one pixel from the edges of a stroke.
    inner = ink_here & np.roll(ink_here, 1, 0) & np.roll(ink_here, -1, 0) & np.roll(ink_here, 1, 1) & np.roll(ink_here, -1, 1)
    assert result[inner].min() >= 240
    near = ink_here | np.roll(ink_here, 1, 0) | np.roll(ink_here, -1, 0) | np.roll(ink_here, 1, 1) | np.roll(ink_here, -1, 1)
    assert result[~near].max() == 0


def test_an_empty_sheet_in_uneven_light_is_empty():
    rng = np.random.default_rng(0)
    for depth, grain in ((0.4, 2.0), (0.4, 4.0), (0.8, 1.0), (0.8, 4.0)):
        picture = to_grey(photo(np.zeros((240, 320)), rng, depth=depth, grain=grain)[None])
        assert is_uneven(picture).all()
        assert not Contract()(picture).any()


def test_drawings_and_messy_digits_are_in_even_light(split):
    assert not is_uneven(split.images).any()
    for version in MESSY.values():
        assert not is_uneven(version(split.images[:300])).any()
        large = version(split.images[:300].repeat(4, axis=1).repeat(4, axis=2))
        assert is_uneven(large).mean() == 0


@pytest.mark.parametrize("inverted", [False, True])
def test_strokes_along_the_border_are_not_a_shadow(inverted):
    picture = np.zeros((280, 280), np.uint8)
    picture[-30:, 20:260] = picture[100:, 20:50] = 255
    picture = 255 - picture if inverted else picture
    assert not is_uneven(picture[None]).any()
    result = Contract().stages(picture)
    assert (result.rows, result.columns) == ((100, 280), (20, 260))


def test_drawings_have_one_background_shade(split):
    """Drawings of 280 x 280, sharp and smooth, with full and half contrast, are never treated as photos."""
    rng = np.random.default_rng(3)
    for digit in split.images[:40]:
        factor = int(rng.integers(1, 8))
        drawn = np.zeros((280, 280), np.uint8)
        row, column = rng.integers(0, 281 - 28 * factor, 2)
        drawn[row : row + 28 * factor, column : column + 28 * factor] = digit.repeat(factor, axis=0).repeat(factor, axis=1)
        for picture in (drawn, 255 - drawn, 255 - drawn // 2, 90 + drawn // 3):
            expected = normalize_polarity_and_contrast(picture[None])[0]
            np.testing.assert_array_equal(Contract().stages(picture).ink, expected)


def test_lines_of_squared_paper_are_removed_in_even_light(split):
    rng = np.random.default_rng(4)
    ink = np.zeros((240, 300))
    ink[80:160, 120:128] = 1
    for paper in ("ruled", "squared"):
        for _ in range(5):
            picture = photo(ink, rng, depth=0.0, grain=1.0, paper=paper)
            stages = Contract().stages(picture)
            np.testing.assert_allclose([*stages.rows, *stages.columns], [80, 160, 120, 128], atol=2)


def test_photographed_light_fades_as_documented():
    even = light(50, 60, np.random.default_rng(0), depth=0.0)
    np.testing.assert_array_equal(even, np.ones((50, 60)))
    uneven = light(50, 60, np.random.default_rng(0), depth=1.0)
    assert uneven.min() < 0.6
    assert uneven.max() <= 1


def test_photographed_digits_are_read():
    """As many as of the clean digits, within 3 points. With one ground for the whole sheet it was two thirds of them."""
    pytest.importorskip("PIL")
    test, rng = load_dataset("mnist-5k").test, np.random.default_rng(5)
    contract, network = Contract(), load_pretrained("mnist-cnn")
    chosen = rng.choice(len(test.images), 150, replace=False)
    assert test.labels is not None
    seen = []
    for number, i in enumerate(chosen):
        paper = ("plain", "plain", "ruled", "squared")[number % 4]
        sheet = sheet_with_digit(test.images[i], rng)
        picture = photo(sheet, rng, depth=rng.uniform(0, 1), paper=paper, chalk=number % 8 == 0)
        seen.append(contract(jpeg(picture, 60)[None])[0])
    assert np.mean(network.predict(np.stack(seen)) == test.labels[chosen]) >= 0.97
