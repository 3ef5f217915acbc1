"""Inside and Step in a real browser: every layer live, a cell by key, and a whole step of training with its numbers."""

import itertools
import re

import pytest
from browsing import draw, open_view, settle, until
from serving import serving
from strokes import drawings

from handspun.app.lessons.wording import number_text as _number
from handspun.app.models.catalog import Model, Models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app
from handspun.layers import Dense, Flatten
from handspun.networks.architectures import cnn, mlp
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import PictureContract

SEVEN = next(drawing for drawing in drawings() if drawing["digit"] == 7)
MISREAD = next(drawing for drawing in drawings() if drawing["style"] == "long-upstroke")  # a 1 that mnist-cnn takes for a 7


# Inside -------------------------------------------------------------------------------------------------------------------


def test_inside_shows_every_layer_and_moves_while_one_draws(page):
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
    assert page.evaluate("app.live.answer.layers") is None, "nobody looks, so nothing is computed"


def test_inside_a_cell_is_reached_by_key_and_explained(page):
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


def test_inside_a_column_has_one_name(page):
    """Above it and in the card that of its first layer and of the one it shows, in the narrow lists of that one alone."""
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
    assert titles[1] == "conv2d1 … relu1"  # not "conv2d1", which puts out something else
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
def test_inside_the_card_of_a_cell_is_in_sight(new_page, size):
    page = new_page(viewport={"width": size[0], "height": size[1]})
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    page.locator("[data-test=network]").focus()
    for _ in range(5):  # to a convolution whose filters are many
        page.keyboard.press("PageUp")
    until(page, "app.live.answer.focus && document.querySelectorAll('.inside-connections').length === 2")
    box = page.locator("#inside-unit").bounding_box()
    assert box["y"] + box["height"] <= size[1]


@pytest.mark.parametrize("width", [1024, 1239, 1240, 1280, 1440])
def test_inside_nothing_is_cut_off_at_the_edge(new_page, width):
    """Neither where the network stands beside the sheet nor where it stands below it."""
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
    assert all(right <= left for (_, right), (left, _) in itertools.pairwise(heads)), "no head lies on the next"
    top = "() => document.querySelector('.inside-main').getBoundingClientRect().top + scrollY"
    before = page.evaluate(top)
    page.locator("[data-test=network]").focus()
    for _ in range(5):  # to a convolution whose filters are many
        page.keyboard.press("PageUp")
    until(page, "app.live.answer.focus && document.querySelectorAll('.inside-connections').length === 2")
    assert page.evaluate(top) == before, "what one points at stays where it is"


def test_inside_no_name_is_cut_where_there_is_room(new_page, coloured_address):
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


def test_inside_a_small_network_fills_its_room(page):
    span = page.evaluate(
        """async () => {
          const { arrange, columnsOf } = await import("./views/inside-columns.js");
          const columns = columnsOf(app.models.list.find(({ name }) => name === "mnist-mlp"), false);
          arrange(columns, 1160, 760);
          return columns.at(-1).x + columns.at(-1).width - columns[0].x;
        }"""
    )
    assert span > 0.9 * 1160


KINDS = ["plane", "a bird of passage"]
COLOURED = {
    "flat": lambda: mlp(12 * 20 * 3, [4], 2, classes=KINDS),
    "pixels": lambda: Sequential([Flatten(), Dense(2)], (12, 20, 3), classes=KINDS),
    "channels": lambda: cnn((3, 12, 20), 2, channels=[4], kernel_size=3, classes=KINDS),
}


@pytest.fixture(scope="module")
def coloured_address(tmp_path_factory):
    """Of a server with models of coloured pictures that are no squares, one for each way that inputs lie."""
    made = []
    for name, make in COLOURED.items():
        network = make()
        network.contract = PictureContract(12, 20)
        made.append(Model(name, network, "file"))
    models = Models(made)
    with serving(make_app(models, Runs(models, folder=tmp_path_factory.mktemp("kept")))) as found:
        yield found


