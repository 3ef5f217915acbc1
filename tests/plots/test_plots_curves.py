"""Learning curves and learning rates show the history."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from figures import HISTORY, line_data, texts

from handspun import plots
from handspun.errors import UsageError
from handspun.plots.style import RED


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


def test_learning_curves_work_without_validation():
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


def test_epochs_without_validation_are_left_out():
    history = {
        **HISTORY,
        "validation_loss": [None, 0.5, float("nan"), 0.4],
        "validation_accuracy": [None] * 4,
    }
    loss, accuracy = plots.learning_curves(history).axes
    np.testing.assert_array_equal(line_data(loss, RED), [[2, 0.5], [4, 0.4]])
    assert len(accuracy.lines) == 1


def test_the_best_epoch_may_be_the_first_one():
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


def test_learning_rate_has_a_log_axis_only_for_decades():
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
