"""The screenshots of README and docs.

HANDSPUN_SCREENSHOTS=docs/images python -m pytest tests/app/test_screenshots.py updates them.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from browsing import draw, open_view, settle, until
from PIL import Image
from strokes import drawings

SEVEN = next(drawing for drawing in drawings() if drawing["digit"] == 7 and drawing["style"] == "plain")
LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


@pytest.fixture
def keep(tmp_path):
    """A function that saves a screenshot of the page under a name."""
    folder = Path(os.environ.get("HANDSPUN_SCREENSHOTS", tmp_path))

    def taken(page, name):
        page.wait_for_timeout(300)
        path = folder / f"app-{name}.png"
        page.screenshot(path=path)
        with Image.open(path) as picture:
            few_colours = picture.convert("RGB").quantize(128)
            few_colours.save(path, optimize=True)
            assert picture.size == (page.viewport_size["width"], page.viewport_size["height"])
            assert len(np.unique(np.asarray(few_colours))) > 20, "the page is empty"

    return taken


@pytest.mark.parametrize(
    ("name", "options"),
    [("draw", {"viewport": LAPTOP}), ("dark", {"viewport": LAPTOP, "color_scheme": "dark"}), ("phone", {"viewport": PHONE})],
)
def test_draw(new_page, keep, name, options):
    page = new_page(**options)
    draw(page, SEVEN)
    page.mouse.move(5, 5)
    settle(page)
    keep(page, name)


def test_inside(new_page, keep):
    page = new_page(viewport=LAPTOP)
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "inside")
    settle(page)
    page.locator("[data-test=network]").focus()
    for key in ("ArrowRight", *("ArrowDown",) * 7):
        page.keyboard.press(key)
    until(page, "app.live.answer.focus")
    settle(page)
    keep(page, "inside")


def test_step(new_page, keep):
    page = new_page(viewport=LAPTOP)
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "document.querySelector('[data-test=step]').innerText.trim() !== ''")
    for _ in range(2):
        page.click("#step-next")
    keep(page, "step")


def test_train(new_page, keep):
    page = new_page(viewport={"width": 1280, "height": 1100})
    open_view(page, "train")
    page.locator("#train-start").wait_for()
    until(page, "/parameters/.test(document.getElementById('train-parameters').textContent)")
    page.fill("#train-epochs", "12")
    page.click("#train-start")
    until(page, "document.getElementById('train-status').textContent.includes('Done')", 120)
    page.mouse.move(5, 5)
    page.evaluate("scrollTo(0, 0)")
    keep(page, "train")
