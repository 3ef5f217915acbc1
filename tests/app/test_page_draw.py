"""Drawing on the page in a real browser: pens, keys, fingers, pictures, and the answer beside them."""

import base64
import io

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import SEVEN, THREE, answer, draw, settle, shares, until
from PIL import Image
from strokes import drawings, render


def png(drawing, *, light=False):
    pixels = render(drawing)
    stream = io.BytesIO()
    Image.fromarray(pixels if light else 255 - pixels).save(stream, "PNG")
    return stream.getvalue()


def test_each_digit_in_ten_handwritings_is_read(page):
    wrong = []
    for drawing in drawings():
        page.keyboard.press("c")
        draw(page, drawing)
        read, _ = answer(page)
        if read != str(drawing["digit"]):
            wrong.append((drawing["digit"], drawing["style"], read))
    assert len(wrong) <= 3, wrong


def test_the_page_asks_for_a_digit_and_answers_the_first_stroke(page):
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


def test_undo_redo_clear_and_eraser_work_by_button_and_key(page):
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
    assert answer(page)[0] == "7", "undo brings a cleared drawing back"
    page.click("[data-test=eraser]")
    assert page.locator("[data-test=eraser]").get_attribute("aria-pressed") == "true"
    rub = [[[0.05 * i, 0.04 * j] for i in (range(1, 20) if j % 2 else range(19, 0, -1))] for j in range(1, 25)]
    draw(page, {"strokes": [[point for row in rub for point in row]]}, points=500)
    assert answer(page) == ("", "empty"), "everything was erased"


def test_a_thick_pen_gives_more_ink(page):
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
    assert {0, 255} < set(sent), "the brush fades at its edge"
    wrong = [(i, ink, seen) for i, (ink, seen) in enumerate(zip(sent, shown, strict=True)) if set(seen) != {ink}]
    assert wrong == [], "a whole cell shows the value that the network gets"


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


def test_a_finger_draws_without_scrolling_the_page(new_page):
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


def test_a_file_that_is_no_picture_gives_a_message(page):
    page.set_input_files("[data-test=file]", files=[{"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"}])
    toast = page.locator("[data-test=toast]")
    toast.wait_for()
    assert "picture" in toast.inner_text().lower()
    assert answer(page) == ("", "empty")


def test_the_large_answer_agrees_with_its_bar(page):
    draw(page, SEVEN)
    settle(page)
    best = page.locator("#bars .is-best .bar-value").inner_text()
    assert page.locator("#answer-percent").inner_text() == best
    assert best.endswith("%")


def test_the_stages_from_picture_to_network_are_shown(page, models):
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


def test_a_scribble_is_not_a_digit(page):
    scribble = [[[0.1 + 0.8 * ((7 * i) % 11) / 10, 0.1 + 0.8 * ((5 * i) % 13) / 12] for i in range(60)]]
    draw(page, {"strokes": scribble})
    read, verdict = answer(page)
    assert verdict == "unknown"
    assert read == "?"
    assert "Not a digit" in page.locator("#answer-percent").inner_text()


def test_on_a_narrow_screen_the_answer_needs_no_scrolling(new_page):
    page = new_page(viewport={"width": 360, "height": 740})
    draw(page, SEVEN)
    settle(page)
    for part in ("[data-test=canvas]", "#answer", "#bars"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 740, part
