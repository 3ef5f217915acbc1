"""The views that learn, in a real browser: teach and keep; train, pause, stop, look at mistakes, compare, use."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import draw, open_view, settle, until
from serving import serving

from handspun.app.models.catalog import Model, Models, shipped_models
from handspun.app.runs.registry import Runs
from handspun.app.runs.run import MAX_POINTS, Run
from handspun.app.server import make_app
from handspun.app.trainings.datasets import Datasets
from handspun.data import load_dataset
from handspun.networks.architectures import cnn
from handspun.pictures.contract import Contract, PictureContract

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


def assert_no_word_of_the_machine(page):
    """No view shows what JavaScript writes for nothing."""
    for view in ("draw", "inside", "step", "train", "teach"):
        open_view(page, view)
        text = page.locator("body").inner_text()
        assert re.findall(r"\b(?:null|undefined|NaN)\b|\[object", text) == [], view


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


CLOTHES = [f"kind of clothing {i}" for i in range(10)]


@pytest.fixture(scope="module")
def other_address(tmp_path_factory):
    """Of a server with models that cannot be taught: of other things than digits, and of photos of digits."""
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


@pytest.mark.parametrize(
    ("model", "reason"), [("clothes", "other things than digits"), ("photos", "other pictures than strokes")]
)
def test_the_tray_takes_nothing_of_a_model_that_cannot_be_taught(new_page, other_address, model, reason):
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


@pytest.mark.parametrize(
    ("model", "reason"), [("clothes", "other things than digits"), ("large", "other pictures than strokes")]
)
def test_a_model_that_cannot_be_taught_offers_nothing_and_says_why_at_once(new_page, other_address, model, reason):
    page = new_page(address=other_address)
    open_view(page, "teach")
    keys = page.locator("#teach-keys button")
    assert set(keys.evaluate_all("keys => keys.map((key) => key.ariaDisabled)")) == {"false"}
    page.select_option("#model", model)
    settle(page)
    assert set(keys.evaluate_all("keys => keys.map((key) => key.ariaDisabled)")) == {"true"}
    assert reason in page.locator("#teach-guess").inner_text()
    assert reason in page.locator("#teach-why").inner_text()
    assert "Draw something that the model gets wrong" not in page.locator("#tray").inner_text()
    assert page.locator("#teach-seconds").is_disabled()
    page.select_option("#model", "mnist-mlp")
    settle(page)
    assert set(keys.evaluate_all("keys => keys.map((key) => key.ariaDisabled)")) == {"false"}
    assert not page.locator("#teach-why").is_visible()


def test_that_pictures_are_only_scaled_is_known_with_the_first_answer(new_page, other_address):
    page = new_page(address=other_address)
    open_view(page, "teach")
    page.select_option("#model", "photos")
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    assert page.locator("[data-test=teach-1]").get_attribute("aria-disabled") == "true"
    assert "other pictures than strokes" in page.locator("#teach-why").inner_text()


def test_the_tray_holds_digits_whatever_model_is_chosen(new_page, other_address, tmp_path):
    page = new_page(address=other_address)
    open_view(page, "teach")
    teach_one(page)
    page.select_option("#model", "clothes")
    until(page, "document.getElementById('teach-guess').textContent.includes('other things than digits')")
    assert page.locator("#tray h4").all_inner_texts() == ["1"]
    assert page.locator("#teach-learn").is_disabled()
    with page.expect_download() as download:
        page.locator("#tray-save").click()
    path = tmp_path / "mine.npz"
    download.value.save_as(path)
    assert load_dataset(path).classes == tuple("0123456789")
    page.locator("#tray-file").set_input_files(path)
    until(page, "document.querySelectorAll('[data-test=tray-1] .tray-item').length === 2")


def test_digits_teach_while_a_choice_has_the_focus(page):
    """Only where one types text they mean that text."""
    open_view(page, "teach")
    draw(page, ONE, panel="#panel-teach")
    settle(page)
    page.locator("#panel-teach [data-test=width-medium]").focus()
    page.keyboard.press("1")
    until(page, "document.querySelector('[data-test=tray-1] .tray-item')")


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
    assert page.locator("#teach-keep").count() == 0
    assert_no_word_of_the_machine(page)
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
    assert "from which mnist-mlp has learned" in page.locator("#teach-seen").inner_text()
    for part in ("[data-test=comparison]", "#teach-seen", "#teach-keep", "#teach-discard"):  # what is to be decided is in sight
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1], part
    page.locator("#teach-discard").click()
    until(page, "document.getElementById('teach-status').textContent.includes('iscarded')")
    page.evaluate("app.models.refresh()")
    assert page.evaluate("app.models.list.map(({ name }) => name)") == before
    assert page.evaluate("app.models.current.name") == "mnist-mlp"
    assert page.evaluate("document.activeElement.id") == "teach-status"  # the focus is not lost
    assert_no_word_of_the_machine(page)


def test_the_data_that_the_page_was_started_with_are_chosen(new_page, tmp_path):
    """Also where another form is remembered; what the person chooses then stays."""
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


def test_the_first_word_of_train_fits_wherever_the_settings_are(new_page, other_address):
    page = new_page(address=other_address)
    open_view(page, "train")
    until(page, "document.getElementById('train-start')")
    assert state(page) == "Choose what to train, or take what is there, and press Start."


@pytest.mark.parametrize("width", [360, 1600])
def test_no_chosen_word_of_the_form_is_cut(new_page, width):
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


@pytest.mark.parametrize("rate", ["0", "-0.1"])
def test_a_learning_rate_that_learns_nothing_is_refused_beside_the_button(page, rate):
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
def test_what_one_began_with_is_said_after_a_reload_and_until_something_is_changed(page, preset):
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


ALL = {
    "data": "mnist-5k",
    "layers": [{"kind": "Dense", "units": 16}, {"kind": "ReLU"}],
    "hidden": [],
    "optimizer": "adam",
    "learning_rate": 0.003,
    "schedule": {"name": "constant"},
    "batch_size": 64,
    "validation": 0.1,
    "weight_decay": 0,
    "seed": 0,
    "augment": None,
}
CNN = [{"kind": "Conv2D", "filters": 8, "kernel_size": 5}, {"kind": "MaxPool2D", "size": 2}, {"kind": "Flatten"}]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([{}], [""]),
        ([{}, {}], ["", ""]),
        ([{}, {"seed": 3}], ["seed 0", "seed 3"]),
        ([{"learning_rate": 5e-5}, {"optimizer": "sgd", "learning_rate": 0.1}], ["adam, rate 5·10⁻⁵", "sgd, rate 0.1"]),
        ([{}, {"batch_size": 16}, {}, {"schedule": {"name": "one-cycle"}}], ["as most", "16 a step", "as most", "one cycle"]),
        ([{}, {"layers": CNN}], ["16, relu", "8C5-MP2, no other layers"]),
        ([{}, {"layers": []}], ["16, relu", "no hidden layer, no other layers"]),
        ([{}, {"layers": [], "hidden": [128, 64]}], ["16, relu", "128-64, no other layers"]),
        ([{}, {"augment": {"shift": 1.5, "rotation": 10}}], ["not deformed", "shift 1.5, rotation 10"]),
        ([{}, {"weight_decay": 0.01, "validation": 0.25}], ["10\u00a0% held out, no decay", "25\u00a0% held out, decay 0.01"]),
        ([{}, {"layers": [{"kind": "Dropout", "rate": 0.3}, *ALL["layers"]]}], ["relu", "dropout 0.3, relu"]),
    ],
)
def test_trainings_are_named_by_what_is_not_the_same(page, changes, names):
    found = page.evaluate(
        "async all => (await import('./settings.js')).differences(all)", [{**ALL, **change} for change in changes]
    )
    assert found == names


@pytest.mark.parametrize("width", [360, 1280])
def test_trainings_that_differ_in_settings_alone_can_be_told_apart(new_page, tmp_path, width):
    models = Models(shipped_models())
    with serving(make_app(models, Runs(models, folder=tmp_path))) as address:
        page = new_page(address=address, viewport={"width": width, "height": 800})
        rates = [0.001, 0.002, 0.005, 0.01, 0.02]
        for number, rate in enumerate(rates, 1):
            open_train(page, QUICK)
            page.fill("#train-epochs", "1")
            page.fill("#train-rate", str(rate))
            page.locator("#train-start").click()
            until(page, f"document.querySelectorAll('#runs tbody tr').length === {number}", seconds=60)
        assert page.locator("#runs .runs-name").all_inner_texts() == [f"rate {rate}" for rate in rates[::-1]]
        facts = page.locator(".facts > div").all_inner_texts()
        assert {"learning rate\n0.02", "optimizer\nadam", "images a step\n64", "seed\n0", "other layers\nrelu"} <= set(facts)
        page.locator("[data-test=show-2]").click()
        until(page, "document.querySelector('.facts').innerText.includes('0.002')")
        for box in page.locator("#runs input").all():
            box.check()
        until(page, "document.querySelectorAll('[data-test=train-compare] path').length === 5")
        named = [f"run {number}: rate {rate}" for number, rate in enumerate(rates, 1)]
        painted = page.locator("[data-test=train-compare] .chart-name").all_text_contents()
        listed = page.locator(".compare-names li")
        if width == 360:  # no room beside the lines
            assert listed.all_inner_texts() == named
            assert listed.first.is_visible()
        else:
            assert sorted(re.sub(r" \S+\s% · ", ": ", name) for name in painted) == named
            assert not listed.first.is_visible()
            scroller = page.locator("#panel-train .matrix-scroll").last
            assert scroller.evaluate("box => box.scrollWidth <= box.clientWidth"), "the whole table is in sight"
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.close()


def test_of_many_units_it_is_said_how_many_are_shown(page):
    open_train(page, {**QUICK, "layers": [{"kind": "Dense", "units": 80}, {"kind": "ReLU"}], "epochs": 1})
    page.locator("#train-start").click()
    until(page, "document.getElementById('weights-note').textContent.includes('64 of 80 units')", seconds=60)
    assert page.locator("#weights canvas").count() == 64


def test_a_model_that_is_kept_as_the_server_goes_is_not_chosen_and_that_is_said(new_page):
    page = new_page(quiet=False)  # the browser writes down that it gets no answer
    open_train(page, {**QUICK, "epochs": 1})
    page.locator("#train-start").click()
    until(page, "!document.getElementById('train-use').hidden", seconds=60)
    before = page.evaluate("app.models.current.name")
    page.route("**/api/models", lambda route: route.abort())
    page.locator("#train-use").click()
    page.locator("[data-test=toast]").get_by_text("is kept, but cannot be chosen yet").wait_for()
    assert page.evaluate("app.models.current.name") == before
    page.unroute("**/api/models")
    page.locator("#train-use").click()  # it is kept once
    until(page, "app.models.current.origin === 'trained'")


def test_a_model_that_another_tab_has_kept_is_used(new_page):
    first, second = (new_page(quiet=False) for _ in range(2))  # the browser writes down that it is kept already
    open_train(first, {**QUICK, "epochs": 1})
    first.locator("#train-start").click()
    until(first, "!document.getElementById('train-use').hidden", seconds=60)
    open_view(second, "train")
    until(second, "document.getElementById('train-use')?.hidden === false")
    first.locator("#train-use").click()
    until(first, "app.models.current.origin === 'trained'")
    kept = first.evaluate("app.models.current.name")
    second.locator("#train-use").click()
    until(second, f"app.models.current.name === '{kept}'")
    assert second.locator("[data-test=toast]").all_inner_texts() == first.locator("[data-test=toast]").all_inner_texts()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (0.031, "0.03 s"), (0.34, "0.3 s"), (0.97, "1 s"), (8.4, "8 s"), (125, "2 min 5 s")]
)
def test_no_time_is_said_to_be_none(page, seconds, text):
    assert page.evaluate("async seconds => (await import('./follow.js')).duration(seconds)", seconds) == text


@pytest.mark.parametrize("number", [MAX_POINTS, MAX_POINTS + 1, 3 * MAX_POINTS])
def test_the_curve_is_as_long_as_after_a_reload(page, number):
    """The page hears single points, and thins them out as the server does."""
    run = Run("train", {}, "mine")
    for i in range(number):
        run.progressed({}, [i])
    found = page.evaluate(
        """async (number) => {
          let source;
          globalThis.EventSource = class extends EventTarget { constructor() { super(); source = this; } close() {} };
          const { Follower } = await import("./follow.js");
          const follower = new Follower({ id: "mine", state: "training", trace: [] });
          for (let i = 0; i < number; i += 1) source.dispatchEvent(new MessageEvent("progress", { data: `{"point": [${i}]}` }));
          return follower.run.trace;
        }""",
        number,
    )
    assert found == run.state()["trace"]


def test_a_cell_whose_number_stays_gets_the_colour_of_the_new_scale(page):
    colours = page.evaluate(
        """async () => {
          const { Matrix } = await import("./matrix.js");
          const matrix = new Matrix(() => {}), cell = () => matrix.root.querySelector("[data-test=cell-0-0]").style.background;
          const found = [[50, 50], [50, 200]].map(([first, second]) => {
            matrix.show({ id: "mine", classes: ["a", "b"], confusion: [[first, 0], [0, second]] });
            return cell();
          });
          return found;
        }"""
    )
    assert colours[0] != colours[1]


@pytest.mark.parametrize("stored", ['{"schedule": {"name": "unheard of"}}', '{"optimizer": "unheard of"}', '{"layers": 5}'])
def test_a_stored_form_that_does_not_fit_makes_room_for_the_first_preset(page, stored):
    page.evaluate("text => localStorage.setItem('handspun-form', text)", stored)
    open_view(page, "train")
    until(page, "/parameters$/.test(document.getElementById('train-parameters')?.textContent)")
    assert page.locator("#train-preset").input_value() == "two-hidden"
    assert page.locator("#train-schedule").input_value() == "one-cycle"
    assert page.locator("#blocks li").count() == 5


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


def turn(page, *, hidden):
    """What a browser does as another tab covers this one, or no longer does; that of the tests shows all of them."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_tabs_that_nobody_looks_at_keep_no_line_from_the_others(page):
    """A browser has six to a server, for all its tabs together."""
    open_train(page, {**QUICK, "epochs": 200})
    page.locator("#train-start").click()
    until(page, "/images\\/s/.test(document.getElementById('train-status').textContent)")
    page.evaluate(
        """async () => {
          const { Follower, listRuns } = await import("./follow.js");
          const [run] = await listRuns();
          globalThis.others = Array.from({ length: 5 }, () => new Follower(run));
          const signal = () => AbortSignal.timeout(5000);
          globalThis.ask = (action) => fetch(`api/runs/${run.id}/${action}`, { method: "POST", signal: signal() });
        }"""
    )
    turn(page, hidden=True)
    assert page.evaluate("ask('pause').then(({ status }) => status)") == 200
    page.evaluate("others.forEach((other) => other.close())")
    turn(page, hidden=False)
    until(page, "document.getElementById('train-status').textContent.startsWith('Paused')")
    assert page.evaluate("ask('resume').then(({ status }) => status)") == 200
    page.locator("#train-stop").click()
    until(page, "document.getElementById('train-status').textContent.startsWith('Stopped')")


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


