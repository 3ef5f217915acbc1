"""Noise, cutout, mirroring and crops: exact cases and statistics."""

import numpy as np
import pytest

from handspun import Augmentation
from handspun.augment.crop import bordered, mirror_and_crop
from handspun.augment.cutout import cut_out
from handspun.augment.noise import add_noise
from random_pictures import pictures, rng


def test_noise_has_its_deviation_and_mean_zero():
    grey = np.full((50, 28, 28), 128, np.uint8)
    noise = Augmentation(noise=20)(grey, rng()).astype(float) - 128
    assert abs(noise.mean()) < 0.3
    assert abs(noise.std() - 20) < 0.3
    assert abs(np.corrcoef(noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel())[0, 1]) < 0.02


def test_noise_is_clipped_at_black_and_white():
    images = np.array([0, 255], np.uint8).repeat(5000).reshape(2, 50, 100)
    out = np.empty_like(images)
    add_noise(images, 30.0, rng(), out)
    assert (out[0] == 0).mean() > 0.45
    assert (out[1] == 255).mean() > 0.45


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_a_cutout_is_a_square_around_its_centre(size):
    images = np.full((4, 20, 24, 3), 9, np.uint8)
    centres = np.array([[10, 0, 19, 8], [10, 0, 23, 3]])
    cut_out(images, centres, size)
    for i, (y, x) in enumerate(centres.T):
        expected = np.full((20, 24, 3), 9)
        first_y, first_x = y - (size - 1) // 2, x - (size - 1) // 2
        expected[max(first_y, 0) : first_y + size, max(first_x, 0) : first_x + size] = 0
        assert (images[i] == expected).all()


def test_cutouts_are_anywhere():
    hidden = Augmentation(cutout=3)(np.full((3000, 10, 14), 255, np.uint8), rng()) == 0
    area = hidden.sum(axis=(1, 2))
    assert area.max() == 9
    assert area.min() == 4  # in a corner
    assert abs(area.mean() - (3 - 2 / 10) * (3 - 2 / 14)) < 0.1
    assert hidden.any(axis=0).all()


def test_half_of_the_pictures_are_mirrored():
    images = pictures(2000, (3, 4, 3))
    flipped = Augmentation(flip=True)(images, rng())
    same, mirrored = (flipped == images).all(axis=(1, 2, 3)), (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert abs(mirrored.mean() - 0.5) < 0.04


@pytest.mark.parametrize("fill", ["zero", "edge"])
def test_crops_are_windows_of_the_bordered_picture(fill):
    images = pictures(60, (5, 6, 3))
    border = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="constant" if fill == "zero" else "edge")
    assert (bordered(images, 2, fill) == border).all()
    draw = rng(4)
    mirror, offsets = draw.random(60) < 0.5, draw.integers(0, 5, (2, 60))
    out = np.empty_like(images)
    mirror_and_crop(images, mirror, offsets, 2, out, fill=fill)
    for i, (y, x) in enumerate(offsets.T):
        source = border[i, :, ::-1] if mirror[i] else border[i]
        assert (out[i] == source[y : y + 5, x : x + 6]).all()


@pytest.mark.parametrize("settings", [{"flip": True}, {"crop": 3}, {"flip": True, "crop": 2, "fill": "edge"}])
def test_mirror_and_crop_agree_with_interpolation(settings):
    images = pictures(40)
    plain = Augmentation(**settings)(images, rng(3))
    # A shift that rounds to nothing still uses the interpolation.
    assert (Augmentation(**settings, shift=1e-9)(images, rng(3)) == plain).all()
