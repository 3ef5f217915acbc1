"""Random changes of pictures, beside plain loops, exact cases and the statistics of what is drawn."""

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from handspun import Augmentation, UsageError
from handspun.augment.affine import affine, powers
from handspun.augment.crop import bordered, mirror_and_crop
from handspun.augment.cutout import cut_out
from handspun.augment.elastic import gaussians
from handspun.augment.noise import add_noise
from handspun.augment.resample import places, resample
from handspun.augment.scratch import scratch
from handspun.augment.thickness import change_thickness

ALL = Augmentation(
    shift=2, rotation=10, scale=0.1, shear=10, elastic=1, thickness=0.7, noise=8, cutout=5, flip=True, crop=2
)  # fmt: skip
ONE_BY_ONE = (
    Augmentation(shift=1.5),
    Augmentation(rotation=20),
    Augmentation(scale=0.2),
    Augmentation(shear=15),
    Augmentation(elastic=1.2),
    Augmentation(thickness=0.8),
    Augmentation(noise=20),
    Augmentation(cutout=4),
    Augmentation(flip=True),
    Augmentation(crop=3),
    ALL,
    dataclasses.replace(ALL, fill="edge"),
)


def rng(seed=0):
    return np.random.default_rng(seed)


def pictures(count=5, shape=(9, 12, 3), seed=1):
    return rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def warped(images, coefficients, rows=None, columns=None, fill="zero"):
    """What ``resample`` gives with the affine basis, or another one."""
    rows = powers(images.shape[1]) if rows is None else rows
    columns = powers(images.shape[2]) if columns is None else columns
    out = np.full_like(images, 77)
    resample(images, coefficients, rows.astype(np.float32), columns.astype(np.float32), out, fill=fill)
    return out


def bilinear(images, coefficients, rows, columns, fill, steps=None):
    """The same by loops over pixels in float64; with ``steps``, places are rounded to such parts of a pixel."""
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


# Resampling, affine maps


@pytest.mark.parametrize("fill", ["zero", "edge"])
@pytest.mark.parametrize("shape", [(9, 12, 3), (7, 5, 1), (1, 1, 1), (2, 16, 4)])
def test_resampling_is_bilinear_interpolation_at_places_rounded_to_256ths(shape, fill):
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
    # A place between two steps may be rounded to either, in float32 as in float64.
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


def test_what_is_far_outside_is_filled():
    images = pictures()
    far = affine((9, 12), 5, shift=(1e6, -1e6))
    assert not warped(images, far).any()
    assert (warped(images, far, fill="edge") == images[:, :1, -1:]).all()


@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("side", [8, 9, 28, 32])
def test_rotation_by_right_angles_is_exact_and_counter_clockwise(turns, side):
    images = pictures(3, (side, side, 2))
    expected = np.rot90(images, turns, axes=(1, 2))
    assert (warped(images, affine((side, side), 3, rotation=90 * turns)) == expected).all()


def test_mirroring_is_exact_and_comes_before_the_rotation():
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


def test_an_affine_map_is_the_inverse_of_its_parts_one_after_the_other():
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
        x = x - tangent * y  # what is above, y < 0, goes to the right
        y, x = cosine * y - sine * x + down[i] + 4, sine * y + cosine * x + right[i] + 5.5
        a = coefficients[:, :, i]
        back = a[:, 0, 0] + np.outer(y, a[:, 1, 0]) + np.outer(x, a[:, 0, 1]) + np.outer(x * y, a[:, 1, 1])
        np.testing.assert_allclose(back, points + np.array([4, 5.5]), rtol=1e-10, atol=1e-10)


def test_places_are_the_bilinear_form():
    draw = rng()
    coefficients, rows, columns = (draw.normal(size=s).astype(np.float32) for s in ((2, 3, 4, 5), (6, 3), (7, 5)))
    got = places(coefficients, rows, columns).reshape(2, 6, 4, 7)
    np.testing.assert_allclose(got, np.einsum("yj,ajik,xk->ayix", rows, coefficients, columns), rtol=1e-5, atol=1e-5)


# Elastic deformation


