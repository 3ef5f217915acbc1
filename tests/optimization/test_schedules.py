"""Schedules at steps computed by hand."""

import itertools
import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.optimization.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    ExponentialDecay,
    Horizon,
    InverseTimeDecay,
    OneCycle,
    StepDecay,
    Warmup,
    schedule_by_name,
)

HORIZON = Horizon(total_steps=100, steps_per_epoch=10)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), {0: 1, 50: 1, 99: 1}),
        (InverseTimeDecay(0.5), {0: 1, 1: 1 / 1.5, 2: 0.5, 18: 0.1}),
        (InverseTimeDecay(0.5, unit="epoch"), {0: 1, 9: 1, 10: 1 / 1.5, 19: 1 / 1.5, 20: 0.5, 99: 1 / 5.5}),
        (InverseTimeDecay(0.0), {0: 1, 99: 1}),
        (StepDecay(0.5, every=3), {0: 1, 29: 1, 30: 0.5, 59: 0.5, 60: 0.25, 99: 0.125}),
        (StepDecay(0.1, every=7, unit="step"), {6: 1, 7: 0.1, 13: 0.1, 14: 0.01}),
        (ExponentialDecay(0.5), {0: 1, 9: 1, 10: 0.5, 35: 0.125}),
        (ExponentialDecay(0.9, unit="step"), {0: 1, 1: 0.9, 3: 0.729}),
        (Cosine(), {0: 1, 25: (1 + math.sqrt(0.5)) / 2, 50: 0.5, 75: (1 - math.sqrt(0.5)) / 2}),
        (Cosine(final=0.2), {0: 1, 50: 0.6}),
        (OneCycle(warmup=0.2, initial=0.1, final=0.0), {0: 0.1, 10: 0.55, 20: 1, 60: 0.5}),
        (OneCycle(warmup=0.0, final=0.5), {0: 1, 50: 0.75}),
        (OneCycle(warmup=1.0, initial=0.0), {0: 0, 50: 0.5}),
        (Warmup(4, Constant()), {0: 0.25, 1: 0.5, 2: 0.75, 3: 1, 4: 1, 99: 1}),
        (Warmup(1, Constant()), {0: 1, 1: 1}),
        (Warmup(20, Cosine()), {0: 0.05, 19: 1, 20: 1, 60: 0.5}),
        (Warmup(10, StepDecay(0.5, every=1)), {9: 1, 10: 1, 19: 1, 20: 0.5}),
    ],
    ids=lambda value: repr(value) if not isinstance(value, dict) else "",
)
def test_schedule_has_the_values_computed_by_hand(schedule, expected):
    for step, factor in expected.items():
        assert schedule.factor(step, HORIZON) == pytest.approx(factor, rel=1e-13, abs=1e-16), step


def test_schedules_have_the_settings_that_are_documented():
    assert vars(OneCycle()) == {"warmup": 0.3, "initial": 0.04, "final": 0.0001}  # PyTorch's share and 1/div_factor
    assert vars(StepDecay()) == {"rate": 0.5, "every": 10, "unit": "epoch"}
    assert vars(ExponentialDecay()) == {"rate": 0.95, "unit": "epoch"}
    assert vars(Cosine()) == {"final": 0.0}
    horizon = Horizon(1_000_000, 1)
    assert OneCycle().factor(999_999, horizon) == pytest.approx(0.0001, rel=1e-6)
    assert StepDecay().factor(25, horizon) == 0.25


@pytest.mark.parametrize(
    ("schedule", "end"),
    [(Cosine(), 0.0), (Cosine(0.3), 0.3), (OneCycle(final=0.01), 0.01), (Warmup(100, Cosine(0.1)), 0.1)],
    ids=repr,
)
def test_schedules_with_an_end_reach_it_smoothly(schedule, end):
    horizon = Horizon(10_000, 100)
    assert schedule.factor(9_999, horizon) == pytest.approx(end, abs=1e-6)
    assert schedule.factor(10_000, horizon) == pytest.approx(end, abs=1e-12)


@pytest.mark.parametrize(
    "schedule", [Warmup(37, Cosine()), Warmup(37, Constant()), Warmup(37, InverseTimeDecay(1e-4)), OneCycle()], ids=repr
)
def test_rise_and_fall_meet_without_a_jump(schedule):
    horizon = Horizon(1_000, 100)
    factors = [schedule.factor(step, horizon) for step in range(1_000)]
    assert max(factors) == pytest.approx(1.0, abs=1e-4)
    assert max(abs(a - b) for a, b in itertools.pairwise(factors)) < 1.01 / 37


