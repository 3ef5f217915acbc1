"""Predictions, mistakes and samples show the very images they were given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from figures import DIGITS, images_in, random_images, texts, written
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from handspun import plots
from handspun.errors import UsageError
from handspun.plots.gallery import WRONG, surest_errors
from handspun.plots.style import RED, percent


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (random_images(3), random_images(3)),
        (random_images(3) / 255, random_images(3) / 255),
        (random_images(3).reshape(3, 784), random_images(3)),
        (random_images(3, (9, 5, 1)), random_images(3, (9, 5, 1))[..., 0]),
        (random_images(3, (8, 8, 3)), random_images(3, (8, 8, 3))),
        (random_images(3, (3, 8, 8)), np.moveaxis(random_images(3, (3, 8, 8)), 1, 3)),
        (random_images(3) > 99, random_images(3) > 99),
    ],
    ids=["grey", "fractions", "flat", "one channel", "rgb", "channels first", "bool"],
)
def test_the_gallery_shows_the_very_images(images, expected):
    figure = plots.prediction_gallery(images, None, [1, 2, 3], [0.5, 0.99999, 1.0], DIGITS)
    shown = images_in(figure)
    assert len(shown) == 3
    for cell, image in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(cell, image)
    said = [text for *_, text in written(figure)]
    assert said == [
        "Predictions",
        "predicted class and its probability",
        "1",
        "50.0 %",
        "2",
        ">99.9 %",
        "3",
        "100.0 %",
    ]
    plots.style.png_bytes(figure)


def test_pixels_are_whole_squares_on_paper():
    figure = plots.prediction_gallery(random_images(1), None, [1], [0.5], DIGITS)
    extent = figure.axes[0].images[0].get_extent()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = np.asarray(canvas.buffer_rgba())[..., 0]
    left, right, bottom, top = (round(edge) for edge in extent)
    assert (right - left, bottom - top) == (140, 140)
    image = 255 - page[top:bottom, left:right].astype(int)
    blocks = image.reshape(28, 5, 28, 5)
    assert (blocks == blocks[:, :1, :, :1]).all()
    # High values are ink: the order of the greys is that of the values.
    assert np.corrcoef(blocks[:, 0, :, 0].ravel(), random_images(1).ravel())[0, 1] > 0.999


def test_light_instead_of_ink_reverses_the_scale():
    both = [plots.prediction_gallery(random_images(1), None, [1], [0.5], DIGITS, ink=ink) for ink in (True, False)]
    ink, light = (figure.axes[0].images[0].cmap for figure in both)
    assert ink(1.0) == pytest.approx(light(0.0))
    assert ink(0.0) == pytest.approx(light(1.0))


def test_images_beyond_0_to_1_use_their_own_range():
    grey = plots.prediction_gallery(np.linspace(-2, 3, 32).reshape(2, 4, 4), None, [1, 2], [0.5, 0.5], DIGITS)
    assert {image.get_clim() for image in grey.axes[0].images} == {(-2, 3)}
    colour = plots.prediction_gallery(np.linspace(-2, 3, 48).reshape(1, 4, 4, 3), None, [1], [0.5], DIGITS)
    np.testing.assert_allclose(images_in(colour)[0].ravel(), np.linspace(0, 1, 48))


def test_wrong_predictions_are_marked_by_more_than_colour():
    figure = plots.prediction_gallery(random_images(3), [1, 2, 3], [1, 7, 3], [0.9, 0.6, 0.8], DIGITS)
    said = [text for *_, text in written(figure)]
    assert said[0] == "Predictions: 2 of 3 right"
    assert said[2:] == ["1", "90.0 %", "true 1", f"{WRONG} 7", "60.0 %", "true 2", "3", "80.0 %", "true 3"]
    assert [to_hex(frame.get_edgecolor()) == RED for frame in figure.axes[0].patches] == [False, True, False]


def test_the_gallery_says_when_it_shows_only_some():
    figure = plots.prediction_gallery(random_images(9), [1] * 9, [1] * 9, [0.9] * 9, DIGITS, count=4)
    assert len(images_in(figure)) == 4
    assert written(figure)[0][2] == "Predictions: 4 of 4 right, the first 4 of 9 images"
    empty = plots.prediction_gallery(random_images(0), None, np.zeros(0, int), np.zeros(0), DIGITS)
    assert "There are no images to show." in texts(empty)


def test_worst_mistakes_are_sorted_by_confidence():
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.full(10, 0.3), 200)
    answers = probabilities.argmax(1)
    true = np.where(rng.random(200) < 0.7, answers, (answers + 1) % 10)
    images = random_images(200, (4, 4))
    wrong = [i for i in range(200) if answers[i] != true[i]]
    expected = sorted(wrong, key=lambda i: -probabilities[i].max())[:15]

    figure = plots.worst_mistakes(images, true, probabilities, DIGITS, count=15)
    for cell, index in zip(images_in(figure), expected, strict=True):
        np.testing.assert_array_equal(cell, images[index])
    said = [text for *_, text in written(figure)]
    assert said[0] == f"The 15 surest of {len(wrong)} mistakes in 200 images"
    for place, index in enumerate(expected):
        assert said[2 + 4 * place : 6 + 4 * place] == [
            f"{WRONG} {answers[index]}",
            percent(probabilities[index].max()),
            f"true {true[index]}",
            percent(probabilities[index, true[index]]),
        ]


def test_surest_errors_finds_all_errors_and_no_others():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.8, 0.2]])
    places, total = surest_errors(np.array([1, 1, 1, 1]), probabilities, 2)
    assert (places.tolist(), total) == ([0, 3], 3)
    places, total = surest_errors(np.zeros(0, np.int64), np.zeros((0, 2)), 2)
    assert (places.tolist(), total) == ([], 0)


def test_worst_mistakes_says_if_there_are_none():
    figure = plots.worst_mistakes(random_images(2), [0, 1], np.eye(10)[:2], DIGITS)
    assert [text for *_, text in written(figure)] == [
        "No mistakes",
        "All 2 images were classified correctly.",
    ]
    one = plots.worst_mistakes(random_images(2), [0, 2], np.eye(10)[:2], DIGITS)
    assert written(one)[0][2] == "The one mistake in 2 images"


def test_samples_are_in_the_row_of_their_class():
    labels = np.array([2, 0, 2, 2, 0])
    images = random_images(5)
    figure = plots.sample_grid(images, labels, ["zero", "one", "two"], per_class=2)
    shown = images_in(figure)
    for cell, index in zip(shown, [1, 4, 0, 2], strict=True):
        np.testing.assert_array_equal(cell, images[index])
    tops = [image.get_extent()[3] for image in figure.axes[0].images]
    assert tops[0] == tops[1] < tops[2] == tops[3]
    assert [text for *_, text in written(figure)][2:] == ["zero", "2", "one", "0", "two", "3"]


BAD_IMAGES = [
    (lambda: plots.prediction_gallery(random_images(3), [1, 2], [1, 2, 3], [1, 1, 1], DIGITS), "images has 3.*true has 2"),
    (lambda: plots.prediction_gallery(random_images(3), None, [1, 2, 3], [1, 1], DIGITS), "confidence has 2"),
    (lambda: plots.prediction_gallery(random_images(1), None, [10], [1], DIGITS), "class 10, but.* 0 to 9"),
    (lambda: plots.prediction_gallery(random_images(1), None, [0.5], [1], DIGITS), "class numbers"),
    (lambda: plots.prediction_gallery(random_images(1), None, [1], [99], DIGITS), "probabilities from 0 to 1"),
    (lambda: plots.prediction_gallery(random_images(1), None, [1], [np.nan], DIGITS), "probabilities from 0 to 1"),
    (lambda: plots.prediction_gallery(random_images(1), None, [1], [1], DIGITS, count=0), "count must be .* 0, got 0"),
    (lambda: plots.prediction_gallery(random_images(1).reshape(1, -1)[:, 1:], None, [1], [1], DIGITS), "rows of 783 values"),
    (lambda: plots.prediction_gallery(random_images(1, (8, 8, 2)), None, [1], [1], DIGITS), "must be"),
    (lambda: plots.prediction_gallery(np.full((1, 2, 2), np.nan), None, [1], [1], DIGITS), "not finite"),
    (lambda: plots.prediction_gallery(1, None, [1], [1], DIGITS), "must be lists or arrays"),
    (lambda: plots.worst_mistakes(random_images(2), [1, 2], np.ones((2, 3)) / 3, DIGITS), "10 classes"),
    (lambda: plots.worst_mistakes(random_images(2), [1, 2], np.ones(2), DIGITS), "2 dimensions"),
    (lambda: plots.worst_mistakes(random_images(2), [1], np.ones((2, 10)) / 10, DIGITS), "true has 1"),
    (lambda: plots.sample_grid(random_images(2), [1], DIGITS), "labels has 1"),
    (lambda: plots.sample_grid(random_images(1), [-1], DIGITS), "class -1"),
    (lambda: plots.weight_images(np.zeros((784, 3)), (32, 32)), "784 inputs does not make images of 32 x 32"),
    (lambda: plots.weight_images(np.zeros(784), (28, 28)), "inputs, units"),
    (lambda: plots.weight_images(np.full((784, 1), np.inf), (28, 28)), "not finite"),
    (lambda: plots.filter_images(np.zeros((4, 5, 2, 5))), "1 or 3 channels"),
    (lambda: plots.feature_maps(np.zeros((4, 4)), {}), "no layer of the network has pictures as output"),
    (lambda: plots.feature_maps(np.zeros((4, 4)), {"dense1": np.zeros(3)}), "maps of dense1 must have the shape"),
    (lambda: plots.feature_maps(np.zeros((4, 4)), {"relu1": np.full((1, 2, 2), np.nan)}), "not finite"),
]  # fmt: skip


@pytest.mark.parametrize(("draw", "message"), BAD_IMAGES)
def test_invalid_images_are_refused(draw, message):
    with pytest.raises(UsageError, match=message):
        draw()