@pytest.mark.parametrize("model", COLOURED)
def test_pictures_in_colour_have_their_own_shape(new_page, coloured_address, model):
    page = new_page(address=coloured_address)
    page.select_option("#model", model)
    draw(page, SEVEN)
    open_view(page, "inside")
    settle(page)
    assert page.locator(".inside-head .inside-size").first.inner_text() == "12 × 20"
    page.locator("[data-test=network]").focus()
    page.keyboard.press("Home")
    for _ in range(15):  # further than to the lowest pixel of the first column
        page.keyboard.press("ArrowDown")
    settle(page)
    focus = page.evaluate("app.live.answer.focus")
    assert (focus["layer"], focus["unit"]) == ("input", 11 * 20)
    open_view(page, "step")
    heat = page.locator("#step-body .heatmap-canvas").first
    heat.wait_for()
    # Three pictures of 12 × 20 with a line between them.
    assert heat.evaluate("canvas => [canvas.height, canvas.width]") == [12, 3 * 20 + 2]
    by_colour = page.evaluate(
        """async () => {
          const { plane } = await import("./heatmap.js");
          return [[12, 20, 3], [720]].map((shape) => {
            const { at } = plane(shape, [12, 20]);
            return [at(0, 0), at(0, 1), at(0, 20), at(0, 21), at(1, 0), at(11, 61)];
          });
        }"""
    )
    assert by_colour == 2 * [[0, 3, -1, 1, 60, 719]]


def test_a_model_of_other_things_is_not_asked_for_digits(new_page, coloured_address):
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
    assert visible == ["12 × 20"], "before anything is drawn, too"


def test_more_cells_than_fit_are_no_single_row(page):
    """A prime number of units has no full rows but one."""
    widths = page.evaluate(
        """async () => {
          const { arrange, columnsOf } = await import("./views/inside-columns.js");
          return [7919, 8000].map((units) => {
            const layers = [units, 10].map((size, i) => ({ name: `dense${i}`, kind: "Dense", output_shape: [size] }));
            return arrange(columnsOf({ input_shape: [784], picture_shape: [28, 28], layers }, false), 1000, 500).width;
          });
        }"""
    )
    assert widths[0] < 1.5 * widths[1]


# Step ---------------------------------------------------------------------------------------------------------------------


def test_step_goes_from_the_pixels_to_the_update(page):
    page.select_option("#model", "mnist-mlp")
    draw(page, MISREAD)
    settle(page)
    open_view(page, "step")
    until(page, "/^1 .*[0-9]/.test(document.getElementById('step-count')?.textContent ?? '')")
    page.select_option("#step-label", label="1")
    until(page, "document.querySelector('[data-test=step]').innerText.trim() !== ''")
    total = int(re.search(r"(\d+)\D*$", page.locator("#step-count").inner_text())[1])
    seen = []
    for number in range(1, total + 1):
        assert page.locator("#step-count").inner_text().startswith(str(number))
        seen.append(page.locator("#step-body").inner_text())
        if number < total:
            page.click("#step-next")
    text = "\n".join(seen)
    assert "W" in seen[2] + seen[3]
    for part in ("handspun/pictures/inputs.py", "handspun/layers/dense.py", "handspun/optimization/losses.py"):
        assert part in text, part
    assert len(set(seen)) == total, "each step shows something of its own"
    before, after = (page.locator(f"[data-test=step-{name}] strong").inner_text() for name in ("before", "after"))
    shares = [float(re.search(r"\d+(\.\d+)?", share)[0]) for share in (before, after)]
    assert shares[1] > shares[0], "a step toward the right answer makes it more probable"


@pytest.mark.parametrize("model", ["mnist-mlp", "mnist-cnn"])
def test_every_step_fits_a_phone_and_nothing_lies_on_another(new_page, model):
    page = new_page(viewport={"width": 360, "height": 740})
    page.select_option("#model", model)
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "/^1 .*[0-9]/.test(document.getElementById('step-count')?.textContent ?? '')")
    total = 1 + int(page.locator("#step-slider").get_attribute("max"))
    for number in range(1, total + 1):
        assert page.locator("#step-count").inner_text().startswith(f"{number} /")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), number
        if number < total:
            page.click("#step-next")
    laps = page.locator(".step-change").evaluate_all(
        """changes => changes.flatMap((change) => {
          const parts = [...change.querySelectorAll("canvas, figcaption, .heatmap-value, .step-sign")];
          const boxes = parts.map((part) => part.getBoundingClientRect());
          const lap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
          return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => lap(a, b)).map(() => change.innerText));
        })"""
    )
    assert laps == []
    overflowing = page.locator(".step-change canvas").evaluate_all(
        "all => all.filter((canvas) => canvas.offsetWidth > canvas.closest('figure').clientWidth + 1).length"
    )
    assert overflowing == 0