def test_one_cycle_rises_then_falls():
    factors = [OneCycle().factor(step, HORIZON) for step in range(100)]
    assert factors[0] == pytest.approx(0.04)
    assert factors[:31] == sorted(factors[:31])
    assert factors[30:] == sorted(factors[30:], reverse=True)
    assert factors[30] == 1.0


@pytest.mark.parametrize("schedule", [Cosine(), OneCycle(), Warmup(5, Cosine()), Warmup(5, OneCycle())], ids=repr)
def test_training_shorter_than_the_rise_has_finite_factors(schedule):
    for total in (1, 2, 3):
        for step in range(total):
            assert 0.0 <= schedule.factor(step, Horizon(total, 1)) <= 1.0


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(),
        InverseTimeDecay(1e-6),
        InverseTimeDecay(0.1, unit="epoch"),
        StepDecay(0.3, every=2, unit="step"),
        ExponentialDecay(0.8),
        Cosine(0.25),
        OneCycle(0.4, 0.1, 0.2),
        Warmup(12, Cosine(0.25)),
        Warmup(3, InverseTimeDecay(0.5, unit="epoch")),
    ],
    ids=repr,
)
def test_config_makes_the_same_schedule_again(schedule):
    twin = schedule_by_name(**schedule.config())
    assert twin == schedule
    assert [twin.factor(step, HORIZON) for step in range(100)] == [schedule.factor(step, HORIZON) for step in range(100)]


def test_table_of_names_is_complete():
    assert set(SCHEDULES.values()) == {Constant, InverseTimeDecay, StepDecay, ExponentialDecay, Cosine, OneCycle}


NO_NUMBER = [True, "0.5", "fast", None, [0.5], np.array([0.5]), math.nan, 0.5 + 0j, 10**400]
NO_SHARE = [*NO_NUMBER, -0.1, 1.1, 2, math.inf]
NO_RATE = [*NO_SHARE, 0]
NO_COUNT = [*NO_NUMBER[:-1], 0, -1, 2.0, np.float32(2)]
NO_UNIT = ["", "steps", "minute", None, 1, ["step"]]
WRONG = [
    (lambda v: InverseTimeDecay(v), "decay", [*NO_NUMBER, -0.1, math.inf]),
    (lambda v: InverseTimeDecay(0.1, unit=v), "unit", NO_UNIT),
    (lambda v: StepDecay(v), "rate", NO_RATE),
    (lambda v: StepDecay(0.5, every=v), "every", NO_COUNT),
    (lambda v: StepDecay(unit=v), "unit", NO_UNIT),
    (lambda v: ExponentialDecay(v), "rate", NO_RATE),
    (lambda v: ExponentialDecay(unit=v), "unit", NO_UNIT),
    (lambda v: Cosine(v), "final", NO_SHARE),
    (lambda v: OneCycle(warmup=v), "warmup", NO_SHARE),
    (lambda v: OneCycle(initial=v), "initial", NO_SHARE),
    (lambda v: OneCycle(final=v), "final", NO_SHARE),
    (lambda v: Warmup(v, Constant()), "steps", NO_COUNT),
    (lambda v: Warmup(5, v), "then", [Warmup(3, Constant()), Constant, "cosine", None]),
    (lambda v: schedule_by_name("cosine", warmup_steps=v), "steps", [-1, 2.5, "5", True]),
    (lambda v: schedule_by_name("cosine", final=v), "final", [3.0, "high"]),
    (lambda v: schedule_by_name("inverse-time", decay=v), "decay", ["fast"]),
    (lambda v: schedule_by_name(v), "schedule", ["cosin", None, Cosine, ["cosine"]]),
]


@pytest.mark.parametrize(("make", "name", "values"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_settings_of_a_schedule_are_refused(make, name, values):
    for value in values:
        with pytest.raises(UsageError, match=name):
            make(value)


def test_a_missing_setting_of_a_schedule_is_named():
    with pytest.raises(UsageError, match="decay"):
        schedule_by_name("inverse-time")


def test_numpy_numbers_become_plain_settings():
    schedule = StepDecay(np.float32(0.5), every=np.int64(3))
    assert schedule == StepDecay(0.5, every=3)
    assert {name: type(value) for name, value in vars(schedule).items()} == {"rate": float, "every": int, "unit": str}


def test_unknown_schedules_and_settings_name_the_nearest():
    with pytest.raises(UsageError, match='did you mean "cosine"'):
        schedule_by_name("cosin")
    with pytest.raises(UsageError, match='did you mean "final"'):
        schedule_by_name("cosine", finl=0.1)
    with pytest.raises(UsageError, match="needs its setting decay"):
        schedule_by_name("inverse-time")
