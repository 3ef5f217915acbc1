"""The pages of the project name files, folders and modules that exist."""

import pkgutil
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

#: Where a page may mean a file by the end of its path, such as ``engine/tape.py``.
TREES = ("src", "tests", "scripts", "benchmarks", "docs")

PATHS = [path.relative_to(ROOT).as_posix() for tree in TREES for path in (ROOT / tree).rglob("*")]
PATHS += [path.name for path in ROOT.iterdir()]


def prose(text):
    """``text`` without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text):
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page, text):
    """The relative links of a page that lead nowhere."""
    links = re.findall(r"\]\(([^)\s]+)\)", prose(text)) + re.findall(r"<img src=\"([^\"]+)\"", text)
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            yield link


def missing_names(text):
    """The files, folders and modules in backticks of which there are none."""
    for name in re.findall(r"`([^`\s]+)`", prose(text)):
        if re.fullmatch(r"[\w./-]*\w\.(py|js|sh|toml|md)|(\w+/)+", name):
            if not any(f"/{path}".endswith(f"/{name.rstrip('/')}") for path in PATHS):
                yield name
        elif re.fullmatch(r"handspun(\.[a-z_]+)+", name):
            try:
                pkgutil.resolve_name(name)
            except (ImportError, AttributeError):
                yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert list(broken_links(page, page.read_text("utf-8"))) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_named_files_and_modules_exist(page):
    assert list(missing_names(page.read_text("utf-8"))) == []


def test_broken_links_are_found():
    text = "[a](docs/design.md) [b](docs/none.md) [c](docs/design.md#five-concepts) [d](docs/design.md#none) [e](https://x.org)"
    assert list(broken_links(ROOT / "README.md", text)) == ["docs/none.md", "docs/design.md#none"]


def test_missing_names_are_found():
    text = "`dense.py` `layers/dense.py` `layers/tape.py` `none.py` `layers/` `none/` `handspun.layers` `handspun.none`"
    assert list(missing_names(text)) == ["layers/tape.py", "none.py", "none/", "handspun.none"]


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| \[(.+)\]\((.+)\) \|$", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    notes = [path for path in folder.glob("*.md") if path.name != "README.md"]
    assert {name for _, _, name in rows} == {path.name for path in notes}
    for date, title, name in rows:
        assert name.startswith(date)
        assert (folder / name).read_text("utf-8").startswith(f"# {title}\n\n{date}")
