"""The page around the views, in a real browser: sizes, themes, keys, messages, models, loading, and the page of the API."""

import json
import re

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import SEVEN, draw, open_view, settle, until

VIEWS = ("draw", "inside", "step", "teach", "train")


@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_and_is_accessible(new_page, axe, width, theme, view):
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


def test_a_chosen_theme_stays(page):
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert after != before
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == after
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == before


def test_the_tabs_can_be_reached_by_keyboard(page):
    seen = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id"))
    assert {"tab-draw", "tab-train", "model", "theme"} <= seen
    page.locator("#tab-inside").focus()
    page.keyboard.press("Enter")
    until(page, "document.body.dataset.view === 'inside'")
    assert page.locator("#tab-inside").get_attribute("aria-current") == "page"


def test_the_model_is_described_in_a_few_words(page):
    about = page.locator("#model-about")
    assert re.fullmatch(r"convolutional, [\d,]+ parameters", about.inner_text())
    assert "16C5" in about.get_attribute("title")
    page.select_option("#model", "mnist-mlp")
    assert about.inner_text() == "784-128-64-10"
    assert "parameters" in about.get_attribute("title")


@pytest.mark.parametrize("size", [(1600, 1000), (1024, 700), (360, 740)])
def test_a_message_covers_no_control(new_page, size):
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
    assert through, "what is under it can be clicked"
    page.locator(".toast-close").click()
    assert toast.count() == 0


def test_a_view_that_fails_to_load_is_mounted_again(page):
    """No half of it is left when one comes back."""
    broken = """
      let asked = 0;
      export default { mount(root) { root.append("half"); if (asked++ === 0) throw new Error("no"); } };
    """
    page.route("**/views/step/step.js", lambda route: route.fulfill(body=broken, content_type="text/javascript"))
    page.evaluate("addEventListener('error', (event) => event.preventDefault())")  # the error is expected
    panel = page.locator("#panel-step")
    page.click("#tab-step")
    panel.get_by_text("could not be loaded").wait_for()
    open_view(page, "draw")
    page.click("#tab-step")
    until(page, "document.getElementById('panel-step').textContent === 'half'")


def test_canvases_use_all_pixels_of_a_high_density_screen(new_page):
    """The window moves to another screen: each canvas keeps its size and gets twice the pixels."""
    page = new_page(viewport={"width": 1280, "height": 1400})
    session = page.context.new_cdp_session(page)
    sizes = []
    pixels = "canvas => [canvas.width, canvas.height, canvas.clientWidth, canvas.clientHeight]"
    for view, name in (("draw", "[data-test=canvas]"), ("inside", "[data-test=canvas]"), ("inside", ".inside-cells")):
        open_view(page, view)
        canvas = page.locator(f"#panel-{view} {name}")
        for density in (1, 2):
            # Also change the height a little: otherwise Chromium does not report an emulated density.
            metrics = {"width": 1280, "height": 1400 + density, "deviceScaleFactor": density, "mobile": False}
            session.send("Emulation.setDeviceMetricsOverride", metrics)
            until(page, f"devicePixelRatio === {density}")
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            width, height, wide, high = canvas.evaluate(pixels)
            assert (width, height) == pytest.approx((density * wide, density * high), abs=density), (view, name, density)
            sizes.append((wide, high))
        assert sizes[-1] == sizes[-2], "the layout did not change"


def test_the_api_has_a_page(new_page, axe):
    page = new_page()
    page.click("#api")
    page.get_by_text("/api/predict").first.wait_for()
    text = page.locator("body").inner_text()
    for part in ("/healthz", "/api/models", "POST", "image/png", "curl"):
        assert part in text
    assert "`" not in text
    assert '"images": [file, …]' in text
    assert axe(page) == []


def test_code_in_the_api_page_is_set_as_code(new_page):
    found = {"info": {"description": "As `handspun predict` does."}, "paths": {}}
    page = new_page(path="/api")
    page.route("**/openapi.json", lambda route: route.fulfill(json=found))
    page.reload()
    page.locator("#about code").wait_for()
    assert page.locator("#about").inner_html() == "As <code>handspun predict</code> does."
