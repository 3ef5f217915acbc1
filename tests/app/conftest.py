"""A real server for each test module that wants one, and a browser."""

import pytest

pytest.importorskip("starlette", reason='the app needs the extra "app"')
httpx = pytest.importorskip("httpx", reason="the tests of the server need httpx")

# ruff: noqa: E402
from browsing import FLAGS, find_chromium, until
from run_client import wait_for
from serving import serving

from handspun.app.models.catalog import Models, shipped_models
from handspun.app.server import make_app


@pytest.fixture(scope="module")
def models():
    return Models(shipped_models())


@pytest.fixture(scope="module")
def address(models):
    """The address of a server with the included models and without the page."""
    with serving(make_app(models)) as found:
        yield found


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=20) as made:
        yield made


@pytest.fixture(scope="module")
def browser():
    """One browser for the tests of a module; each test gets a fresh window.

    Not one for all modules: while it runs, Playwright has an event loop in this thread, where other tests run their own.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="tests in a browser need playwright: make test-app")
    path = find_chromium()
    if path is None:
        pytest.skip("there is no Chromium: make test-app brings it, or name one in HANDSPUN_CHROMIUM")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_address(models, tmp_path_factory):
    """The address of a server with the page."""
    from handspun.app.runs.registry import Runs

    with serving(make_app(models, Runs(models, folder=tmp_path_factory.mktemp("kept")))) as found:
        yield found


@pytest.fixture
def web(page_address):
    """A client of that server; at the end its runs are stopped."""
    with httpx.Client(base_url=page_address, timeout=30) as made:
        yield made
        for run in made.get("/api/runs").json()["runs"]:
            if run["state"] not in ("done", "stopped", "failed"):
                made.post(f"/api/runs/{run['id']}/stop")
                wait_for(made, run["id"], "stopped", "failed", "done")


@pytest.fixture
def new_page(browser, page_address):
    """A function that opens the page in its own window; at the end no window may have complained."""
    contexts, complaints, listeners = [], [], {}

    def opened(*, address=None, path="/", quiet=True, **options):
        options = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        if quiet:
            listeners[page] = lambda message: complaints.append(f"{message.type}: {message.text}")
            page.on("console", listeners[page])
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((address or page_address) + path)
        if path == "/":
            until(page, "globalThis.app?.live.answer !== null && app.models.current")
        return page

    def hush(page):
        if page in listeners:
            page.remove_listener("console", listeners.pop(page))

    opened.hush = hush
    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page):
    return new_page()


@pytest.fixture
def axe(new_page):
    """A function that returns what axe finds wrong with a page. After it the page may complain, because of axe."""
    Axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="make test-app brings axe").Axe

    def violations(page):
        new_page.hush(page)
        found = Axe().run(page).response["violations"]
        return [f"{rule['id']}: {node['target']}" for rule in found for node in rule["nodes"]]

    return violations
