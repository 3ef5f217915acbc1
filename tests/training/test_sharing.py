"""Processes that share a training: how many there are changes how long it takes, and not one bit of the result."""

import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from handspun.engine import trial
from handspun.engine.workers import processes_can_share
from handspun.errors import UsageError
from handspun.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm
from handspun.optimization.optimizers import SGD, Adam, AdamW
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Schedule
from handspun.training import sharing, step
from handspun.training.callback import Callback
from handspun.training.fit import fit
from interrupting import StopAfter

pytestmark = pytest.mark.skipif(not processes_can_share(), reason="processes share a training on Linux on x86-64 only")

RNG = np.random.default_rng(8)
IMAGES = RNG.integers(0, 256, (180, 8, 8)).astype(np.uint8)
LABELS = RNG.integers(0, 3, 180)


@pytest.fixture
def at_once(monkeypatch):
    """Trainings are shared from their second step on, however small."""
    pytest.importorskip("threadpoolctl", reason="more than one process needs threadpoolctl")
    monkeypatch.setattr(sharing, "LONG_ALONE", 0.0)
    monkeypatch.setattr(step, "WORTH_TWO", 0)


class Sizes(Callback):
    """Notes after each step how many did it."""

    watches_steps = True

    def __init__(self, sizes):
        self.sizes = sizes

    def on_step_end(self, training):
        self.sizes.append(training.work.workers.size)


def children():
    """The processes that this one is waiting for."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()


def dense():
    return Sequential([Dense(20), ReLU(), Dropout(0.2), Dense(3)], (64,), seed=1)


def pictures():
    layers = [Conv2D(4, 3), BatchNorm(), MaxPool2D(2), ReLU(), Flatten(), Dropout(0.3), Dense(3)]
    return Sequential(layers, (1, 8, 8), seed=1)


def noisy(images, rng):
    return images ^ rng.integers(0, 8, images.shape, dtype=np.uint8)


def trained(make, count, **more):
    network = make()
    vector = network.parameters.vector
    settings = {"optimizer": AdamW(0.01), "epochs": 3, "batch_size": 50, "augment": noisy, **more}
    history = fit(network, (IMAGES, LABELS), (IMAGES, LABELS), threads=count, **settings)
    assert network.parameters.vector is vector, "the parameters are where they were before"
    assert np.shares_memory(network.layers[-1].weight, vector)
    clocks = ("seconds", "images_per_second")
    numbers = [{name: value for name, value in record.items() if name not in clocks} for record in history.records]
    return vector.tobytes(), network.statistics.vector.tobytes(), numbers


def alone_in_micro_batches(make, **more):
    """The same micro-batches as two would have, all of them in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "may_fork", lambda: False)
        return trained(make, 2, **more)


@pytest.mark.parametrize("make", [dense, pictures])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"batch_size": 180},
        {"batch_size": None, "optimizer": SGD(0.1)},
        {"batch_size": 33, "shuffle": False},
        {"clip": ClipNorm(0.1), "penalty": Penalty(l1=1e-4, l2=1e-3)},
        {"average": ExponentialMovingAverage(0.9), "sample_weight": np.linspace(0.0, 1.0, 180)},
    ],
    ids=["usual", "large batch", "full batch", "in order", "clip and penalty", "average and weights"],
)
def test_training_does_not_depend_on_the_number_of_processes(make, more, at_once):
    two = trained(make, 2, **more)
    assert trained(make, 3, **more) == two
    assert alone_in_micro_batches(make, **more) == two
    if make is pictures:
        assert trained(make, 1, **more) == two


@pytest.mark.parametrize("make", [dense, pictures])
def test_the_result_does_not_depend_on_which_steps_are_shared(make, at_once, monkeypatch):
    alone = alone_in_micro_batches(make)
    monkeypatch.setattr(trial, "WINDOW", 0.0)
    monkeypatch.setattr(trial, "STEPS", 1)
    monkeypatch.setattr(trial, "SHORT_HOLD", 0.0)
    sizes = []
    assert trained(make, 2, callbacks=[Sizes(sizes)]) == alone
    assert set(sizes) == {1, 2}


def test_processes_share_a_training(at_once):
    sizes = []
    for count, expected in ((1, 1), (2, 2), (8, 2)):  # a batch of 50 images of a dense network has two micro-batches
        sizes.clear()
        trained(dense, count, callbacks=[Sizes(sizes)])
        assert expected in sizes
        assert set(sizes) <= {1, expected}


def test_a_short_training_is_not_shared(at_once, monkeypatch):
    monkeypatch.setattr(sharing, "ALONE", 60.0)
    monkeypatch.setattr(sharing, "LONG_ALONE", 60.0)
    monkeypatch.setattr(sharing, "ForkedWorkers", None)
    trained(dense, 2, epochs=1)


