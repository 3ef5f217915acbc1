"""What may import what: a level sees those below it, and ``import handspun`` brings NumPy and nothing else."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import handspun

SOURCE = Path(handspun.__file__).parent

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"

#: The rooms and what each imports, from the top down: the table in docs/design.md, which is the only one.
TABLE = {
    room: set(re.findall(r"[a-z_/]+", below))
    for room, below in re.findall(r"^\| `([a-z_/]+)` \|[^|]*\| (.*) \|$", DESIGN.read_text("utf-8"), re.MULTILINE)
}

#: What every room may import.
FOR_ALL = {"checks", "errors"}

MODULES = sorted(SOURCE.rglob("*.py"))


def name_of(path):
    """The dotted name of the module at ``path``, without "handspun."; "" for the package itself."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def parsed(path):
    return ast.parse(path.read_text("utf-8"), str(path))


def is_for_types_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(tree, *, everywhere=True):
    """(module, names) of each import statement, but those for type checkers; at the top of the module or everywhere."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if is_for_types_only(node):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module, tuple(alias.name for alias in node.names)
        elif everywhere or not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def room_of(dotted):
    """The room of a module by its dotted name, without "handspun."; "" for the package itself."""
    parts = dotted.split(".")
    for room in ("/".join(parts[:2]), parts[0]):
        if room in TABLE:
            return room
    return parts[0]


def rooms_imported(path):
    """The rooms that a module imports from; "" is the package itself."""
    for module, names in imports(parsed(path)):
        if module == "handspun":
            for name in names or ("",):
                yield room_of(name) if room_of(name) in {*TABLE, *FOR_ALL} else ""
        elif module.startswith("handspun."):
            dotted = module.removeprefix("handspun.")
            yield from {room_of(f"{dotted}.{name}") for name in names} or {room_of(dotted)}


def test_the_table_has_every_room():
    rooms = {room_of(name_of(path)) for path in MODULES} - {"", "__main__"}
    assert rooms - FOR_ALL == set(TABLE)


def test_no_room_imports_a_room_above_it():
    order = list(TABLE)
    assert [(room, other) for room in order for other in TABLE[room] if order.index(other) <= order.index(room)] == []


@pytest.mark.parametrize("room", TABLE)
def test_a_room_imports_what_the_table_says(room):
    found = {other for path in MODULES if room_of(name_of(path)) == room for other in rooms_imported(path)} - {room} - FOR_ALL
    if "" in found:  # the package itself, for its version
        assert room in ("recipes", "app", "cli") or room.startswith("app/"), f"{room} imports the package that imports it"
    assert found - {""} == TABLE[room]


def test_the_root_holds_rooms_and_little_else():
    files = {path.name for path in SOURCE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__init__.pyi", "__main__.py", "checks.py", "errors.py", "py.typed"}


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=name_of)
def test_every_package_says_what_lives_in_it(path):
    assert len((ast.get_docstring(parsed(path)) or "").split()) >= 15


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_400_lines(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_nothing_imports_the_command_line():
    users = [name_of(path) for path in MODULES if "cli" in rooms_imported(path)]
    assert all(name == "__main__" or name.split(".")[0] == "cli" for name in users)


def test_the_check_of_directions_sees_all_kinds_of_imports(tmp_path):
    source = """
import handspun.errors
from handspun import plots, __version__
if TYPE_CHECKING:
    from handspun.cli import main
else:
    from handspun.files.writing import replacing
def f():
    if True:
        from handspun.training.fit import fit
"""
    (tmp_path / "module.py").write_text(source)
    assert sorted(rooms_imported(tmp_path / "module.py")) == ["", "errors", "files", "plots", "training"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "handspun")
def test_optional_packages_are_imported_only_where_they_are_needed(path):
    allowed = {"numpy", "handspun", *sys.stdlib_module_names}
    unit = name_of(path).split(".")[0]
    app = {"starlette", "uvicorn", "anyio", "python_multipart", "threadpoolctl"}
    allowed |= {"cli": {"typer", "rich"}, "app": app, "plots": {"matplotlib"}}.get(unit, set())
    at_the_top = {module.split(".")[0] for module, _ in imports(parsed(path), everywhere=False)}
    assert at_the_top <= allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "handspun")
def test_no_module_executes_data_or_shares_a_global_generator(path):
    tree = parsed(path)
    modules = {module.split(".")[0] for module, _ in imports(tree)}
    assert not modules & {"pickle", "marshal", "shelve", "dill", "random"}
    generators = {"default_rng", "Generator", "SeedSequence", "PCG64", "SFC64", "BitGenerator"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile", "__import__")
        if isinstance(node, ast.Call):
            assert not any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
            assert node.attr in generators, f"line {node.lineno}: the global state of NumPy's generator"


def python(program):
    """What a fresh interpreter, without this one's settings, prints for a program."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


LOADED = "print(*(name for name in sys.modules if getattr(sys.modules[name], '__file__', None)))"


def roots(names):
    return {name.split(".")[0] for name in names}


@pytest.fixture(scope="module")
def loaded_by_numpy():
    return set(python(f"import sys, numpy\n{LOADED}"))


def own(names):
    """Names of modules that are no part of Python and no hook of an editable install."""
    return {name for name in roots(names) - sys.stdlib_module_names if not name.startswith(("_", "distutils"))}


@pytest.mark.parametrize(
    "program",
    [
        "import handspun",
        "import handspun\nfor name in handspun.__all__: getattr(handspun, name)",
        "import handspun\nhandspun.load_dataset('mnist-5k')",
    ],
    ids=["import", "every public name", "the data that come with it"],
)
def test_importing_handspun_loads_numpy_and_nothing_else(program, loaded_by_numpy):
    loaded = set(python(f"import sys\n{program}\n{LOADED}"))
    assert own(loaded - loaded_by_numpy) - {"numpy"} == {"handspun"}


def test_importing_handspun_loads_no_more_of_python_than_it_needs(loaded_by_numpy):
    more = roots(python(f"import sys, handspun\n{LOADED}")) - roots(loaded_by_numpy)
    heavy = {"asyncio", "email", "http", "multiprocessing", "ssl", "tomllib", "unittest", "urllib", "xml", "zipfile"}
    assert not more & heavy


def test_every_public_name_exists():
    assert len(set(handspun.__all__)) == len(handspun.__all__)
    for name in handspun.__all__:
        assert getattr(handspun, name) is not None
    assert set(handspun.__all__) <= set(dir(handspun))
    with pytest.raises(AttributeError, match="nosuch"):
        _ = handspun.nosuch


@pytest.mark.parametrize("path", [path for path in MODULES if "__all__" in path.read_text("utf-8")], ids=name_of)
def test_every_name_in_every_all_exists(path):
    dotted = name_of(path)
    if dotted.split(".")[0] == "plots":
        pytest.importorskip("matplotlib")
    module = importlib.import_module(f"handspun.{dotted}".rstrip("."))
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
