"""A training in a real browser: watched, paused, resumed, stopped and used."""

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from browsing import QUICK, open_train, open_view, until
from serving import serving

from handspun.app.runs.registry import Runs
from handspun.app.runs.run import MAX_POINTS, Run
from handspun.app.server import make_app


def state(page):
    return page.locator("#train-status").inner_text()


def test_train_says_first_what_to_do(new_page, models, tmp_path):
    with serving(make_app(models, Runs(models, folder=tmp_path))) as address:  # a server without any training
        page = new_page(address=address)
        open_view(page, "train")
        until(page, "document.getElementById('train-start')")
        assert state(page) == "Choose what to train, or keep the preset, and press Start."
        page.close()


def test_a_network_is_trained_watched_and_used(page):
    open_train(page, QUICK)
    assert page.locator("#train-parameters").inner_text() == f"{785 * 16 + 17 * 10:,} parameters"
    page.locator("#train-start").click()
    until(page, "!document.getElementById('train-use').hidden", seconds=60)
    assert state(page) == "Done after 6 epochs."
    run = page.evaluate("fetch('api/runs').then((answer) => answer.json()).then(({ runs }) => runs[0])")
    accuracy = run["history"][-1]["validation_accuracy"]
    assert f"validation {100 * accuracy:.1f}" in page.locator("[data-test=train-accuracy] desc").text_content()
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


def test_a_training_pauses_resumes_and_stops(page):
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


def test_the_page_says_how_many_units_it_shows(page):
    open_train(page, {**QUICK, "layers": [{"kind": "Dense", "units": 80}, {"kind": "ReLU"}], "epochs": 1})
    page.locator("#train-start").click()
    until(page, "document.getElementById('weights-note').textContent.includes('64 of 80 units')", seconds=60)
    assert page.locator("#weights canvas").count() == 64


def test_a_kept_model_is_not_chosen_when_the_list_fails_to_load(new_page):
    page = new_page(quiet=False)  # the console reports the request without an answer
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


def test_a_model_that_another_tab_kept_can_be_used(new_page):
    first, second = (new_page(quiet=False) for _ in range(2))  # the console reports that the model is already kept
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


@pytest.mark.parametrize("number", [MAX_POINTS, MAX_POINTS + 1, 3 * MAX_POINTS])
def test_the_curve_keeps_as_many_points_as_after_a_reload(page, number):
    """The page gets single points, and thins them out as the server does."""
    run = Run("train", {}, "mine")
    for i in range(number):
        run.progressed({}, [i])
    found = page.evaluate(
        """async (number) => {
          let source;
          globalThis.EventSource = class extends EventTarget { constructor() { super(); source = this; } close() {} };
          const { Follower } = await import("./shared/server/follower.js");
          const follower = new Follower({ id: "mine", state: "training", trace: [] });
          for (let i = 0; i < number; i += 1) source.dispatchEvent(new MessageEvent("progress", { data: `{"point": [${i}]}` }));
          return follower.run.trace;
        }""",
        number,
    )
    assert found == run.state()["trace"]


def turn(page, *, hidden):
    """Hide the tab, or show it again. The browser of the tests shows all tabs, so this does what a real one does."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_hidden_tabs_leave_connections_to_others(page):
    """A browser opens six connections to a server for all its tabs together."""
    open_train(page, {**QUICK, "epochs": 200})
    page.locator("#train-start").click()
    until(page, "/images\\/s/.test(document.getElementById('train-status').textContent)")
    page.evaluate(
        """async () => {
          const { Follower } = await import("./shared/server/follower.js");
          const { listTrainings } = await import("./shared/server/trainings.js");
          const [run] = await listTrainings();
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
