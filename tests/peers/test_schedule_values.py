"""Schedules, averages and clips have their peers' values step by step, in float64 to 1e-12."""

import math

import numpy as np
import pytest

import handspun as hs

EPOCHS, PER_EPOCH = 12, 5
STEPS = EPOCHS * PER_EPOCH
CLOSE = {"rel": 1e-12, "abs": 1e-15}


class Horizon:
    """A training of ``EPOCHS`` epochs, as schedules see it."""

    total_steps, steps_per_epoch = STEPS, PER_EPOCH


def factors(schedule, steps=range(STEPS)):
    return [schedule.factor(step, Horizon) for step in steps]


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="needs PyTorch (make torch)")


def torch_factors(torch, make, calls):
    """The learning rate of PyTorch's schedule before each of its calls, beginning with 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    schedule, rates = make(optimizer), []
    for _ in range(calls):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_is_cosine_annealing(torch, final):
    theirs = torch_factors(torch, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, final), STEPS)
    assert factors(hs.Cosine(final)) == pytest.approx(theirs, **CLOSE)


def test_step_decay_is_step_lr(torch):
    theirs = torch_factors(torch, lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.1), EPOCHS)
    assert factors(hs.StepDecay(0.1, every=3), range(0, STEPS, PER_EPOCH)) == pytest.approx(theirs, **CLOSE)


@pytest.mark.parametrize(("unit", "steps"), [("step", range(STEPS)), ("epoch", range(0, STEPS, PER_EPOCH))])
def test_exponential_decay_is_exponential_lr(torch, unit, steps):
    theirs = torch_factors(torch, lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9), len(steps))
    assert factors(hs.ExponentialDecay(0.9, unit), steps) == pytest.approx(theirs, **CLOSE)


def test_warmup_is_linear_lr_from_one_part(torch):
    rise = 7
    theirs = torch_factors(torch, lambda o: torch.optim.lr_scheduler.LinearLR(o, 1 / rise, 1.0, rise - 1), STEPS)
    assert factors(hs.Warmup(rise, hs.Constant())) == pytest.approx(theirs, **CLOSE)


def test_one_cycle_is_one_step_behind_one_cycle_lr(torch):
    # PyTorch's way up ends a step sooner, at step 0.3 T - 1, and its way down at the last step. Here both end a step later.
    own = hs.OneCycle(final=0.04 / 1e4)
    theirs = torch_factors(torch, lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, STEPS, cycle_momentum=False), STEPS)
    top = round(0.3 * STEPS)
    ours = factors(own, range(STEPS + 1))
    assert ours[0] == pytest.approx(theirs[0], **CLOSE)
    assert ours[top:] == pytest.approx(theirs[top - 1 :], **CLOSE)
    for step in range(1, top):
        assert ours[step] < theirs[step] <= ours[step + 1] * (1 + 1e-12)


@pytest.mark.parametrize("decay_steps", [1, 4])
def test_inverse_time_decay_is_that_of_keras(decay_steps):
    # keras.optimizers.schedules.InverseTimeDecay: 1 / (1 + decay_rate * step / decay_steps)
    theirs = [1.0 / (1.0 + 0.5 * step / decay_steps) for step in range(STEPS)]
    assert factors(hs.InverseTimeDecay(0.5 / decay_steps)) == pytest.approx(theirs, **CLOSE)


def test_inverse_time_decay_by_epochs_is_the_staircase_of_keras():
    theirs = [1.0 / (1.0 + 0.5 * math.floor(step / PER_EPOCH)) for step in range(STEPS)]
    assert factors(hs.InverseTimeDecay(0.5, "epoch")) == pytest.approx(theirs, **CLOSE)


def test_exponential_decay_is_that_of_keras():
    # keras.optimizers.schedules.ExponentialDecay: decay_rate ^ (step / decay_steps), rounded down with staircase=True
    theirs = [0.9 ** (step // PER_EPOCH) for step in range(STEPS)]
    assert factors(hs.ExponentialDecay(0.9)) == pytest.approx(theirs, **CLOSE)


def test_cosine_is_cosine_decay_of_keras():
    # keras.optimizers.schedules.CosineDecay: (1 - alpha) * 0.5 * (1 + cos(pi * step / decay_steps)) + alpha
    theirs = [0.9 * 0.5 * (1.0 + math.cos(math.pi * step / STEPS)) + 0.1 for step in range(STEPS)]
    assert factors(hs.Cosine(0.1)) == pytest.approx(theirs, **CLOSE)


def test_moving_average_is_that_of_tensorflow():
    # tf.train.ExponentialMovingAverage(decay, num_updates): decay' = min(decay, (1 + num_updates) / (10 + num_updates));
    # shadow = decay' * shadow + (1 - decay') * variable
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3))
    average = hs.ExponentialMovingAverage(0.7)
    average.start(values[0])
    shadow = values[0].copy()
    for step, variable in enumerate(values[1:], 1):
        average.update(variable, step)
        decay = min(0.7, (1 + step) / (10 + step))
        shadow = decay * shadow + (1 - decay) * variable
        np.testing.assert_allclose(average.vector, shadow, rtol=0, atol=1e-14)


def test_moving_average_is_that_of_torch_after_the_first_steps(torch):
    from torch.optim.swa_utils import get_ema_avg_fn

    rng = np.random.default_rng(1)
    average, theirs = hs.ExponentialMovingAverage(0.7), get_ema_avg_fn(0.7)
    average.start(np.zeros(3))
    shadow = torch.zeros(3, dtype=torch.float64)
    for step in range(20, 60):  # from step 20 on (1 + t)/(10 + t) is above 0.7
        values = rng.normal(size=3)
        average.update(values, step)
        shadow = theirs(shadow, torch.from_numpy(values), step)
        np.testing.assert_allclose(average.vector, shadow.numpy(), rtol=0, atol=1e-14)


def clipped_by_torch(torch, clip, gradient, limit):
    parameter = torch.nn.Parameter(torch.zeros(len(gradient), dtype=torch.float64))
    parameter.grad = torch.from_numpy(gradient.copy())
    clip([parameter], limit)
    return parameter.grad.numpy()


@pytest.mark.parametrize("limit", [0.5, 2.0, 1000.0])
def test_clips_are_those_of_torch(torch, limit):
    gradient = np.random.default_rng(2).normal(size=50)
    norm = float(np.linalg.norm(gradient))
    by_norm, by_value = gradient.copy(), gradient.copy()
    hs.ClipNorm(limit)(by_norm, norm)
    hs.ClipValue(limit)(by_value, norm)
    # PyTorch divides by the norm + 1e-6, so that what it clips is shorter than the limit by that part.
    shorter = norm / (norm + 1e-6) if norm > limit else 1.0
    theirs = clipped_by_torch(torch, torch.nn.utils.clip_grad_norm_, gradient, limit)
    np.testing.assert_allclose(by_norm * shorter, theirs, rtol=1e-13)
    np.testing.assert_array_equal(by_value, clipped_by_torch(torch, torch.nn.utils.clip_grad_value_, gradient, limit))


def test_penalty_is_half_of_that_of_keras():
    # keras.regularizers.L1L2: l1 * sum(|w|) + l2 * sum(w²)
    w, gradient = np.random.default_rng(3).normal(size=20), np.zeros(20)
    value = hs.Penalty(l1=0.3, l2=2 * 0.2)(w, [slice(0, 20)], gradient)
    assert value == pytest.approx(0.3 * np.abs(w).sum() + 0.2 * (w**2).sum(), rel=1e-13)
    np.testing.assert_allclose(gradient, 0.3 * np.sign(w) + 2 * 0.2 * w, rtol=1e-13)
