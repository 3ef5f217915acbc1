"""The same seed gives the same bytes, whatever else happens."""

import threading

import numpy as np
import pytest
from small_trainings import Weights, trained_bytes

from handspun.training import CSVLog, JSONLinesLog


@pytest.fixture(scope="module")
def usual(blobs):
    return trained_bytes(blobs)


def test_the_bytes_depend_on_the_seed(blobs, usual):
    assert trained_bytes(blobs) == usual
    assert trained_bytes(blobs, seed=4) != usual


@pytest.mark.parametrize("seed", [1, 2])
def test_the_global_random_state_is_neither_used_nor_changed(blobs, usual, seed):
    np.random.seed(seed)  # noqa: NPY002
    before = repr(np.random.get_state())  # noqa: NPY002
    assert trained_bytes(blobs) == usual
    assert repr(np.random.get_state()) == before  # noqa: NPY002


def test_callbacks_checkpoints_and_validation_change_no_byte(blobs, usual, tmp_path):
    watched = [Weights(), CSVLog(tmp_path / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl")]
    assert trained_bytes(blobs, callbacks=watched, checkpoint=tmp_path / "run.npz", checkpoint_every=0) == usual
    assert trained_bytes(blobs, validation=blobs) == usual


def test_training_does_not_change_the_data(blobs):
    images, labels = blobs[0].copy(), blobs[1].copy()
    trained_bytes((images, labels))
    np.testing.assert_array_equal(images, blobs[0])
    np.testing.assert_array_equal(labels, blobs[1])


def test_training_in_another_thread_gives_the_same_bytes(blobs, usual):
    results = []
    thread = threading.Thread(target=lambda: results.append(trained_bytes(blobs)))
    thread.start()
    thread.join(timeout=60)
    assert results == [usual]