def test_a_training_runs_alone_for_some_time_and_some_steps(monkeypatch):
    pytest.importorskip("threadpoolctl", reason="more than one process needs threadpoolctl")
    monkeypatch.setattr(step, "WORTH_TWO", 0)
    monkeypatch.setattr(sharing, "ALONE", 0.0)
    monkeypatch.setattr(sharing, "LONG_ALONE", math.inf)
    sizes = []
    trained(dense, 2, callbacks=[Sizes(sizes)])
    assert sizes.index(2) == sharing.STEPS_ALONE


def test_another_thread_does_not_fork_and_gives_the_same_result(at_once, monkeypatch):
    alone = alone_in_micro_batches(pictures), alone_in_micro_batches(dense)
    monkeypatch.setattr(sharing, "ForkedWorkers", None)
    found = []
    thread = threading.Thread(target=lambda: found.append((trained(pictures, 2), trained(dense, 2))))
    thread.start()
    thread.join()
    assert found == [alone]


def test_if_no_process_can_be_made_training_continues_alone(at_once, monkeypatch):
    def no_more():
        raise OSError(11, "Resource temporarily unavailable")

    alone = alone_in_micro_batches(dense)
    monkeypatch.setattr(os, "fork", no_more)
    assert trained(dense, 2) == alone


def test_an_error_of_user_code_in_another_process_is_raised_here(at_once):
    first = os.getpid()

    def wrong(images, rng):
        if os.getpid() != first:
            raise UsageError("no such augmentation")
        return images

    before = children()
    network = dense()
    vector = network.parameters.vector
    with pytest.raises(UsageError, match="no such augmentation"):
        fit(network, (IMAGES, LABELS), batch_size=50, augment=wrong, threads=2)
    assert children() == before
    assert network.parameters.vector is vector


def test_weights_changed_by_a_callback_reach_all_processes(at_once):
    class Halve(Callback):
        watches_steps = True

        def on_step_end(self, training):
            if training.step == 3:
                training.network.parameters.vector[...] *= 0.5
                training.optimizer.learning_rate = 0.003

    alone = alone_in_micro_batches(dense, callbacks=[Halve()], optimizer=Adam(0.01))
    assert trained(dense, 2, callbacks=[Halve()], optimizer=Adam(0.01)) == alone


def test_a_training_resumes_with_another_number_of_processes(at_once, tmp_path):
    path = tmp_path / "checkpoint.npz"
    whole = {count: trained(dense, count, callbacks=[StopAfter(None)]) for count in (1, 2)}
    for first, then in ((2, 3), (2, 1), (1, 2)):
        path.unlink(missing_ok=True)
        with pytest.raises(KeyboardInterrupt):
            trained(dense, first, checkpoint=path, callbacks=[StopAfter(5)])
        assert trained(dense, then, checkpoint=path, callbacks=[StopAfter(None)]) == whole[first]


@pytest.mark.parametrize("batch_size", [64, 256])
@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1)])
def test_products_are_the_same_before_and_after(batch_size, first, then, at_once, tmp_path):
    """Large enough for several threads of BLAS, and to be cut."""
    images = RNG.integers(0, 256, (600, 784)).astype(np.uint8)
    data = images, RNG.integers(0, 10, 600)

    def run(count, *, stop_after, checkpoint=None):
        network = mlp(784, [128, 64], 10)
        callbacks = [StopAfter(stop_after)]
        fit(network, data, epochs=2, batch_size=batch_size, threads=count, checkpoint=checkpoint, callbacks=callbacks)
        return network.parameters.vector.tobytes()

    path = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        run(first, stop_after=3, checkpoint=path)
    assert run(then, stop_after=None, checkpoint=path) == run(first, stop_after=None)


def test_rates_as_numpy_numbers_give_the_same_result_in_all_processes(at_once):
    class Wave(Schedule):
        def factor(self, step, horizon):
            return np.cos(np.float64(step) / 7.0) * 0.5 + 0.6

        def config(self):
            return {"name": "wave"}

    assert trained(dense, 2, schedule=Wave()) == alone_in_micro_batches(dense, schedule=Wave())


def test_small_batches_and_batch_normalisation_are_not_split():
    normal = Sequential([Dense(300), BatchNorm(), ReLU(), Dense(10)], (784,))
    usual = mlp(784, [128, 64], 10)
    sizes = {
        (usual, 64, 2): 32,
        (usual, 65, 8): 33,
        (usual, 256, 2): 128,
        (usual, 256, 1): 512,  # no other worker could share it
        (usual, 60_000, 2): 512,
        (mlp(784, [10], 10), 64, 2): 512,
        (normal, 64, 2): 512,
        (pictures(), 64, 2): 32,
        (pictures(), 64, 1): 32,
    }
    assert {key: step._micro_batch_size(*key) for key in sizes} == sizes
