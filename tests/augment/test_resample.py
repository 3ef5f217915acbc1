"""Resampling and affine maps, beside plain loops and exact cases."""

import math

import numpy as np
import pytest

from handspun import Augmentation
from handspun.augment.affine import affine, powers
from handspun.augment.elastic import gaussians
from handspun.augment.resample import places, resample
from random_pictures import pictures, rng


def warped(images, coefficients, rows=None, columns=None, fill="zero"):
    """The result of ``resample`` with the affine basis, or another one."""
    rows = powers(images.shape[1]) if rows is None else rows
    columns = powers(images.shape[2]) if columns is None else columns
    out = np.full_like(images, 77)
    resample(images, coefficients, rows.astype(np.float32), columns.astype(np.float32), out, fill=fill)
    return out


def bilinear(images, coefficients, rows, columns, fill, steps=None):
    """The same by loops over pixels in float64; with ``steps``, places are rounded to that many steps per pixel."""
    count, height, width, channels = images.shape
    where = np.einsum("yj,ajik,xk->aiyx", rows, coefficients.astype(np.float64), columns)
    if steps:
        where = np.floor(where * steps + 0.5) / steps
    result = np.zeros(images.shape)

    def pixel(i, y, x):
        if fill == "edge":
            return images[i, min(max(y, 0), height - 1), min(max(x, 0), width - 1)].astype(float)
        return images[i, y, x].astype(float) if 0 <= y < height and 0 <= x < width else np.zeros(channels)

    for i in range(count):
        for y in range(height):
            for x in range(width):
                py, px = where[:, i, y, x]
                top, left = math.floor(py), math.floor(px)
                down, right = py - top, px - left
                upper = (1 - right) * pixel(i, top, left) + right * pixel(i, top, left + 1)
                lower = (1 - right) * pixel(i, top + 1, left) + right * pixel(i, top + 1, left + 1)
                result[i, y, x] = (1 - down) * upper + down * lower
    return result


@pytest.mark.parametrize("fill", ["zero", "edge"])
@pytest.mark.parametrize("shape", [(9, 12, 3), (7, 5, 1), (1, 1, 1), (2, 16, 4)])
def test_resampling_equals_bilinear_interpolation(shape, fill):
    images = pictures(6, shape)
    draw = rng(2)
    rows = np.concatenate([powers(shape[0]), gaussians(shape[0], 2.0)], axis=1)
    columns = np.concatenate([powers(shape[1]), gaussians(shape[1], 2.0)], axis=1)
    coefficients = np.zeros((2, rows.shape[1], 6, columns.shape[1]), np.float32)
    coefficients[:, :2, :, :2] = affine(
        shape[:2], 6, rotation=draw.uniform(-180, 180, 6), scale=draw.uniform(0.6, 1.6, 6), shear=draw.uniform(-30, 30, 6)
    )
    coefficients[:, 2:, :, 2:] = draw.normal(size=coefficients[:, 2:, :, 2:].shape)
    got = warped(images, coefficients, rows, columns, fill)
    rounded = np.floor(bilinear(images, coefficients, rows, columns, fill, steps=256) + 0.5)
    # A place between two steps may be rounded to either, in float32 and in float64.
    assert (got == rounded).mean() > 0.99
    assert np.abs(got - rounded).max() <= 2
    assert np.abs(got - bilinear(images, coefficients, rows, columns, fill)).max() <= 0.5 + 2 * 255 / 512 + 0.01


def test_at_zero_strength_nothing_changes():
    images = pictures()
    assert (warped(images, affine((9, 12), 5)) == images).all()
    assert (Augmentation()(images, rng()) == images).all()
    tiny = Augmentation(shift=1e-9, rotation=1e-9, scale=1e-9, shear=1e-9, elastic=1e-9, thickness=1e-9, noise=1e-9)
    assert (tiny(images, rng()) == images).all()


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -2), (-3, 4), (20, 0), (0, -20), (8, 11)])
def test_shifts_by_whole_pixels_are_exact(down, right):
    images = pictures()
    expected = np.zeros_like(images)
    for y in range(9):
        for x in range(12):
            if 0 <= y - down < 9 and 0 <= x - right < 12:
                expected[:, y, x] = images[:, y - down, x - right]
    assert (warped(images, affine((9, 12), 5, shift=(down, right))) == expected).all()


