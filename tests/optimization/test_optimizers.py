"""Optimizers against plain textbook formulas; clipping, averaging, penalties."""

import itertools
import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm, ClipValue
from handspun.optimization.optimizer_base import CHUNK, FLUSH_EVERY
from handspun.optimization.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    RMSprop,
    optimizer_by_name,
)
from handspun.optimization.penalties import Penalty

# Closed forms of the first steps --------------------------------------------------------------------------------------

P0, G0 = 2.0, 0.5


def after(optimizer, gradients):
    p = np.array([P0])
    optimizer.start(p)
    for g in gradients:
        optimizer.step(p, np.array([g]))
    return float(p[0])


@pytest.mark.parametrize(
    ("optimizer", "one", "two"),
    [
        (SGD(0.1), P0 - 0.05, P0 - 0.05 + 0.1),
        (Momentum(0.1, momentum=0.5), P0 - 0.05, P0 - 0.05 - 0.1 * (0.25 - 1)),
        (Nesterov(0.1, momentum=0.5), P0 - 0.1 * 0.75, P0 - 0.1 * 0.75 - 0.1 * (-1 + 0.5 * -0.75)),
        (Adagrad(0.1), P0 - 0.1, P0 - 0.1 + 0.1 / math.sqrt(1.25)),
        (
            RMSprop(0.1, decay=0.75),
            P0 - 0.1 * 0.5 / 0.25,
            P0 - 0.2 + 0.1 / math.sqrt(0.75 * 0.0625 + 0.25),
        ),
        (
            Adam(0.1, beta1=0.5, beta2=0.75),
            P0 - 0.1,
            # m = (0.125 - 0.5)/(1 - 0.25) = -0.5, v = (0.75·0.0625 + 0.25)/(1 - 0.5625)
            P0 - 0.1 + 0.1 * 0.5 / math.sqrt(0.296875 / 0.4375),
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, float) else "",
)
def test_first_two_steps_have_their_closed_form(optimizer, one, two):
    assert after(optimizer, [G0]) == pytest.approx(one, rel=1e-7)
    assert after(optimizer, [G0, -1.0]) == pytest.approx(two, rel=1e-7)


# Plain references: whole vectors, the formulas as they stand in the papers --------------------------------------------


def plain_sgd(p, gradients, rates):
    for g, rate in zip(gradients, rates, strict=True):
        p = p - rate * g
    return p


def plain_momentum(p, gradients, rates, mu=0.9):
    v = np.zeros_like(p)
    for g, rate in zip(gradients, rates, strict=True):
        v = mu * v + g
        p = p - rate * v
    return p


def plain_nesterov(p, gradients, rates, mu=0.9):
    v = np.zeros_like(p)
    for g, rate in zip(gradients, rates, strict=True):
        v = mu * v + g
        p = p - rate * (g + mu * v)
    return p


def plain_adagrad(p, gradients, rates, epsilon=1e-10):
    s = np.zeros_like(p)
    for g, rate in zip(gradients, rates, strict=True):
        s = s + g**2
        p = p - rate * g / (np.sqrt(s) + epsilon)
    return p


def plain_rmsprop(p, gradients, rates, rho=0.99, epsilon=1e-8):
    s = np.zeros_like(p)
    for g, rate in zip(gradients, rates, strict=True):
        s = rho * s + (1 - rho) * g**2
        p = p - rate * g / (np.sqrt(s) + epsilon)
    return p


def plain_adam(p, gradients, rates, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        p = p - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return p


PLAIN = {
    SGD: plain_sgd,
    Momentum: plain_momentum,
    Nesterov: plain_nesterov,
    Adagrad: plain_adagrad,
    RMSprop: plain_rmsprop,
    Adam: plain_adam,
    AdamW: plain_adam,
}
every_optimizer = pytest.mark.parametrize("kind", list(OPTIMIZERS.values()), ids=list(OPTIMIZERS))


def without_decay(kind):
    return kind(0.01, weight_decay=0.0)


@every_optimizer
@pytest.mark.parametrize("size", [1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_fifty_steps_equal_the_plain_formulas(kind, size):
    rng = np.random.default_rng(size)
    start = rng.normal(size=size)
    gradients = [rng.normal(size=size) * rng.choice([1e-4, 1.0, 10.0]) for _ in range(50)]
    rates = [0.01 / (1 + 0.1 * t) for t in range(50)]
    p = start.copy()
    optimizer = without_decay(kind)
    optimizer.start(p)
    for g, rate in zip(gradients, rates, strict=True):
        before = g.copy()
        optimizer.step(p, g, rate)
        assert (g == before).all()
    assert optimizer.steps == 50
    np.testing.assert_allclose(p, PLAIN[kind](start, gradients, rates), rtol=1e-11, atol=1e-12)


@every_optimizer
def test_float32_parameters_stay_float32_and_near_the_float64_ones(kind):
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=300), [rng.normal(size=300) for _ in range(20)]
    p = start.astype(np.float32)
    optimizer = without_decay(kind)
    optimizer.start(p)
    for g in gradients:
        optimizer.step(p, g.astype(np.float32))
    assert p.dtype == np.float32
    assert all(vector.dtype == np.float32 for vector in optimizer.state.values())
    np.testing.assert_allclose(p, PLAIN[kind](start, gradients, [0.01] * 20), rtol=0, atol=5e-6)


@every_optimizer
def test_weight_decay_is_decoupled_and_touches_only_the_decayed_parts(kind):
    rng = np.random.default_rng(2)
    size, decayed = CHUNK + 50, (slice(0, 10), slice(CHUNK - 5, CHUNK + 20))
    start, gradients = rng.normal(size=size), [rng.normal(size=size) for _ in range(5)]

    def run(weight_decay, start):
        p = start.copy()
        optimizer = kind(0.1, weight_decay=weight_decay)
        optimizer.start(p, decayed)
        trace = [p.copy()]
        for g in gradients:
            optimizer.step(p, g)
            trace.append(p.copy())
        return trace

    plain, with_decay = run(0.0, start), run(0.3, start)
    mask = np.zeros(size, bool)
    for part in decayed:
        mask[part] = True
    np.testing.assert_array_equal(with_decay[-1][~mask], plain[-1][~mask])
    # Decoupled: the steps depend on gradients only, so each step is the plain one after the decay.
    expected = start
    for before, now in itertools.pairwise(plain):
        expected = np.where(mask, expected * (1 - 0.1 * 0.3), expected) + (now - before)
    np.testing.assert_allclose(with_decay[-1], expected, rtol=1e-11, atol=1e-12)


@every_optimizer
def test_weight_decay_follows_the_rate_of_the_step(kind):
    """θ ← θ - η λ θ has the η of the step, which a schedule gives, not that of the first one."""
    p = np.array([2.0, 3.0])
    optimizer = kind(0.5, weight_decay=0.1)
    optimizer.start(p, (slice(0, 1),))
    expected = 2.0
    for rate in (0.5, 0.25, 0.0, 0.04):
        optimizer.step(p, np.zeros(2), rate)
        expected *= 1.0 - rate * 0.1
        assert p[0] == pytest.approx(expected, rel=1e-14)
    assert p[1] == 3.0


def test_adamw_decays_by_default_and_adam_does_not():
    for kind, expected in ((Adam, 1.0), (AdamW, 1.0 - 0.5 * 0.01)):
        p = np.ones(1)
        optimizer = kind(0.5)
        optimizer.start(p, (slice(0, 1),))
        optimizer.step(p, np.zeros(1))
        assert p[0] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("kind", [Momentum, Nesterov, RMSprop, Adam], ids=lambda kind: kind.__name__)
def test_moments_that_fade_are_flushed_to_zero_and_the_parameters_do_not_notice(kind, monkeypatch):
    def run(flush_every):
        monkeypatch.setattr("handspun.optimization.optimizer_base.FLUSH_EVERY", flush_every)
        p = np.linspace(-1, 1, 64, dtype=np.float32)
        # Faster memories than usual: the moments fade to nothing within the test.
        optimizer = {Momentum: lambda: Momentum(0.1, momentum=0.5), Nesterov: lambda: Nesterov(0.1, momentum=0.5)}.get(
            kind, {RMSprop: lambda: RMSprop(0.1, decay=0.5), Adam: lambda: Adam(0.1, beta1=0.5, beta2=0.5)}.get(kind)
        )()
        optimizer.start(p)
        g = np.full(64, 1e-3, np.float32)
        for step in range(FLUSH_EVERY):
            if step == 10:
                g[32:] = 0.0
            optimizer.step(p, g)
        return p, optimizer

    p, optimizer = run(FLUSH_EVERY)
    never, unflushed = run(10**9)
    assert np.abs(p.astype(float) - never.astype(float)).max() <= 1e-30
    for name, vector in optimizer.state.items():
        assert (vector[32:] == 0).all(), name
        assert (vector[:32] != 0).all(), name
        assert (unflushed.state[name][32:] != 0).all(), name


def test_flush_changes_no_value_that_matters():
    p = np.zeros(3)
    optimizer = Momentum(0.1)
    optimizer.start(p)
    optimizer.state["velocity"][...] = [1e-280, -1e-300, 1e-300]
    optimizer.steps = FLUSH_EVERY - 1
    optimizer.step(p, np.zeros(3))
    assert optimizer.state["velocity"][0] == pytest.approx(0.9e-280, rel=1e-12, abs=0.0)
    assert optimizer.state["velocity"][1:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_flush_keeps_what_is_small_and_not_denormal(dtype):
    p = np.zeros(3, dtype)
    optimizer = Momentum(0.1, momentum=0.5)
    optimizer.start(p)
    optimizer.state["velocity"][...] = [1e-14, -1e-14, 1e-25]
    optimizer.steps = FLUSH_EVERY - 1
    optimizer.step(p, np.zeros(3, dtype))
    np.testing.assert_allclose(optimizer.state["velocity"], [5e-15, -5e-15, 5e-26], rtol=1e-6)


@every_optimizer
def test_the_same_optimizer_can_start_again_as_new(kind):
    rng = np.random.default_rng(3)
    start, gradients = rng.normal(size=20), rng.normal(size=(4, 20))
    optimizer, results = without_decay(kind), []
    for _ in range(2):
        p = start.copy()
        optimizer.start(p)
        for g in gradients:
            optimizer.step(p, g)
        results.append(p.tobytes())
    assert results[0] == results[1]


@every_optimizer
def test_config_holds_all_settings_of_an_optimizer(kind):
    config = kind(0.25).config()
    name = config.pop("name")
    assert name == kind.__name__
    twin = kind(**config)
    assert twin.config() == kind(0.25).config()
    assert config["learning_rate"] == 0.25
    assert "weight_decay" in config


def test_step_before_start_is_refused():
    with pytest.raises(RuntimeError, match="start"):
        SGD(0.1).step(np.zeros(2), np.zeros(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(0.0),
        lambda: SGD(-0.1),
        lambda: SGD(math.nan),
        lambda: SGD(math.inf),
        lambda: SGD("fast"),
        lambda: SGD(0.1, weight_decay=-1e-4),
        lambda: Momentum(0.1, momentum=1.0),
        lambda: Nesterov(0.1, momentum=-0.1),
        lambda: Adam(beta1=1.0),
        lambda: Adam(beta2=1.5),
        lambda: Adam(epsilon=0.0),
        lambda: RMSprop(0.1, decay=1.0),
        lambda: Adagrad(0.1, epsilon=0.0),
    ],
)
def test_wrong_settings_of_an_optimizer_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_optimizers_by_name():
    assert {name: optimizer_by_name(name) for name in OPTIMIZERS} == OPTIMIZERS
    with pytest.raises(UsageError, match='did you mean "adam"'):
        optimizer_by_name("adamm")


# Clipping --------------------------------------------------------------------------------------------------------------


def test_clip_norm_shrinks_long_gradients_only_and_keeps_their_direction():
    g = np.array([3.0, -4.0])
    ClipNorm(1.0)(g, 5.0)
    np.testing.assert_allclose(g, [0.6, -0.8], rtol=1e-15)
    short = np.array([0.3, 0.4])
    ClipNorm(1.0)(short, 0.5)
    assert short.tolist() == [0.3, 0.4]


def test_clip_value_cuts_each_component():
    g = np.array([3.0, -4.0, 0.5, -1.0])
    ClipValue(1.0)(g, float(np.linalg.norm(g)))
    assert g.tolist() == [1.0, -1.0, 0.5, -1.0]


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", [ClipNorm, ClipValue])
def test_clip_needs_a_limit_above_zero(kind, limit):
    with pytest.raises(UsageError, match="limit"):
        kind(limit)


# Averaging -------------------------------------------------------------------------------------------------------------


def test_moving_average_follows_its_formula_with_the_shorter_memory_of_the_first_steps():
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
def test_moving_average_in_float32_comes_as_near_as_it_says(decay):
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


@pytest.mark.parametrize("decay", [1.0, -0.1, math.nan])
def test_moving_average_needs_a_decay_below_one(decay):
    with pytest.raises(UsageError, match="decay"):
        ExponentialMovingAverage(decay)


# Penalties -------------------------------------------------------------------------------------------------------------


def test_penalty_by_hand():
    w, gradient = np.array([1.0, -2.0, 3.0, 100.0]), np.array([10.0, 10.0, 10.0, 10.0])
    value = Penalty(l1=0.1, l2=0.5)(w, (slice(0, 3),), gradient)
    assert value == pytest.approx(0.1 * 6 + 0.25 * 14, rel=1e-15)
    np.testing.assert_allclose(gradient, [10 + 0.1 + 0.5, 10 - 0.1 - 1.0, 10 + 0.1 + 1.5, 10.0], rtol=1e-15)


@pytest.mark.parametrize("penalty", [Penalty(l1=0.3), Penalty(l2=0.2), Penalty(0.1, 0.7), Penalty()], ids=repr)
def test_penalty_gradient_is_the_derivative_of_its_value_and_zero_elsewhere(penalty):
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


@pytest.mark.parametrize("settings", [{"l1": -0.1}, {"l2": -1.0}, {"l1": math.nan}, {"l2": math.nan}, {"l2": math.inf}])
def test_penalty_coefficients_must_be_numbers_that_are_not_negative(settings):
    with pytest.raises(UsageError, match="Penalty"):
        Penalty(**settings)
