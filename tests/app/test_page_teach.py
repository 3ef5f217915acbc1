"""Teach in a real browser: the tray, models that cannot be taught, and a lesson that is kept or discarded."""

import json
import re

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import ONE, draw, open_view, settle, teach_one, until
from serving import serving

from handspun.app.models.catalog import Model, Models, shipped_models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app
from handspun.data import load_dataset
from handspun.networks.architectures import cnn
from handspun.pictures.contract import Contract, PictureContract


def assert_no_raw_values(page):
    """Check that no view shows null, undefined, NaN or [object Object]."""
    for view in ("draw", "inside", "step", "train", "teach"):
        open_view(page, view)
        text = page.locator("body").inner_text()
        assert re.findall(r"\b(?:null|undefined|NaN)\b|\[object", text) == [], view


def test_the_tray_saves_loads_and_survives_a_reload(page, tmp_path):
    open_view(page, "teach")
    page.keyboard.press("1")  # a blank sheet teaches nothing
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


def test_digit_keys_teach_while_a_choice_has_the_focus(page):
    """Only a text field takes the keys for itself."""
    open_view(page, "teach")
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    page.locator("#panel-teach [data-test=width-medium]").focus()
    page.keyboard.press("1")
    until(page, "document.querySelector('[data-test=tray-1] .tray-item')")


def test_a_file_without_drawings_gives_a_message(new_page):
    page = new_page(quiet=False)  # the console reports that the server refuses the file
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
    page.reload()  # the lesson goes on, and the page finds it with its drawings
    until(page, "document.querySelector('[data-test=comparison]')", seconds=60)
    rows = page.locator("[data-test=comparison] tbody tr").all_inner_texts()
    old, new = ([float(share) for share in re.findall(r"([\d.]+)\s%", row)] for row in rows)
    assert old == [0.0, 100.0]  # accuracy on the drawings, before and after
    assert new[1] > 97
    assert page.locator(".card canvas").count() == 3
    page.locator("#teach-keep").click()
    until(page, "app.models.current.name === 'mnist-cnn-taught'")
    assert page.locator("#teach-keep").count() == 0
    assert_no_raw_values(page)
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    assert page.evaluate("app.live.answer.class") == 1


@pytest.mark.parametrize("size", [(1600, 1000), (360, 740)])
def test_a_lesson_can_be_discarded(new_page, size):
    page = new_page(viewport={"width": size[0], "height": size[1]})
    page.evaluate("app.models.select('mnist-mlp')")
    open_view(page, "teach")
    for _ in range(3):
        teach_one(page)
    before = page.evaluate("app.models.list.map(({ name }) => name)")
    page.locator("#teach-seconds").select_option("4")
    page.locator("#teach-learn").click()
    page.locator("#teach-discard").wait_for(timeout=60_000)
    assert "on which mnist-mlp was trained" in page.locator("#teach-seen").inner_text()
    for part in ("[data-test=comparison]", "#teach-seen", "#teach-keep", "#teach-discard"):  # the decision is visible
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1], part
    page.locator("#teach-discard").click()
    until(page, "document.getElementById('teach-status').textContent.includes('iscarded')")
    page.evaluate("app.models.refresh()")
    assert page.evaluate("app.models.list.map(({ name }) => name)") == before
    assert page.evaluate("app.models.current.name") == "mnist-mlp"
    assert page.evaluate("document.activeElement.id") == "teach-status"  # the focus is not lost
    assert_no_raw_values(page)


CLOTHES = [f"kind of clothing {i}" for i in range(10)]


@pytest.fixture(scope="module")
def other_address(tmp_path_factory):
    """The address of a server with models that cannot be taught: one of clothes, and two of photos of digits."""
    clothes = cnn((1, 28, 28), 10, channels=[2], kernel_size=3, classes=CLOTHES)
    clothes.contract = Contract()
    photos = cnn((1, 28, 28), 10, channels=[2], kernel_size=3, classes=list("0123456789"))
    photos.contract = PictureContract(28, 28, colour=False)
    large = cnn((3, 64, 64), 10, channels=[2], kernel_size=3, classes=list("0123456789"))
    large.contract = PictureContract(64, 64)
    made = {"clothes": clothes, "photos": photos, "large": large}
    models = Models([*shipped_models(), *(Model(name, network, "file") for name, network in made.items())])
    with serving(make_app(models, Runs(models, folder=tmp_path_factory.mktemp("kept")))) as found:
        yield found


@pytest.mark.parametrize(("model", "reason"), [("clothes", "does not recognize digits"), ("photos", "does not read strokes")])
def test_the_tray_refuses_drawings_for_a_model_that_cannot_be_taught(new_page, other_address, model, reason):
    page = new_page(address=other_address)
    open_view(page, "teach")
    page.select_option("#model", model)
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    for act in (lambda: page.keyboard.press("1"), lambda: page.locator("[data-test=teach-1]").click(force=True)):
        act()
        page.locator("[data-test=toast]").get_by_text(reason).wait_for()
        page.locator(".toast-close").click()
    assert page.locator(".tray-item").count() == 0
    assert not page.evaluate("app.drawing.isEmpty")


@pytest.mark.parametrize(("model", "reason"), [("clothes", "does not recognize digits"), ("large", "does not read strokes")])
def test_a_model_that_cannot_be_taught_says_why_at_once(new_page, other_address, model, reason):
    page = new_page(address=other_address)
    open_view(page, "teach")
    keys = page.locator("#teach-keys button")
    assert set(keys.evaluate_all("keys => keys.map((key) => key.ariaDisabled)")) == {"false"}
    page.select_option("#model", model)
    settle(page)
    assert set(keys.evaluate_all("keys => keys.map((key) => key.ariaDisabled)")) == {"true"}
    assert reason in page.locator("#teach-guess").inner_text()
    assert reason in page.locator("#teach-why").inner_text()
    assert page.locator("#tray").inner_text() == "The tray is empty. Choose a model of drawn digits to teach it."
    assert page.locator("#teach-seconds").is_disabled()
    page.select_option("#model", "mnist-mlp")
    settle(page)
    assert set(keys.evaluate_all("keys => keys.map((key) => key.ariaDisabled)")) == {"false"}
    assert not page.locator("#teach-why").is_visible()
    assert "Draw a digit that the model gets wrong" in page.locator("#tray").inner_text()


def test_the_first_answer_shows_whether_a_model_reads_strokes(new_page, other_address):
    page = new_page(address=other_address)
    open_view(page, "teach")
    page.select_option("#model", "photos")
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    assert page.locator("[data-test=teach-1]").get_attribute("aria-disabled") == "true"
    assert "does not read strokes" in page.locator("#teach-why").inner_text()


def test_the_tray_holds_digits_whatever_model_is_chosen(new_page, other_address, tmp_path):
    page = new_page(address=other_address)
    open_view(page, "teach")
    teach_one(page)
    page.select_option("#model", "clothes")
    until(page, "document.getElementById('teach-guess').textContent.includes('does not recognize digits')")
    assert page.locator("#tray h4").all_inner_texts() == ["1"]
    assert page.locator("#teach-learn").is_disabled()
    with page.expect_download() as download:
        page.locator("#tray-save").click()
    path = tmp_path / "mine.npz"
    download.value.save_as(path)
    assert load_dataset(path).classes == tuple("0123456789")
    page.locator("#tray-file").set_input_files(path)
    until(page, "document.querySelectorAll('[data-test=tray-1] .tray-item').length === 2")
