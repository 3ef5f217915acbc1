"""Inside and Step in a real browser: every layer live, a cell by key, and a whole step of training with its numbers."""

import re

from browsing import draw, open_view, settle, until
from strokes import drawings

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
