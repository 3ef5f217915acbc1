"""The number of threads changes how long it takes, and not one bit of the result."""

import contextlib
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import pytest

from handspun.engine import threads
from handspun.engine.threads import ThreadPool, blas_threads, count_threads, keep_blas_threads, own_blas_threads, use_threads
from handspun.errors import MissingExtraError, UsageError
from handspun.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Residual, SpatialDropout
from handspun.networks.architectures import mlp
from handspun.networks.inference import PICTURES_A_CHUNK, TURN
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.optimization.optimizers import Adam
from handspun.training import sharing, step
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
    monkeypatch.setattr(step, "processes_can_share", lambda: False)
    monkeypatch.setattr(sharing, "may_fork", lambda: False)
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
def test_a_small_dense_network_gets_the_requested_threads(asked, given, monkeypatch):
    """Its batches are one piece, whose products share their work among BLAS's threads."""
    controller = threads._controller()  # of NumPy's BLAS; other packages, which other tests load, have more of them

    class Counting(SoftmaxCrossEntropy):
        def per_sample(self, outputs, targets):
            seen.update(library["num_threads"] for library in controller.info() if library["user_api"] == "blas")
            return super().per_sample(outputs, targets)

    seen = set()
    monkeypatch.setattr(step, "processors", lambda: 4)
    monkeypatch.setattr(threads, "processors", lambda: 4)
    with controller.limit(limits=4, user_api="blas"):
        fit(Sequential([Flatten(), Dense(3)], (8, 8)), (IMAGES, LABELS), epochs=1, threads=asked, loss=Counting())
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


def test_a_single_image_does_not_wait_for_all_those_of_another_thread():
    own, turns, inside = network(), 12, []
    images = RNG.integers(0, 256, (turns * TURN * PICTURES_A_CHUNK, 8, 8)).astype(np.uint8)
    own.logits(images[:1])
    enter, calls = threads._gate.enter, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads._gate, "enter", lambda asked: (calls.append(asked), enter(asked)))
        patch.setattr(
            threads._gate, "leave", lambda leave=threads._gate.leave: (inside.append(len(threads._gate._inside)), leave())
        )
        own.logits(images, threads=2)
    assert calls == [1] * turns  # it comes out after each turn
    assert set(inside) <= {1, 2}


def test_each_task_is_done_once_and_workers_do_one_at_a_time():
    done, busy, lock = [], set(), threading.Lock()

    def work(worker, task):
        with lock:
            assert worker not in busy
            busy.add(worker)
        with lock:
            done.append(task)
            busy.remove(worker)

    with ThreadPool(3) as pool:
        for count in (0, 1, 2, 50):
            done.clear()
            pool.each(work, count)
            assert sorted(done) == list(range(count))


@pytest.mark.parametrize("bad", [0, 1, 49])
def test_an_error_in_a_task_is_raised_and_stops_the_others(bad):
    started = []

    def work(worker, task):
        started.append(task)
        if task == bad:
            raise UsageError(f"task {task}")

    with ThreadPool(3) as pool:
        with pytest.raises(UsageError, match=f"task {bad}"):
            pool.each(work, 50)
        started.clear()
        pool.each(lambda worker, task: started.append(task), 5)
        assert sorted(started) == [0, 1, 2, 3, 4]


def test_workers_keep_the_error_handling_of_the_caller():
    seen = []
    with np.errstate(divide="ignore"), ThreadPool(2) as pool:
        pool.each(lambda worker, task: seen.append(np.geterr()["divide"]), 20)
    assert set(seen) == {"ignore"}


# The number of threads of BLAS, which belongs to the process -------------------------------------------------------------


def blas():
    from threadpoolctl import threadpool_info

    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_blas_has_one_thread_inside_and_its_own_number_outside():
    before = blas()
    with blas_threads(1):
        assert set(blas()) <= {1}
        with blas_threads(2):  # inside, nothing changes
            assert set(blas()) <= {1}
        assert set(blas()) <= {1}
    assert blas() == before


