"""Defaults are those of the peer that a class is named after, or ``docs/defaults.md`` says why not."""

import inspect
from functools import reduce

import defaults_page
import pytest
from peer_defaults import FIXED, PEERS, REASONS, REQUIRED

import handspun as hs

#: Public classes of these kinds are compared.
KINDS = (hs.Layer, hs.Loss, hs.Optimizer, hs.Schedule, hs.Initializer)
#: So are these, and the other clips.
OTHERS = (hs.ExponentialMovingAverage, hs.Penalty, hs.EarlyStopping, hs.BestCheckpoint, hs.ClipNorm.__base__)

#: No peer has such a class.
ALONE = {"Residual"}


def compared_classes():
    classes = {name: getattr(hs, name) for name in hs.__all__ if inspect.isclass(getattr(hs, name))}
    return {name for name, kind in classes.items() if issubclass(kind, KINDS + OTHERS) and kind not in KINDS}


def test_every_class_with_arguments_is_in_the_table():
    with_arguments = {name for name in compared_classes() if inspect.signature(getattr(hs, name)).parameters}
    assert with_arguments - ALONE == set(PEERS) - {"GELU"}  # GELU has no argument, and another form


def test_every_default_is_compared():
    compared = {(row.name, row.argument) for row in defaults_page.rows()}
    for name in PEERS:
        own = defaults_page.own_defaults(name)
        assert {(name, argument) for argument, default in own.items() if default is not REQUIRED} <= compared
    assert set(FIXED) <= compared


def test_every_argument_of_a_peer_is_in_the_table():
    assert len(defaults_page.rows()) == sum(len(arguments) for peers in PEERS.values() for arguments in peers.values())


def test_only_differences_have_a_reason():
    assert {row.key for row in defaults_page.rows() if not row.same} == set(REASONS)


def test_the_page_agrees_with_the_code():
    page = defaults_page.PAGE.read_text(encoding="utf-8")
    assert page == defaults_page.page(), "Run python tests/peers/defaults_page.py, and look at what it changed."


TORCH_ROWS = [row for row in defaults_page.rows() if row.peer.startswith("torch.") and not row.theirs.argument.startswith("(")]


@pytest.mark.parametrize("row", TORCH_ROWS, ids=[f"{row.name}-{row.theirs.argument}" for row in TORCH_ROWS])
def test_default_is_that_of_torch(row):
    torch = pytest.importorskip("torch", reason="needs PyTorch (make torch)")
    __import__("torch.optim.swa_utils")
    argument, _, place = row.theirs.argument.partition("[")
    peer = reduce(getattr, row.peer.split(".")[1:], torch)
    default = inspect.signature(peer).parameters[argument].default
    default = REQUIRED if default is inspect.Parameter.empty else default
    assert (default[int(place[:-1])] if place else default) == row.theirs.default
