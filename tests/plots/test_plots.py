"""What holds for every plot: names, bytes, settings, text; and the words and sizes that all share."""

import subprocess
import sys

import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl
from figures import HISTORY, every_picture
from matplotlib.backends.backend_agg import FigureCanvasAgg

from handspun import plots
from handspun.errors import OutputError
from handspun.plots.images import shown_size, suitable_columns
from handspun.plots.style import percent, png_bytes, shorten


def test_the_public_names_are_the_plots_and_save():
    assert set(plots.__all__) == {
        "augmentation_grid", "confusion_matrix", "feature_maps", "filter_images", "learning_curves", "learning_rate",
        "prediction_gallery", "reliability_diagram", "sample_grid", "save", "speed_bars", "version_grid",
        "weight_images", "worst_mistakes",
    }  # fmt: skip


def test_the_same_input_gives_the_same_bytes(tmp_path):
    first, second = every_picture(), every_picture()
    for name, figure in first.items():
        path = tmp_path / "new folder" / f"{name}.png"
        plots.save(figure, path)
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n"), name
        assert b"Software" not in data, name
        assert data == png_bytes(figure), f"{name}: saving twice differs"
        assert data == png_bytes(second[name]), f"{name}: drawing twice differs"


def test_the_users_settings_are_neither_changed_nor_followed():
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


def test_a_plot_that_cannot_be_written_is_reported(tmp_path):
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


def test_a_percentage_is_never_rounded_to_certainty():
    assert [percent(share) for share in (0, 1e-5, 0.0012, 0.5, 0.9994, 0.99949, 1)] == [
        "0.0 %", "<0.1 %", "0.1 %", "50.0 %", ">99.9 %", ">99.9 %", "100.0 %",
    ]  # fmt: skip


def test_long_names_are_shortened_with_an_ellipsis():
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
