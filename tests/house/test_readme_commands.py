"""Every command in the README and the docs works when it is typed."""

import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest

typer = pytest.importorskip("typer")

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

#: Commands in a code block or between backticks, up to a comment or the end.
COMMAND = re.compile(r"^(?:handspun|make|pip|pipx|uv) [^#\n]*", re.MULTILINE)


def commands(text):
    """The commands of a page: lines of ``sh`` blocks, and what stands between backticks."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for part in [*blocks, *(" ".join(code.split()) for code in inline)]:
        yield from (command.strip() for command in COMMAND.findall(part))


FOUND = sorted({(path.name, command) for path in DOCS for command in commands(path.read_text("utf-8"))})


def parse(arguments):
    """Parse the arguments of ``handspun`` down to the last command, without running it."""
    from handspun.cli.app import app

    command = typer.main.get_command(app)
    context = command.make_context("handspun", list(arguments))
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)
    return context


def test_the_readme_names_the_main_commands():
    readme = {command for page, command in FOUND if page == "README.md"}
    assert {"make draw", "make train", "make install", "make test", "handspun predict seven.png"} <= readme


@pytest.mark.parametrize(("page", "command"), [pair for pair in FOUND if pair[1].startswith("handspun ")])
def test_every_command_of_handspun_can_be_parsed(page, command):
    arguments = [{"N": "3"}.get(word, word) for word in shlex.split(command)[1:]]
    if page != "README.md" and len(arguments) == 1 and not arguments[0].startswith("-"):  # the text names the command itself
        arguments += ["--help"]
    try:
        assert parse(arguments).command is not None
    except typer.Exit:
        assert arguments[-1] in ("--help", "--version")


def test_a_wrong_command_cannot_be_parsed():
    for wrong in (["trian"], ["train", "--hiden", "3"], ["evaluate"], ["train", "--epochs", "many"]):
        with pytest.raises(typer.exceptions.TyperException):
            parse(wrong)


@pytest.mark.parametrize(("page", "command"), [pair for pair in FOUND if pair[1].startswith("make ")])
def test_every_target_of_make_exists(page, command):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for word in shlex.split(command)[1:] if "=" not in word}
    assert named <= targets


@pytest.mark.parametrize(("page", "command"), [pair for pair in FOUND if pair[1].split()[0] in ("pip", "pipx", "uv")])
def test_every_installation_names_an_existing_extra(page, command):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r"\[([a-z,]+)\]", command)) <= set(extras)


QUICK = [
    "handspun models",
    "handspun data list",
    "handspun predict seven.png",
    "handspun predict --many number.jpg",
    "handspun check --activation gelu --norm layer",
]


@pytest.mark.parametrize("command", QUICK)
def test_the_quick_commands_of_the_readme_run(command, tmp_path, monkeypatch, capsys):
    image_module = pytest.importorskip("PIL.Image")
    from handspun.cli.app import run

    assert ("README.md", command) in FOUND
    seven = np.full((60, 60), 255, np.uint8)
    seven[12:17, 15:45] = 0
    for y in range(17, 50):
        x = 44 - (y - 17) // 2
        seven[y, x - 4 : x] = 0
    image_module.fromarray(seven).save(tmp_path / "seven.png")
    image_module.fromarray(np.hstack([seven, seven])).save(tmp_path / "number.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", shlex.split(command))
    assert run() == 0
    assert capsys.readouterr().out
