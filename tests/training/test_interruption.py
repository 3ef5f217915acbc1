"""A training that is interrupted or crashes, and is resumed, ends with the bytes of one that never was."""

import signal
import time

import pytest
from resumed_trainings import log_without_timings, outcome, train

from handspun.errors import UsageError
from handspun.networks.architectures import mlp
from handspun.training import Callback, EarlyStopping
from handspun.training.fit import fit
from interrupting import Trouble


@pytest.fixture(scope="module")
def uninterrupted(blobs, tmp_path_factory):
    """Outcome and log of the training that nothing interrupts, by whether it stops early."""
    results = {}
    for stops_early in (False, True):
        folder = tmp_path_factory.mktemp("uninterrupted")
        results[stops_early] = outcome(*train(blobs, folder, stops_early=stops_early)), log_without_timings(folder / "log.csv")
    return results


@pytest.mark.parametrize("stops_early", [False, True], ids=["all-epochs", "stops-early"])
@pytest.mark.parametrize(
    "places",
    [
        [("step", 1)],
        [("step", 2)],
        [("step", 6)],
        [("epoch", 1)],
        [("step", 7)],
        [("step", 9), ("step", 10)],
        [("step", 3), ("epoch", 1), ("step", 8), ("step", 12)],
        [("step", 29)],
        [("step", 30)],
        [("epoch", 5)],
    ],
    ids=str,
)
def test_a_resumed_training_equals_the_uninterrupted_one(blobs, tmp_path, uninterrupted, places, stops_early):
    whole, log = uninterrupted[stops_early]
    assert (len(whole[2]) < 5) == stops_early
    for place in places:
        if place[1] * (1 if place[0] == "step" else 6) <= 6 * len(whole[2]):
            with pytest.raises(KeyboardInterrupt):
                train(blobs, tmp_path, Trouble(interrupt=place), stops_early=stops_early)
    assert outcome(*train(blobs, tmp_path, stops_early=stops_early)) == whole
    assert log_without_timings(tmp_path / "log.csv") == log


@pytest.mark.parametrize(
    "place", [("step", 1), ("step", 5), ("step", 6), ("step", 7), ("epoch", 2), ("epoch", 5), ("end",)], ids=str
)
def test_a_crashed_training_resumes_from_its_last_checkpoint(blobs, tmp_path, uninterrupted, place):
    whole, log = uninterrupted[False]
    with pytest.raises(ZeroDivisionError):
        train(blobs, tmp_path, Trouble(crash=place), every=0)
    assert outcome(*train(blobs, tmp_path)) == whole
    assert log_without_timings(tmp_path / "log.csv") == log


@pytest.mark.parametrize(("stop", "crash"), [(("step", 8), ("epoch", 2)), (("epoch", 2), ("end",)), (("step", 12), ("end",))])
def test_a_crash_after_a_callback_stopped_training_changes_nothing(blobs, tmp_path, stop, crash):
    (tmp_path / "whole").mkdir()
    whole = outcome(*train(blobs, tmp_path / "whole", Trouble(stop=stop), every=0))
    assert len(whole[2]) == 2
    with pytest.raises(ZeroDivisionError):
        train(blobs, tmp_path, Trouble(stop=stop, crash=crash), every=0)
    assert outcome(*train(blobs, tmp_path, Trouble(stop=stop), every=0)) == whole


def test_running_a_finished_training_again_changes_nothing(blobs, tmp_path, uninterrupted):
    first = outcome(*train(blobs, tmp_path))
    assert first == uninterrupted[False][0]
    log = (tmp_path / "log.csv").read_bytes()
    assert outcome(*train(blobs, tmp_path)) == first
    assert (tmp_path / "log.csv").read_bytes() == log


def test_training_restores_the_signal_handlers(blobs):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    fit(mlp(12, [], 3), blobs, epochs=1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(UsageError):
        fit(mlp(12, [], 3), blobs, epochs=1, callbacks=[EarlyStopping()])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_signal_ends_training_at_once(blobs, tmp_path):
    class Impatient(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.01)
            pytest.fail("the second signal had no effect")

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        fit(mlp(12, [], 3), blobs, callbacks=[Impatient()], checkpoint=tmp_path / "run.npz")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert not (tmp_path / "run.npz").exists()


def test_sigterm_saves_and_exits_with_143(blobs, tmp_path):
    class Terminate(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as caught:
        fit(mlp(12, [], 3), blobs, callbacks=[Terminate()], checkpoint=tmp_path / "run.npz")
    assert caught.value.code == 143
    assert (tmp_path / "run.npz").exists()
