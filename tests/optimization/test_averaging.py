"""The moving average of the weights follows its formula."""

import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.optimization.averaging import ExponentialMovingAverage


def test_moving_average_follows_its_formula():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(40, 3))
    average = ExponentialMovingAverage(0.7)
    average.start(values[0])
    expected = values[0]
    for t in range(1, 40):
        average.update(values[t], t)
        d = min(0.7, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * values[t]
        np.testing.assert_allclose(average.vector, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("decay", [0.99, 0.999, 0.9999])
def test_moving_average_in_float32_has_the_documented_error(decay):
    target = np.array([1.0004, -1.9, 0.3, 1e-3], np.float32)
    average = ExponentialMovingAverage(decay)
    average.start(target * np.float32(0.9))
    for step in range(10**5, 10**5 + int(25 / (1 - decay))):
        average.update(target, step)
    bound = np.finfo(np.float32).eps / (2 * (1 - decay))
    left = np.abs(average.vector.astype(float) - target) / np.abs(target)
    assert (left <= 1.01 * bound).all()
    assert left.max() > 0.1 * bound, "the bound is no idle one"


def test_moving_average_begins_with_a_copy():
    p = np.ones(3)
    average = ExponentialMovingAverage()
    average.start(p)
    p[...] = 5.0
    assert average.vector.tolist() == [1, 1, 1]


@pytest.mark.parametrize("decay", [1.0, -0.1, math.nan, True, "0.9", None, [0.9]])
def test_moving_average_needs_a_decay_below_one(decay):
    with pytest.raises(UsageError, match="decay"):
        ExponentialMovingAverage(decay)
