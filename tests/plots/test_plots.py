"""The pictures show what they were given: the numbers are read back out of the figures."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from handspun import plots
from handspun.errors import OutputError, UsageError
from handspun.plots.gallery import WRONG, surest_errors
from handspun.plots.sheet import shown_size, suitable_columns
from handspun.plots.style import RED, duration, percent, png_bytes, shorten
from handspun.plots.timing import linear_fit

DIGITS = [str(digit) for digit in range(10)]
HISTORY = {
    "epoch": [1, 2, 3, 4],
    "loss": [0.9, 0.5, 0.3, 0.25],
    "accuracy": [0.70, 0.85, 0.91, 0.93],
    "validation_loss": [0.8, 0.5, 0.4, 0.45],
    "validation_accuracy": [0.72, 0.86, 0.90, 0.89],
    "learning_rate": [0.01, 0.008, 0.006, 0.004],
}


def texts(figure):
    """All that is written in the figure and not empty, in drawing order."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]


def written(figure):
    """(x, y, text) of what a sheet says."""
    return [(*text.get_position(), text.get_text()) for text in figure.axes[0].texts]


def images_in(figure):
    return [image.get_array() for image in figure.axes[0].images]


def line_data(axes, color):
    """The longest line of a colour: the curve, not the ring on it."""
    return max((line.get_xydata() for line in axes.lines if to_hex(line.get_color()) == color), key=len)


