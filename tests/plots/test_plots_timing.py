"""Bars of times and the reliability diagram show their values."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from figures import texts
from matplotlib.colors import to_hex

from handspun import plots
from handspun.errors import UsageError
from handspun.plots.style import RED


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
        (lambda: plots.speed_bars(["a"], [1, 2]), "labels has 1, seconds has 2"),
        (lambda: plots.speed_bars(["a"], [1], spread=[1, 2]), "spread has 2"),
        (lambda: plots.speed_bars(["a"], [0]), '"seconds" must be numbers above 0'),
        (lambda: plots.speed_bars(["a"], [1], ratios=[0]), '"ratios" must be numbers above 0'),
        (lambda: plots.speed_bars(["a"], [1], spread=[-1]), "standard deviations"),
        (lambda: plots.speed_bars(["a"], [float("inf")]), "above 0"),
        (lambda: plots.speed_bars(["a", "b"], [1, 2], highlight="c"), 'no bar "c".*a, b'),
        (lambda: plots.speed_bars([], []), "empty"),
    ],
)
def test_invalid_times_are_refused(draw, message):
    with pytest.raises(UsageError, match=message):
        draw()


def test_a_reliability_diagram_joins_bins_with_enough_answers():
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
