"""Augmentation as a whole: ranges, seeds, threads, settings and errors."""

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from handspun import Augmentation, UsageError
from handspun.augment.scratch import scratch
from random_pictures import pictures, rng

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


def test_draws_are_uniform_in_their_ranges():
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


@pytest.mark.parametrize(
    "augmentation", ONE_BY_ONE, ids=lambda a: "+".join(k for k, v in a.as_dict().items() if v and k != "elastic_sigma")
)
@pytest.mark.parametrize("shape", [(12, 9), (12, 9, 1), (12, 9, 3)])
def test_the_same_seed_gives_the_same_bytes(augmentation, shape):
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
    # The memory order of the images and of the result does not matter.
    strange = np.asfortranarray(images)
    target = np.zeros((*images.shape, 2), np.uint8)[..., 1]
    assert (augmentation(strange[:, ::-1][:, ::-1], rng(5), target) == first).all()
    assert (target == first).all()


def test_grey_images_with_and_without_a_channel_agree():
    images = pictures(10, (14, 14))
    assert (ALL(images[..., None], rng())[..., 0] == ALL(images, rng())).all()


def test_each_picture_of_a_large_batch_gets_its_own_change():
    images = np.broadcast_to(pictures(1, (28, 28)), (200, 28, 28))  # more than one chunk
    changed = Augmentation(rotation=20)(images, rng())
    assert len(np.unique(changed.reshape(200, -1), axis=0)) == 200


def test_two_calls_draw_different_changes():
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


def test_little_scratch_memory_is_kept():
    first = scratch("test", (4, 5), np.int32)
    assert np.may_share_memory(first, scratch("test", (3, 2), np.int32))
    assert not np.may_share_memory(first, scratch("other", (4, 5), np.int32))
    large = scratch("large", (2**21,), np.int32)
    assert not np.may_share_memory(large, scratch("large", (2**21,), np.int32))
    assert scratch("test", (0, 3), np.uint8).shape == (0, 3)


@pytest.mark.parametrize("augmentation", ONE_BY_ONE)
@pytest.mark.parametrize("shape", [(0, 28, 28), (0, 5, 6, 3), (1, 1, 1), (3, 1, 8, 3)])
def test_empty_batches_and_tiny_images_work(augmentation, shape):
    images = np.full(shape, 200, np.uint8)
    assert augmentation(images, rng()).shape == shape


def test_settings_survive_as_plain_data():
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
def test_invalid_settings_are_refused(values, says):
    with pytest.raises(UsageError, match=says):
        Augmentation(**values)
    with pytest.raises(UsageError, match=f"x.toml: .*{says}"):
        Augmentation.from_dict(values, "x.toml")


def test_an_unknown_setting_is_named():
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
def test_images_of_another_kind_are_refused(images):
    with pytest.raises(UsageError, match=r"Augmentation takes uint8 pictures \(N, H, W\) or \(N, H, W, C\), got"):
        Augmentation()(images, rng())


def test_an_unsuitable_out_array_is_refused():
    images = pictures()
    for out in (np.zeros(images.shape), np.zeros((1, 2, 3), np.uint8)):
        with pytest.raises(UsageError, match=r"out must be a writeable uint8 array|^out takes uint8 pictures"):
            ALL(images, rng(), out)
    with pytest.raises(UsageError, match="shares the memory of the images"):
        ALL(images, rng(), images)


@pytest.mark.parametrize("generator", [None, 0, np.random.RandomState(0), np.random])
def test_other_sources_of_randomness_are_refused(generator):
    with pytest.raises(UsageError, match=r"rng must be a generator, such as numpy\.random\.default_rng\(0\)"):
        ALL(pictures(), generator)


def test_an_out_array_that_cannot_be_written_is_refused():
    images = pictures()
    frozen = np.zeros_like(images)
    frozen.flags.writeable = False
    with pytest.raises(UsageError, match="out must be a writeable uint8 array"):
        ALL(images, rng(), frozen)
    with pytest.raises(UsageError, match="out: a masked array would lose its mask"):
        ALL(images, rng(), np.ma.masked_array(np.zeros_like(images), images > 9))
    with pytest.raises(UsageError, match="Augmentation: a masked array would lose its mask"):
        ALL(np.ma.masked_array(images, images > 9), rng())


@pytest.mark.parametrize("value", [1j, np.complex64(1), "1", None, True, np.True_, [1]])
@pytest.mark.parametrize("name", ["shift", "noise", "crop", "cutout"])
def test_settings_that_are_not_numbers_are_refused(name, value):
    with pytest.raises(UsageError, match=f"Augmentation: {name} must be a"):
        Augmentation(**{name: value})


def test_lists_and_read_only_arrays_are_augmented_like_plain_arrays():
    images = pictures()
    frozen = images.copy()
    frozen.flags.writeable = False
    expected = ALL(images, rng(5))
    assert (ALL(frozen, rng(5)) == expected).all()
    assert (ALL(list(images), rng(5)) == expected).all()
