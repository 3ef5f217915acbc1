"""What is in the wheel and in the source distribution."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = {
    "handspun/py.typed",
    "handspun/data/mnist_5k.npz",
    "handspun/data/registry.toml",
    "handspun/data/mnist_5k.LICENSE.txt",
    *(f"handspun/recipes/presets/{path.name}" for path in (ROOT / "src/handspun/recipes/presets").glob("*.toml")),
    *(f"handspun/{path.relative_to(ROOT / 'src/handspun').as_posix()}" for path in (ROOT / "src/handspun").rglob("*.py")),
    *(
        f"handspun/app/static/{path.relative_to(ROOT / 'src/handspun/app/static').as_posix()}"
        for path in (ROOT / "src/handspun/app/static").rglob("*.*")
    ),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(wheel, source distribution), built with the build backend that is installed, without any download."""
    pytest.importorskip("hatchling", reason="building needs hatchling")
    folder = tmp_path_factory.mktemp("dist")
    build = (
        "from hatchling.build import build_sdist, build_wheel; import sys; build_wheel(sys.argv[1]); build_sdist(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def metadata(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_code_data_licences_and_recipes_and_no_tests(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
        assert names >= NEEDED
        assert {name.split("/")[0].split("-")[0] for name in names} == {"handspun"}
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
        for name in NEEDED:
            assert wheel.read(name) == (ROOT / "src" / name).read_bytes()


def test_the_source_distribution_can_be_built_and_tested_from(built):
    with tarfile.open(built[1]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert names >= {f"src/{name}" for name in NEEDED}
    assert names >= {"pyproject.toml", "README.md", "LICENSE", "Makefile", "tests/conftest.py"}
    assert not [name for name in names if name.startswith((".git/", ".venv/", "runs/"))]


def test_the_metadata_agree_with_pyproject(metadata):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    import handspun

    assert (metadata["Name"], metadata["Version"]) == ("handspun", handspun.__version__)
    assert metadata["Requires-Python"] == project["requires-python"]
    unconditional = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert unconditional == project["dependencies"] == ["numpy>=2.0"]
    assert set(metadata.get_all("Provides-Extra")) == set(project["optional-dependencies"])


def test_the_metadata_name_the_licences_of_the_digits_too(built, metadata):
    assert metadata["License-Expression"] == "MIT AND CC-BY-SA-3.0 AND BSD-3-Clause"
    files = metadata.get_all("License-File")
    assert files == ["LICENSE", "src/handspun/data/mnist_5k.LICENSE.txt"]
    with zipfile.ZipFile(built[0]) as wheel:
        folder = f"handspun-{metadata['Version']}.dist-info/licenses"
        for name in files:
            assert wheel.read(f"{folder}/{name}") == (ROOT / name).read_bytes()


def test_the_wheel_installs_the_command(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        assert "handspun = handspun.cli:main" in wheel.read(name).decode()


def test_the_wheel_runs_without_the_checkout(built, tmp_path):
    program = "import handspun; d = handspun.load_dataset('mnist-5k'); print(handspun.__file__, len(d.train), len(d.test)); "
    program += "from handspun.recipes import load_recipe, recipe_names; print(*map(load_recipe, recipe_names()), sep='\\n')"
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(tmp_path)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == f"{tmp_path / 'handspun' / '__init__.py'} 4000 1000"


def test_every_file_of_the_source_distribution_exists():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["sdist"]
    assert [name for name in config["include"] if not (ROOT / name).exists()] == []