NUMBERS = {0: "0", 0.05000000001: "0.05", 1234: "1,230", 99000: "99,000", 2e7: "2·10⁷", 7.62e16: "7.62·10¹⁶", -3e-6: "−3·10⁻⁶"}


def test_no_number_of_an_axis_is_longer_than_its_room(page):
    """A training that diverges has a loss of millions, one of few images a loss of millionths."""
    open_view(page, "train")  # which brings the style of charts
    found = page.evaluate(
        "async numbers => { const m = await import('./charts.js'); return numbers.map((v) => m.plain(v)); }", list(NUMBERS)
    )
    assert found == list(NUMBERS.values())
    outside = page.evaluate(
        """async () => {
          const { LineChart, plain } = await import("./charts.js");
          const room = document.createElement("div");
          document.getElementById("panel-train").replaceChildren(room);
          const format = (value) => plain(value, 2), x = { label: "epochs", low: 0, format };
          const found = [];
          for (const most of [7.6e16, 2.9e7, 120000, 99000, 4e-6]) {
            const chart = new LineChart(room, { title: "Loss", x, y: { label: "cross-entropy", low: 0, format } });
            chart.update([{ name: "training", style: "first", points: [[0, most], [1, most / 3]] }]);
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const marks = [...room.lastElementChild.querySelectorAll("text[text-anchor=end]:not(.chart-title)")];
            const left = Math.min(...marks.map((mark) => mark.getBBox().x));
            if (marks.length < 2 || left < 0) found.push([most, left]);
          }
          return found;
        }"""
    )
    assert outside == []


@pytest.mark.parametrize("preset", ["two-hidden", "linear", "convolutions", "augmented"])
def test_a_narrow_window_has_room_for_every_block(new_page, preset):
    page = new_page(viewport={"width": 320, "height": 640})
    open_train(page, QUICK)
    page.select_option("#train-preset", preset)
    until(page, "document.querySelector('#blocks li') || document.getElementById('train-preset').value === 'linear'")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


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
