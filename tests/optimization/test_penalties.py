"""Penalties have the values computed by hand, and their derivatives."""

import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.optimization.penalties import Penalty


def test_penalty_by_hand():
    w, gradient = np.array([1.0, -2.0, 3.0, 100.0]), np.array([10.0, 10.0, 10.0, 10.0])
    value = Penalty(l1=0.1, l2=0.5)(w, (slice(0, 3),), gradient)
    assert value == pytest.approx(0.1 * 6 + 0.25 * 14, rel=1e-15)
    np.testing.assert_allclose(gradient, [10 + 0.1 + 0.5, 10 - 0.1 - 1.0, 10 + 0.1 + 1.5, 10.0], rtol=1e-15)


@pytest.mark.parametrize("penalty", [Penalty(l1=0.3), Penalty(l2=0.2), Penalty(0.1, 0.7), Penalty()], ids=repr)
def test_penalty_gradient_is_the_derivative_of_its_value(penalty):
    rng = np.random.default_rng(5)
    w = rng.uniform(0.1, 1, 12) * rng.choice([-1, 1], 12)
    decayed = (slice(0, 4), slice(6, 9))
    gradient = np.zeros(12)
    penalty(w, decayed, gradient)
    for i in range(12):
        moved = [w.copy(), w.copy()]
        moved[0][i] += 1e-6
        moved[1][i] -= 1e-6
        above, below = (penalty(each, decayed, np.zeros(12)) for each in moved)
        assert gradient[i] == pytest.approx((above - below) / 2e-6, abs=1e-8)
    outside = [4, 5, 9, 10, 11]
    assert not gradient[outside].any()


def test_l1_penalty_of_a_zero_weight_has_no_gradient():
    gradient = np.zeros(2)
    Penalty(l1=1.0)(np.array([0.0, 2.0]), (slice(0, 2),), gradient)
    assert gradient.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "settings",
    [{"l1": -0.1}, {"l2": -1.0}, {"l1": math.nan}, {"l2": math.nan}, {"l2": math.inf}, {"l1": "1"}, {"l2": True}, {"l1": None}],
)
def test_penalty_coefficients_must_not_be_negative(settings):
    with pytest.raises(UsageError, match="Penalty"):
        Penalty(**settings)
