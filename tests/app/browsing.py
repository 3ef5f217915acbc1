"""A real browser for the tests of the page, and a hand that draws in it."""

import json
import os
import shutil
import time
from pathlib import Path

from strokes import drawings

#: Flags for a browser without screen or network that may run as root in a container. WebGL is off.
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

#: The most points of a stroke that the mouse visits, unless told: a browser without a GPU needs milliseconds for each.
POINTS = 30

SEVEN, THREE = (next(drawing for drawing in drawings() if drawing["digit"] == digit) for digit in (7, 3))

#: A recorded 1 that mnist-cnn takes for a 7.
MISREAD = next(drawing for drawing in drawings() if drawing["style"] == "long-upstroke")

#: A 1 with such a long upstroke that both included models take it for a 7.
ONE = {"strokes": [[(0.2, 0.62), (0.35, 0.45), (0.5, 0.28), (0.62, 0.15), (0.62, 0.4), (0.62, 0.6), (0.62, 0.85)]]}

#: Settings of a training that takes about a second.
QUICK = {
    "data": "mnist-5k",
    "layers": [{"kind": "Dense", "units": 16}, {"kind": "ReLU"}],
    "epochs": 6,
    "optimizer": "adam",
    "learning_rate": 0.003,
}


#: After two frames of the screen, everything is painted; the page takes its latencies in a message right after that.
PAINTED = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); done(); };
  port2.postMessage(null);
})))"""


def find_chromium():
    """The path of Chromium: named in HANDSPUN_CHROMIUM, the system's, or Playwright's. None where there is none."""
    if named := os.environ.get("HANDSPUN_CHROMIUM"):
        return named
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return next((str(path) for path in sorted(cache.glob("chromium-*/chrome-*/chrome"), reverse=True)), None)


def open_view(page, view):
    """Show a view, and wait until it is loaded."""
    page.click(f"#tab-{view}")
    until(page, f"document.body.dataset.view === '{view}' && !document.querySelector('#panel-{view}[aria-busy]')")
    page.locator(f"#panel-{view} > *").first.wait_for()


def draw(page, drawing, *, panel="#panel-draw", points=POINTS):
    """Draw strokes with the mouse, through at most `points` points of each. Places on the sheet are from 0 to 1."""
    canvas = page.locator(f"{panel} [data-test=canvas]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for stroke in drawing["strokes"]:
        # Like a fast mouse, skip some points of a stroke that has many.
        some = [*stroke[: -1 : -(-len(stroke) // points)], stroke[-1]]
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in some]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


def teach_one(page):
    """Draw a 1 in Teach, and put it into the tray."""
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    page.keyboard.press("1")
    until(page, "app.drawing.isEmpty")


def open_train(page, settings):
    """Show Train with a form that was filled in before."""
    page.evaluate("text => localStorage.setItem('handspun-form', text)", json.dumps(settings))
    open_view(page, "train")
    until(page, "/parameters$/.test(document.getElementById('train-parameters')?.textContent)")


def until(page, expression, seconds=20):
    """Wait until a JavaScript expression is true. Playwright's own way needs eval(), which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({expression})"):
        assert time.monotonic() < end, f"never came true: {expression}"
        page.wait_for_timeout(20)


def settle(page):
    """Wait until the page shows the answer of the chosen model to the present drawing."""
    until(page, "app.live.isCurrent && app.live.answer.model === app.models.current?.name")
    page.evaluate(PAINTED)


def answer(page):
    """The class that the page answers, and its verdict."""
    settle(page)
    return page.locator("#answer").inner_text(), page.locator("[data-test=answer]").get_attribute("data-verdict")


def shares(page):
    """{class: per cent} as the bars show them."""
    settle(page)
    bars = page.locator("#bars li").evaluate_all(
        "items => items.map((item) => [item.dataset.class, item.querySelector('.bar-value span').textContent])"
    )
    return {name: float(text.strip("<> %\u00a0")) for name, text in bars if text}


class Line:
    """The connection for live answers, under a test's control. The page is loaded again for it.

    Attributes:
        open: whether the page can connect.
        held: whether frames are held back on their way to the server.
        frames: all frames that the page sent.
    """

    def __init__(self, page):
        self.open, self.held, self.frames = True, False, []
        self._page, self._waiting = page, []
        page.route_web_socket("**/api/live", self._opened)
        page.reload()
        until(page, "globalThis.app?.live.answer !== null && app.models.current")

    def let_go(self):
        """Let frames pass again, the held ones first."""
        self.held = False
        for message in self._waiting:
            self._server.send(message)
        self._waiting.clear()

    def close(self):
        """Close the connection, and refuse new ones."""
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
