"""The nine views of a picture and the mean over them."""

import math

import numpy as np
import pytest

from handspun.augment.views import VIEWS, mean_over_views
from handspun.errors import UsageError
from handspun.evaluation.evaluate import evaluate
from handspun.networks.answers import Confidence
from handspun.networks.architectures import cnn
from handspun.optimization.losses import softmax

RNG = np.random.default_rng(4)
PICTURES = np.zeros((5, 20, 20), np.uint8)
PICTURES[:, 5:15, 5:15] = RNG.integers(0, 256, (5, 10, 10))


def seen(images):
    """The views that a function of pictures receives."""
    given = []

    def note(view):
        given.append(view.copy())
        return np.zeros((len(view), 2))

    mean_over_views(note, images)
    return given


def plain_view(image, rotation, scale):
    """A picture turned and scaled about its middle, pixel by pixel: bilinear, with its border repeated outside."""
    height, width = image.shape
    result = np.empty(image.shape)
    angle = math.radians(rotation)
    for y in range(height):
        for x in range(width):
            up, right = (height - 1) / 2 - y, x - (width - 1) / 2
            # The place that the pixel shows: turned back (clockwise) and scaled back.
            from_right = (right * math.cos(angle) + up * math.sin(angle)) / scale
            from_up = (-right * math.sin(angle) + up * math.cos(angle)) / scale
            py = min(max((height - 1) / 2 - from_up, 0), height - 1)
            px = min(max((width - 1) / 2 + from_right, 0), width - 1)
            top, left = min(int(py), height - 2), min(int(px), width - 2)
            dy, dx = py - top, px - left
            corners = image[top : top + 2, left : left + 2].astype(float)
            result[y, x] = np.array([1 - dy, dy]) @ corners @ np.array([1 - dx, dx])
    return result


def test_views_are_the_pictures_turned_and_scaled():
    views = seen(PICTURES)
    assert len(views) == len(VIEWS) == 9
    np.testing.assert_array_equal(views[0], PICTURES)
    for (rotation, scale), view in zip(VIEWS, views, strict=True):
        expected = np.stack([plain_view(image, rotation, scale) for image in PICTURES])
        # Places are whole 256ths of a pixel: between pixels of 0 and 255, one grey level either way, plus rounding.
        assert np.abs(view - expected).max() <= 2.0


def test_all_channels_of_a_picture_are_rotated_alike():
    colour = np.stack([PICTURES, PICTURES[:, ::-1], 255 - PICTURES], axis=-1)
    grey = [seen(np.ascontiguousarray(colour[..., channel])) for channel in range(3)]
    for number, view in enumerate(seen(colour)):
        np.testing.assert_array_equal(view, np.stack([views[number] for views in grey], axis=-1))


def test_the_answer_is_the_mean_over_the_views():
    network = cnn((20, 20), 3, kernel_size=3, seed=3)
    expected = np.mean([network.predict_proba(view) for view in seen(PICTURES)], axis=0)
    np.testing.assert_allclose(mean_over_views(network.predict_proba, PICTURES), expected, rtol=1e-6)


def test_a_network_answers_by_the_mean_over_views():
    network = cnn((20, 20), 3, kernel_size=3, seed=3)
    pictures = np.concatenate([PICTURES, np.zeros((1, 20, 20), np.uint8)])
    network.confidence = Confidence(2.0, threshold=0.0, false_reject_rate=0.01)
    once, nine = network.answer(pictures), network.answer(pictures, views=True)
    expected = mean_over_views(network.predict_proba, PICTURES)
    np.testing.assert_allclose(nine.probabilities[:5], expected, rtol=1e-5)
    np.testing.assert_array_equal(nine.predicted, [*expected.argmax(axis=1), -1])
    np.testing.assert_array_equal(nine.score, once.score)
    np.testing.assert_array_equal(nine.verdict, once.verdict)
    assert not nine.probabilities[5].any()


@pytest.mark.parametrize("confidence", [None, Confidence(2.0, threshold=-1e9, false_reject_rate=0.01)])
def test_evaluation_with_views_uses_their_mean(confidence):
    network = cnn((20, 20), 3, kernel_size=3, seed=3)
    network.confidence = confidence
    labels = np.array([0, 1, 2, 1, 0])
    views = seen(PICTURES)
    p = np.mean([softmax(network.logits(view)) for view in views], axis=0)
    result = evaluate(network, PICTURES, labels, views=True)
    assert result.accuracy == np.mean(p.argmax(axis=1) == labels)
    assert result.loss == pytest.approx(-np.mean(np.log(p[np.arange(5), labels])), rel=1e-5)
    np.testing.assert_allclose(result.probabilities, p, rtol=1e-5)
    np.testing.assert_array_equal(result.predicted, result.probabilities.argmax(axis=1))
    assert result.unknown_rate is None
    assert result.loss != evaluate(network, PICTURES, labels).loss


@pytest.mark.parametrize(
    "images",
    [np.zeros((2, 64), np.uint8), np.zeros((2, 8, 8), np.float32), np.zeros((2, 1, 8, 8), np.uint8)],
    ids=["rows", "floats", "channels-first"],
)
def test_anything_but_byte_pictures_is_refused(images):
    with pytest.raises(UsageError, match="uint8 pictures"):
        mean_over_views(lambda view: view, images)
    with pytest.raises(UsageError, match="uint8 pictures"):
        evaluate(cnn((8, 8), 3, kernel_size=1, channels=(2,)), images, np.array([0, 1]), views=True)


def test_the_first_view_is_the_images_themselves():
    images = np.arange(2 * 5 * 4, dtype=np.uint8).reshape(2, 5, 4)
    seen = []
    mean_over_views(lambda view: (seen.append(view), np.ones((2, 3)))[1], images)
    assert seen[0] is images
    assert len(seen) == len(VIEWS)


@pytest.mark.parametrize("shape", [(2,), (1, 3), (3, 2), (2, 3, 1)])
def test_probabilities_of_another_shape_are_refused(shape):
    with pytest.raises(UsageError, match=r"probabilities must give \(2, C\) for 2 images"):
        mean_over_views(lambda view: np.ones(shape), np.zeros((2, 5, 4), np.uint8))
    with pytest.raises(UsageError, match="probabilities must be a function"):
        mean_over_views(np.ones(shape), np.zeros((2, 5, 4), np.uint8))
