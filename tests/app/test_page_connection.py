"""The connection for live answers, in a real browser: slow, lost, found again, and with errors."""

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import SEVEN, THREE, Line, answer, draw, open_view, settle, until
from serving import serving

from handspun.app.models.catalog import Models, shipped_models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app


def test_the_page_reports_a_lost_connection_and_reconnects(new_page, tmp_path):
    """One server follows another on the same port, and the person draws in between."""
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


def test_a_slow_connection_carries_one_frame_at_a_time(page):
    line = Line(page)
    settle(page)
    page.evaluate("app.live.latencies.length = 0")
    line.frames.clear()
    line.held = True
    draw(page, SEVEN)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len(line.frames) == 1
    assert not page.evaluate("app.live.isCurrent")
    line.let_go()
    assert answer(page) == ("7", "known")
    assert len(line.frames) == 2, "all strokes in between share the second frame"
    assert list(line.frames[-1][12:]) == page.evaluate("Array.from(app.drawing.frame().bytes)")
    until(page, "app.live.latencies.length === 2")


def test_a_frame_lost_with_its_connection_has_no_answer(page):
    """After the answer to a 7, the connection is lost with the frame of a 3: the last answer is still that of the 7."""
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
    for _ in range(100):  # the whole 3 is in one frame
        page.wait_for_timeout(20)
        if line.frames:
            break
    assert len(line.frames) == 1
    line.close()
    assert not page.evaluate("app.live.isCurrent")
    page.keyboard.press("3")
    page.get_by_text("The model has not answered").wait_for()
    assert page.locator(".tray-item").count() == 0
    assert not page.evaluate("app.drawing.isEmpty"), "the drawing can still be taught"
    line.open = True
    line.held = False
    settle(page)
    page.keyboard.press("3")
    until(page, "app.drawing.isEmpty")
    assert page.locator("[data-test=tray-3] .tray-item").count() == 1


def test_an_error_is_not_an_answer(page):
    page.evaluate(
        """() => {
          const send = WebSocket.prototype.send;
          WebSocket.prototype.send = function (data) {
            // The server refuses a frame without its last bytes.
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
