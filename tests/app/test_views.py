"""The views beside Draw, in a real browser: what Inside shows, a whole step, teaching that changes an answer, a training."""

import json
import re

import httpx
import pytest
from browsing import answer, draw, settle, until
from strokes import drawings

SEVEN = next(drawing for drawing in drawings() if drawing["digit"] == 7)
MISREAD = next(drawing for drawing in drawings() if drawing["style"] == "long-upstroke")  # a 1 that mnist-cnn takes for a 7


@pytest.fixture(autouse=True)
def no_training_goes_on(request, page_address):
    """A test that fails in the middle of a training must not fail the next one."""
    yield
    for run in httpx.get(page_address + "/api/runs").json()["runs"]:
        if run["state"] not in ("done", "stopped", "failed"):
            httpx.post(f"{page_address}/api/runs/{run['id']}/stop")


def show(page, view):
    page.click(f"#tab-{view}")
    until(page, f"document.body.dataset.view === '{view}' && !document.querySelector('#panel-{view}[aria-busy]')")
    page.locator(f"#panel-{view} > *").first.wait_for()


def moved(drawing, right, down, size=1.0):
    """The same drawing elsewhere, and perhaps smaller."""
    strokes = [[[0.5 + size * (x - 0.5) + right, 0.5 + size * (y - 0.5) + down] for x, y in s] for s in drawing["strokes"]]
    return {**drawing, "strokes": strokes}


# Inside -------------------------------------------------------------------------------------------------------------------


def test_inside_shows_every_layer_and_moves_while_one_draws(page):
    show(page, "inside")
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
    show(page, "draw")
    settle(page)
    assert page.evaluate("app.live.answer.layers") is None, "nobody looks, so nothing is computed"


def test_inside_a_cell_is_reached_by_key_and_explained(page):
    page.select_option("#model", "mnist-mlp")
    draw(page, SEVEN)
    show(page, "inside")
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
    show(page, "step")
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


# Teach --------------------------------------------------------------------------------------------------------------------


def teach(page, drawing, label):
    draw(page, drawing, panel="#panel-teach")
    settle(page)
    page.keyboard.press(str(label))
    until(page, "app.drawing.isEmpty")


@pytest.fixture
def tray(page):
    """Three of the misread drawing in the tray, as ones."""
    show(page, "teach")
    for place in ((0, 0), (0.06, 0.02), (-0.05, -0.03)):
        teach(page, moved(MISREAD, *place, size=0.9), 1)
    return page


def test_teaching_changes_the_answer_and_is_kept(tray):
    page = tray
    assert page.locator("[data-test=tray-1] .tray-item").count() == 3
    page.select_option("#teach-seconds", "4")
    page.click("#teach-learn")
    page.locator("#teach-keep").wait_for(timeout=120_000)
    told = page.locator("#teach-result").inner_text()
    assert "1,000" in told
    run = page.evaluate("fetch('/api/runs').then((answer) => answer.json())")["runs"][0]
    old, new = run["result"]["old"], run["result"]["new"]
    assert new["drawings"] > old["drawings"]
    assert new["held_out"] > old["held_out"] - 0.02
    page.click("#teach-keep")
    until(page, "app.models.current?.name !== 'mnist-cnn'")
    assert page.evaluate("app.models.current.origin") == "taught"
    draw(page, moved(MISREAD, 0.02, 0.02, size=0.95), panel="#panel-teach")
    show(page, "draw")
    assert answer(page)[0] == "1"


def test_a_lesson_can_be_discarded(tray):
    page = tray
    before = len(page.evaluate("app.models.list"))
    page.select_option("#teach-seconds", "4")
    page.click("#teach-learn")
    page.locator("#teach-discard").click(timeout=120_000)
    until(page, "document.getElementById('teach-status').textContent.includes('iscarded')")
    page.evaluate("app.models.refresh()")
    assert len(page.evaluate("app.models.list")) == before
    assert page.evaluate("app.models.current.name") == "mnist-cnn"


