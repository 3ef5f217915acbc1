"""How the learning rate changes during training.

A schedule gives a factor for the optimizer's learning rate. It sees only the number of the step, from 0, and the length of the
whole training.
"""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from handspun.checks import known, number, whole_number
from handspun.errors import UsageError, unknown_name


@dataclass(frozen=True)
class Horizon:
    """The length of a training: all its steps, and the steps of one epoch."""

    total_steps: int
    steps_per_epoch: int


@dataclass(frozen=True)
class Schedule(abc.ABC):
    """The factor of the learning rate by step."""

    @abc.abstractmethod
    def factor(self, step: int, horizon: Horizon) -> float:
        """The factor for step ``step``, 0 <= step < horizon.total_steps."""

    def config(self) -> dict[str, Any]:
        """Name and settings, as a run's configuration stores them."""
        names = {kind: name for name, kind in SCHEDULES.items()}
        return {"name": names.get(type(self), type(self).__name__), **vars(self)}


@dataclass(frozen=True)
class Constant(Schedule):
    """Always 1."""

    def factor(self, step: int, horizon: Horizon) -> float:
        return 1.0


class _Checked(Schedule):
    """A schedule whose settings pass ``_CHECKS``. Raises UsageError for one that does not."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, _CHECKS[name](type(self).__name__, name, value))


@dataclass(frozen=True)
class InverseTimeDecay(_Checked):
    """1/(1 + decay · t): the classical schedule of stochastic approximation (Robbins and Monro 1951).

    Args:
        decay: how fast, not negative; Keras's decay_rate r over decay_steps s is r/s.
        unit: what t counts, "step" or "epoch".
    """

    decay: float
    unit: str = "step"

    def factor(self, step: int, horizon: Horizon) -> float:
        return 1.0 / (1.0 + self.decay * _time(self.unit, step, horizon))


@dataclass(frozen=True)
class StepDecay(_Checked):
    """rate^⌊t/every⌋: constant for a while, then a drop.

    Our own defaults halve the rate every ten epochs; PyTorch's StepLR takes a tenth by default, at a time without a default.

    Args:
        rate: the factor of each drop, above 0 and at most 1.
        every: the time between drops, at least 1.
        unit: what t counts, "step" or "epoch".
    """

    rate: float = 0.5
    every: int = 10
    unit: str = "epoch"

    def factor(self, step: int, horizon: Horizon) -> float:
        return self.rate ** (_time(self.unit, step, horizon) // self.every)


@dataclass(frozen=True)
class ExponentialDecay(_Checked):
    """rate^t. The default is our own, 5 % less after each epoch; PyTorch and Keras have none.

    Args:
        rate: the factor of each unit of time, above 0 and at most 1.
        unit: what t counts, "step" or "epoch".
    """

    rate: float = 0.95
    unit: str = "epoch"

    def factor(self, step: int, horizon: Horizon) -> float:
        return self.rate ** _time(self.unit, step, horizon)


@dataclass(frozen=True)
class Cosine(_Checked):
    """final + (1 - final) · (1 + cos(π t/T))/2 over all T steps. Loshchilov and Hutter 2017, arXiv:1608.03983.

    Args:
        final: the factor at the end, from 0 to 1.
    """

    final: float = 0.0

    def factor(self, step: int, horizon: Horizon) -> float:
        return self.final + (1.0 - self.final) * _cosine(step / max(horizon.total_steps, 1))


@dataclass(frozen=True)
class OneCycle(_Checked):
    """Up from ``initial`` to 1 and down to ``final``. Smith and Topin 2018, arXiv:1708.07120.

    Their ramps are straight lines; those along a cosine, as here, are fastai's and PyTorch's. The defaults are PyTorch's but
    for ``final``, which is relative to the highest rate, not to the initial one. PyTorch's reaches the highest and the
    lowest rate one step earlier, and also changes the momentum.

    Args:
        warmup: the share of the training that goes up, from 0 to 1.
        initial: the factor at the start, from 0 to 1.
        final: the factor at the end, from 0 to 1.
    """

    warmup: float = 0.3
    initial: float = 0.04
    final: float = 0.0001

    def factor(self, step: int, horizon: Horizon) -> float:
        top = self.warmup * horizon.total_steps
        if step < top:
            return 1.0 - (1.0 - self.initial) * _cosine(step / top)
        return self.final + (1.0 - self.final) * _cosine((step - top) / max(horizon.total_steps - top, 1e-9))


@dataclass(frozen=True)
class Warmup(_Checked):
    """A linear rise from 1/steps to 1 over the first ``steps`` steps, then the schedule ``then`` for the rest.

    PyTorch's LinearLR begins with a third by default, and reaches 1 one step later.

    Args:
        steps: the length of the rise, at least 1.
        then: the schedule that follows; its step 0 is the first step after the rise.
    """

    steps: int
    then: Schedule

    def factor(self, step: int, horizon: Horizon) -> float:
        if step < self.steps:
            return (step + 1) / self.steps
        rest = Horizon(max(horizon.total_steps - self.steps, 1), horizon.steps_per_epoch)
        return self.then.factor(step - self.steps, rest)

    def config(self) -> dict[str, Any]:
        return {**self.then.config(), "warmup_steps": self.steps}


def _time(unit: str, step: int, horizon: Horizon) -> int:
    """The time t in steps or in whole epochs."""
    return step if unit == "step" else step // horizon.steps_per_epoch


def _cosine(progress: float) -> float:
    """From 1 down to 0 as ``progress`` goes from 0 to 1."""
    return 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


def _unit(owner: str, name: str, value: Any) -> str:
    if value not in ("step", "epoch"):
        raise UsageError(f'{owner}: unit must be "step" or "epoch", got {value!r}.')
    return value


def _then(owner: str, name: str, value: Any) -> Schedule:
    if not isinstance(value, Schedule) or isinstance(value, Warmup):
        raise UsageError(f"{owner}: then must be a schedule that does not itself begin with a rise, got {value!r}.")
    return value


_share = partial(number, holds=lambda v: 0 <= v <= 1, what="a number from 0 to 1")
_rate = partial(number, holds=lambda v: 0 < v <= 1, what="a number above 0 and at most 1")
_decay = partial(number, holds=lambda v: 0 <= v < math.inf, what="finite and not negative")
_count = partial(whole_number, least=1)

#: The check of each setting.
_CHECKS: dict[str, Callable[[str, str, Any], Any]] = {
    "decay": _decay,
    "rate": _rate,
    "every": _count,
    "unit": _unit,
    "final": _share,
    "initial": _share,
    "warmup": _share,
    "steps": _count,
    "then": _then,
}

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "inverse-time": InverseTimeDecay,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "cosine": Cosine,
    "one-cycle": OneCycle,
}


def schedule_by_name(name: str, *, warmup_steps: int = 0, **settings: Any) -> Schedule:
    """A schedule from its name and settings. Raises UsageError for a name or setting that does not exist."""
    kind = known("schedule", name, SCHEDULES)
    fields = kind.__dataclass_fields__
    for setting in settings:
        if setting not in fields:
            raise unknown_name(f"setting of the schedule {name}", setting, [*fields, "warmup_steps"])
    try:
        schedule = kind(**settings)
    except TypeError as error:
        raise UsageError(f"The schedule {name} needs its setting {', '.join(fields)}.") from error
    return Warmup(warmup_steps, schedule) if warmup_steps else schedule
