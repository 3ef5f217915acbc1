from __future__ import annotations

import numpy as np
import pytest

from handspun.data.batches import BatchLoader, epoch_order, split_steps
from handspun.errors import UsageError

IMAGES = np.arange(256, dtype=np.uint8).repeat(4).reshape(256, 2, 2)
LABELS = np.arange(256) % 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_become_floats_from_0_to_1(dtype):
    x, y = BatchLoader(IMAGES, LABELS, dtype=dtype).load(np.arange(255, -1, -1))
    assert x.dtype == dtype
    assert x.min() == 0
    assert x.max() == 1
    assert np.allclose(x, IMAGES[::-1] / 255, rtol=2 * np.finfo(dtype).eps, atol=0)
    assert np.array_equal(y, LABELS[::-1])


def test_floats_are_only_cast():
    images = np.random.default_rng(0).normal(size=(9, 3))
    x, y = BatchLoader(images, None).load(np.array([4, 4, 0]))
    assert x.dtype == np.float32
    assert np.array_equal(x, images[[4, 4, 0]].astype(np.float32))
    assert y is None
    x, _ = BatchLoader(images, None, dtype=np.float64).load(np.array([8]))
    assert np.array_equal(x, images[[8]])


def test_reshaping_to_the_networks_input():
    loader = BatchLoader(IMAGES, LABELS, input_shape=(4,))
    assert len(loader) == 256
    x, _ = loader.load(np.array([7, 9]))
    assert x.shape == (2, 4)
    assert np.array_equal(x[1], np.full(4, 9 * np.float32(1 / 255)))
    with pytest.raises(UsageError, match=r"\(2, 2\), 4 values; the network takes \(784,\), 784 values"):
        BatchLoader(IMAGES, LABELS, input_shape=(784,))


def test_buffers_are_used_again():
    loader = BatchLoader(IMAGES, LABELS)
    first, _ = loader.load(np.arange(8))
    second, _ = loader.load(np.arange(8, 12))
    assert np.shares_memory(first, second)
    assert np.array_equal(second, IMAGES[8:12] * np.float32(1 / 255))
    assert loader.load(np.arange(0))[0].shape == (0, 2, 2)


@pytest.mark.parametrize("index", [256, -1, 2**40])
def test_strays(index):
    with pytest.raises(UsageError, match="from 0 to 255"):
        BatchLoader(IMAGES, LABELS).load(np.array([0, index]))


def test_integer_batches_are_refused():
    with pytest.raises(UsageError, match="float type, not int64"):
        BatchLoader(IMAGES, LABELS, dtype=int)


def test_order_and_steps():
    order = epoch_order(10, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(10))
    assert order.tolist() == np.random.default_rng(0).permutation(10).tolist()
    assert epoch_order(4, np.random.default_rng(0), shuffle=False).tolist() == [0, 1, 2, 3]
    assert [step.tolist() for step in split_steps(np.arange(5), 2)] == [[0, 1], [2, 3], [4]]
    assert [step.tolist() for step in split_steps(np.arange(5), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert [step.tolist() for step in split_steps(np.arange(5), None)] == [[0, 1, 2, 3, 4]]
    with pytest.raises(UsageError, match="at least 1, not 0"):
        split_steps(order, 0)
    with pytest.raises(UsageError, match="no full batch of 11"):
        split_steps(order, 11, drop_last=True)