def random_images(count, shape=(28, 28), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def every_picture():
    rng = np.random.default_rng(1)
    images = random_images(12)
    labels = np.arange(12) % 10
    probabilities = rng.dirichlet(np.ones(10), 12)
    return {
        "learning_curves": plots.learning_curves(HISTORY),
        "learning_rate": plots.learning_rate(HISTORY),
        "confusion_matrix": plots.confusion_matrix(rng.integers(0, 50, (10, 10)), DIGITS),
        "confusion_matrix_30": plots.confusion_matrix(rng.integers(0, 9, (30, 30)), [f"c{i}" for i in range(30)]),
        "prediction_gallery": plots.prediction_gallery(images, labels, probabilities.argmax(1), probabilities.max(1), DIGITS),
        "worst_mistakes": plots.worst_mistakes(images, labels, probabilities, DIGITS),
        "no_mistakes": plots.worst_mistakes(images, probabilities.argmax(1), probabilities, DIGITS),
        "weight_images": plots.weight_images(rng.normal(0, 0.1, (784, 5)), (28, 28)),
        "filter_images": plots.filter_images(rng.normal(0, 0.1, (6, 5, 3, 5))),
        "feature_maps": plots.feature_maps(
            images[0], {"conv2d1": rng.normal(0, 1, (4, 9, 9)), "relu1": rng.random((20, 4, 5))}
        ),
        "sample_grid": plots.sample_grid(images, labels, DIGITS),
        "scaling": plots.scaling([100, 1000, 10000], [0.1, 0.2, 1.1]),
        "speed_bars": plots.speed_bars(["ours", "theirs"], [1.0, 2.5], spread=[0.1, 0.2]),
    }


# All pictures


def test_the_public_names_are_the_pictures_and_save():
    assert set(plots.__all__) == {
        "augmentation_grid", "confusion_matrix", "feature_maps", "filter_images", "learning_curves", "learning_rate",
        "prediction_gallery", "reliability_diagram", "sample_grid", "save", "scaling", "speed_bars", "version_grid",
        "weight_images", "worst_mistakes",
    }  # fmt: skip


def test_the_same_input_gives_the_same_bytes_and_a_png_without_a_version_in_it(tmp_path):
    first, second = every_picture(), every_picture()
    for name, figure in first.items():
        path = tmp_path / "new folder" / f"{name}.png"
        plots.save(figure, path)
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n"), name
        assert b"Software" not in data, name
        assert data == png_bytes(figure), f"{name}: saving twice differs"
        assert data == png_bytes(second[name]), f"{name}: drawing twice differs"


def test_the_readers_settings_are_neither_changed_nor_followed():
    expected = {name: png_bytes(figure) for name, figure in every_picture().items()}
    odd = {
        "axes.facecolor": "black",
        "font.size": 30,
        "lines.linewidth": 9,
        "savefig.dpi": 20,
        "image.cmap": "hsv",
    }
    with mpl.rc_context(odd):
        before = dict(mpl.rcParams)
        for name, figure in every_picture().items():
            assert png_bytes(figure) == expected[name], name
        assert dict(mpl.rcParams) == before


def test_pyplot_is_not_loaded():
    code = "import sys, handspun.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_one_line_says_which_extra_is_missing():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from handspun.errors import MissingExtraError\n"
        "try: import handspun.plots\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == 'Plotting needs the extra "cli": pip install "handspun[cli]"\n'


def test_a_file_that_cannot_be_written_is_said_plainly(tmp_path):
    with pytest.raises(OutputError, match="it is a folder"):
        plots.save(plots.learning_rate(HISTORY), tmp_path)


def test_no_text_is_cut_off():
    for name, figure in every_picture().items():
        figure.draw_without_rendering()
        page = FigureCanvasAgg(figure).get_renderer()
        for text in drawn_texts(figure):
            box = text.get_window_extent(page)
            assert min(box.x0, box.y0) >= 0, (name, text.get_text())
            assert box.x1 <= page.width, (name, text.get_text())
            assert box.y1 <= page.height, (name, text.get_text())


def drawn_texts(figure):
    """What is really drawn: tick labels outside the limits, which matplotlib keeps too, are not."""
    for axes in figure.axes:
        yield from axes.texts
        if axes.axison:
            yield from (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label)
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


# Curves


def test_learning_curves_show_the_history():
    loss, accuracy = plots.learning_curves(HISTORY).axes
    ink = "#1c1a17"
    np.testing.assert_array_equal(line_data(loss, ink), np.transpose([HISTORY["epoch"], HISTORY["loss"]]))
    np.testing.assert_array_equal(line_data(loss, RED)[:, 1], HISTORY["validation_loss"])
    np.testing.assert_allclose(line_data(accuracy, ink)[:, 1], [70, 85, 91, 93])
    np.testing.assert_allclose(line_data(accuracy, RED)[:, 1], [72, 86, 90, 89])
    said = texts(loss.figure)
    for text in ("training 0.25", "validation 0.45", "training 93.00 %", "validation 89.00 %", "epoch"):
        assert text in said
    assert "best validation: 0.4, epoch 3" in said
    assert "best validation: 90.00 %, epoch 3" in said
    assert all(low == 1 and high == 4 for low, high in (axes.get_xlim() for axes in (loss, accuracy)))


def test_learning_curves_without_validation():
    axes = plots.learning_curves({key: HISTORY[key] for key in ("epoch", "loss", "accuracy")}).axes
    assert [len(panel.lines) for panel in axes] == [1, 1]
    assert not any("validation" in text for text in texts(axes[0].figure))


def test_a_regression_has_a_loss_and_no_accuracy():
    (axes,) = plots.learning_curves({"epoch": [1, 2], "loss": [3, 2], "validation_loss": [4, 3]}).axes
    np.testing.assert_array_equal(line_data(axes, RED), [[1, 4], [2, 3]])
    assert not any("%" in text for text in texts(axes.figure))


def test_learning_curves_of_one_epoch_are_visible_dots():
    figure = plots.learning_curves({key: values[:1] for key, values in HISTORY.items()})
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert low < 1 < high
        assert [line.get_marker() for line in axes.lines] == ["o", "o"]
        bottom, top = axes.get_ylim()
        assert all(bottom <= line.get_ydata()[0] <= top for line in axes.lines)


def test_epochs_without_a_validation_are_left_out_of_the_line():
    history = {
        **HISTORY,
        "validation_loss": [None, 0.5, float("nan"), 0.4],
        "validation_accuracy": [None] * 4,
    }
    loss, accuracy = plots.learning_curves(history).axes
    np.testing.assert_array_equal(line_data(loss, RED), [[2, 0.5], [4, 0.4]])
    assert len(accuracy.lines) == 1


def test_the_best_epoch_is_the_first_even_if_it_is_the_first_epoch():
    history = {**HISTORY, "validation_loss": [0.1, 0.2, 0.3, 0.4]}
    assert "best validation: 0.1, epoch 1" in texts(plots.learning_curves(history))


@pytest.mark.parametrize(("training", "validation"), [(1.0, 1.0), (0.9301, 0.93), (0.0, 0.0), (0.5, 0.5001)])
def test_end_labels_do_not_overlap(training, validation):
    history = {
        **HISTORY,
        "accuracy": [0.5, 0.6, 0.7, training],
        "validation_accuracy": [0.4, 0.5, 0.6, validation],
    }
    history |= {"loss": [1, 0.5, 0.2, 0.001], "validation_loss": [1, 0.5, 0.2, 0.0011]}
    figure = plots.learning_curves(history)
    figure.draw_without_rendering()
    for axes in figure.axes:
        low, high = sorted(
            (text.get_window_extent() for text in axes.texts if text.get_text().startswith(("training", "valid"))),
            key=lambda box: box.y0,
        )
        assert low.y1 <= high.y0 + 4  # the boxes hold room for accents; the letters themselves stay apart


def test_learning_rate_shows_the_history_and_uses_a_log_axis_only_for_decades():
    axes = plots.learning_rate(HISTORY).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata()[:, 1], HISTORY["learning_rate"])
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0
    steps = plots.learning_rate({"epoch": range(1, 10), "learning_rate": [1e-1] * 3 + [1e-2] * 3 + [1e-3] * 3})
    assert steps.axes[0].get_yscale() == "log"
    for rate in ([0.0], [float("nan")], [1e-3]):
        plots.learning_rate({"epoch": [1], "learning_rate": rate})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": [1, 2]}, 'The lengths differ: "epoch" has 4, "loss" has 2'),
        ({"validation_accuracy": [0.5]}, '"validation_accuracy" has 1'),
        ({"accuracy": ["a", "b", "c", "d"]}, '"accuracy" must be a list of numbers'),
        ({"accuracy": [[1], [1], [1], [1]]}, "one list of numbers"),
        ({"epoch": []}, "history is empty"),
    ],
)
def test_a_broken_history_is_refused(change, message):
    with pytest.raises(UsageError, match=message):
        plots.learning_curves({**HISTORY, **change})


