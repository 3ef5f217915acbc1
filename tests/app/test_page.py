"""The page as a person uses it, in a real browser: draw, undo, open, paste, touch; themes, sizes, keys; lost connections."""

import base64
import io
import json
import re

import pytest
from browsing import Line, answer, draw, open_view, settle, shares, until
from PIL import Image
from serving import serving
from strokes import drawings, render

from handspun.app.models.catalog import Models, shipped_models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app

SEVEN, THREE = (next(drawing for drawing in drawings() if drawing["digit"] == digit) for digit in (7, 3))
VIEWS = ("draw", "inside", "step", "teach", "train")


def png(drawing, *, light=False):
    pixels = render(drawing)
    stream = io.BytesIO()
    Image.fromarray(pixels if light else 255 - pixels).save(stream, "PNG")
    return stream.getvalue()


def test_each_digit_in_ten_hands_is_read(page):
    wrong = []
    for drawing in drawings():
        page.keyboard.press("c")
        draw(page, drawing)
        read, _ = answer(page)
        if read != str(drawing["digit"]):
            wrong.append((drawing["digit"], drawing["style"], read))
    assert len(wrong) <= 3, wrong


def test_the_page_asks_and_begins_with_the_first_stroke(page):
    assert page.locator("[data-test=guide]").inner_text().lower() == "draw a digit"
    assert answer(page) == ("", "empty")
    assert shares(page) == {}
    draw(page, SEVEN)
    assert not page.locator("[data-test=guide]").is_visible()
    assert answer(page) == ("7", "known")
    found = shares(page)
    assert list(found) == [str(digit) for digit in range(10)]
    assert found["7"] > 90


def test_the_answer_follows_while_the_pen_is_down(page):
    box = page.locator("[data-test=canvas]").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    for i in range(20):
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + (0.2 + 0.03 * i) * box["height"])
    assert answer(page)[0] == "1"
    page.mouse.up()


def test_undo_redo_clear_and_eraser_by_button_and_by_key(page):
    draw(page, SEVEN)
    before = shares(page)
    for undo, redo in (("[data-test=undo]", "[data-test=redo]"), ("z", "y"), ("Control+z", "Control+y")):
        for action, expected in ((undo, ("", "empty")), (redo, ("7", "known"))):
            if action.startswith("["):
                page.click(action)
            else:
                page.keyboard.press(action)
            assert answer(page) == expected, action
    assert shares(page) == before
    page.click("[data-test=clear]")
    assert answer(page) == ("", "empty")
    page.keyboard.press("z")
    assert answer(page)[0] == "7", "clearing can be undone"
    page.click("[data-test=eraser]")
    assert page.locator("[data-test=eraser]").get_attribute("aria-pressed") == "true"
    rub = [[[0.05 * i, 0.04 * j] for i in (range(1, 20) if j % 2 else range(19, 0, -1))] for j in range(1, 25)]
    draw(page, {"strokes": [[point for row in rub for point in row]]}, points=500)
    assert answer(page) == ("", "empty"), "all of it was rubbed out"


def test_a_pen_may_be_wider(page):
    ink = {}
    for width in ("thin", "thick"):
        page.locator(f"[data-test=width-{width}]").check(force=True)
        draw(page, SEVEN)
        settle(page)
        ink[width] = page.evaluate("() => app.drawing.frame().bytes.reduce((sum, value) => sum + value, 0)")
        page.keyboard.press("c")
    assert ink["thick"] > 1.5 * ink["thin"]


def test_pixels_are_drawn_straight_into_the_grid(page):
    page.locator("[data-test=mode-pixels]").check(force=True)
    draw(page, THREE)
    assert answer(page)[0] == "3"
    sent, shown = page.evaluate(
        """() => {
          const sheet = document.querySelector("#panel-draw [data-test=canvas]"), size = sheet.width / 28;
          const { data } = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);
          const ink = (row, column) => data[4 * (Math.floor(row * size) * sheet.width + Math.floor(column * size)) + 3];
          const places = [...Array(28 * 28).keys()].map((i) => [Math.floor(i / 28), i % 28]);
          // Four pixels of the screen in each cell, away from its edges.
          const within = ([row, column]) => [0.2, 0.8].flatMap((y) => [0.2, 0.8].map((x) => ink(row + y, column + x)));
          return [Array.from(app.drawing.frame().bytes), places.map(within)];
        }"""
    )
    assert len(sent) == 28 * 28
    assert {0, 255} < set(sent), "the brush fades"
    wrong = [(i, ink, seen) for i, (ink, seen) in enumerate(zip(sent, shown, strict=True)) if set(seen) != {ink}]
    assert wrong == [], "what the network gets of a cell is what the whole cell shows"


