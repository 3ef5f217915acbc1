"""The same training gives the same bytes, whatever runs around it."""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from handspun.engine.threads import blas_thread_count
from handspun.files.header import encode_json
from handspun.networks.architectures import cnn, mlp
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.optimization.optimizers import Adam
from handspun.training.callback import Callback
from handspun.training.fit import fit
from interrupting import StopAfter

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
import test_surroundings
print(test_surroundings.both())
"""


def trained(make, **more):
    rng = np.random.default_rng(5)
    network = make()
    images = rng.integers(0, 256, (120, 12, 12)).astype(np.uint8)
    fit(network, (images, rng.integers(0, 4, 120)), epochs=2, batch_size=30, optimizer=Adam(0.01), threads=1, **more)
    return hashlib.sha256(network.parameters.vector.tobytes() + network.statistics.vector.tobytes()).hexdigest()


def dense():
    return mlp(144, [32], 4, "gelu", norm="batch", dropout=0.2, seed=1)


def convolutional():
    return cnn((12, 12), 4, channels=[4], kernel_size=3, hidden_layers=[16], activation="silu", norm="batch", seed=1)


def both():
    return f"{trained(dense)} {trained(convolutional)}"


def put(queue):
    queue.put(both())


@pytest.fixture(scope="module")
def expected():
    return both()


@pytest.mark.parametrize("options", [[], ["-O"], ["-OO"], ["-W", "error"]], ids=["plain", "O", "OO", "warnings as errors"])
def test_a_fresh_interpreter_gives_the_same_bytes(options, expected):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = PROGRAM.format(folder=Path(__file__).parent.as_posix())
    command = [sys.executable, *options, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_gives_the_same_bytes(method, expected):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {method}")
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=put, args=(queue,))
    process.start()
    assert queue.get() == expected
    process.join()


def test_a_thread_gives_the_same_bytes(expected):
    found = []
    thread = threading.Thread(target=lambda: found.append(both()))
    thread.start()
    thread.join()
    assert found == [expected]


def test_strict_handling_of_floating_point_errors_gives_the_same_bytes(expected):
    with np.errstate(all="raise"):
        assert both() == expected


# Resumed with another number of threads ------------------------------------------------------------------------------------


class Strict(Callback):
    """Also a callback that calls the network leaves everything as it is."""

    def on_epoch_end(self, trainer, record):
        trainer.network.predict(np.zeros((3, 144)))


def run(threads, checkpoint, stop_after=None):
    """A dense network whose batches stay whole, so that its products may use several threads."""
    rng = np.random.default_rng(5)
    network = mlp(144, [64], 5, seed=3)
    data = rng.random((400, 144)).astype(np.float32), rng.integers(0, 5, 400)
    callbacks = [StopAfter(stop_after), Strict()]
    fit(network, data, epochs=3, batch_size=100, threads=threads, checkpoint=checkpoint, callbacks=callbacks)
    return network.parameters.vector.tobytes()


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1), (2, 2), (2, 3)])
def test_resuming_with_other_threads_gives_the_same_bytes(first, then, tmp_path):
    pytest.importorskip("threadpoolctl", reason="more than one thread needs threadpoolctl")
    before = blas_thread_count()
    with pytest.raises(KeyboardInterrupt):
        run(first, tmp_path / "one.npz", stop_after=5)
    assert run(then, tmp_path / "one.npz") == run(first, tmp_path / "other.npz")
    assert blas_thread_count() == before


def rewritten(path, change):
    """Change the state in the header of a checkpoint."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    change(header["state"])
    arrays["header"] = encode_json(header)
    np.savez(path, **arrays)


def test_a_checkpoint_without_the_number_of_threads_is_resumed(tmp_path):
    def as_it_was(state):
        state["piece_size"], state["holds_blas"] = state.pop("micro_batch_size"), state.pop("blas_threads") in (None, 1)

    with pytest.raises(KeyboardInterrupt):
        run(1, tmp_path / "one.npz", stop_after=5)
    rewritten(tmp_path / "one.npz", as_it_was)
    assert run(1, tmp_path / "one.npz") == run(1, tmp_path / "other.npz")


def test_an_old_checkpoint_with_another_mean_of_the_loss_is_refused(tmp_path):
    """Class weights with probabilities as targets: the mean is divided by the number of samples now."""

    def run(stop_after=None):
        rng = np.random.default_rng(5)
        loss, data = SoftmaxCrossEntropy(class_weight=[1, 2, 3]), (rng.random((60, 9)), rng.dirichlet(np.ones(3), 60))
        fit(mlp(9, [4], 3), data, epochs=3, loss=loss, batch_size=20, checkpoint=path, callbacks=[StopAfter(stop_after)])

    path = tmp_path / "old.npz"
    with pytest.raises(KeyboardInterrupt):
        run(stop_after=4)
    rewritten(path, lambda state: state.update(piece_size=state["micro_batch_size"]))
    with pytest.raises(ValueError, match=r"old\.npz: it was made by an earlier handspun, .* Train anew"):
        run()


def test_a_checkpoint_is_refused_if_the_number_cannot_be_set(tmp_path):
    def other(state):
        state["blas_threads"] = None if blas_thread_count() else 2

    with pytest.raises(KeyboardInterrupt):
        run(1, tmp_path / "one.npz", stop_after=5)
    rewritten(tmp_path / "one.npz", other)
    with pytest.raises(ValueError, match=r"threadpoolctl, which .* installed (then|now)\. Resume with the same packages"):
        run(1, tmp_path / "one.npz")