def test_step_of_what_is_sure_already_says_so_in_numbers_that_differ(page):
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "/^1 .*[0-9]/.test(document.getElementById('step-count')?.textContent ?? '')")

    def last():
        page.locator("#step-slider").focus()
        page.keyboard.press("End")
        page.locator(".step-result").wait_for()
        return {
            name: page.locator(f"[data-test=step-{name}] strong").inner_text().replace("\u00a0", " ")
            for name in ("before", "after", "loss-before", "loss-after")
        }

    found = last()
    assert re.fullmatch(r"1 − \d\.\d+·10⁻.", found["before"])
    assert re.fullmatch(r"\d\.\d+·10⁻.", found["loss-before"])
    assert found["before"][:7] == f"1 − {found['loss-before'][:3]}", "where p is nearly 1, minus its logarithm is 1 - p"
    assert found["before"] != found["after"]
    assert found["loss-before"] != found["loss-after"]
    assert "another right answer" in page.locator("#step-hint").inner_text()
    assert "1.000" not in page.locator(".step-pair").inner_text()
    page.select_option("#step-label", label="3")
    until(page, "!document.getElementById('step-hint')")
    found = last()
    assert float(found["loss-before"]) > 5
    assert "·10⁻" in found["before"]
    assert page.locator("#step-hint").count() == 0


def test_step_has_one_value_of_the_loss_in_its_words_in_its_picture_and_at_the_end(page):
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "/^1 .*[0-9]/.test(document.getElementById('step-count')?.textContent ?? '')")
    while page.locator(".step-title").inner_text() != "Cross-entropy":
        page.click("#step-next")
    said = re.search(r"Here L = (\d\.\d·10⁻\S)\.$", page.locator(".step-explanation").inner_text())[1]
    assert page.locator(".heatmap-value").last.inner_text() == said
    page.locator("#step-slider").focus()
    page.keyboard.press("End")
    factor, power = page.locator("[data-test=step-loss-before] strong").inner_text().split("·")
    assert said == f"{float(factor):.1f}·{power}"


def test_python_and_the_page_write_numbers_alike(page):
    values = [0, 3e-7, 1.6072e-5, 0.00012, 0.00963, 0.0101, 0.1, 0.163, 2.302585, 14.05, 123.4, 4567.8, 2.5e7]
    found = page.evaluate(
        "async values => { const { short } = await import('./heatmap.js'); return values.map((v) => short(v)); }", values
    )
    assert found == [_number(value) for value in values]


def test_step_uses_the_room_of_a_wide_window(new_page):
    page = new_page(viewport={"width": 1600, "height": 1000})
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    picture = page.locator("#step-body .heatmap-canvas").first
    picture.wait_for()
    assert picture.bounding_box()["width"] > 300
    code = page.locator("#step-body pre")
    assert code.evaluate("code => code.scrollWidth <= code.clientWidth"), "no line of source is cut"
    page.locator("#step-slider").focus()
    page.keyboard.press("End")
    page.locator(".step-result").wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") < 2000
    thin = page.locator(".step-change canvas").evaluate_all("all => all.filter((canvas) => canvas.offsetWidth < 80).length")
    assert thin == 0
    changes = page.locator(".step-change")
    first, second = (changes.nth(i).bounding_box() for i in (0, 1))
    assert first["y"] == second["y"], "side by side"
    assert "−η · gradient" in changes.first.inner_text()


def test_step_forgets_the_right_answer_with_the_drawing(page):
    """The sheet was empty for a moment only, and on another view."""
    draw(page, MISREAD)
    settle(page)
    open_view(page, "step")
    page.select_option("#step-label", label="1")
    open_view(page, "draw")
    page.keyboard.press("c")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "document.getElementById('step-label').value === '7'")
