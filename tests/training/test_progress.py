"""The line that fit shows: in terminals and notebooks, and nowhere else."""

import io
import sys
import types

import numpy as np
import pytest

from handspun.networks.architectures import mlp
from handspun.training import progress
from handspun.training.callback import Callback
from handspun.training.fit import fit
from handspun.training.progress import Progress, _clock

IMAGES = np.random.default_rng(0).integers(0, 256, (120, 12)).astype(np.uint8)
LABELS = np.arange(120) % 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


def train(**more):
    return fit(mlp(12, [8], 3), (IMAGES, LABELS), (IMAGES, LABELS), epochs=3, batch_size=10, threads=1, **more)


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)


def as_terminal(monkeypatch):
    """Let standard error be a terminal from now on; not in a fixture, after which pytest replaces it."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_without_a_terminal_nothing_is_shown(capsys, every_step):
    train()
    assert capsys.readouterr() == ("", "")


def test_a_plain_line_is_overwritten_and_ends_with_the_last_epoch(every_step, monkeypatch):
    terminal = as_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    history = train()
    lines = terminal.getvalue().split("\r")[1:]
    assert len(lines) == 3 * 12 + 1
    assert lines[0].startswith("epoch 1/3  loss ")
    for part in ("accuracy", "images/s", "left"):
        assert part in lines[0]
    assert lines[13].startswith("epoch 2/3")
    last = lines[-1]
    assert last.rstrip().endswith("in all")
    assert f"loss {history['loss'][-1]:.4f}" in last
    assert f"accuracy {100 * history['accuracy'][-1]:.2f} %" in last
    assert f"validation {100 * history['validation_accuracy'][-1]:.2f} %" in last
    assert terminal.getvalue().endswith("\n")


def test_with_rich_there_is_a_bar_and_the_same_last_line(every_step, monkeypatch):
    terminal = as_terminal(monkeypatch)
    pytest.importorskip("rich")
    history = train()
    text = terminal.getvalue()
    assert "━" in text
    assert f"epoch 3/3  loss {history['loss'][-1]:.4f}" in text.splitlines()[-1]


def test_progress_can_be_turned_off(monkeypatch):
    terminal = as_terminal(monkeypatch)
    train(progress=False)
    assert terminal.getvalue() == ""


def test_a_notebook_gets_the_plain_line(capsys, monkeypatch, every_step):
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    train()
    out, err = capsys.readouterr()
    assert "epoch 3/3  loss" in out
    assert err == ""


def test_showing_progress_changes_nothing(every_step, monkeypatch):
    as_terminal(monkeypatch)
    shown, silent = train(), train(progress=False)
    assert shown["loss"] == silent["loss"]


def test_an_interrupted_training_says_where_it_stopped(every_step, monkeypatch):
    from interrupting import StopAfter

    monkeypatch.setitem(sys.modules, "rich.console", None)
    stream = as_terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(callbacks=[StopAfter(5)])
    assert stream.getvalue().splitlines()[-1].rstrip().endswith("stopped")


def test_a_closed_standard_error_is_not_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)  # as for a program without a console on Windows
    train()


@pytest.mark.parametrize("rich", [True, False])
def test_after_an_error_the_terminal_is_as_it_was(every_step, monkeypatch, rich):
    class Bad(Callback):
        def on_epoch_end(self, trainer, record):
            raise RuntimeError("a fault in a callback")

    if rich:
        pytest.importorskip("rich")
    stream, out = as_terminal(monkeypatch), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    if not rich:
        monkeypatch.setattr(progress, "_bar", lambda stream: None)
    with pytest.raises(RuntimeError, match="a fault"):
        train(callbacks=[Bad()])
    assert sys.stdout is out
    assert sys.stderr is stream
    shown = stream.getvalue()
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == int(rich)  # the cursor is hidden, and shown again
    assert rich or shown.endswith("\n")


def test_what_callbacks_print_goes_where_they_print_it(every_step, monkeypatch):
    class Speaking(Callback):
        def on_epoch_end(self, trainer, record):
            print("an epoch")

    stream = as_terminal(monkeypatch)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    train(callbacks=[Speaking()])
    assert sys.stdout.getvalue() == 3 * "an epoch\n"
    assert "an epoch" not in stream.getvalue()


def test_in_a_narrow_terminal_the_line_is_cut(every_step, monkeypatch):
    stream = as_terminal(monkeypatch)
    monkeypatch.setattr(progress, "_bar", lambda stream: None)
    monkeypatch.setattr(progress, "_columns", lambda stream: 30)
    train()
    *updates, last = stream.getvalue().split("\r")[1:]
    assert {len(line) for line in updates} == {29}
    assert last.startswith("epoch 3/3  loss ")
    assert last.endswith("in all\n")


@pytest.mark.parametrize("stream", [None, object(), "closed"])
def test_a_stream_that_cannot_say_what_it_is_is_no_terminal(stream, tmp_path):
    if stream == "closed":
        with (tmp_path / "closed").open("w") as stream:
            pass
    assert not progress._is_terminal(stream)


def test_it_is_a_callback_like_any_other(every_step):
    stream = Terminal()
    train(progress=False, callbacks=[Progress(stream)])
    assert "epoch 3/3" in stream.getvalue()


@pytest.mark.parametrize(("seconds", "said"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (245.2, "4:05"), (3723, "1:02:03")])
def test_times_are_short(seconds, said):
    assert _clock(seconds) == said
