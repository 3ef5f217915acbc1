"""Thicker and thinner strokes, beside plain loops."""

import math

import numpy as np

from handspun import Augmentation
from handspun.augment.thickness import change_thickness
from random_pictures import pictures, rng


def test_dilation_and_erosion_equal_plain_loops():
    images = pictures(4, (6, 7, 2))
    amounts = np.array([1.0, -1.0, 0.25, -0.5])
    out = np.empty_like(images)
    change_thickness(images, amounts, out)
    for i, amount in enumerate(amounts):
        for y in range(6):
            for x in range(7):
                around = [(y, x), (y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
                values = np.array([images[i, b, a] for b, a in around if 0 <= b < 6 and 0 <= a < 7], float)
                target = values.max(0) if amount > 0 else values.min(0)
                expected = images[i, y, x] + abs(amount) * (target - images[i, y, x])
                assert np.abs(out[i, y, x] - expected).max() <= 0.5


def test_more_thickness_is_more_ink():
    images = np.zeros((9, 28, 28, 1), np.uint8)
    images[:, 6:22, 12:16] = 200
    out = np.empty_like(images)
    change_thickness(images, np.linspace(-2, 2, 9), out)
    ink = out.reshape(9, -1).sum(axis=1, dtype=int)
    assert (np.diff(ink) > 0).all()
    assert ink[0] == 0
    assert (out[4] == images[4]).all()
    assert (out[8, 14] > 0).sum() == 4 + 2 * 2  # two pixels on each side


def test_two_steps_of_one_pixel_equal_one_of_two():
    images = pictures(3)
    twice, once = np.empty_like(images), np.empty_like(images)
    change_thickness(images, np.array([2.0, -2.0, 0.0]), twice)
    change_thickness(images, np.array([1.0, -1.0, 0.0]), once)
    change_thickness(once, np.array([1.0, -1.0, 0.0]), once)
    assert (twice == once).all()


def test_strokes_get_thicker_as_often_as_thinner():
    bars = np.zeros((3000, 9, 12), np.uint8)
    bars[:, :, 4:8] = 255
    changed = Augmentation(thickness=0.8)(bars, rng()).astype(float)
    amount = changed[:, 4, 3] / 255 - (1 - changed[:, 4, 4] / 255)  # gained beside the bar, minus lost at its side
    assert -0.802 < amount.min() < -0.79
    assert 0.79 < amount.max() < 0.802
    assert abs(amount.mean()) < 0.03
    assert abs(amount.std() - 0.8 / math.sqrt(3)) < 0.01