@pytest.mark.parametrize("sigma", [2.0, 4.0, 7.0])
def test_the_elastic_field_has_its_deviation_and_smoothness_everywhere(sigma):
    basis = gaussians(28, sigma)
    covariance = basis @ basis.T  # of one axis; that of the field is the product of both
    np.testing.assert_allclose(np.diag(covariance), 1, rtol=1e-12)
    distance = np.arange(28)[:, None] - np.arange(28)
    # Near the border the grid ends, which makes the field a little stiffer there.
    np.testing.assert_allclose(covariance, np.exp(-(distance**2) / (4 * sigma**2)), atol=0.02)
    inner = slice(10, 18)
    np.testing.assert_allclose(covariance[inner, inner], np.exp(-(distance**2) / (4 * sigma**2))[inner, inner], atol=0.01)


def test_smoothed_noise_of_simard_has_the_same_correlation():
    sigma, size = 3.0, 64
    kernel = np.exp(-(np.arange(-15, 16) ** 2) / (2 * sigma**2))
    noise = rng().uniform(-1, 1, (3000, size + 30))
    smooth = np.apply_along_axis(np.convolve, 1, noise, kernel, mode="valid")
    measured = np.corrcoef(smooth.T)[size // 2]
    expected = gaussians(size, sigma) @ gaussians(size, sigma)[size // 2]
    np.testing.assert_allclose(measured, expected, atol=0.08)


def test_displacements_have_the_deviation_that_is_asked_for():
    ramp = np.broadcast_to(np.arange(0, 240, 6, dtype=np.uint8)[:, None], (2000, 40, 40)).copy()  # a row tells where it is
    moved = Augmentation(elastic=1.5, fill="edge")(ramp, rng()).astype(float) / 6 - np.arange(40)[:, None]
    inner = moved[:, 10:30]
    assert abs(inner.mean()) < 0.06
    assert abs(inner.std() - 1.5) < 0.05
    steps = np.diff(inner, axis=2)  # neighbours move alike: the slope of the field has the deviation α / (σ √2)
    assert abs(steps.std() - 1.5 / (4 * math.sqrt(2))) < 0.05


# Strokes


def test_dilation_and_erosion_beside_loops():
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


def test_thickness_may_work_in_place_and_twice_one_is_two():
    images = pictures(3)
    twice, once = np.empty_like(images), np.empty_like(images)
    change_thickness(images, np.array([2.0, -2.0, 0.0]), twice)
    change_thickness(images, np.array([1.0, -1.0, 0.0]), once)
    change_thickness(once, np.array([1.0, -1.0, 0.0]), once)
    assert (twice == once).all()


def test_strokes_are_as_often_thicker_as_thinner():
    bars = np.zeros((3000, 9, 12), np.uint8)
    bars[:, :, 4:8] = 255
    changed = Augmentation(thickness=0.8)(bars, rng()).astype(float)
    amount = changed[:, 4, 3] / 255 - (1 - changed[:, 4, 4] / 255)  # beside the bar, and what its side lost
    assert -0.802 < amount.min() < -0.79
    assert 0.79 < amount.max() < 0.802
    assert abs(amount.mean()) < 0.03
    assert abs(amount.std() - 0.8 / math.sqrt(3)) < 0.01


# Noise, cut-out, mirror and crop


def test_noise_has_its_deviation_and_no_other_mean():
    grey = np.full((50, 28, 28), 128, np.uint8)
    noise = Augmentation(noise=20)(grey, rng()).astype(float) - 128
    assert abs(noise.mean()) < 0.3
    assert abs(noise.std() - 20) < 0.3
    assert abs(np.corrcoef(noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel())[0, 1]) < 0.02


def test_noise_is_cut_off_at_black_and_white():
    images = np.array([0, 255], np.uint8).repeat(5000).reshape(2, 50, 100)
    out = np.empty_like(images)
    add_noise(images, 30.0, rng(), out)
    assert (out[0] == 0).mean() > 0.45
    assert (out[1] == 255).mean() > 0.45


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_a_cut_out_is_a_square_around_its_middle(size):
    images = np.full((4, 20, 24, 3), 9, np.uint8)
    centres = np.array([[10, 0, 19, 8], [10, 0, 23, 3]])
    cut_out(images, centres, size)
    for i, (y, x) in enumerate(centres.T):
        expected = np.full((20, 24, 3), 9)
        first_y, first_x = y - (size - 1) // 2, x - (size - 1) // 2
        expected[max(first_y, 0) : first_y + size, max(first_x, 0) : first_x + size] = 0
        assert (images[i] == expected).all()


def test_cut_outs_lie_anywhere():
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
def test_mirror_and_crop_are_the_same_with_and_without_interpolation(settings):
    images = pictures(40)
    plain = Augmentation(**settings)(images, rng(3))
    # A shift that rounds to nothing takes the way of the interpolation.
    assert (Augmentation(**settings, shift=1e-9)(images, rng(3)) == plain).all()


def test_draws_fill_their_ranges():
    dot = np.zeros((3000, 21, 21), np.uint8)
    dot[:, 10, 10] = 255
    cells = np.arange(21) - 10
    moved = Augmentation(shift=3)(dot, rng()).astype(float)
    total = moved.sum(axis=(1, 2))
    down, right = moved.sum(axis=2) @ cells / total, moved.sum(axis=1) @ cells / total
    for shift in (down, right):
        assert -3.01 < shift.min() < -2.9
        assert 2.9 < shift.max() < 3.01
        assert abs(shift.std() - 3 / math.sqrt(3)) < 0.06
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.06

    bar = np.zeros((3000, 41, 41), np.uint8)
    bar[:, 20, 4:37] = 255
    cells = np.arange(41) - 20.0

    def spread(images):  # second moments along and across, and their product
        share = images / images.sum(axis=(1, 2), keepdims=True, dtype=float)
        yy, xx = (share.sum(axis=axis) @ cells**2 for axis in (2, 1))
        return yy, xx, np.einsum("nyx,y,x->n", share, cells, cells)

    yy, xx, yx = spread(Augmentation(rotation=20)(bar, rng()))
    angles = np.rad2deg(np.arctan2(2 * -yx, xx - yy) / 2)
    assert 19 < angles.max() < 20.5
    assert -20.5 < angles.min() < -19
    assert abs(angles.std() - 20 / math.sqrt(3)) < 0.4
    square = np.zeros((3000, 80, 80), np.uint8)
    square[:, 16:64, 16:64] = 255
    size = (Augmentation(scale=0.2)(square, rng()) / 255).sum(axis=(1, 2)) ** 0.5 / 48
    assert 0.797 < size.min() < 0.803
    assert 1.197 < size.max() < 1.203
    assert abs(size.std() - 0.2 / math.sqrt(3)) < 0.003
    upright = bar.transpose(0, 2, 1).copy()
    yy, _, yx = spread(Augmentation(shear=15)(upright, rng()))
    leans = np.rad2deg(np.arctan(-yx / yy))
    assert 14.5 < leans.max() < 15.2
    assert -15.2 < leans.min() < -14.5


# As a whole


@pytest.mark.parametrize(
    "augmentation", ONE_BY_ONE, ids=lambda a: "+".join(k for k, v in a.as_dict().items() if v and k != "elastic_sigma")
)
@pytest.mark.parametrize("shape", [(12, 9), (12, 9, 1), (12, 9, 3)])
def test_the_same_seed_gives_the_same_bytes_and_leaves_the_images(augmentation, shape):
    images = pictures(33, shape)
    kept = images.copy()
    first = augmentation(images, rng(5))
    assert first.dtype == np.uint8
    assert first.shape == images.shape
    assert first.flags.owndata
    assert (images == kept).all()
    assert (first != images).any()
    out = np.full_like(images, 7)
    assert augmentation(images, rng(5), out) is out
    assert (out == first).all()
    assert (augmentation(images, rng(6)) != first).any()
    # Neither does it matter how the images lie in memory, or the result.
    strange = np.asfortranarray(images)
    target = np.zeros((*images.shape, 2), np.uint8)[..., 1]
    assert (augmentation(strange[:, ::-1][:, ::-1], rng(5), target) == first).all()
    assert (target == first).all()


def test_grey_images_with_and_without_a_channel_are_the_same():
    images = pictures(10, (14, 14))
    assert (ALL(images[..., None], rng())[..., 0] == ALL(images, rng())).all()


def test_each_picture_of_a_large_batch_gets_its_own_change():
    images = np.broadcast_to(pictures(1, (28, 28)), (200, 28, 28))  # more than are changed at once
    changed = Augmentation(rotation=20)(images, rng())
    assert len(np.unique(changed.reshape(200, -1), axis=0)) == 200


def test_the_generator_decides_and_is_moved_on():
    images, generator = pictures(), rng()
    assert (ALL(images, generator) != ALL(images, generator)).any()


def test_threads_share_an_augmentation():
    batches = [pictures(32, (28, 28), seed) for seed in range(40)]

    def change(number):
        return ALL(batches[number], rng(number))

    alone = [change(number) for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(change, range(40)))
    for one, other in zip(alone, together, strict=True):
        assert (one == other).all()


def test_scratch_memory_is_kept_but_not_much_of_it():
    first = scratch("test", (4, 5), np.int32)
    assert np.may_share_memory(first, scratch("test", (3, 2), np.int32))
    assert not np.may_share_memory(first, scratch("other", (4, 5), np.int32))
    large = scratch("large", (2**21,), np.int32)
    assert not np.may_share_memory(large, scratch("large", (2**21,), np.int32))
    assert scratch("test", (0, 3), np.uint8).shape == (0, 3)


@pytest.mark.parametrize("augmentation", ONE_BY_ONE)
@pytest.mark.parametrize("shape", [(0, 28, 28), (0, 5, 6, 3), (1, 1, 1), (3, 1, 8, 3)])
def test_no_images_and_tiny_ones(augmentation, shape):
    images = np.full(shape, 200, np.uint8)
    assert augmentation(images, rng()).shape == shape


# Settings


def test_settings_from_and_to_plain_data():
    values = {"shift": 2, "rotation": 10.5, "flip": True, "cutout": 4, "fill": "edge"}
    made = Augmentation.from_dict(values)
    assert made == Augmentation(shift=2, rotation=10.5, flip=True, cutout=4, fill="edge")
    assert Augmentation.from_dict(made.as_dict()) == made
    assert made.as_dict()["crop"] == 0


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"shift": -1}, "shift must be a finite number from 0 on, got -1"),
        ({"noise": math.nan}, "noise must be a finite number"),
        ({"elastic": math.inf}, "elastic must be a finite number"),
        ({"rotation": "10"}, r"rotation must be a number from 0 up to \(not including\) 181, got '10'"),
        ({"thickness": True}, "thickness must be a finite number"),
        ({"crop": 1.5}, "crop must be a whole number that is not negative, got 1.5"),
        ({"cutout": -2}, "cutout must be a whole number"),
        ({"flip": 1}, "flip must be true or false, got 1"),
        ({"fill": 3}, 'Unknown fill "3"'),
        ({"fill": "edges"}, 'Unknown fill "edges"; did you mean "edge"'),
        ({"scale": 1}, r"scale must be a number from 0 up to \(not including\) 1, got 1"),
        ({"rotation": 181}, r"rotation must be a number from 0 up to \(not including\) 181, got 181"),
        ({"shear": 90}, r"shear must be a number from 0 up to \(not including\) 90, got 90"),
        ({"elastic_sigma": 0.1}, "elastic_sigma must be a finite number from 0.5 on, got 0.1"),
    ],
)
def test_settings_that_cannot_be_meant(values, says):
    with pytest.raises(UsageError, match=says):
        Augmentation(**values)
    with pytest.raises(UsageError, match=f"x.toml: .*{says}"):
        Augmentation.from_dict(values, "x.toml")


def test_an_unknown_setting_is_named_with_its_place():
    with pytest.raises(UsageError, match=r'Unknown setting in x.toml: "rotate"; did you mean "rotation"'):
        Augmentation.from_dict({"rotate": 3}, "x.toml")


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 4, 4)),
        np.zeros((2, 16), np.uint8),
        np.zeros((2, 3, 4, 4, 1), np.uint8),
        np.zeros((2, 0, 4), np.uint8),
        [[1]],
    ],
)
def test_images_of_another_kind(images):
    with pytest.raises(UsageError, match=r"Augmentation takes uint8 pictures \(N, H, W\) or \(N, H, W, C\), got"):
        Augmentation()(images, rng())


def test_out_of_another_kind():
    images = pictures()
    for out in (np.zeros(images.shape), np.zeros((1, 2, 3), np.uint8)):
        with pytest.raises(UsageError, match="out must be uint8"):
            ALL(images, rng(), out)
    with pytest.raises(UsageError, match="shares the memory of the images"):
        ALL(images, rng(), images)
