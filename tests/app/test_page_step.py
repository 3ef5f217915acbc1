"""Step in a real browser: a whole training step with its numbers, on every screen."""

import re

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import MISREAD, SEVEN, draw, open_view, settle, until

from handspun.app.lessons.wording import number_text


def test_the_step_goes_from_the_pixels_to_the_update(page):
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
    for part in ("handspun/pictures/inputs.py", "handspun/layers/dense.py", "handspun/optimization/losses.py"):
        assert part in text, part
    assert len(set(seen)) == total, "each operation shows something different"
    before, after = (page.locator(f"[data-test=step-{name}] strong").inner_text() for name in ("before", "after"))
    shares = [float(re.search(r"\d+(\.\d+)?", share)[0]) for share in (before, after)]
    assert shares[1] > shares[0], "the update makes the right answer more probable"


@pytest.mark.parametrize("model", ["mnist-mlp", "mnist-cnn"])
def test_every_operation_fits_a_phone(new_page, model):
    page = new_page(viewport={"width": 360, "height": 740})
    page.select_option("#model", model)
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "/^1 .*[0-9]/.test(document.getElementById('step-count')?.textContent ?? '')")
    total = 1 + int(page.locator("#step-slider").get_attribute("max"))
    for number in range(1, total + 1):
        assert page.locator("#step-count").inner_text().startswith(f"{number} /")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), number
        if number < total:
            page.click("#step-next")
    laps = page.locator(".step-change").evaluate_all(
        """changes => changes.flatMap((change) => {
          const parts = [...change.querySelectorAll("canvas, figcaption, .heatmap-value, .step-sign")];
          const boxes = parts.map((part) => part.getBoundingClientRect());
          const lap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
          return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => lap(a, b)).map(() => change.innerText));
        })"""
    )
    assert laps == []
    overflowing = page.locator(".step-change canvas").evaluate_all(
        "all => all.filter((canvas) => canvas.offsetWidth > canvas.closest('figure').clientWidth + 1).length"
    )
    assert overflowing == 0


def test_a_confident_answer_has_numbers_that_differ(page):
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "/^1 .*[0-9]/.test(document.getElementById('step-count')?.textContent ?? '')")

    def last():
        page.locator("#step-slider").focus()
        page.keyboard.press("End")
        page.locator(".step-result").wait_for()
        return {
            name: page.locator(f"[data-test=step-{name}] strong").inner_text().replace("\u00a0", " ")
            for name in ("before", "after", "loss-before", "loss-after")
        }

    found = last()
    assert re.fullmatch(r"1 − \d\.\d+·10⁻.", found["before"])
    assert re.fullmatch(r"\d\.\d+·10⁻.", found["loss-before"])
    assert found["before"][:7] == f"1 − {found['loss-before'][:3]}", "for p near 1, -log p is 1 - p"
    assert found["before"] != found["after"]
    assert found["loss-before"] != found["loss-after"]
    assert "another right answer" in page.locator("#step-hint").inner_text()
    assert "1.000" not in page.locator(".step-pair").inner_text()
    page.select_option("#step-label", label="3")
    until(page, "!document.getElementById('step-hint')")
    found = last()
    assert float(found["loss-before"]) > 5
    assert "·10⁻" in found["before"]
    assert page.locator("#step-hint").count() == 0


def test_the_loss_has_the_same_value_everywhere(page):
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "/^1 .*[0-9]/.test(document.getElementById('step-count')?.textContent ?? '')")
    while page.locator(".step-title").inner_text() != "Cross-entropy":
        page.click("#step-next")
    said = re.search(r"Here L = (\d\.\d·10⁻\S)\.$", page.locator(".step-explanation").inner_text())[1]
    assert page.locator(".heatmap-value").last.inner_text() == said
    page.locator("#step-slider").focus()
    page.keyboard.press("End")
    factor, power = page.locator("[data-test=step-loss-before] strong").inner_text().split("·")
    assert said == f"{float(factor):.1f}·{power}"


def test_python_and_the_page_write_numbers_the_same_way(page):
    values = [0, 3e-7, 1.6072e-5, 0.00012, 0.00963, 0.0101, 0.1, 0.163, 2.302585, 14.05, 123.4, 4567.8, 2.5e7]
    found = page.evaluate(
        "async values => { const { short } = await import('./shared/base/numbers.js'); return values.map((v) => short(v)); }",
        values,
    )
    assert found == [number_text(value) for value in values]


def test_the_step_uses_a_wide_window(new_page):
    page = new_page(viewport={"width": 1600, "height": 1000})
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    picture = page.locator("#step-body .heatmap-canvas").first
    picture.wait_for()
    assert picture.bounding_box()["width"] > 300
    code = page.locator("#step-body pre")
    assert code.evaluate("code => code.scrollWidth <= code.clientWidth"), "no line of source is cut off"
    page.locator("#step-slider").focus()
    page.keyboard.press("End")
    page.locator(".step-result").wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") < 2000
    thin = page.locator(".step-change canvas").evaluate_all("all => all.filter((canvas) => canvas.offsetWidth < 80).length")
    assert thin == 0
    changes = page.locator(".step-change")
    first, second = (changes.nth(i).bounding_box() for i in (0, 1))
    assert first["y"] == second["y"], "side by side"
    assert "−η · gradient" in changes.first.inner_text()


def test_a_new_drawing_resets_the_right_answer(page):
    """Even if the sheet was blank only for a moment, in another view."""
    draw(page, MISREAD)
    settle(page)
    open_view(page, "step")
    page.select_option("#step-label", label="1")
    open_view(page, "draw")
    page.keyboard.press("c")
    draw(page, SEVEN)
    settle(page)
    open_view(page, "step")
    until(page, "document.getElementById('step-label').value === '7'")
