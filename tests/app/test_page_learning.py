"""The views that learn, in a real browser: teach and keep; train, pause, stop, look at mistakes, compare, use."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import draw, open_view, settle, until

from handspun.data import load_dataset

#: A 1 with an upstroke so long that it is taken for a 7.
ONE = {"strokes": [[(0.2, 0.62), (0.35, 0.45), (0.5, 0.28), (0.62, 0.15), (0.62, 0.4), (0.62, 0.6), (0.62, 0.85)]]}
QUICK = {
    "data": "mnist-5k",
    "layers": [{"kind": "Dense", "units": 16}, {"kind": "ReLU"}],
    "epochs": 6,
    "optimizer": "adam",
    "learning_rate": 0.003,
}


def teach_one(page):
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    page.keyboard.press("1")
    until(page, "app.drawing.isEmpty")


def open_train(page, settings):
    """The view with a form that was filled in before."""
    page.evaluate("text => localStorage.setItem('handspun-form', text)", json.dumps(settings))
    open_view(page, "train")
    until(page, "/parameters$/.test(document.getElementById('train-parameters')?.textContent)")


def state(page):
    return page.locator("#train-status").inner_text()


def test_the_tray_takes_drawings_gives_them_back_and_survives_a_reload(page, tmp_path):
    open_view(page, "teach")
    page.keyboard.press("1")  # of an empty sheet there is nothing to learn
    assert "Draw something" in page.locator("[data-test=toast]").inner_text()
    for _ in range(2):
        teach_one(page)
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    seen = page.evaluate("app.live.answer.seen")
    page.locator("[data-test=teach-4]").click()
    until(page, "document.querySelector('[data-test=tray-4]')")
    assert page.locator("[data-test=tray-1] .tray-item").count() == 2
    assert page.locator("#tray-title").inner_text() == "Tray: 3 drawings"
    assert json.loads(page.evaluate("localStorage.getItem('handspun-tray')"))[2] == {"pixels": seen, "label": 4}

    with page.expect_download() as download:
        page.locator("#tray-save").click()
    path = tmp_path / "mine.npz"
    download.value.save_as(path)
    assert load_dataset(path).train.labels.tolist() == [1, 1, 4]

    page.reload()
    until(page, "document.querySelectorAll('.tray-item').length === 3")
    page.locator("[data-test=tray-4] .tray-item").click()
    assert page.locator(".tray-item").count() == 2
    assert page.evaluate("document.activeElement.className") == "tray-item"  # the focus is not lost
    page.locator("#tray-clear").click()
    assert page.locator("#teach-learn").is_disabled()
    page.locator("#tray-file").set_input_files(path)
    until(page, "document.querySelectorAll('.tray-item').length === 3")


def test_a_file_without_drawings_is_said(new_page):
    page = new_page(quiet=False)  # the browser writes down that the server refuses it
    open_view(page, "teach")
    until(page, "document.getElementById('tray-file')")
    page.locator("#tray-file").set_input_files({"name": "no.npz", "mimeType": "", "buffer": b"nothing"})
    until(page, "[...document.querySelectorAll('[data-test=toast]')].some((toast) => toast.textContent.includes('no.npz'))")


def test_a_model_is_taught_compared_and_kept(page):
    page.evaluate("app.models.select('mnist-cnn')")
    open_view(page, "teach")
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    assert page.evaluate("app.live.answer.class") == 7
    page.keyboard.press("1")
    until(page, "app.drawing.isEmpty")
    for _ in range(2):
        teach_one(page)
    page.locator("#teach-seconds").select_option("8")
    page.locator("#teach-learn").click()
    until(page, "document.querySelector('[data-test=teach-loss] path')")
    assert page.locator("#teach-learn").is_disabled()
    page.reload()  # the lesson goes on, and is found again with its drawings
    until(page, "document.querySelector('[data-test=comparison]')", seconds=60)
    rows = page.locator("[data-test=comparison] tbody tr").all_inner_texts()
    old, new = ([float(share) for share in re.findall(r"([\d.]+)\s%", row)] for row in rows)
    assert old == [0.0, 100.0]  # of the drawings, before and after
    assert new[1] > 97
    assert page.locator(".card canvas").count() == 3
    page.locator("#teach-keep").click()
    until(page, "app.models.current.name === 'mnist-cnn-taught'")
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    assert page.evaluate("app.live.answer.class") == 1


def test_a_lesson_can_be_discarded(page):
    page.evaluate("app.models.select('mnist-mlp')")
    open_view(page, "teach")
    for _ in range(3):
        teach_one(page)
    before = page.evaluate("app.models.list.map(({ name }) => name)")
    page.locator("#teach-seconds").select_option("4")
    page.locator("#teach-learn").click()
    page.locator("#teach-discard").click(timeout=60_000)
    until(page, "document.getElementById('teach-status').textContent.includes('iscarded')")
    page.evaluate("app.models.refresh()")
    assert page.evaluate("app.models.list.map(({ name }) => name)") == before
    assert page.evaluate("app.models.current.name") == "mnist-mlp"


def test_a_network_is_trained_watched_and_used(page):
    open_train(page, QUICK)
    assert page.locator("#train-parameters").inner_text() == f"{785 * 16 + 17 * 10:,} parameters"
    page.locator("#train-start").click()
    until(page, "!document.getElementById('train-use').hidden", seconds=60)
    assert state(page) == "Done after 6 epochs."
    run = page.evaluate("fetch('api/runs').then((answer) => answer.json()).then(({ runs }) => runs[0])")
    accuracy = run["history"][-1]["validation_accuracy"]
    assert f"held out {100 * accuracy:.1f}" in page.locator("[data-test=train-accuracy] desc").text_content()
    assert page.locator("#weights canvas").count() == 16
    matrix = page.locator("#matrix tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.querySelectorAll('button')].map((cell) => Number(cell.textContent)))"
    )
    assert matrix == run["confusion"]
    wrong = np.array(matrix) - np.diag(np.diag(matrix))
    true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    page.locator(f"[data-test=cell-{true}-{predicted}]").click()
    until(page, f"document.querySelectorAll('#cell-images canvas').length === {wrong.max()}")
    page.reload()
    until(page, "document.getElementById('train-use')?.hidden === false")
    assert state(page) == "Done after 6 epochs."
    page.locator("#train-use").click()
    until(page, "app.models.current.origin === 'trained'")


def test_a_training_pauses_goes_on_survives_a_reload_and_stops(page):
    open_train(page, {**QUICK, "epochs": 200})
    page.locator("#train-start").click()
    until(page, "/images\\/s/.test(document.getElementById('train-status').textContent)")
    assert page.locator("#train-start").is_disabled()
    page.locator("#train-pause").click()
    until(page, "document.getElementById('train-status').textContent.startsWith('Paused')")
    page.reload()
    until(page, "document.getElementById('train-status')?.textContent.startsWith('Paused')")
    page.locator("#train-pause").click()
    until(page, "/images\\/s/.test(document.getElementById('train-status').textContent)")
    page.locator("#train-stop").click()
    until(page, "document.getElementById('train-status').textContent.startsWith('Stopped')")
    assert page.locator("#train-start").is_enabled()
    number = page.locator("#runs tbody tr").count()
    page.locator(f"[data-test=compare-{number}]").check()
    until(page, "document.querySelector('[data-test=train-compare] path')")


def test_a_network_that_cannot_be_is_said_before_it_is_trained(page):
    open_train(page, QUICK)
    page.locator("#block-kind").select_option("Conv2D")
    page.locator("#block-add").click()
    until(page, "document.getElementById('train-parameters').classList.contains('is-wrong')")
    assert "flat" in page.locator("#train-parameters").inner_text()  # a dense layer first leaves nothing to convolve
    page.get_by_label("Remove convolution, layer 3").click()
    until(page, "!document.getElementById('train-parameters').classList.contains('is-wrong')")
    page.locator("[data-test=block-0] [data-test=units]").fill("32")
    page.locator("[data-test=block-0] [data-test=units]").press("Enter")
    until(page, f"document.getElementById('train-parameters').textContent.startsWith('{785 * 32 + 33 * 10:,}')")


@pytest.mark.parametrize("layers", [["Conv2D"], ["Conv2D", "ReLU", "Dense", "MaxPool2D"], ["GlobalAvgPool"], ["Dense"], []])
def test_pictures_are_flattened_before_what_takes_rows(page, layers):
    found = page.evaluate(
        "async kinds => (await import('./blocks.js')).withFlatten(kinds.map((kind) => ({ kind }))).map(({ kind }) => kind)",
        layers,
    )
    expected = {
        "Conv2D": ["Conv2D", "Flatten"],
        "Conv2D ReLU Dense MaxPool2D": ["Conv2D", "ReLU", "Flatten", "Dense", "MaxPool2D", "Flatten"],
    }
    assert found == expected.get(" ".join(layers), layers)


@pytest.mark.parametrize(("least", "step"), [(1, 1), (1.5, 2), (3, 5), (7, 10), (0.03, 0.05), (0.011, 0.02), (400, 500)])
def test_axes_have_round_marks(page, least, step):
    assert page.evaluate("async least => (await import('./charts.js')).roundStep(least)", least) == pytest.approx(step)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_both_views_with_all_that_they_show_are_for_everyone(new_page, axe, theme, width):
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    open_train(page, QUICK)
    page.locator("#train-augment summary").click()
    page.locator("#train-start").click()
    until(page, "!document.getElementById('train-use').hidden", seconds=60)
    page.locator(".cell:enabled").first.click()
    until(page, "!document.getElementById('cell-images').hidden")
    page.locator("#runs input").first.check()
    until(page, "document.querySelector('[data-test=train-compare] path')")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    open_view(page, "teach")
    teach_one(page)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
