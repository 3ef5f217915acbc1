"""Inside and Step in a real browser: every layer live, a cell by key, and a whole step of training with its numbers."""

import re

import pytest
from browsing import draw, open_view, settle, until
from serving import serving
from strokes import drawings

from handspun.app.models import Model, Models
from handspun.app.runs import Runs
from handspun.app.server import make_app
from handspun.contract import PictureContract
from handspun.layers import Dense, Flatten
from handspun.network import Sequential, cnn, mlp

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
        page, f"document.querySelector('[data-test=unit]').innerText.includes('{strongest['layer']} unit {strongest['unit']}')"
    )


COLOURED = {
    "flat": lambda: mlp(12 * 20 * 3, [4], 2, classes=["plane", "bird"]),
    "pixels": lambda: Sequential([Flatten(), Dense(2)], (12, 20, 3), classes=["plane", "bird"]),
    "channels": lambda: cnn((3, 12, 20), 2, channels=[4], kernel_size=3, classes=["plane", "bird"]),
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
    for part in ("handspun/inputs.py", "handspun/layers/dense.py", "handspun/losses.py"):
        assert part in text, part
    assert len(set(seen)) == total, "each step shows something of its own"
    before, after = (page.locator(f"[data-test=step-{name}] strong").inner_text() for name in ("before", "after"))
    shares = [float(re.search(r"\d+(\.\d+)?", share)[0]) for share in (before, after)]
    assert shares[1] > shares[0], "a step toward the right answer makes it more probable"


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
