"""How the files of the page depend on each other: imports go downward only, and no file is long."""

import graphlib
import posixpath
import re

import pytest

from handspun.app.server import STATIC

#: The rooms, from the top down. A file imports from its own room and from rooms further down; views are side by side.
LEVELS = [
    [""],
    ["views/draw", "views/inside", "views/step", "views/teach", "views/train", "reference"],
    ["shared/page", "shared/drawing", "shared/figures"],
    ["shared/server"],
    ["shared/base"],
]
MOST_LINES = 400

IMPORT = re.compile(r"""^(?:import|export)\b[^;"']*["'](\.[^"']+)["'];|\bimport\(["'](\.[^"']+)["']\)""", re.MULTILINE)
STYLE_IMPORT = re.compile(r"""^@import "([^"]+)";""", re.MULTILINE)
LINK = re.compile(r"""<(?:link|script)[^>]* (?:href|src)="([^"]+)\"""")


def read(*suffixes):
    """{path inside the folder of the page: text} of all files of these kinds."""
    return {
        path.relative_to(STATIC).as_posix(): path.read_text("utf-8") for path in STATIC.rglob("*.*") if path.suffix in suffixes
    }


def imports(files):
    """{path: paths of what it imports} of scripts and styles."""
    found = {}
    for path, text in files.items():
        pattern = STYLE_IMPORT if path.endswith(".css") else IMPORT
        names = ["".join(match) if isinstance(match, tuple) else match for match in pattern.findall(text)]
        found[path] = {posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in names}
    return found


def climbing(graph):
    """The imports that do not go downward."""
    level = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
    wrong = []
    for path, targets in graph.items():
        for target in targets:
            room, other = posixpath.dirname(path), posixpath.dirname(target)
            if room != other and level[room] >= level[other]:
                wrong.append((path, target))
    return wrong


def test_every_room_is_in_the_table():
    rooms = {posixpath.dirname(path) for path in read(".js", ".css")}
    assert rooms == {room for level in LEVELS for room in level}


def test_every_imported_file_exists():
    files = read(".js", ".css")
    missing = {target for targets in imports(files).values() for target in targets} - set(files)
    assert missing == set()
    for page, text in read(".html").items():
        for name in LINK.findall(text):
            assert (STATIC / name).is_file(), (page, name)


def test_every_view_has_its_script_and_style():
    views = re.findall(r'id="panel-(\w+)"', (STATIC / "index.html").read_text("utf-8"))
    assert len(views) == 5
    for view in views:
        assert (STATIC / f"views/{view}/{view}.js").is_file()
        assert (STATIC / f"views/{view}/{view}.css").is_file()


def test_imports_go_downward():
    assert climbing(imports(read(".js", ".css"))) == []


def test_no_imports_are_circular():
    graph = imports(read(".js"))
    assert len(graph) > 40
    assert set(graphlib.TopologicalSorter(graph).static_order()) == set(graph)


def test_no_script_or_style_is_long():
    long = {path: text.count("\n") for path, text in read(".js", ".css").items() if text.count("\n") > MOST_LINES}
    assert long == {}


@pytest.mark.parametrize(
    ("path", "text", "target"),
    [
        ("views/draw/a.js", 'import { b } from "../teach/b.js";', "views/teach/b.js"),
        ("views/draw/a.js", 'export { b } from "../teach/b.js";', "views/teach/b.js"),
        ("views/draw/a.css", '@import "../teach/b.css";', "views/teach/b.css"),
        ("shared/base/a.js", 'import {\n  b,\n  c,\n} from "../page/b.js";', "shared/page/b.js"),
        ("shared/server/a.js", 'const b = await import("../figures/b.js");', "shared/figures/b.js"),
        ("reference/a.js", 'import "../main.js";', "main.js"),
    ],
)
def test_an_upward_import_is_found(path, text, target):
    assert climbing(imports({path: text})) == [(path, target)]
