"""Messy versions of a test set: the same each time, as strong as they say, and judged as NumPy judges them."""

import numpy as np
import pytest

from handspun import UsageError, load_dataset, wilson_interval
from handspun.evaluation.messy import MESSY, evaluate_messy
from handspun.pictures.normalize import normalize_polarity_and_contrast

NAMES = ["shifted", "scaled", "rotated", "thick", "thin", "noisy", "blurred", "inverted", "low-contrast"]


@pytest.fixture(scope="module")
def digits():
    return load_dataset("mnist-5k").test


def test_the_versions_have_names_and_strengths():
    assert list(MESSY) == NAMES == [version.name for version in MESSY.values()]
    assert all(version.strength for version in MESSY.values())
    assert len({version.seed for version in MESSY.values()}) == len(MESSY)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (12, 17, 3)])
def test_a_version_is_a_pure_function(name, shape):
    images = np.random.default_rng(0).integers(0, 256, (300, *shape), dtype=np.uint8)
    kept = images.copy()
    first = MESSY[name](images)
    assert first.shape == images.shape
    assert first.dtype == np.uint8
    assert (images == kept).all()
    assert not np.may_share_memory(first, images)
    assert (first == MESSY[name](images)).all()
    assert (first != images).any(axis=tuple(range(1, images.ndim))).mean() > 0.99  # one may be scaled by 1


def centres(images):
    """(row, column) of each picture's centre of mass, (N, 2)."""
    share = images / images.sum(axis=(1, 2), keepdims=True, dtype=float)
    return np.stack([share.sum(axis=2) @ np.arange(images.shape[1]), share.sum(axis=1) @ np.arange(images.shape[2])], axis=1)