def test_the_keyboard_alone_can_draw(page):
    page.locator("[data-test=canvas]").focus()
    page.keyboard.press("ArrowUp")
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    for _ in range(16):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert answer(page)[0] == "1"


def test_a_picture_is_opened_pasted_and_dropped(page):
    page.set_input_files("[data-test=file]", files=[{"name": "three.png", "mimeType": "image/png", "buffer": png(THREE)}])
    until(page, "!app.drawing.isEmpty")
    assert answer(page)[0] == "3"
    hand_over = """([data, kind]) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "picture.png", { type: "image/png" }));
      const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
        : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }"""
    for kind, drawing, light, expected in (("paste", SEVEN, True, "7"), ("drop", THREE, False, "3")):
        page.keyboard.press("c")
        assert answer(page)[1] == "empty"
        page.evaluate(hand_over, [base64.b64encode(png(drawing, light=light)).decode(), kind])
        until(page, "!app.drawing.isEmpty")
        assert answer(page)[0] == expected, kind


def test_a_file_that_is_no_picture_is_said(page):
    page.set_input_files("[data-test=file]", files=[{"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"}])
    toast = page.locator("[data-test=toast]")
    toast.wait_for()
    assert "picture" in toast.inner_text().lower()
    assert answer(page) == ("", "empty")


@pytest.mark.parametrize("size", [(1600, 1000), (1024, 700), (360, 740)])
def test_a_message_covers_nothing_that_is_needed(new_page, size):
    page = new_page(viewport={"width": size[0], "height": size[1]})
    open_view(page, "teach")
    page.keyboard.press("1")
    toast = page.locator("[data-test=toast]")
    toast.wait_for()
    assert page.locator("#toasts").get_attribute("role") == "status"
    box = toast.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
    for part in (".tools", "#teach-keys", "[data-test=sheet]"):
        other = page.locator(f"#panel-teach {part}").bounding_box()
        apart = other["y"] >= box["y"] + box["height"] or other["x"] >= box["x"] + box["width"]
        assert apart or other["x"] + other["width"] <= box["x"], part
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    through = page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.toast') === null", middle)
    assert through, "what lies under it can be clicked"
    page.locator(".toast-close").click()
    assert toast.count() == 0


def test_the_answer_in_large_says_what_its_bar_says(page):
    draw(page, SEVEN)
    settle(page)
    best = page.locator("#bars .is-best .bar-value").inner_text()
    assert page.locator("#answer-percent").inner_text() == best
    assert best.endswith("%")


def test_the_model_is_described_in_a_few_words(page):
    about = page.locator("#model-about")
    assert re.fullmatch(r"convolutional, [\d,]+ parameters", about.inner_text())
    assert "16C5" in about.get_attribute("title")
    page.select_option("#model", "mnist-mlp")
    assert about.inner_text() == "784-128-64-10"
    assert "parameters" in about.get_attribute("title")


def test_the_way_to_the_network_is_shown(page, models):
    draw(page, SEVEN)
    settle(page)
    shown = page.locator("[data-test=stage-seen]").evaluate("canvas => [canvas.width, canvas.height]")
    assert shown[0] == shown[1]
    assert shown[0] % 28 == 0
    captions = page.locator("#stages li").all_inner_texts()
    assert captions[0] == "ink"
    assert captions[-1] == "28 × 28"
    assert "20" in captions[2]


def test_another_model_answers_when_it_is_chosen(page):
    draw(page, SEVEN)
    first = shares(page)
    page.select_option("#model", "mnist-mlp")
    assert answer(page)[0] == "7"
    assert page.evaluate("app.live.answer.model") == "mnist-mlp"
    assert page.evaluate("app.live.answer.probabilities[7]") != first["7"] / 100


def test_what_is_no_digit_is_said(page):
    scribble = [[[0.1 + 0.8 * ((7 * i) % 11) / 10, 0.1 + 0.8 * ((5 * i) % 13) / 12] for i in range(60)]]
    draw(page, {"strokes": scribble})
    read, verdict = answer(page)
    assert verdict == "unknown"
    assert read == "?"
    assert "Not a digit" in page.locator("#answer-percent").inner_text()


