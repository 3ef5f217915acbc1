"""The number of threads changes how long it takes, and not one bit of the result."""

import sys
import threading

import numpy as np
import pytest

from handspun.engine import threads
from handspun.engine.threads import Team, count_threads, use_threads
from handspun.errors import MissingExtraError, UsageError
from handspun.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Residual, SpatialDropout
from handspun.networks.inference import PICTURES_A_CHUNK, TURN
from handspun.networks.sequential import Sequential
from handspun.optimization.optimizers import Adam
from handspun.training import Callback, pieces
from handspun.training.fit import fit
from interrupting import StopAfter

RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (150, 8, 8)).astype(np.uint8)
LABELS = RNG.integers(0, 3, 150)


def network():
    """Everything in it that could depend on the order of things: random numbers, batch statistics, sums of gradients."""
    return Sequential(
        [
            Conv2D(4, 3, padding="same"),
            BatchNorm(),
            MaxPool2D(2),
            ReLU(),
            SpatialDropout(0.2),
            Residual([Conv2D(4, 3, padding="same"), ReLU()]),
            Flatten(),
            Dropout(0.3),
            Dense(3),
        ],
        (1, 8, 8),
        seed=1,
    )


def noisy(images, rng):
    return images ^ rng.integers(0, 8, images.shape, dtype=np.uint8)


def trained(count, batch_size):
    own = network()
    history = fit(
        own,
        (IMAGES, LABELS),
        (IMAGES, LABELS),
        epochs=3,
        batch_size=batch_size,
        optimizer=Adam(0.01),
        augment=noisy,
        threads=count,
    )
    clocks = ("seconds", "images_per_second")
    numbers = [{name: value for name, value in record.items() if name not in clocks} for record in history.records]
    return own.parameters.vector.tobytes(), own.statistics.vector.tobytes(), numbers


@pytest.fixture(autouse=True)
def _threads_are_there(request):
    if "threadpoolctl" not in request.node.name:
        pytest.importorskip("threadpoolctl", reason="more than one thread needs threadpoolctl")


@pytest.mark.parametrize("batch_size", [150, 100, 33, 20, None])
def test_training_does_not_depend_on_the_number_of_threads(batch_size, monkeypatch):
    """Where processes cannot share a training it is threads that do."""
    alone = trained(1, batch_size)
    monkeypatch.setattr(pieces, "processes_can_share", lambda: False)
    monkeypatch.setattr(pieces, "may_fork", lambda: False)
    assert trained(2, batch_size) == alone
    assert trained(4, batch_size) == alone


def test_a_training_can_be_resumed_with_another_number_of_threads(tmp_path):
    path = tmp_path / "checkpoint.npz"

    def run(count, stop_after, checkpoint):
        own = network()
        fit(
            own,
            (IMAGES, LABELS),
            epochs=4,
            batch_size=50,
            optimizer=Adam(0.01),
            augment=noisy,
            threads=count,
            checkpoint=checkpoint,
            callbacks=[StopAfter(stop_after)],
        )
        return own.parameters.vector.tobytes(), own.statistics.vector.tobytes()

    with pytest.raises(KeyboardInterrupt):
        run(2, 5, path)
    assert run(4, None, path) == run(1, None, None)


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (2, 2), (3, 3), (None, 4)])
def test_a_small_dense_network_has_the_threads_that_were_asked_for(asked, given, monkeypatch):
    """Its batches are one piece, whose products share their work among BLAS's threads."""
    controller = threads._controller()  # of NumPy's BLAS; other packages, which other tests load, have more of them

    class Count(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            seen.update(library["num_threads"] for library in controller.info() if library["user_api"] == "blas")

    seen = set()
    monkeypatch.setattr(threads, "processors", lambda: 4)
    with controller.limit(limits=4, user_api="blas"):
        fit(Sequential([Flatten(), Dense(3)], (8, 8)), (IMAGES, LABELS), epochs=1, threads=asked, callbacks=[Count()])
    assert seen == {given}


@pytest.mark.parametrize("count", [1, PICTURES_A_CHUNK + 1, TURN * PICTURES_A_CHUNK + 5, 3 * TURN * PICTURES_A_CHUNK + 1])
def test_inference_does_not_depend_on_the_number_of_threads(count):
    own = network()
    images = RNG.integers(0, 256, (count, 8, 8)).astype(np.uint8)
    alone = own.logits(images, threads=1)
    for number in (2, 4):
        assert own.logits(images, threads=number).tobytes() == alone.tobytes()
    with use_threads(2):
        assert own.logits(images).tobytes() == alone.tobytes()


def test_pieces_are_done_once_each_by_members_that_do_one_at_a_time():
    done, busy, lock = [], set(), threading.Lock()

    def work(member, piece):
        with lock:
            assert member not in busy
            busy.add(member)
        with lock:
            done.append(piece)
            busy.remove(member)

    with Team(3) as team:
        for count in (0, 1, 2, 50):
            done.clear()
            team.each(work, count)
            assert sorted(done) == list(range(count))


@pytest.mark.parametrize("bad", [0, 1, 49])
def test_what_a_piece_raises_comes_out_and_stops_the_others(bad):
    started = []

    def work(member, piece):
        started.append(piece)
        if piece == bad:
            raise UsageError(f"piece {piece}")

    with Team(3) as team:
        with pytest.raises(UsageError, match=f"piece {bad}"):
            team.each(work, 50)
        started.clear()
        team.each(lambda member, piece: started.append(piece), 5)
        assert sorted(started) == [0, 1, 2, 3, 4]


def test_members_keep_numpys_error_handling_of_the_caller():
    seen = []
    with np.errstate(divide="ignore"), Team(2) as team:
        team.each(lambda member, piece: seen.append(np.geterr()["divide"]), 20)
    assert set(seen) == {"ignore"}


def test_blas_has_one_thread_inside_and_as_many_as_before_outside():
    from threadpoolctl import threadpool_info

    def blas():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = blas()
    with Team(2):
        assert set(blas()) <= {1}
    assert blas() == before


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_a_number_of_threads_that_cannot_be_is_refused(value):
    with pytest.raises(UsageError, match="threads"):
        count_threads(value)


def test_without_threadpoolctl_there_is_one_thread_and_more_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    threads._controller.cache_clear()
    try:
        assert count_threads(None) == 1
        assert count_threads(1) == 1
        with pytest.raises(MissingExtraError):
            count_threads(2)
        with Team() as team:
            team.each(lambda member, piece: None, 3)
    finally:
        monkeypatch.undo()
        threads._controller.cache_clear()