def test_a_missing_column_is_named():
    with pytest.raises(UsageError, match=r'no "learning_rate"\. It has: epoch, loss\.'):
        plots.learning_rate({"epoch": [1], "loss": [1]})


# Confusion matrix


def test_confusion_matrix_writes_the_counts_and_colours_only_the_errors():
    counts = np.array([[90, 10, 0], [0, 1200, 300], [5, 0, 0]])
    figure = plots.confusion_matrix(counts, ["a", "b", "$c$"])
    axes = figure.axes[1]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(column, row): f"{counts[row, column]:,}" for row in range(3) for column in range(3)}
    shown = axes.images[0].get_array()
    assert np.ma.getmaskarray(shown).tolist() == np.eye(3, dtype=bool).tolist()
    np.testing.assert_allclose(shown.filled(0), [[0, 0.1, 0], [0, 0, 0.2], [1, 0, 0]])
    assert axes.images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "$c$"]
    said = texts(figure)
    assert "Confusion matrix: 80.4 % of 1,605 right" in said
    assert [text for text in said if text.endswith("%")][:3] == ["90.0 %", "80.0 %", "0.0 %"]


def test_a_few_errors_do_not_burn():
    counts = np.diag([10_000, 10_000])
    counts[0, 1] = 1
    assert plots.confusion_matrix(counts, ["a", "b"]).axes[1].images[0].get_clim() == (0, 0.01)


def test_a_class_without_examples_has_no_recall():
    assert "none" in texts(plots.confusion_matrix([[3, 1], [0, 0]], ["a", "b"]))


def test_many_classes_are_listed_in_words_by_share():
    counts = np.diag(np.full(30, 100))
    counts[3, 4] = 25
    counts[7, 1] = 100
    counts[9, 2] = 1
    figure = plots.confusion_matrix(counts, [f"class {i}" for i in range(30)])
    assert len(figure.axes[1].texts) == 0
    said = texts(figure)
    places = [said.index(text) for text in ("class 7 as class 1 (100)", "class 3 as class 4 (25)", "class 9 as class 2 (1)")]
    assert places == sorted(places)
    assert {"50.0 %", "20.0 %", "1.0 %"} <= set(said)
    assert "none" in texts(plots.confusion_matrix(np.eye(21, dtype=int), [str(i) for i in range(21)]))