def test_a_finger_draws_and_the_page_stays_where_it_is(new_page):
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    box = page.locator("[data-test=canvas]").bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind, *place):
        points = [{"x": box["x"] + place[0] * box["width"], "y": box["y"] + place[1] * box["height"]}] if place else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for stroke in THREE["strokes"]:
        touch("touchStart", *stroke[0])
        for point in stroke[1:]:
            touch("touchMove", *point)
        touch("touchEnd")
    assert answer(page)[0] == "3"
    assert page.evaluate("[scrollX, scrollY]") == [0, 0]


@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_and_is_for_everyone(new_page, axe, width, theme, view):
    page = new_page(viewport={"width": width, "height": 740 if width < 500 else 1000}, color_scheme=theme)
    draw(page, SEVEN)
    settle(page)
    page.goto(page.url.partition("#")[0] + f"#{view}")
    page.locator(f"#panel-{view} > *").first.wait_for()
    until(page, f"!document.getElementById('panel-{view}').hasAttribute('aria-busy')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the window"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = json.loads("[" + background.partition("(")[2].rstrip(")") + "]")[:3]
    assert (red + green + blue > 3 * 128) == (theme == "light")
    assert axe(page) == []


def test_on_a_narrow_screen_the_answer_needs_no_scrolling(new_page):
    page = new_page(viewport={"width": 360, "height": 740})
    draw(page, SEVEN)
    settle(page)
    for part in ("[data-test=canvas]", "#answer", "#bars"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 740, part


def test_a_theme_that_is_chosen_stays(page):
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert after != before
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == after
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == before


def test_the_tabs_are_reached_by_key(page):
    seen = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id"))
    assert {"tab-draw", "tab-train", "model", "theme"} <= seen
    page.locator("#tab-inside").focus()
    page.keyboard.press("Enter")
    until(page, "document.body.dataset.view === 'inside'")
    assert page.locator("#tab-inside").get_attribute("aria-current") == "page"


def test_a_lost_connection_is_said_and_found_again(new_page, tmp_path):
    """Two servers, one after the other, on the same port; the drawing goes on in between."""
    known = Models(shipped_models())

    def app():
        return make_app(known, Runs(known, folder=tmp_path))

    with serving(app()) as address:
        page = new_page(address=address, quiet=False)
        draw(page, SEVEN)
        assert answer(page)[0] == "7"
    banner = page.locator("#connection")
    banner.wait_for()
    assert "lost" in banner.inner_text()
    page.keyboard.press("c")
    draw(page, THREE)
    with serving(app(), port=int(address.rpartition(":")[2])):
        banner.wait_for(state="hidden")
        assert answer(page)[0] == "3"
        page.close()


def test_the_description_of_the_end_points_is_a_page(new_page, axe):
    page = new_page()
    page.click("#api")
    page.get_by_text("/api/predict").first.wait_for()
    text = page.locator("body").inner_text()
    for part in ("/healthz", "/api/models", "POST", "image/png", "curl"):
        assert part in text
    assert "`" not in text
    assert '"images": [file, …]' in text
    assert axe(page) == []


def test_code_in_the_description_of_an_end_point_is_set_as_code(new_page):
    found = {"info": {"description": "As `handspun predict` does."}, "paths": {}}
    page = new_page(path="/api")
    page.route("**/openapi.json", lambda route: route.fulfill(json=found))
    page.reload()
    page.locator("#about code").wait_for()
    assert page.locator("#about").inner_html() == "As <code>handspun predict</code> does."


def test_on_a_slow_line_one_frame_is_under_way_and_the_answer_is_to_the_last(page):
    line = Line(page)
    page.evaluate("app.live.latencies.length = 0")
    line.frames.clear()
    line.held = True
    draw(page, SEVEN)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len(line.frames) == 1
    assert not page.evaluate("app.live.isCurrent")
    line.let_go()
    assert answer(page) == ("7", "known")
    assert len(line.frames) == 2, "what came meanwhile went together"
    assert list(line.frames[-1][12:]) == page.evaluate("Array.from(app.drawing.frame().bytes)")
    until(page, "app.live.latencies.length === 2")


def test_what_the_lost_line_took_along_has_no_answer(page):
    """A 7 is answered, a 3 is drawn in its place, and the line goes with it: the answer is that of the 7."""
    line = Line(page)
    open_view(page, "teach")
    draw(page, SEVEN, panel="#panel-teach")
    settle(page)
    line.held = True
    line.frames.clear()
    page.evaluate(
        """(strokes) => {
          app.drawing.clear();
          for (const [first, ...others] of strokes.map((points) => points.map(([x, y]) => [280 * x, 280 * y, 1]))) {
            app.drawing.begin(...first);
            app.drawing.extend(others);
            app.drawing.end();
          }
        }""",
        THREE["strokes"],
    )
    until(page, "!app.live.isCurrent")
    for _ in range(100):  # all of it goes in one frame, and nothing waits behind it
        page.wait_for_timeout(20)
        if line.frames:
            break
    assert len(line.frames) == 1
    line.close()
    assert not page.evaluate("app.live.isCurrent")
    page.keyboard.press("3")
    page.get_by_text("The model has not answered").wait_for()
    assert page.locator(".tray-item").count() == 0
    assert not page.evaluate("app.drawing.isEmpty"), "and the drawing is still there to be taught"
    line.open = True
    line.held = False
    settle(page)
    page.keyboard.press("3")
    until(page, "app.drawing.isEmpty")
    assert page.locator("[data-test=tray-3] .tray-item").count() == 1


def test_an_error_is_no_answer(page):
    page.evaluate(
        """() => {
          const send = WebSocket.prototype.send;
          WebSocket.prototype.send = function (data) {
            // A frame without its last bytes, which the server refuses.
            send.call(this, typeof data === "string" || !globalThis.cutting ? data : data.slice(0, 20));
          };
        }"""
    )
    draw(page, SEVEN)
    settle(page)
    page.evaluate("app.live.addEventListener('error', () => { globalThis.failed = true; })")
    page.evaluate("globalThis.cutting = true")
    page.keyboard.press("c")
    until(page, "globalThis.failed")
    assert not page.evaluate("app.live.isCurrent")
    page.evaluate("globalThis.cutting = false")
    draw(page, THREE)
    assert answer(page)[0] == "3"


def test_a_view_that_fails_once_is_begun_anew(page):
    """It is not shown by halves when one comes again."""
    broken = """
      let asked = 0;
      export default { mount(root) { root.append("half"); if (asked++ === 0) throw new Error("no"); } };
    """
    page.route("**/views/step.js", lambda route: route.fulfill(body=broken, content_type="text/javascript"))
    page.evaluate("addEventListener('error', (event) => event.preventDefault())")  # it is told, and that is what was planned
    panel = page.locator("#panel-step")
    page.click("#tab-step")
    panel.get_by_text("could not be loaded").wait_for()
    open_view(page, "draw")
    page.click("#tab-step")
    until(page, "document.getElementById('panel-step').textContent === 'half'")


def test_a_screen_of_another_density_gets_all_pixels(new_page):
    """The window is moved to another screen: no canvas has another size, but each gets twice the pixels."""
    page = new_page(viewport={"width": 1280, "height": 1400})
    session = page.context.new_cdp_session(page)
    sizes = []
    pixels = "canvas => [canvas.width, canvas.height, canvas.clientWidth, canvas.clientHeight]"
    for view, name in (("draw", "[data-test=canvas]"), ("inside", "[data-test=canvas]"), ("inside", ".inside-cells")):
        open_view(page, view)
        canvas = page.locator(f"#panel-{view} {name}")
        for density in (1, 2):
            # A little higher too, below what the page takes: else Chromium tells nobody of a density that is emulated.
            metrics = {"width": 1280, "height": 1400 + density, "deviceScaleFactor": density, "mobile": False}
            session.send("Emulation.setDeviceMetricsOverride", metrics)
            until(page, f"devicePixelRatio === {density}")
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            width, height, wide, high = canvas.evaluate(pixels)
            assert (width, height) == pytest.approx((density * wide, density * high), abs=density), (view, name, density)
            sizes.append((wide, high))
        assert sizes[-1] == sizes[-2], "it was not laid out anew for another reason"


def test_the_diagram_is_painted_by_the_pixels_that_it_has(page):
    open_view(page, "inside")
    draw(page, SEVEN, panel="#panel-inside")
    settle(page)
    painted = page.evaluate(
        """async () => {
          const { Diagram } = await import("./views/inside-diagram.js");
          const { columnsOf } = await import("./views/inside-columns.js");
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
