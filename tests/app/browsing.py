"""A real browser for the tests of the page, and the hand that draws in it."""

import os
import shutil
import time
from pathlib import Path

#: What a browser needs where it has neither a screen nor a network, and may run as the superuser in a container. Without WebGL.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-3d-apis",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


#: Points of a stroke that the mouse goes to unless told; each takes a browser that paints without a GPU some milliseconds.
POINTS = 30


def find_chromium():
    """The path of a Chromium, or None: the one that HANDSPUN_CHROMIUM names, the system's, or Playwright's."""
    if named := os.environ.get("HANDSPUN_CHROMIUM"):
        return named
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return next((str(path) for path in sorted(cache.glob("chromium-*/chrome-*/chrome"), reverse=True)), None)


def open_view(page, view):
    """Show a view, and wait until it is there."""
    page.click(f"#tab-{view}")
    until(page, f"document.body.dataset.view === '{view}' && !document.querySelector('#panel-{view}[aria-busy]')")
    page.locator(f"#panel-{view} > *").first.wait_for()


def draw(page, drawing, *, panel="#panel-draw", points=POINTS):
    """Draw strokes with the mouse, from 0 to 1 on the sheet, through at most `points` of each, and leave the pen up."""
    canvas = page.locator(f"{panel} [data-test=canvas]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for stroke in drawing["strokes"]:
        # A quick hand: of a stroke with many points some are passed over, as a mouse does that moves fast.
        some = [*stroke[: -1 : -(-len(stroke) // points)], stroke[-1]]
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in some]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


def until(page, expression, seconds=20):
    """Wait until a JavaScript expression is true. Playwright's own way needs eval(), which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({expression})"):
        assert time.monotonic() < end, f"never came true: {expression}"
        page.wait_for_timeout(20)


def settle(page):
    """Wait until the answer on the page is that of the drawing as it is now, by the model that is chosen."""
    until(page, "app.live.isCurrent && app.live.answer.model === app.models.current?.name")
    # What is asked for in the next frame of the screen has then been painted.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def answer(page):
    """What the page says that the drawing is, and its verdict."""
    settle(page)
    return page.locator("#answer").inner_text(), page.locator("[data-test=answer]").get_attribute("data-verdict")


def shares(page):
    """What the bars say, by class, in per cent."""
    settle(page)
    bars = page.locator("#bars li").evaluate_all(
        "items => items.map((item) => [item.dataset.class, item.querySelector('.bar-value span').textContent])"
    )
    return {name: float(text.strip("<> %\u00a0")) for name, text in bars if text}


class Line:
    """The line of a page's live answers in a test's hands. The page is loaded anew for it.

    Attributes:
        open: whether a line can be had.
        held: whether frames are kept back on their way to the server.
        frames: all that the page has sent.
    """

    def __init__(self, page):
        self.open, self.held, self.frames = True, False, []
        self._page, self._waiting = page, []
        page.route_web_socket("**/api/live", self._opened)
        page.reload()
        until(page, "globalThis.app?.live.answer !== null && app.models.current")

    def let_go(self):
        """Frames pass again, those that were kept back first."""
        self.held = False
        for message in self._waiting:
            self._server.send(message)
        self._waiting.clear()

    def close(self):
        """The line is lost, and cannot be had again."""
        self.open = False
        self._route.close()
        until(self._page, "!app.live.connected")

    def _opened(self, route):
        if not self.open:
            route.close()
            return
        self._route, self._server = route, route.connect_to_server()
        route.on_message(self._sent)

    def _sent(self, message):
        if isinstance(message, bytes):
            self.frames.append(message)
            if self.held:
                self._waiting.append(message)
                return
        self._server.send(message)