@pytest.mark.parametrize(
    ("matrix", "classes", "message"),
    [
        (np.zeros((2, 3)), ["a", "b"], "square"),
        (np.zeros((0, 0)), [], "square"),
        (np.eye(3), ["a", "b"], "3 classes, but there are 2 names"),
        ([[0.5, 0.5], [0, 1]], ["a", "b"], "not shares"),
        ([[1, -1], [0, 1]], ["a", "b"], "whole numbers"),
        ([[1, np.nan], [0, 1]], ["a", "b"], "whole numbers"),
        ([["x", "y"], ["z", "w"]], ["a", "b"], "whole numbers"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(matrix, classes, message):
    with pytest.raises(UsageError, match=message):
        plots.confusion_matrix(matrix, classes)


# Images


@pytest.mark.parametrize(
    ("images", "image_shape", "expected"),
    [
        (random_images(3), None, random_images(3)),
        (random_images(3) / 255, None, random_images(3) / 255),
        (random_images(3).reshape(3, 784), (28, 28), random_images(3)),
        (random_images(3, (9, 5, 1)), None, random_images(3, (9, 5, 1))[..., 0]),
        (random_images(3, (8, 8, 3)), None, random_images(3, (8, 8, 3))),
        (random_images(3, (3, 8, 8)), None, np.moveaxis(random_images(3, (3, 8, 8)), 1, 3)),
        (
            random_images(3, (3, 8, 8)).reshape(3, -1),
            (3, 8, 8),
            np.moveaxis(random_images(3, (3, 8, 8)), 1, 3),
        ),
        (random_images(3) > 99, None, random_images(3) > 99),
    ],
    ids=["grey", "fractions", "flat", "one channel", "rgb", "channels first", "flat channels first", "bool"],
)
def test_the_gallery_shows_the_very_images(images, image_shape, expected):
    figure = plots.prediction_gallery(images, None, [1, 2, 3], [0.5, 0.99999, 1.0], DIGITS, image_shape=image_shape)
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


def test_light_instead_of_ink_turns_the_scale_round():
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


def test_worst_mistakes_are_the_errors_by_falling_confidence():
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


def test_surest_errors_are_all_found_and_only_they():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.8, 0.2]])
    places, total = surest_errors(np.array([1, 1, 1, 1]), probabilities, 2)
    assert (places.tolist(), total) == ([0, 3], 3)
    places, total = surest_errors(np.zeros(0, np.int64), np.zeros((0, 2)), 2)
    assert (places.tolist(), total) == ([], 0)


def test_no_mistakes_is_said():
    figure = plots.worst_mistakes(random_images(2), [0, 1], np.eye(10)[:2], DIGITS)
    assert [text for *_, text in written(figure)] == [
        "No mistakes",
        "All 2 images were classified correctly.",
    ]
    one = plots.worst_mistakes(random_images(2), [0, 2], np.eye(10)[:2], DIGITS)
    assert written(one)[0][2] == "The one mistake in 2 images"


def test_samples_stand_in_the_row_of_their_class():
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
    (lambda: plots.prediction_gallery(random_images(1), None, [1], [1], DIGITS, count=0), "at least 1"),
    (lambda: plots.prediction_gallery(random_images(1), None, [1], [1], DIGITS, columns=0), "at least 1"),
    (lambda: plots.prediction_gallery(random_images(1).reshape(1, -1), None, [1], [1], DIGITS), "give image_shape"),
    (
        lambda: plots.prediction_gallery(random_images(1).reshape(1, -1), None, [1], [1], DIGITS, image_shape=(9, 9)),
        "cannot be shown as 9 x 9",
    ),
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
    (lambda: plots.feature_maps(np.zeros((4, 4)), {}), "no layer whose output is pictures"),
    (lambda: plots.feature_maps(np.zeros((4, 4)), {"dense1": np.zeros(3)}), "maps of dense1 must have the shape"),
    (lambda: plots.feature_maps(np.zeros((4, 4)), {"relu1": np.full((1, 2, 2), np.nan)}), "not finite"),
]  # fmt: skip


@pytest.mark.parametrize(("draw", "message"), BAD_IMAGES)
def test_images_that_cannot_be_meant_are_refused(draw, message):
    with pytest.raises(UsageError, match=message):
        draw()


# Weights