def test_computations_that_need_another_number_wait_their_turn():
    """Each sees its own number of threads for as long as it is inside, and in the end BLAS has as many as in the beginning."""
    before, seen, wrong = blas(), [], []

    def compute(count):
        for _ in range(50):
            with blas_threads(count):
                wrong.extend(number for number in blas() if number != count)
                seen.append(count)

    workers = [threading.Thread(target=compute, args=(count,)) for count in (1, 2, 1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert wrong == []
    assert sorted(seen) == [1] * 100 + [2] * 100
    assert blas() == before


def test_two_trainings_at_once_give_the_bytes_of_each_alone():
    images = RNG.random((256, 300)).astype(np.float32)

    def run(number, epochs, results):
        own = mlp(300, [64], 3, seed=number)
        fit(own, (images, np.arange(256) % 3), epochs=epochs, batch_size=64, threads=number, optimizer=Adam(0.01))
        results[number] = own.parameters.vector.tobytes()

    before, alone, together = blas(), {}, {}
    run(1, 12, alone)
    run(2, 3, alone)
    workers = [threading.Thread(target=run, args=(number, epochs, together)) for number, epochs in ((1, 12), (2, 3))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert together == alone
    assert blas() == before


def test_a_process_forked_inside_the_gate_can_compute():
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    with blas_threads(1):
        child = len(threads._gate._inside), os.fork()
        if child[1] == 0:
            os._exit(1 if threads._gate._inside else 0)
        _, status = os.waitpid(child[1], 0)
    assert child[0] == 1
    assert status == 0


def test_a_process_forked_while_another_thread_is_inside_has_all_blas_threads():
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    before, inside, enough = blas(), threading.Event(), threading.Event()

    def compute():
        with blas_threads(max(before) + 1):
            inside.set()
            enough.wait(60)

    worker = threading.Thread(target=compute)
    worker.start()
    inside.wait(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of the thread
        child = os.fork()
    if child == 0:
        os._exit(0 if blas() == before else 1)
    enough.set()
    worker.join(60)
    assert os.waitpid(child, 0)[1] == 0
    assert blas() == before


def test_each_blas_gets_back_its_own_number_of_threads(monkeypatch):
    class Library:
        def __init__(self, count):
            self.count = count

        def get_num_threads(self):
            return self.count

        def set_num_threads(self, count):
            self.count = count

    libraries = Library(3), Library(1)
    monkeypatch.setattr(threads, "_libraries", lambda: libraries)
    with blas_threads(2):
        assert [library.count for library in libraries] == [2, 2]
    assert [library.count for library in libraries] == [3, 1]


@pytest.mark.parametrize("as_told", [True, False])
def test_an_augmentation_may_predict_in_a_thread_of_its_own(monkeypatch, as_told):
    monkeypatch.setattr(threads, "PATIENCE", 0.05)
    images, other = RNG.random((8, 20)).astype(np.float32), mlp(20, [4], 3)
    count = max(blas()) + 1  # not what a training with one thread takes

    def augment(batch, rng):
        work = [copy_context().run, predict] if as_told else [predict]
        pool.submit(*work, batch).result(60)
        return batch

    def predict(batch):
        with use_threads(count):
            return other.predict(batch)

    before = blas()
    with ThreadPoolExecutor(1) as pool:
        told = contextlib.nullcontext() if as_told else pytest.warns(RuntimeWarning, match="copy_context")
        with told:
            fit(mlp(20, [4], 3), (images, np.arange(8) % 3), epochs=1, threads=1, augment=augment)
    assert blas() == before


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_an_invalid_number_of_threads_is_refused(value):
    with pytest.raises(UsageError, match="threads"):
        count_threads(value)


def test_without_threadpoolctl_there_is_one_thread_and_more_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    threads._controller.cache_clear()
    threads._libraries.cache_clear()
    threads._libraries.cache_clear()
    try:
        assert count_threads(None) == 1
        assert count_threads(1) == 1
        with pytest.raises(MissingExtraError):
            count_threads(2)
        with ThreadPool() as pool, blas_threads(1):
            pool.each(lambda worker, task: None, 3)
    finally:
        monkeypatch.undo()
        threads._controller.cache_clear()
        threads._libraries.cache_clear()
        threads._libraries.cache_clear()


def test_an_interruption_within_the_context_itself_is_mended_by_the_next_one():
    """Ctrl-C may come after the gate was entered, and before that is noted in the context."""
    before = blas()
    threads._gate.enter(1)  # and never left
    assert set(blas()) <= {1}
    with blas_threads(2):
        assert set(blas()) == {2}
    assert blas() == before


def test_between_the_steps_of_a_training_the_number_stays_and_at_the_end_it_is_the_old_one():
    before = blas()
    with keep_blas_threads():
        with blas_threads(max(before) + 1):
            pass
        assert set(blas()) == {max(before) + 1}
        assert own_blas_threads() == max(before)
        with blas_threads(None):  # who asks for nothing gets what the process has
            assert blas() == before
        with blas_threads(max(before) + 1):
            assert set(blas()) == {max(before) + 1}
    assert blas() == before
