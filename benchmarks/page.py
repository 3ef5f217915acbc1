"""The page in a real browser: the time from a pen movement to the screen frame that shows its answer."""

from __future__ import annotations

import sys
import time
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.data import UnavailableError
from benchmarks.harness import ROOT, running_app, spread
from benchmarks.settings import Settings

#: Pen movements per second, as a mouse reports them.
RATE = 100.0
MODELS = ("mnist-cnn", "mnist-mlp")

#: Goal for the time until the answer is on the screen, in milliseconds, for 95 of 100 movements.
AIM = 50


def measure(settings: Settings) -> dict[str, Any]:
    """Rounds in which recorded digits are drawn at human speed, with each model.

    Raises:
        UnavailableError: there is no browser.
    """
    sys.path.append(str(ROOT / "tests" / "app"))
    try:
        from browsing import FLAGS, find_chromium, until
        from playwright.sync_api import sync_playwright
        from strokes import drawings
    except ImportError as error:
        raise UnavailableError(f"{error.name} is not installed; make browser installs it") from error
    chromium = find_chromium()
    if chromium is None:
        raise UnavailableError("there is no Chromium; make browser installs it")
    digits = drawings()[:: 50 if settings.quick else 5]
    rows = []
    with (
        TemporaryDirectory() as folder,
        running_app("draw", "--no-open", "--out", folder) as (_, address),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        until(page, "app.live.answer !== null && app.models.current")
        for model in MODELS:
            page.select_option("#model", model)
            rounds = []
            for number in range(settings.repeats + 1):
                page.evaluate("app.live.latencies.length = 0")
                for drawing in digits:
                    page.keyboard.press("c")
                    _draw(page, drawing)
                if number:  # the first round warms up
                    rounds.append(page.evaluate("app.live.latencies"))
            rows.append(
                {
                    "model": model,
                    "answers": sum(len(each) for each in rounds),
                    "median_ms": spread([float(np.median(each)) for each in rounds]),
                    "p95_ms": spread([float(np.quantile(each, 0.95)) for each in rounds]),
                }
            )
        version = browser.version
        browser.close()
    return {"rate": RATE, "digits": len(digits), "aim_ms": AIM, "browser": f"Chromium {version}, headless", "rows": rows}


def _draw(page: Any, drawing: dict[str, Any]) -> None:
    """Draw with the mouse at a steady pace."""
    box = page.locator("#panel-draw [data-test=canvas]").bounding_box()
    due = time.perf_counter()
    for stroke in drawing["strokes"]:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            due = max(due + 1 / RATE, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()))
            page.mouse.move(*place)
        page.mouse.up()
    page.wait_for_timeout(100)