@pytest.mark.parametrize("side", [28, 56])
def test_shifts_are_shares_of_the_size(side):
    dots = np.zeros((2000, side, side), np.uint8)
    dots[:, side // 2, side // 2] = 255
    moved = centres(MESSY["shifted"](dots)) - side // 2
    assert side / 7 - 0.1 < np.abs(moved).max() <= side / 7 + 0.01
    np.testing.assert_allclose(moved.std(axis=0), side / 7 / np.sqrt(3), rtol=0.05)


def test_scales_and_rotations_have_their_ranges():
    bars = np.zeros((2000, 56, 56), np.uint8)
    bars[:, 27:29, 12:44] = 255
    squares = np.zeros((2000, 56, 56), np.uint8)
    squares[:, 16:40, 16:40] = 255
    length = (MESSY["scaled"](squares) / 255).sum(axis=(1, 2)) ** 0.5 / 24  # the area grows with the square
    assert 0.68 < length.min() < 0.72
    assert 1.18 < length.max() < 1.22
    rotated = MESSY["rotated"](bars).astype(float)
    y, x = np.mgrid[:56, :56] - 27.5
    share = rotated / rotated.sum(axis=(1, 2), keepdims=True)
    angle = np.rad2deg(np.arctan2(2 * (share * x * -y).sum(axis=(1, 2)), (share * (x * x - y * y)).sum(axis=(1, 2))) / 2)
    assert 24 < angle.max() < 26
    assert -26 < angle.min() < -24


def test_strokes_become_thicker_and_thinner(digits):
    ink = {name: MESSY[name](digits.images).sum(axis=(1, 2), dtype=int) for name in ("thick", "thin")}
    clean = digits.images.sum(axis=(1, 2), dtype=int)
    assert (ink["thick"] > clean).all()
    assert (ink["thin"] < clean).all()
    bar = np.zeros((1, 56, 56), np.uint8)
    bar[0, 10:46, 26:30] = 255
    assert (MESSY["thick"](bar)[0, 28] > 0).sum() == 4 + 2 * 2  # 1 px of 28 is 2 px of 56
    assert (MESSY["thin"](bar)[0, 28] > 0).sum() == 4 - 2 * 1


def test_noise_has_its_deviation():
    grey = np.full((100, 28, 28), 128, np.uint8)
    assert abs(MESSY["noisy"](grey).std() - 50) < 1


def test_blur_is_a_convolution_with_a_gaussian(digits):
    images = digits.images[:3]
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    kernel /= kernel.sum()
    padded = np.pad(images.astype(float), ((0, 0), (3, 3), (3, 3)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), axis=(1, 2))
    expected = np.einsum("nyxab,a,b->nyx", windows, kernel, kernel)
    assert np.abs(MESSY["blurred"](images) - expected).max() < 0.51


def test_polarity_and_contrast(digits):
    assert (MESSY["inverted"](digits.images) == 255 - digits.images).all()
    faint = MESSY["low-contrast"](digits.images)
    assert faint.min() == 90
    assert faint.max() == 90 + round(0.3 * 255)
    assert (
        np.argsort(faint[0].ravel(), kind="stable") == np.argsort(np.rint(0.3 * digits.images[0].ravel()), kind="stable")
    ).all()


class Nearest:
    """Answers with the class of the nearest mean picture."""

    def __init__(self, images, labels):
        self.means = np.stack([images[labels == k].mean(axis=0).ravel() for k in range(10)])

    def predict(self, images):
        flat = images.reshape(len(images), -1).astype(float)
        return ((flat**2).sum(1)[:, None] - 2 * flat @ self.means.T + (self.means**2).sum(1)).argmin(axis=1)


@pytest.fixture(scope="module")
def nearest():
    train = load_dataset("mnist-5k").train
    return Nearest(train.images, train.labels)


def test_accuracies_and_intervals_are_those_of_the_answers(digits, nearest):
    result = evaluate_messy(nearest, digits.images, digits.labels)
    hits = int((nearest.predict(digits.images) == digits.labels).sum())
    assert (result.clean.name, result.clean.accuracy, result.clean.interval) == (
        "clean",
        hits / 1000,
        wilson_interval(hits, 1000),
    )
    assert [row.name for row in result.versions] == NAMES
    for row in result.versions:
        hits = int((nearest.predict(MESSY[row.name](digits.images)) == digits.labels).sum())
        assert (row.accuracy, row.interval, row.strength) == (
            hits / 1000,
            wilson_interval(hits, 1000),
            MESSY[row.name].strength,
        )
    assert result.mean == pytest.approx(np.mean([row.accuracy for row in result.versions]))
    assert evaluate_messy(nearest, digits.images, digits.labels[:, None]) == result, "a column of labels"
    plain = result.as_dict()
    assert plain["mean_accuracy"] == result.mean
    assert [row["name"] for row in plain["versions"]] == ["clean", *NAMES]
    assert plain["versions"][3]["accuracy_interval_95"] == list(result.versions[2].interval)


def test_pictures_are_prepared_before_the_network_sees_them(digits, nearest):
    plain = evaluate_messy(nearest, digits.images, digits.labels)
    prepared = evaluate_messy(nearest, digits.images, digits.labels, normalize_polarity_and_contrast)
    assert prepared.clean.accuracy == plain.clean.accuracy
    assert (plain.clean.strength, prepared.clean.strength) == ("as they are", "as they are, through the contract")
    of = {row.name: row.accuracy for row in prepared.versions}
    assert of["inverted"] == plain.clean.accuracy
    assert of["low-contrast"] == pytest.approx(plain.clean.accuracy, abs=0.01)
    assert plain.versions[NAMES.index("inverted")].accuracy < 0.3


def test_other_images_or_labels_are_refused(digits, nearest):
    for images in (digits.images.reshape(1000, 784), digits.images / 255):
        with pytest.raises(UsageError, match=r"A messy version takes uint8 pictures \(N, H, W\)"):
            evaluate_messy(nearest, images, digits.labels)
        with pytest.raises(UsageError, match=r"A messy version takes uint8 pictures"):
            MESSY["thick"](images)
    for labels in (digits.labels[:5], digits.labels / 1.0, digits.labels[None], np.eye(10)[digits.labels]):
        with pytest.raises(UsageError, match="1000 images need 1000 whole numbers as labels"):
            evaluate_messy(nearest, digits.images, labels)
    with pytest.raises(UsageError, match="0 images need 0 whole numbers"):
        evaluate_messy(nearest, digits.images[:0], digits.labels[:0])