def test_each_filter_is_drawn_as_the_weights_that_it_lays_on_the_picture():
    filters = np.random.default_rng(3).normal(0, 1, (3, 4, 1, 5))  # (O, kh, C, kw)
    images = plots.filter_images(filters).axes[0].images
    for number in range(3):
        np.testing.assert_allclose(images[number].get_array(), filters[number, :, 0, :])
    rgb = np.random.default_rng(3).normal(0, 1, (2, 4, 3, 5))
    limit = np.quantile(np.abs(rgb), 0.998)
    shown = plots.filter_images(rgb).axes[0].images[1].get_array()
    np.testing.assert_allclose(shown, np.clip(0.5 + rgb[1].transpose(0, 2, 1) / (2 * limit), 0, 1))


def test_feature_maps_show_each_channel_on_the_scale_of_its_layer():
    image = random_images(1)[0]
    maps = {"conv2d1": np.random.default_rng(4).normal(0, 1, (3, 6, 6)), "relu1": np.random.default_rng(4).random((5, 3, 3))}
    picture, *shown = plots.feature_maps(image, maps, channels=4).axes[0].images
    np.testing.assert_array_equal(picture.get_array(), image)
    for drawn, expected in zip(shown, [*maps["conv2d1"], *maps["relu1"][:4]], strict=True):
        np.testing.assert_array_equal(drawn.get_array(), expected)
    largest = np.abs(maps["conv2d1"]).max()
    assert {drawn.get_clim() for drawn in shown[:3]} == {(-largest, largest)}
    assert {drawn.get_clim() for drawn in shown[3:]} == {(0.0, maps["relu1"].max())}


def test_weights_are_shown_as_they_are_on_a_scale_around_zero():
    weight = np.random.default_rng(5).normal(0.02, 0.1, (12, 7))
    weight[0, 0] = 9
    figure = plots.weight_images(weight, (3, 4), count=5)
    *cells, bar = figure.axes[0].images
    assert len(cells) == 5
    for unit, cell in enumerate(cells):
        np.testing.assert_array_equal(cell.get_array(), weight[:, unit].reshape(3, 4))
    (limits,) = {cell.get_clim() for cell in cells}
    assert limits[0] == -limits[1] < 0
    assert bar.get_clim() == limits
    said = texts(figure)
    assert "First-layer weights, the first 5 of 7 units" in said
    assert {f"≥ {limits[1]:.2g}", f"≤ −{limits[1]:.2g}"} <= set(said)


def test_rgb_weights_lie_around_middle_grey():
    weight = np.array([[-1.0], [0.0], [1.0]])
    (cell, _bar) = plots.weight_images(weight, (1, 1, 3)).axes[0].images
    np.testing.assert_allclose(cell.get_array().ravel(), [0, 0.5, 1], atol=0.002)


def test_weights_of_zero_are_no_division_by_zero():
    figure = plots.weight_images(np.zeros((4, 1)), (2, 2))
    assert figure.axes[0].images[0].get_clim() == (-1, 1)


# Times


def test_scaling_shows_the_points_and_the_line_they_lie_on():
    images = np.array([10_000, 100, 1000])
    axes = plots.scaling(images, 0.05 + 2e-5 * images).axes[0]
    line, points = axes.lines
    np.testing.assert_allclose(points.get_xydata(), [[100, 0.052], [1000, 0.07], [10_000, 0.25]])
    x, y = line.get_xydata().T
    np.testing.assert_allclose(y, 0.05 + 2e-5 * x)
    assert "dashed: 50 ms + 20 µs an image" in texts(axes.figure)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert len(plots.scaling([100], [1.0]).axes[0].lines) == 1


def test_the_fit_has_no_negative_part():
    x = np.array([1.0, 10.0, 100.0])
    assert linear_fit(x, 3 * x**1.5)[0] == 0
    overhead, cost = linear_fit(x, 5 / x)
    assert overhead > 0
    assert cost == 0
    # The best proportional cost by its definition: no neighbour has a smaller squared relative error.
    y = 3 * x**1.5
    costs = linear_fit(x, y)[1] * np.array([0.999, 1, 1.001])
    assert np.argmin([((cost * x / y - 1) ** 2).sum() for cost in costs]) == 1


