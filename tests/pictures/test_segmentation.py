"""Several digits in one picture: connected components, joining them, and reading order."""

import numpy as np
import pytest

from handspun import UsageError, load_dataset, load_pretrained
from handspun.pictures.contract import Contract
from handspun.pictures.segmentation import components, segments
from photos import photo, sheet_with_number


def flooded(mask):
    """Labels by flood fill, pixel by pixel, from the first pixel of each component."""
    labels, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        count += 1
        waiting = [start]
        while waiting:
            row, column = waiting.pop()
            if 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and mask[row, column] and not labels[row, column]:
                labels[row, column] = count
                waiting += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return labels, count


@pytest.mark.parametrize("share", [0.05, 0.3, 0.45, 0.6, 0.9, 1.0, 0.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (25, 40)])
def test_components_equal_those_of_a_flood_fill(shape, share):
    for seed in range(5):
        mask = np.random.default_rng(seed).random(shape) < share
        labels, count = components(mask)
        expected, number = flooded(mask)
        assert count == number
        np.testing.assert_array_equal(labels, expected)


def test_a_spiral_is_one_component():
    mask = np.zeros((41, 41), bool)
    low, high = 0, 40
    while low < high:
        mask[low, low : high + 1] = mask[low : high + 1, high] = mask[high, low : high + 1] = True
        mask[low + 2 : high + 1, low] = True
        mask[low + 2, low : low + 2] = True
        low, high = low + 2, high - 2
    assert components(mask)[1] == flooded(mask)[1] == 1


def sheet(*boxes, shape=(200, 300)):
    """Dark rectangles (top, bottom, left, right) on white paper."""
    picture = np.full(shape, 255, np.uint8)
    for top, bottom, left, right in boxes:
        picture[top:bottom, left:right] = 0
    return picture


def found(picture):
    return [(segment.line, *segment.rows, *segment.columns) for segment in segments(picture)]


def test_digits_are_read_line_by_line_from_left_to_right():
    rising = [(60 - 8 * i, 100 - 8 * i, 20 + 50 * i, 30 + 50 * i) for i in range(5)]
    below = [(140, 180, 200, 210), (150, 190, 30, 40)]
    assert found(sheet(*below, *rising[::-1])) == [(0, *box) for box in rising] + [(1, *below[1]), (1, *below[0])]


def test_components_of_one_digit_are_joined():
    # A five whose bar does not touch it; a stroke broken in two; a bar to the right of its digit.
    five = [(62, 120, 40, 70), (50, 56, 44, 80)]
    broken = [(50, 78, 120, 128), (84, 120, 121, 129)]
    beside = [(50, 120, 200, 210), (70, 78, 214, 240)]
    assert found(sheet(*five, *broken, *beside)) == [(0, 50, 120, 40, 80), (0, 50, 120, 120, 129), (0, 50, 120, 200, 240)]


def test_whole_digits_stay_apart_even_if_they_overlap():
    assert len(found(sheet((20, 90, 50, 60), (20, 90, 62, 72)))) == 2
    assert len(found(sheet((20, 80, 50, 60), (90, 150, 50, 60)))) == 2


def test_specks_are_left_out():
    digits = [(50, 120, 40, 52), (50, 120, 100, 112)]
    specks = [(20, 24, 20, 24), (140, 147, 80, 86), (60, 65, 150, 155)]
    assert found(sheet(*digits, *specks)) == [(0, *box) for box in digits]


def test_boxes_are_in_pixels_of_the_original_picture():
    boxes = [(200, 1100, 300, 420), (210, 1080, 1500, 1620)]
    for segment, box in zip(segments(sheet(*boxes, shape=(1500, 3000))), boxes, strict=True):
        np.testing.assert_allclose([*segment.rows, *segment.columns], box, atol=2)


def test_an_empty_sheet_has_no_digits():
    for value in (0, 130, 255):
        assert segments(np.full((40, 50, 3), value, np.uint8)) == []


def test_each_digit_is_cut_out_alone_on_black():
    """Two slanted strokes with overlapping boxes: neither contains a part of the other."""
    picture = np.zeros((100, 140), np.uint8)
    for row in range(20, 80):
        picture[row, 100 - row : 106 - row] = picture[row, 115 - row : 121 - row] = 255
    first, second = segments(picture)
    assert first.columns[1] > second.columns[0]
    for segment in (first, second):
        assert (segment.picture == 255).sum() == 60 * 6
        assert segment.picture[0].max() == segment.picture[:, -1].max() == 0
    expected = np.zeros((100, 140), np.uint8)
    for row in range(20, 80):
        expected[row, 100 - row : 106 - row] = 255
    np.testing.assert_array_equal(Contract()(first.picture[None]), Contract()(expected[None]))


@pytest.mark.parametrize("depth", [0.0, 0.6])
def test_numbers_are_read(depth):
    test, rng = load_dataset("mnist-5k").test, np.random.default_rng(1)
    assert test.labels is not None
    network, contract, right = load_pretrained("mnist-cnn"), Contract(), 0
    for _ in range(20):
        chosen = rng.choice(len(test.images), 4, replace=False)
        picture = photo(sheet_with_number(test.images[chosen], rng, gap=(0.1, 0.5)), rng, depth=depth, grain=2.0)
        parts = segments(picture)
        read = network.predict(np.stack([contract(part.picture[None])[0] for part in parts]))
        right += read.tolist() == test.labels[chosen].tolist()
    assert right >= 18


def test_thousands_of_dots_are_not_writing():
    """Each component is compared with all others: for 10,000 dots that took 5 GB."""
    dots = np.zeros((400, 400), np.uint8)
    dots[1::4, 1::4] = dots[2::4, 1::4] = dots[1::4, 2::4] = dots[2::4, 2::4] = 255
    with pytest.raises(UsageError, match="10,000 separate components of ink"):
        segments(dots)


def test_anything_but_one_picture_is_refused():
    with pytest.raises(UsageError, match="one uint8 picture"):
        segments(np.zeros((2, 3)))
