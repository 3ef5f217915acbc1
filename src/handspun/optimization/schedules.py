"""How the learning rate changes in the course of training.

A schedule gives a factor for the optimizer's learning rate; it sees the number of the step, from 0, and the length of the
whole training, nothing else.
"""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import Any

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
        """Name and settings, as they are written into a run's configuration."""
        names = {kind: name for name, kind in SCHEDULES.items()}
        return {"name": names.get(type(self), type(self).__name__), **vars(self)}

    def _require(self, condition: bool, what: str) -> None:
        if not condition:
            raise UsageError(f"{type(self).__name__}: {what}; got {vars(self)}.")


def _clock(unit: str, step: int, horizon: Horizon) -> int:
    """The time t in steps or in whole epochs."""
    return step if unit == "step" else step // horizon.steps_per_epoch


@dataclass(frozen=True)
class Constant(Schedule):
    """Always 1."""

    def factor(self, step: int, horizon: Horizon) -> float:
        return 1.0


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """1/(1 + decay · t): the classical schedule of stochastic approximation (Robbins and Monro 1951).

    Args:
        decay: how fast, not negative.
        unit: what t counts, "step" or "epoch".
    """

    decay: float
    unit: str = "step"

    def __post_init__(self) -> None:
        self._require(0 <= self.decay < math.inf, "decay must be finite and not negative")
        self._require(self.unit in ("step", "epoch"), 'unit must be "step" or "epoch"')

    def factor(self, step: int, horizon: Horizon) -> float:
        return 1.0 / (1.0 + self.decay * _clock(self.unit, step, horizon))


@dataclass(frozen=True)
class StepDecay(Schedule):
    """rate^⌊t/every⌋: constant for a while, then a drop.

    Args:
        rate: the factor of each drop, above 0 and at most 1.
        every: the time between drops, at least 1.
        unit: what t counts, "step" or "epoch".
    """

    rate: float = 0.5
    every: int = 10
    unit: str = "epoch"

    def __post_init__(self) -> None:
        self._require(0 < self.rate <= 1, "rate must be above 0 and at most 1")
        self._require(self.every >= 1, "every must be at least 1")
        self._require(self.unit in ("step", "epoch"), 'unit must be "step" or "epoch"')

    def factor(self, step: int, horizon: Horizon) -> float:
        return self.rate ** (_clock(self.unit, step, horizon) // self.every)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """rate^t.

    Args:
        rate: the factor of each unit of time, above 0 and at most 1.
        unit: what t counts, "step" or "epoch".
    """

    rate: float = 0.95
    unit: str = "epoch"

    def __post_init__(self) -> None:
        self._require(0 < self.rate <= 1, "rate must be above 0 and at most 1")
        self._require(self.unit in ("step", "epoch"), 'unit must be "step" or "epoch"')

    def factor(self, step: int, horizon: Horizon) -> float:
        return self.rate ** _clock(self.unit, step, horizon)


def _cosine(progress: float) -> float:
    """From 1 down to 0 as ``progress`` goes from 0 to 1."""
    return 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


@dataclass(frozen=True)
class Cosine(Schedule):
    """final + (1 - final) · (1 + cos(π t/T))/2 over all T steps. Loshchilov and Hutter 2017, arXiv:1608.03983.

    Args:
        final: the factor at the end, from 0 to 1.
    """

    final: float = 0.0

    def __post_init__(self) -> None:
        self._require(0 <= self.final <= 1, "final must be from 0 to 1")

    def factor(self, step: int, horizon: Horizon) -> float:
        return self.final + (1.0 - self.final) * _cosine(step / max(horizon.total_steps, 1))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from ``initial`` to 1 and down to ``final``. Smith and Topin 2018, arXiv:1708.07120.

    Their ramps are straight lines; those along a cosine, as here, are fastai's and PyTorch's.

    Args:
        warmup: the share of the training that goes up, from 0 to 1.
        initial: the factor at the start.
        final: the factor at the end.
    """

    warmup: float = 0.3
    initial: float = 0.04
    final: float = 0.0001

    def __post_init__(self) -> None:
        self._require(0 <= self.warmup <= 1, "warmup must be from 0 to 1")
        self._require(0 <= self.initial <= 1 and 0 <= self.final <= 1, "initial and final must be from 0 to 1")

    def factor(self, step: int, horizon: Horizon) -> float:
        top = self.warmup * horizon.total_steps
        if step < top:
            return 1.0 - (1.0 - self.initial) * _cosine(step / top)
        return self.final + (1.0 - self.final) * _cosine((step - top) / max(horizon.total_steps - top, 1e-9))


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear rise from 1/steps to 1 over the first ``steps`` steps, then the schedule ``then`` with what is left.

    Args:
        steps: the length of the rise, at least 1.
        then: the schedule that follows; its step 0 is the first step after the rise.
    """

    steps: int
    then: Schedule

    def __post_init__(self) -> None:
        self._require(self.steps >= 1, "steps must be at least 1")
        self._require(not isinstance(self.then, Warmup), "what follows must not begin with a rise of its own")

    def factor(self, step: int, horizon: Horizon) -> float:
        if step < self.steps:
            return (step + 1) / self.steps
        rest = Horizon(max(horizon.total_steps - self.steps, 1), horizon.steps_per_epoch)
        return self.then.factor(step - self.steps, rest)

    def config(self) -> dict[str, Any]:
        return {**self.then.config(), "warmup_steps": self.steps}


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "inverse-time": InverseTimeDecay,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "cosine": Cosine,
    "one-cycle": OneCycle,
}


def schedule_by_name(name: str, *, warmup_steps: int = 0, **settings: Any) -> Schedule:
    """A schedule from its name and settings; UsageError for a name or a setting that does not exist."""
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    known = SCHEDULES[name].__dataclass_fields__
    for setting in settings:
        if setting not in known:
            raise unknown_name(f"setting of the schedule {name}", setting, [*known, "warmup_steps"])
    try:
        schedule = SCHEDULES[name](**settings)
    except TypeError as error:
        raise UsageError(f"The schedule {name} needs its setting {', '.join(known)}.") from error
    return Warmup(warmup_steps, schedule) if warmup_steps else schedule