def test_speed_bars_are_sorted_and_carry_their_values():
    figure = plots.speed_bars(["slow", "ours", "mid"], [30.0, 0.5, 2.0], spread=[1, 0.01, 0.2], highlight="ours")
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 2.0, 30.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ours", "mid", "slow"]
    assert [to_hex(bar.get_facecolor()) == RED for bar in axes.patches] == [True, False, False]
    said = texts(figure)
    assert {"0.500 ± 0.010 s", "2.00 ± 0.20 s   4 ×", "30.0 ± 1.0 s   60 ×"} <= set(said)
    assert "± standard deviation; × the time of ours" in said
    assert "500 µs" in texts(plots.speed_bars(["a"], [0.0005]))
    paired = texts(plots.speed_bars(["ours", "slow"], [0.5, 2.0], ratios=[1.0, 4.27]))
    assert "2.00 s   4.27 ×" in paired


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.scaling([1, 2], [1]), "images has 2, seconds has 1"),
        (lambda: plots.scaling([0, 2], [1, 1]), '"images" must be numbers above 0'),
        (lambda: plots.scaling([], []), "empty"),
        (lambda: plots.speed_bars(["a"], [1, 2]), "labels has 1, seconds has 2"),
        (lambda: plots.speed_bars(["a"], [1], spread=[1, 2]), "spread has 2"),
        (lambda: plots.speed_bars(["a"], [1], ratios=[0]), "above 0"),
        (lambda: plots.speed_bars(["a"], [1], spread=[-1]), "standard deviations"),
        (lambda: plots.speed_bars(["a"], [float("inf")]), "above 0"),
        (lambda: plots.speed_bars(["a", "b"], [1, 2], highlight="c"), 'no bar "c".*a, b'),
        (lambda: plots.speed_bars([], []), "empty"),
    ],
)
def test_times_that_cannot_be_meant_are_refused(draw, message):
    with pytest.raises(UsageError, match=message):
        draw()


# Words and sizes


def test_a_percentage_is_never_rounded_to_certainty():
    assert [percent(share) for share in (0, 1e-5, 0.0012, 0.5, 0.9994, 0.99949, 1)] == [
        "0.0 %", "<0.1 %", "0.1 %", "50.0 %", ">99.9 %", ">99.9 %", "100.0 %",
    ]  # fmt: skip


def test_durations_have_three_digits_and_a_unit():
    assert [duration(seconds) for seconds in (2e-9, 4.56e-5, 0.00123, 0.9999, 1, 45.67, 5432)] == [
        "2 ns", "45.6 µs", "1.23 ms", "1 s", "1 s", "45.7 s", "5,432 s",
    ]  # fmt: skip


def test_long_names_are_cut_visibly():
    assert shorten("aquarium fish") == "aquarium fish"
    assert shorten("a" * 30) == "a" * 17 + "…"


def test_sizes_are_whole_multiples():
    assert shown_size((28, 28), 140) == (140, 140)
    assert shown_size((32, 32), 140) == (128, 128)
    assert shown_size((20, 10, 3), 100) == (100, 50)
    assert shown_size((300, 600), 150) == (75, 150)


def test_columns_fill_the_rectangle():
    assert [suitable_columns(count, 12) for count in (1, 2, 5, 12, 24, 40, 60, 64)] == [
        1,
        2,
        5,
        4,
        6,
        8,
        10,
        8,
    ]
    assert suitable_columns(64, 3) == 3


def test_a_reliability_diagram_joins_the_bins_that_have_answers_enough():
    from handspun.evaluation.metrics import reliability

    sure = np.repeat([0.55, 0.65, 0.9, 1.0], [3, 10, 12, 40])
    found = reliability(np.stack([sure, 1 - sure], axis=1), np.arange(65) % 3 == 0, bins=10)
    axes = plots.reliability_diagram(found, found).axes[0]
    _, plain, calibrated = axes.lines
    enough = found.count >= 10
    assert np.count_nonzero(enough) == np.count_nonzero(found.count) - 1
    for line, points in zip((plain, calibrated), axes.collections, strict=True):
        assert np.asarray(line.get_xdata()) == pytest.approx(found.confidence[enough])
        assert np.asarray(line.get_ydata()) == pytest.approx(found.accuracy[enough])
        assert np.asarray(points.get_offsets())[:, 1] == pytest.approx(found.accuracy[found.count > 0])
    assert f"off by {100 * found.error:.2f} %" in calibrated.get_label()
