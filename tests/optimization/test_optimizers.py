"""Optimizers make the steps of plain textbook formulas."""

import itertools
import math

import numpy as np
import pytest

from handspun.errors import UsageError
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
def test_float32_parameters_stay_near_the_float64_ones(kind):
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
def test_weight_decay_is_decoupled_and_changes_only_weights(kind):
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
    """In θ ← θ - η λ θ the η is that of the step, as the schedule gives it, not that of the first step."""
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
def test_fading_moments_are_flushed_to_zero(kind, monkeypatch):
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
def test_flush_keeps_small_normal_numbers(dtype):
    p = np.zeros(3, dtype)
    optimizer = Momentum(0.1, momentum=0.5)
    optimizer.start(p)
    optimizer.state["velocity"][...] = [1e-14, -1e-14, 1e-25]
    optimizer.steps = FLUSH_EVERY - 1
    optimizer.step(p, np.zeros(3, dtype))
    np.testing.assert_allclose(optimizer.state["velocity"], [5e-15, -5e-15, 5e-26], rtol=1e-6)


@every_optimizer
def test_an_optimizer_can_start_again_as_new(kind):
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


NO_NUMBER = [True, "0.1", "fast", None, [0.1], np.array([0.1]), math.nan, 0.1 + 0j, 10**400]
NOT_POSITIVE = [*NO_NUMBER, 0, -0.1, math.inf]
NO_SHARE = [*NO_NUMBER, -0.1, 1, 1.5, math.inf]
WRONG = [
    *((kind, "learning_rate", NOT_POSITIVE) for kind in OPTIMIZERS.values()),
    *((kind, "weight_decay", [*NO_NUMBER, -1e-4, math.inf]) for kind in OPTIMIZERS.values()),
    *((kind, "momentum", NO_SHARE) for kind in (Momentum, Nesterov)),
    *((kind, "epsilon", [*NOT_POSITIVE, 1.0]) for kind in (Adagrad, RMSprop, Adam, AdamW)),
    *((kind, name, NO_SHARE) for kind in (Adam, AdamW) for name in ("beta1", "beta2")),
    (RMSprop, "decay", NO_SHARE),
]


@pytest.mark.parametrize(("kind", "name", "values"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_settings_of_an_optimizer_are_refused(kind, name, values):
    for value in values:
        with pytest.raises(UsageError, match=name):
            kind(**{"learning_rate": 0.1, name: value})


@every_optimizer
def test_numpy_numbers_become_plain_settings(kind):
    config = kind(np.float32(0.5), weight_decay=np.int64(0)).config()
    assert (config["learning_rate"], config["weight_decay"]) == (0.5, 0.0)
    assert all(type(value) in (float, str) for value in config.values())


@pytest.mark.parametrize("wrong", [[1.0], np.zeros((2, 2)), np.zeros(2, int), np.zeros(2, "c8"), 3.0], ids=repr)
def test_parameters_must_be_one_flat_vector(wrong):
    with pytest.raises(UsageError, match="flat vector"):
        SGD(0.1).start(wrong)


@pytest.mark.parametrize("gradient", [[1.0, 2.0], np.zeros(3), np.zeros(1), np.zeros((2, 1)), np.zeros(2, "c16")], ids=repr)
def test_a_gradient_has_the_size_of_the_parameters(gradient):
    optimizer, p = SGD(0.1), np.zeros(2)
    optimizer.start(p)
    with pytest.raises(UsageError, match="gradient"):
        optimizer.step(p, gradient)
    assert optimizer.steps == 0


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_strict_floating_point_errors_change_no_byte_of_a_step(kind, dtype):
    """Also where gradients and moments fade through the denormal numbers to nothing."""
    rng = np.random.default_rng(7)
    start = rng.normal(size=200).astype(dtype)
    gradients = [(rng.normal(size=200) * 10.0**-power).astype(dtype) for power in (0, 3, 20, 40, 44, 50, 160, 310)]

    def run():
        p, optimizer = start.copy(), kind(0.1, weight_decay=0.01)
        optimizer.start(p, (slice(0, 100),))
        for g in gradients * 20:
            optimizer.step(p, g)
        return p.tobytes(), [vector.tobytes() for vector in optimizer.state.values()]

    expected = run()
    with np.errstate(all="raise"):
        assert run() == expected


def test_optimizers_by_name():
    assert {name: optimizer_by_name(name) for name in OPTIMIZERS} == OPTIMIZERS
    with pytest.raises(UsageError, match='did you mean "adam"'):
        optimizer_by_name("adamm")
