"""What a history looks like: in a line, as a table, and as curves in a notebook."""

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from handspun.training.curves import _ticks, curves
from handspun.training.history import History

RECORDS = [
    {
        "epoch": epoch,
        "loss": 2.0 / epoch,
        "accuracy": 1 - 0.5 / epoch,
        "validation_loss": 2.2 / epoch,
        "validation_accuracy": 1 - 0.6 / epoch,
        "learning_rate": 1e-3,
        "gradient_norm": 0.25,
        "images_per_second": 54321.0,
        "seconds": 1.25,
    }
    for epoch in range(1, 6)
]


def test_repr_gives_the_epochs_and_the_last_values():
    said = "the last with loss 0.4000, accuracy 90.00 %, validation loss 0.4400, validation accuracy 88.00 %"
    assert repr(History(RECORDS)) == f"History of 5 epochs, {said}"
    assert repr(History(RECORDS[:1])).startswith("History of 1 epoch, the last with loss 2.0000")
    assert repr(History()) == str(History()) == "History of no epochs"


def test_print_shows_a_table():
    lines = str(History(RECORDS)).splitlines()
    assert re.split("  +", lines[0].strip())[:4] == ["epoch", "loss", "accuracy", "validation loss"]
    assert lines[2].split() == ["2", "1.0000", "75.00", "%", "1.1000", "70.00", "%", "0.001", "0.25", "54,321", "1.25"]
    assert len({len(line) for line in lines}) == 1


def test_the_middle_of_a_long_history_is_left_out():
    lines = str(History([{"epoch": n, "loss": 1.0} for n in range(1, 101)])).splitlines()
    assert [line.split()[0] for line in lines] == ["epoch", *map(str, range(1, 11)), "…", *map(str, range(91, 101))]


def test_a_column_that_an_epoch_lacks_stays_empty():
    assert str(History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "accuracy": 0.5}])).splitlines()[1].split() == [
        "1",
        "2.0000",
    ]


def drawing(history):
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", curves(history), re.DOTALL)]


def test_notebooks_show_curves_of_loss_and_accuracy():
    charts = drawing(History(RECORDS))
    assert [chart.get("aria-label") for chart in charts] == ["loss by epoch", "accuracy by epoch"]
    for chart in charts:
        lines = [
            [tuple(map(float, point.split(","))) for point in line.get("points").split()] for line in chart.iter("polyline")
        ]
        assert len(lines) == 2
        for points in lines:
            across, down = zip(*points, strict=True)
            assert len(points) == 5
            assert list(across) == sorted(across)
            # The loss falls and the accuracy rises; heights count downward.
            assert list(down) == sorted(down, reverse="accuracy" in chart.get("aria-label"))
            assert 0 < min(down) < max(down) < 220
    words = [text.text for text in charts[1].iter("text")]
    assert words[0] == "accuracy in %"
    assert {"training", "90.0 %", "validation", "88.0 %"} <= set(words)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"epoch": 1, "loss": 0.7}],
        [{"epoch": 1, "loss": math.inf}, {"epoch": 2, "loss": math.nan}],
        [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.5}],
        [{"epoch": 1, "loss": 1e-12, "accuracy": 1.0}],
        [{"epoch": 1, "loss": 3e30}, {"epoch": 2, "loss": -3e30}],
    ],
    ids=["none", "one", "not finite", "constant", "tiny", "huge"],
)
def test_any_history_can_be_drawn(records):
    for chart in drawing(History(records)):
        for line in chart.iter("polyline"):
            assert "nan" not in line.get("points")
    assert "<" in History(records)._repr_html_()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.03, 2.3, [0, 0.5, 1, 1.5, 2, 2.5]), (88, 97.2, [88, 90, 92, 94, 96, 98]), (0.5, 0.5, [0.5, 0.6])],
)
def test_axes_have_round_numbers(low, high, expected):
    assert _ticks(low, high) == expected
