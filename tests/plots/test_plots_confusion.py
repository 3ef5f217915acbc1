"""A confusion matrix shows its counts and colours its errors."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from figures import texts

from handspun import plots
from handspun.errors import UsageError


def test_confusion_matrix_shows_counts_and_colours_errors():
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


def test_a_few_errors_stay_pale():
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
def test_invalid_confusion_matrices_are_refused(matrix, classes, message):
    with pytest.raises(UsageError, match=message):
        plots.confusion_matrix(matrix, classes)
