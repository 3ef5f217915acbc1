"""Polarity and contrast: restored where they were changed, and not touched where they are right."""

import numpy as np
import pytest

from handspun import UsageError, load_dataset
from handspun.pictures.normalize import normalize_polarity_and_contrast


@pytest.fixture(scope="module")
def digits():
    """5,000 digits (N, 28, 28)."""
    dataset = load_dataset("mnist-5k")
    return np.concatenate([dataset.train.images, dataset.test.images])


def solid_ink(digit):
    """The median of the twelve pixels with the brightest surroundings, one by one."""
    padded = np.pad(digit.astype(float), 1, mode="edge")
    around = [(padded[i : i + 3, j : j + 3].sum(), digit[i, j]) for i in range(28) for j in range(28)]
    return np.median([value for _, value in sorted(around, key=lambda pair: pair[0])[-12:]])


def test_clean_digits_are_not_changed_in_any_pixel(digits):
    kept = digits.copy()
    result = normalize_polarity_and_contrast(digits)
    assert (result == kept).all()
    assert (digits == kept).all()
    assert not np.may_share_memory(result, digits)


def test_inverted_digits_become_exactly_the_originals(digits):
    assert (normalize_polarity_and_contrast(255 - digits) == digits).all()


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize(("share", "ground"), [(0.3, 90), (0.15, 20), (0.5, 127), (0.7, 60)])
def test_faint_digits_on_grey_are_stretched(digits, share, ground, inverted):
    some = digits[::25]
    faint = np.rint(ground + share * some).astype(np.uint8)
    result = normalize_polarity_and_contrast(255 - faint if inverted else faint).astype(float)
    assert result.min() == 0
    # The most solid ink is white. Rounding cost half a grey level of the faint picture, and may have chosen
    # others among equally solid pixels.
    white = np.array([solid_ink(digit) for digit in some])
    expected = np.minimum(some * (255 / white)[:, None, None], 255)
    assert np.abs(result - expected).max() <= 2.5 / share + 1


def test_a_stroke_along_a_side_does_not_hide_the_background():
    images = np.zeros((1, 12, 12), np.uint8)
    images[0, :, 0] = images[0, 0, :8] = 255
    assert (normalize_polarity_and_contrast(images) == images).all()
    assert (normalize_polarity_and_contrast(255 - images) == images).all()


def test_an_empty_sheet_is_black_and_its_grain_stays_faint():
    for value in (0, 90, 128, 200, 255):
        assert not normalize_polarity_and_contrast(np.full((2, 9, 9), value, np.uint8)).any()
    grain = np.random.default_rng(0).integers(240, 244, (3, 28, 28)).astype(np.uint8)
    assert normalize_polarity_and_contrast(grain).max() <= 3 * 255 / 16 + 1


def test_one_hot_pixel_is_not_ink():
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 8:20, 12:16] = 60
    images[0, 3, 3] = 255
    result = normalize_polarity_and_contrast(images)
    assert (result[0, 8:20, 12:16] == 255).all()


def test_each_picture_is_judged_by_itself(digits):
    mixed = digits[:2100].copy()  # more than one chunk
    mixed[::2] = 255 - mixed[::2]
    mixed[5] = 90 + mixed[5] // 4
    result = normalize_polarity_and_contrast(mixed)
    assert (np.delete(result, 5, axis=0) == np.delete(digits[:2100], 5, axis=0)).all()
    assert (result[5] == normalize_polarity_and_contrast(mixed[5:6])[0]).all()


def test_channels_are_normalized_together(digits):
    coloured = np.repeat(digits[:50, ..., None], 3, axis=3)
    assert (normalize_polarity_and_contrast(255 - coloured) == coloured).all()
    assert (normalize_polarity_and_contrast(digits[:50, ..., None])[..., 0] == digits[:50]).all()
    assert normalize_polarity_and_contrast(digits[:0]).shape == (0, 28, 28)


@pytest.mark.parametrize("images", [np.zeros((2, 4, 4)), np.zeros((2, 16), np.uint8), np.zeros((2, 4, 0), np.uint8)])
def test_other_images_are_refused(images):
    with pytest.raises(UsageError, match=r"Normalization takes uint8 pictures \(N, H, W\)"):
        normalize_polarity_and_contrast(images)
