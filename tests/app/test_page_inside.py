"""Inside in a real browser: every layer live, cells by key, and networks of any shape."""

import itertools

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import SEVEN, draw, open_view, settle, until
from serving import serving

from handspun.app.models.catalog import Model, Models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app
from handspun.layers import Dense, Flatten
from handspun.networks.architectures import cnn, mlp
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import PictureContract


def test_every_layer_is_shown_and_follows_the_drawing(page):
    open_view(page, "inside")
    draw(page, SEVEN, panel="#panel-inside")
    settle(page)
    names = page.evaluate("app.live.answer.layers.map(({ name }) => name)")
    assert names[0] == "conv2d1"
    assert names[-1] == "dense1"
    ink = "canvas => canvas.toDataURL()"
    before = page.locator(".inside-cells").evaluate(ink)
    page.keyboard.press("z")
    settle(page)
    assert page.locator(".inside-cells").evaluate(ink) != before
    open_view(page, "draw")
    settle(page)
    assert page.evaluate("app.live.answer.layers") is None, "a hidden view requests nothing"


def test_a_cell_is_reached_by_keyboard_and_explained(page):
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    page.locator("[data-test=network]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    until(page, "app.live.answer.focus")
    focus = page.evaluate("app.live.answer.focus")
    strongest = max(focus["incoming"], key=lambda unit: abs(unit["contribution"]))
    until(
        page, f"document.querySelector('[data-test=unit]').innerText.includes('{strongest['layer']}, unit {strongest['unit']}')"
    )


def test_a_column_has_one_name(page):
    """Its head and the card name its first and its last layer; the narrow lists name only the last."""
    page.select_option("#model", "mnist-cnn")
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    page.locator("[data-test=network]").focus()
    page.keyboard.press("PageUp")
    seen = []
    for _ in range(4):
        page.keyboard.press("PageUp")
        until(page, "app.live.answer.focus && document.querySelector('.inside-connections')")
        settle(page)
        seen.append(page.locator("#inside-unit-title").inner_text())
        seen += page.locator(".inside-name").all_inner_texts()
    titles = [title.replace("\n", " ") for title in page.locator(".inside-title").all_inner_texts()]
    assert titles[1] == "conv2d1 … relu1"  # not "conv2d1" alone, whose output is different
    assert titles[-2:] == ["globalavgpool1 … dropout1", "dense1"]
    shown = page.evaluate("app.live.answer.layers.map(({ name, values }) => [name, values.shape.join(' × ')])")
    sizes = page.locator(".inside-size").all_inner_texts()
    assert [dict(shown)[title.split(" ")[-1]] for title in titles[1:]] == sizes[1:]
    names = {name.partition(",")[0] for name in seen if not name.startswith(("output", "pixel"))}
    assert names <= {*titles, *(title.split(" ")[-1] for title in titles)}
    assert "mean of the map" in page.locator("#inside-unit").inner_text()
    layers = page.evaluate("app.models.current.layers.filter(({ kind }) => kind !== 'Flatten').length")
    assert page.locator(".inside-every").inner_text() == f"show all {layers} layers"


@pytest.mark.parametrize("size", [(1600, 1000), (1280, 800)])
def test_the_card_of_a_cell_is_visible(new_page, size):
    page = new_page(viewport={"width": size[0], "height": size[1]})
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    page.locator("[data-test=network]").focus()
    for _ in range(5):  # to a convolution with many filters
        page.keyboard.press("PageUp")
    until(page, "app.live.answer.focus && document.querySelectorAll('.inside-connections').length === 2")
    box = page.locator("#inside-unit").bounding_box()
    assert box["y"] + box["height"] <= size[1]


@pytest.mark.parametrize("width", [1024, 1239, 1240, 1280, 1440])
def test_the_network_is_not_cut_off_at_the_edge(new_page, width):
    """The network stands beside the sheet or below it."""
    page = new_page(viewport={"width": width, "height": 800})
    page.select_option("#model", "mnist-cnn")
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    scroller = page.locator(".inside-scroller")
    assert scroller.evaluate("scroller => scroller.scrollWidth - scroller.clientWidth") == 0
    heads = page.locator(".inside-head:not(.inside-caption)").evaluate_all(
        "heads => heads.map((head) => head.getBoundingClientRect()).map(({ left, right }) => [left, right])"
    )
    assert all(right <= left for (_, right), (left, _) in itertools.pairwise(heads)), "no head overlaps the next"
    top = "() => document.querySelector('.inside-main').getBoundingClientRect().top + scrollY"
    before = page.evaluate(top)
    page.locator("[data-test=network]").focus()
    for _ in range(5):  # to a convolution with many filters
        page.keyboard.press("PageUp")
    until(page, "app.live.answer.focus && document.querySelectorAll('.inside-connections').length === 2")
    assert page.evaluate(top) == before, "the cell under the pointer does not move"


def test_a_small_network_fills_the_space(page):
    span = page.evaluate(
        """async () => {
          const { columnsOf } = await import("./views/inside/columns.js");
          const { arrange } = await import("./views/inside/layout.js");
          const columns = columnsOf(app.models.list.find(({ name }) => name === "mnist-mlp"), false);
          arrange(columns, 1160, 760);
          return columns.at(-1).x + columns.at(-1).width - columns[0].x;
        }"""
    )
    assert span > 0.9 * 1160


def test_many_cells_do_not_become_one_row(page):
    """A prime number of units fills rows only if all of them are in one row."""
    widths = page.evaluate(
        """async () => {
          const { columnsOf } = await import("./views/inside/columns.js");
          const { arrange } = await import("./views/inside/layout.js");
          return [7919, 8000].map((units) => {
            const layers = [units, 10].map((size, i) => ({ name: `dense${i}`, kind: "Dense", output_shape: [size] }));
            return arrange(columnsOf({ input_shape: [784], picture_shape: [28, 28], layers }, false), 1000, 500).width;
          });
        }"""
    )
    assert widths[0] < 1.5 * widths[1]


def test_the_diagram_scales_to_the_pixels_of_its_canvas(page):
    open_view(page, "inside")
    draw(page, SEVEN, panel="#panel-inside")
    settle(page)
    painted = page.evaluate(
        """async () => {
          const { Diagram } = await import("./views/inside/diagram.js");
          const { columnsOf } = await import("./views/inside/columns.js");
          const canvases = ["a", "b"].map(() => document.createElement("canvas"));
          const diagram = new Diagram(...canvases), columns = columnsOf(app.models.current, false);
          columns.at(-1).classes = app.models.current.classes;
          diagram.font = "sans-serif";
          diagram.place(columns, 900, 500);
          const { width, height } = canvases[0];
          canvases[0].width = 2 * width; // as it was made on a denser screen
          canvases[0].height = 2 * height;
          diagram.paintCells(app.live.answer);
          const { a, d } = canvases[0].getContext("2d").getTransform();
          return [a * diagram.size.width, d * diagram.size.height, 2 * width, 2 * height];
        }"""
    )
    assert painted[:2] == pytest.approx(painted[2:])


KINDS = ["plane", "a bird of passage"]


COLOURED = {
    "flat": lambda: mlp(12 * 20 * 3, [4], 2, classes=KINDS),
    "pixels": lambda: Sequential([Flatten(), Dense(2)], (12, 20, 3), classes=KINDS),
    "channels": lambda: cnn((3, 12, 20), 2, channels=[4], kernel_size=3, classes=KINDS),
}


@pytest.fixture(scope="module")
def coloured_address(tmp_path_factory):
    """The address of a server with models of coloured, non-square pictures, one for each layout of the input."""
    made = []
    for name, make in COLOURED.items():
        network = make()
        network.contract = PictureContract(12, 20)
        made.append(Model(name, network, "file"))
    models = Models(made)
    with serving(make_app(models, Runs(models, folder=tmp_path_factory.mktemp("kept")))) as found:
        yield found


def test_names_are_not_cut_if_there_is_room(new_page, coloured_address):
    page = new_page(address=coloured_address, viewport={"width": 1600, "height": 1000})
    page.evaluate(
        """() => {
          const fillText = CanvasRenderingContext2D.prototype.fillText;
          globalThis.painted = new Set();
          CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
            globalThis.painted.add(text);
            return fillText.call(this, text, ...place);
          };
        }"""
    )
    page.select_option("#model", "channels")
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    assert {"plane", "a bird of passage"} <= set(page.evaluate("[...globalThis.painted]"))
    cut = page.locator(".inside-title").evaluate_all(
        "titles => titles.filter((title) => title.scrollWidth > title.clientWidth)"
    )
    assert cut == []


@pytest.mark.parametrize("model", COLOURED)
def test_coloured_pictures_have_their_own_shape(new_page, coloured_address, model):
    page = new_page(address=coloured_address)
    page.select_option("#model", model)
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    assert page.locator(".inside-head .inside-size").first.inner_text() == "12 × 20"
    page.locator("[data-test=network]").focus()
    page.keyboard.press("Home")
    for _ in range(15):  # more often than the first column has pixels
        page.keyboard.press("ArrowDown")
    settle(page)
    focus = page.evaluate("app.live.answer.focus")
    assert (focus["layer"], focus["unit"]) == ("input", 11 * 20)
    open_view(page, "step")
    heat = page.locator("#step-body .heatmap-canvas").first
    heat.wait_for()
    # Three pictures of 12 × 20 with a line between each two.
    assert heat.evaluate("canvas => [canvas.height, canvas.width]") == [12, 3 * 20 + 2]
    by_colour = page.evaluate(
        """async () => {
          const { plane } = await import("./shared/figures/plane.js");
          return [[12, 20, 3], [720]].map((shape) => {
            const { at } = plane(shape, [12, 20]);
            return [at(0, 0), at(0, 1), at(0, 20), at(0, 21), at(1, 0), at(11, 61)];
          });
        }"""
    )
    assert by_colour == 2 * [[0, 3, -1, 1, 60, 719]]


def test_a_model_without_digits_asks_for_any_picture(new_page, coloured_address):
    page = new_page(address=coloured_address)
    for view in ("draw", "inside", "step", "teach"):
        open_view(page, view)
        settle(page)
        guide = page.locator(f"#panel-{view} [data-test=guide]")
        assert guide.inner_text() == "draw, or open a picture", view
        assert guide.locator("svg").count() == 0
    open_view(page, "draw")
    visible = page.locator("#stages .stage").evaluate_all(
        "stages => stages.filter((stage) => stage.offsetWidth > 0).map((stage) => stage.innerText)"
    )
    assert visible == ["12 × 20"], "even before anything is drawn"
