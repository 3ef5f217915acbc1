"""The model of a run is kept, under a name and in a file of its own, or discarded."""

import threading

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import numpy as np
from run_client import finished_run, one_model

from handspun.app.runs.registry import Runs
from handspun.app.transport.wire import RequestError
from handspun.errors import OutputError
from handspun.networks.modelfile import load, save


def test_a_kept_model_is_listed_and_saved_under_a_free_name(tmp_path):
    models = one_model()
    runs = Runs(models, folder=tmp_path / "kept")
    kept = runs.keep(finished_run(), "first")
    assert (kept.name, kept.origin) == ("first-2", "trained")
    (tmp_path / "kept" / "mine.npz").write_bytes(b"somebody else's")
    run = finished_run("teach", "mine")
    assert runs.keep(run).name == "mine-2"
    assert (tmp_path / "kept" / "mine.npz").read_bytes() == b"somebody else's"
    np.testing.assert_array_equal(
        load(tmp_path / "kept" / "mine-2.npz").parameters.vector, models.get("mine-2").network.parameters.vector
    )
    assert run.state()["model"] == "mine-2"
    with pytest.raises(RequestError, match="already kept"):
        runs.keep(run)
    with pytest.raises(RequestError, match="no longer be discarded"):
        runs.discard(run)


def test_a_name_that_differs_only_in_case_is_also_taken(tmp_path):
    runs = Runs(one_model(), folder=tmp_path)
    (tmp_path / "digits.npz").write_bytes(b"somebody else's")
    names = [runs.keep(finished_run(), name).name for name in ("Digits", "DIGITS", "First")]
    assert names == ["Digits-2", "DIGITS-3", "First-2"]
    assert (tmp_path / "digits.npz").read_bytes() == b"somebody else's"


def test_two_servers_that_keep_at_once_use_two_names(tmp_path, monkeypatch):
    ours, theirs = (Runs(one_model(), folder=tmp_path) for _ in range(2))
    names = []

    def save_second(*args, **options):
        monkeypatch.setattr("handspun.app.runs.registry.save", save)
        names.append(theirs.keep(finished_run(), "mine").name)  # after the name is chosen, before the file is written
        save(*args, **options)

    monkeypatch.setattr("handspun.app.runs.registry.save", save_second)
    names.append(ours.keep(finished_run(), "mine").name)
    assert names == ["mine-2", "mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine-2.npz", "mine.npz"]
    for name, server in zip(names, (theirs, ours), strict=True):
        kept = load(tmp_path / f"{name}.npz").parameters.vector
        np.testing.assert_array_equal(kept, server.models.get(name).network.parameters.vector)


def test_a_model_that_cannot_be_written_frees_its_name(tmp_path, monkeypatch):
    runs, run = Runs(one_model(), folder=tmp_path), finished_run()

    def fail(*args, **options):
        raise OutputError("No space left on device.")

    monkeypatch.setattr("handspun.app.runs.registry.save", fail)
    with pytest.raises(OutputError, match="No space"):
        runs.keep(run, "mine")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("handspun.app.runs.registry.save", save)
    assert runs.keep(run, "mine").name == "mine"


@pytest.mark.parametrize("name", ["", "../up", "/abs", ".hidden", "a/b", "a\\b", "x" * 61, "nul\0", "new\nline"])
def test_names_that_lead_to_other_folders_are_refused(name, tmp_path):
    runs = Runs(one_model(), folder=tmp_path)
    with pytest.raises(RequestError, match="letters, digits"):
        runs.keep(finished_run(), name)
    assert list(tmp_path.iterdir()) == []


def test_no_request_waits_while_a_model_is_written(monkeypatch, tmp_path):
    runs, run = Runs(one_model(), folder=tmp_path), finished_run()
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr("handspun.app.runs.registry.save", lambda *args, **options: (begun.set(), go_on.wait(20)))
    keeping = threading.Thread(target=runs.keep, args=(run,))
    keeping.start()
    assert begun.wait(20)
    asked = threading.Thread(target=run.state)
    asked.start()
    asked.join(10)
    waited = asked.is_alive()
    go_on.set()
    keeping.join(20)
    assert not waited
    assert run.state()["decision"] == "kept"


def test_a_discarded_model_is_gone():
    runs = Runs(one_model())
    run = finished_run()
    runs.discard(run)
    assert run.state()["decision"] == "discarded"
    with pytest.raises(RequestError, match="nothing to keep"):
        runs.keep(run)
