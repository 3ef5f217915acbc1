"""The form of Train in a real browser: data, presets, layers, and what is refused."""

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import QUICK, open_train, open_view, teach_one, until
from serving import serving

from handspun.app.models.catalog import Models, shipped_models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app
from handspun.app.trainings.datasets import Datasets


def test_the_data_set_of_the_command_line_is_chosen(new_page, tmp_path):
    """Even if another form is stored. What the person chooses later stays."""
    path = tmp_path / "mine.npz"
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(40, 28, 28), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(40) % 10, classes=np.array(list("0123456789")))
    models = Models(shipped_models())
    with serving(make_app(models, Runs(models, tmp_path), Datasets([path]))) as address:
        page = new_page(address=address)
        open_train(page, QUICK)
        assert page.locator("#train-data").input_value() == "mine.npz"
        page.select_option("#train-data", "mnist-5k")
        page.reload()
        until(page, "/parameters$/.test(document.getElementById('train-parameters')?.textContent)")
        assert page.locator("#train-data").input_value() == "mnist-5k"
        page.close()


@pytest.mark.parametrize("width", [360, 1600])
def test_the_form_cuts_no_choice_off(new_page, width):
    page = new_page(viewport={"width": width, "height": 900})
    open_train(page, QUICK)
    cut = page.locator(".pairs select").evaluate_all(
        """menus => menus.flatMap((menu) => {
          const style = getComputedStyle(menu), context = document.createElement("canvas").getContext("2d");
          context.font = style.font;
          const room = menu.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
          return [...menu.options].map(({ text }) => text).filter((text) => context.measureText(text).width > room);
        })"""
    )
    assert cut == []


@pytest.mark.parametrize("rate", ["0", "-0.1"])
def test_a_learning_rate_of_zero_or_less_is_refused(page, rate):
    open_train(page, QUICK)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/api/runs") else None)
    page.fill("#train-rate", rate)
    page.locator("#train-start").click()
    assert page.locator("#train-note").inner_text() == "Learning rate: Value must be greater than 0."
    assert page.evaluate("document.activeElement.id") == "train-rate"
    page.fill("#train-rate", "")
    page.locator("#train-start").click()
    note = page.locator("#train-note").inner_text()
    assert note.startswith("Learning rate: ")
    assert "greater" not in note
    assert asked == []
    page.fill("#train-rate", "0.003")
    page.locator("#train-start").click()
    until(page, "!document.getElementById('train-use').hidden", seconds=60)
    assert page.locator("#train-note").inner_text() == ""


@pytest.mark.parametrize("preset", ["two-hidden", "linear", "convolutions", "augmented"])
def test_the_preset_is_named_until_a_setting_changes(page, preset):
    def ready():
        until(page, "/parameters$/.test(document.getElementById('train-parameters')?.textContent)")
        return page.locator("#train-preset").input_value()

    open_train(page, QUICK)
    assert ready() == ""
    page.select_option("#train-preset", preset)
    assert page.locator("#train-augment").evaluate("details => details.open") == (preset == "augmented")
    page.reload()
    assert ready() == preset
    before = page.locator("#train-epochs").input_value()
    for epochs, found in (("7", ""), (before, preset)):
        page.fill("#train-epochs", epochs)
        page.locator("#train-epochs").press("Tab")
        assert ready() == found


@pytest.mark.parametrize("stored", ['{"schedule": {"name": "unheard of"}}', '{"optimizer": "unheard of"}', '{"layers": 5}'])
def test_an_invalid_stored_form_gives_the_first_preset(page, stored):
    page.evaluate("text => localStorage.setItem('handspun-form', text)", stored)
    open_view(page, "train")
    until(page, "/parameters$/.test(document.getElementById('train-parameters')?.textContent)")
    assert page.locator("#train-preset").input_value() == "two-hidden"
    assert page.locator("#train-schedule").input_value() == "one-cycle"
    assert page.locator("#blocks li").count() == 5


def test_an_impossible_network_is_reported_before_training(page):
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
def test_pictures_are_flattened_before_dense_layers(page, layers):
    found = page.evaluate(
        """async kinds => {
          const { withFlatten } = await import("./views/train/flatten.js");
          return withFlatten(kinds.map((kind) => ({ kind }))).map(({ kind }) => kind);
        }""",
        layers,
    )
    expected = {
        "Conv2D": ["Conv2D", "Flatten"],
        "Conv2D ReLU Dense MaxPool2D": ["Conv2D", "ReLU", "Flatten", "Dense", "MaxPool2D", "Flatten"],
    }
    assert found == expected.get(" ".join(layers), layers)


@pytest.mark.parametrize("preset", ["two-hidden", "linear", "convolutions", "augmented"])
def test_every_block_fits_a_narrow_window(new_page, preset):
    page = new_page(viewport={"width": 320, "height": 640})
    open_train(page, QUICK)
    page.select_option("#train-preset", preset)
    until(page, "document.querySelector('#blocks li') || document.getElementById('train-preset').value === 'linear'")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_train_and_teach_are_accessible_with_everything_shown(new_page, axe, theme, width):
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
