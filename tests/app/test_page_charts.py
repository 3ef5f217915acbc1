"""Numbers, charts and comparisons on the page, in a real browser."""

import re

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import QUICK, open_train, open_view, until
from serving import serving

from handspun.app.models.catalog import Models, shipped_models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app

ALL = {
    "data": "mnist-5k",
    "layers": [{"kind": "Dense", "units": 16}, {"kind": "ReLU"}],
    "hidden": [],
    "optimizer": "adam",
    "learning_rate": 0.003,
    "schedule": {"name": "constant"},
    "batch_size": 64,
    "validation": 0.1,
    "weight_decay": 0,
    "seed": 0,
    "augment": None,
}


CNN = [{"kind": "Conv2D", "filters": 8, "kernel_size": 5}, {"kind": "MaxPool2D", "size": 2}, {"kind": "Flatten"}]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([{}], [""]),
        ([{}, {}], ["", ""]),
        ([{}, {"seed": 3}], ["seed 0", "seed 3"]),
        ([{"learning_rate": 5e-5}, {"optimizer": "sgd", "learning_rate": 0.1}], ["adam, rate 5·10⁻⁵", "sgd, rate 0.1"]),
        ([{}, {"batch_size": 16}, {}, {"schedule": {"name": "one-cycle"}}], ["as most", "batch 16", "as most", "one cycle"]),
        ([{}, {"layers": CNN}], ["16, relu", "8C5-MP2, no other layers"]),
        ([{}, {"layers": []}], ["16, relu", "no hidden layer, no other layers"]),
        ([{}, {"layers": [], "hidden": [128, 64]}], ["16, relu", "128-64, no other layers"]),
        ([{}, {"augment": {"shift": 1.5, "rotation": 10}}], ["no augmentation", "shift 1.5, rotation 10"]),
        (
            [{}, {"weight_decay": 0.01, "validation": 0.25}],
            ["10\u00a0% validation, no decay", "25\u00a0% validation, decay 0.01"],
        ),
        ([{}, {"layers": [{"kind": "Dropout", "rate": 0.3}, *ALL["layers"]]}], ["relu", "dropout 0.3, relu"]),
    ],
)
def test_training_runs_are_named_by_their_differences(page, changes, names):
    found = page.evaluate(
        "async all => (await import('./views/train/settings.js')).differences(all)", [{**ALL, **change} for change in changes]
    )
    assert found == names


@pytest.mark.parametrize("width", [360, 1280])
def test_training_runs_can_be_compared(new_page, tmp_path, width):
    models = Models(shipped_models())
    with serving(make_app(models, Runs(models, folder=tmp_path))) as address:
        page = new_page(address=address, viewport={"width": width, "height": 800})
        rates = [0.001, 0.002, 0.005, 0.01, 0.02]
        for number, rate in enumerate(rates, 1):
            open_train(page, QUICK)
            page.fill("#train-epochs", "1")
            page.fill("#train-rate", str(rate))
            page.locator("#train-start").click()
            until(page, f"document.querySelectorAll('#runs tbody tr').length === {number}", seconds=60)
        assert page.locator("#runs .runs-name").all_inner_texts() == [f"rate {rate}" for rate in rates[::-1]]
        facts = page.locator(".facts > div").all_inner_texts()
        assert {"learning rate\n0.02", "optimizer\nadam", "batch size\n64", "seed\n0", "other layers\nrelu"} <= set(facts)
        page.locator("[data-test=show-2]").click()
        until(page, "document.querySelector('.facts').innerText.includes('0.002')")
        for box in page.locator("#runs input").all():
            box.check()
        until(page, "document.querySelectorAll('[data-test=train-compare] path').length === 5")
        named = [f"run {number}: rate {rate}" for number, rate in enumerate(rates, 1)]
        painted = page.locator("[data-test=train-compare] .chart-name").all_text_contents()
        listed = page.locator(".compare-names li")
        if width == 360:  # no room beside the lines
            assert listed.all_inner_texts() == named
            assert listed.first.is_visible()
        else:
            assert sorted(re.sub(r" \S+\s% · ", ": ", name) for name in painted) == named
            assert not listed.first.is_visible()
            scroller = page.locator("#panel-train .table-scroll").last
            assert scroller.evaluate("box => box.scrollWidth <= box.clientWidth"), "the whole table is visible"
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.close()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (0.031, "0.03 s"), (0.34, "0.3 s"), (0.97, "1 s"), (8.4, "8 s"), (125, "2 min 5 s")]
)
def test_durations_are_rounded_but_never_to_zero(page, seconds, text):
    assert page.evaluate("async seconds => (await import('./shared/base/numbers.js')).duration(seconds)", seconds) == text


def test_a_cell_is_recoloured_when_the_scale_changes(page):
    colours = page.evaluate(
        """async () => {
          const { Matrix } = await import("./views/train/matrix.js");
          const matrix = new Matrix(), cell = () => matrix.root.querySelector("[data-test=cell-0-0]").style.background;
          const found = [[50, 50], [50, 200]].map(([first, second]) => {
            matrix.show({ id: "mine", classes: ["a", "b"], confusion: [[first, 0], [0, second]] });
            return cell();
          });
          return found;
        }"""
    )
    assert colours[0] != colours[1]


@pytest.mark.parametrize(("least", "step"), [(1, 1), (1.5, 2), (3, 5), (7, 10), (0.03, 0.05), (0.011, 0.02), (400, 500)])
def test_axes_have_round_marks(page, least, step):
    assert page.evaluate("async least => (await import('./shared/figures/axis.js')).roundStep(least)", least) == pytest.approx(
        step
    )


NUMBERS = {0: "0", 0.05000000001: "0.05", 1234: "1,230", 99000: "99,000", 2e7: "2·10⁷", 7.62e16: "7.62·10¹⁶", -3e-6: "−3·10⁻⁶"}


def test_numbers_on_an_axis_fit_their_space(page):
    """A diverging training has a loss of millions; one on few images has a loss of millionths."""
    open_view(page, "train")  # loads the style of charts
    found = page.evaluate(
        "async numbers => { const { plain } = await import('./shared/base/numbers.js'); return numbers.map((v) => plain(v)); }",
        list(NUMBERS),
    )
    assert found == list(NUMBERS.values())
    outside = page.evaluate(
        """async () => {
          const { LineChart } = await import("./shared/figures/linechart.js");
          const { plain } = await import("./shared/base/numbers.js");
          const room = document.createElement("div");
          document.getElementById("panel-train").replaceChildren(room);
          const format = (value) => plain(value, 2), x = { label: "epochs", low: 0, format };
          const found = [];
          for (const most of [7.6e16, 2.9e7, 120000, 99000, 4e-6]) {
            const chart = new LineChart(room, { title: "Loss", x, y: { label: "cross-entropy", low: 0, format } });
            chart.update([{ name: "training", style: "first", points: [[0, most], [1, most / 3]] }]);
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const marks = [...room.lastElementChild.querySelectorAll("text[text-anchor=end]:not(.chart-title)")];
            const left = Math.min(...marks.map((mark) => mark.getBBox().x));
            if (marks.length < 2 || left < 0) found.push([most, left]);
          }
          return found;
        }"""
    )
    assert outside == []