def test_places_far_outside_are_filled():
    images = pictures()
    far = affine((9, 12), 5, shift=(1e6, -1e6))
    assert not warped(images, far).any()
    assert (warped(images, far, fill="edge") == images[:, :1, -1:]).all()


@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("side", [8, 9, 28, 32])
def test_rotations_by_right_angles_are_exact(turns, side):
    images = pictures(3, (side, side, 2))
    expected = np.rot90(images, turns, axes=(1, 2))
    assert (warped(images, affine((side, side), 3, rotation=90 * turns)) == expected).all()


def test_mirroring_comes_before_rotation():
    images = pictures(2, (8, 8, 1))
    assert (warped(images, affine((8, 8), 2, mirror=[True, False])) == [images[0, :, ::-1], images[1]]).all()
    both = warped(images, affine((8, 8), 2, mirror=True, rotation=90))
    assert (both == np.rot90(images[:, :, ::-1], 1, axes=(1, 2))).all()


def test_scale_makes_things_larger():
    images = np.zeros((1, 9, 9, 1), np.uint8)
    images[0, 4, 2] = images[0, 4, 6] = 255
    doubled = warped(images, affine((9, 9), 1, scale=2))[0, 4, :, 0]
    assert doubled[0] == doubled[8] == 255
    assert (warped(np.full_like(images, 255), affine((9, 9), 1, scale=0.5))[0, 4, :, 0] > 127).sum() == 5


def test_shear_leans_to_the_right():
    images = np.zeros((1, 9, 9, 1), np.uint8)
    images[0, :, 4] = 255
    leaning = warped(images, affine((9, 9), 1, shear=45))[0, :, :, 0]
    assert (leaning == 255 * np.eye(9)[::-1]).all()


def test_an_affine_map_inverts_its_parts_in_turn():
    (turn, lean, grow, down, right), mirror = (
        rng(3).uniform((-90, -40, 0.5, -5, -5), (90, 40, 2, 5, 5), (20, 5)).T,
        np.arange(20) % 2,
    )
    coefficients = affine((9, 12), 20, rotation=turn, scale=grow, shear=lean, shift=(down, right), mirror=mirror == 1)
    points = rng(4).uniform(-6, 6, (50, 2))  # (y, x) from the middle of the original
    for i in range(20):
        cosine, sine, tangent = (
            math.cos(math.radians(turn[i])),
            math.sin(math.radians(turn[i])),
            math.tan(math.radians(lean[i])),
        )
        mirrored = points * (1, -1 if mirror[i] else 1)
        y, x = grow[i] * mirrored.T
        x = x - tangent * y  # the upper part, y < 0, moves to the right
        y, x = cosine * y - sine * x + down[i] + 4, sine * y + cosine * x + right[i] + 5.5
        a = coefficients[:, :, i]
        back = a[:, 0, 0] + np.outer(y, a[:, 1, 0]) + np.outer(x, a[:, 0, 1]) + np.outer(x * y, a[:, 1, 1])
        np.testing.assert_allclose(back, points + np.array([4, 5.5]), rtol=1e-10, atol=1e-10)


def test_places_equal_the_bilinear_form():
    draw = rng()
    coefficients, rows, columns = (draw.normal(size=s).astype(np.float32) for s in ((2, 3, 4, 5), (6, 3), (7, 5)))
    got = places(coefficients, rows, columns).reshape(2, 6, 4, 7)
    np.testing.assert_allclose(got, np.einsum("yj,ajik,xk->ayix", rows, coefficients, columns), rtol=1e-5, atol=1e-5)