def test_the_tray_survives_a_reload_and_goes_to_a_file_and_back(tray, tmp_path):
    page = tray
    page.reload()
    until(page, "globalThis.app?.models.current")
    assert page.locator("[data-test=tray-1] .tray-item").count() == 3
    with page.expect_download() as download:
        page.click("#tray-save")
    path = tmp_path / "drawings.npz"
    download.value.save_as(path)
    from handspun import load_dataset

    data = load_dataset(path)
    assert data.train.images.shape == (3, 28, 28)
    assert [data.classes[label] for label in data.train.labels] == ["1", "1", "1"]
    page.locator(".tray-item").first.click()
    assert page.locator(".tray-item").count() == 2
    page.click("#tray-clear")
    assert page.locator(".tray-item").count() == 0
    page.set_input_files("#tray-file", path)
    until(page, "document.querySelectorAll('.tray-item').length === 3")


# Train --------------------------------------------------------------------------------------------------------------------


def state(page):
    return page.evaluate("fetch('/api/runs').then((answer) => answer.json())")["runs"][0]


def test_a_training_is_started_paused_stopped_and_used(page):
    show(page, "train")
    page.locator("#train-start").wait_for()
    until(page, "/parameters/.test(document.getElementById('train-parameters').textContent)")
    page.fill("#train-epochs", "200")  # more than go by while one looks
    page.fill("#train-seed", "5")
    page.click("#train-start")
    page.locator("[data-test=cell-3-3]").wait_for(timeout=60_000)  # the matrix comes with the first epoch
    page.click("#train-pause")
    until(page, "document.getElementById('train-pause').textContent === 'Go on'")
    resting = state(page)
    assert resting["state"] == "paused"
    page.wait_for_timeout(400)
    assert state(page)["progress"]["step"] == resting["progress"]["step"], "it really rests"
    page.reload()
    until(page, "document.getElementById('train-pause')?.textContent === 'Go on'", 30)
    page.click("#train-pause")
    until(page, "document.getElementById('train-pause').textContent === 'Pause'")
    page.click("#train-stop")
    until(page, "document.getElementById('train-status').textContent.includes('Stopped after')", 60)
    assert page.locator("#weights canvas").count() >= 10
    for chart in ("train-loss", "train-accuracy"):
        assert page.locator(f"[data-test={chart}] svg path").count() >= 1
    page.click("#train-use")
    until(page, "app.models.current?.origin === 'trained'")
    show(page, "draw")
    draw(page, SEVEN)
    assert answer(page)[0] == "7"


def test_a_cell_of_the_matrix_opens_its_images(page):
    show(page, "train")
    page.locator("#train-start").wait_for()
    until(page, "/parameters/.test(document.getElementById('train-parameters').textContent)")
    page.fill("#train-epochs", "1")
    page.click("#train-start")
    until(page, "document.getElementById('train-status').textContent.includes('Done')", 60)
    cell = page.locator("[data-test=cell-4-4]")
    shown = int(cell.inner_text().replace(",", ""))
    cell.click()
    page.locator("#cell-images canvas").first.wait_for()
    assert page.locator("#cell-images canvas").count() == min(shown, 60)


def test_what_cannot_be_trained_is_said_before_it_starts(new_page):
    page = new_page(quiet=False)  # the browser itself reports an answer of 400
    show(page, "train")
    page.locator("#train-start").wait_for()
    page.fill("#train-rate", "-1")
    page.click("#train-start")
    assert page.locator("#train-note").inner_text() != ""
    refusal = page.evaluate(
        """settings => fetch("/api/runs", { method: "POST", headers: { "content-type": "application/json" }, body: settings })
           .then(async (answer) => [answer.status, await answer.json()])""",
        json.dumps({"data": "/etc/passwd"}),
    )
    assert refusal[0] == 400
    assert "error" in refusal[1]
