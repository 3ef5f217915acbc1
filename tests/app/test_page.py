"""The page as a person uses it, in a real browser: draw, undo, open, paste, touch; themes, sizes, keys; lost connections."""

import base64
import io
import json

import pytest
from browsing import answer, draw, settle, shares, until
from PIL import Image
from strokes import drawings, render

from conftest import serving
from handspun.app.models import Models, shipped_models
from handspun.app.runs import Runs
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
    width = page.evaluate("() => app.drawing.frame().width")
    assert width % 28 == 0
    blocks = page.evaluate(
        """() => {
          const { width, bytes } = app.drawing.frame(), size = width / 28;
          return bytes.every((value, i) => {
            const [row, column] = [Math.floor(i / width), i % width];
            return value === bytes[(row - row % size) * width + column - column % size];
          });
        }"""
    )
    assert blocks, "every cell of the grid has one value"


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
    page = new_page(path="/api")
    page.get_by_text("/api/predict").first.wait_for()
    text = page.locator("body").inner_text()
    for part in ("/healthz", "/api/models", "POST", "image/png", "curl"):
        assert part in text
    assert axe(page) == []


def test_frames_are_quick(page):
    """Not how long they take, which depends on the machine, but that each was measured."""
    draw(page, SEVEN)
    settle(page)
    latencies = page.evaluate("app.live.latencies")
    assert len(latencies) >= 3
    assert all(milliseconds > 0 for milliseconds in latencies)
