"""How a peer's sample is judged: it is equal, it differs, or handspun cannot express it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

import handspun as hs

EQUAL, DIFFERS, NOT_EXPRESSIBLE = "equal", "differs", "not expressible"

#: What an adapter gives for one sample: the name of each result, ours, and theirs.
Pairs = Iterable[tuple[str, np.ndarray | float, np.ndarray | float]]


class NotExpressibleError(Exception):
    """Raised by an adapter for a sample that handspun has no layer, loss, optimizer or argument for."""


@dataclass(frozen=True)
class Verdict:
    """What became of one sample; ``why`` is the reason, or how far the results are apart."""

    sample: str
    kind: str
    why: str = ""


def judge(sample: str, compare: Callable[[], Pairs], tolerance: float) -> Verdict:
    """Compare each pair: equal up to ``tolerance`` times the largest value of theirs, or times 1 where that is smaller."""
    try:
        pairs = list(compare())
    except NotExpressibleError as reason:
        return Verdict(sample, NOT_EXPRESSIBLE, str(reason))
    assert pairs, f"{sample}: the adapter compared nothing."
    for name, ours, theirs in pairs:
        ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        if ours.shape != theirs.shape:
            return Verdict(sample, DIFFERS, f"{name} has shape {ours.shape}, theirs {theirs.shape}")
        finite = np.abs(theirs[np.isfinite(theirs)])
        if not np.allclose(ours, theirs, rtol=0.0, atol=tolerance * max(1.0, finite.max(initial=0.0)), equal_nan=True):
            apart = np.max(np.abs(ours - theirs))
            return Verdict(sample, DIFFERS, f"{name} is off by {apart:.3g}")
    return Verdict(sample, EQUAL)


def unexpected(verdicts: Iterable[Verdict], differences: Mapping[str, str]) -> list[str]:
    """One line for each sample that differs without standing in the table, or that stands in it without differing."""
    lines = []
    for verdict in verdicts:
        listed = any(fnmatchcase(verdict.sample, pattern) for pattern in differences)
        if listed != (verdict.kind == DIFFERS):
            where = "stands" if listed else "does not stand"
            lines.append(f"{verdict.sample}: {verdict.kind} ({verdict.why}), and {where} in DIFFERENCES")
    return lines


def unused(verdicts: Iterable[Verdict], differences: Mapping[str, str]) -> list[str]:
    """The patterns of the table that match no sample."""
    samples = [verdict.sample for verdict in verdicts]
    return [pattern for pattern in differences if not any(fnmatchcase(sample, pattern) for sample in samples)]


def reasons(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many samples are not expressible, by reason."""
    return dict(Counter(verdict.why for verdict in verdicts if verdict.kind == NOT_EXPRESSIBLE))


def number_of(kind: str, verdicts: Iterable[Verdict]) -> int:
    """How many samples have this verdict."""
    return sum(verdict.kind == kind for verdict in verdicts)


@dataclass(frozen=True)
class Pass:
    """The results of a pass through one layer; gradients are empty where no ``dy`` was given."""

    y: np.ndarray
    dx: np.ndarray
    gradient: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]


def run_layer(
    layer: hs.Layer,
    x: np.ndarray,
    parameters: Mapping[str, np.ndarray] | None = None,
    *,
    statistics: Mapping[str, np.ndarray] | None = None,
    training: bool = False,
    dy: np.ndarray | None = None,
) -> Pass:
    """A pass of x (N, …) through ``layer`` in float64, and back with ``dy``."""
    network = hs.Sequential([layer], x.shape[1:], dtype=np.float64)
    for name, values in (parameters or {}).items():
        network.parameters[f"{layer.name}.{name}"][...] = values
    for name, values in (statistics or {}).items():
        network.statistics[f"{layer.name}.{name}"][...] = values
    tape = network.tape(training=training, rng=np.random.default_rng(0), input_gradient=dy is not None)
    y = network.forward(np.ascontiguousarray(x, np.float64), tape).copy()
    if training:
        network.update_statistics(tape.statistics)
    kept = {name.partition(".")[2]: values for name, values in network.statistics.items()}
    if dy is None:
        return Pass(y, np.empty(0), {}, kept)
    dx = network.backward(np.ascontiguousarray(dy, np.float64), tape)
    assert dx is not None
    return Pass(y, dx, {name.partition(".")[2]: values for name, values in tape.gradient.items()}, kept)


def run_loss(
    loss: hs.Loss, outputs: np.ndarray, targets: np.ndarray, reduction: str = "mean", sample_weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Value and gradient (N, C) of the loss of outputs (N, C), reduced as the peers do it.

    Theirs is also a sum, which is the mean times the total weight, or one value a sample ("none"): then each sample is a
    batch of its own, and the gradient is that of each sample's own value.
    """
    if reduction == "none":
        one = [slice(n, n + 1) for n in range(len(outputs))]
        weights = [None if sample_weight is None else sample_weight[n] for n in one]
        each = [run_loss(loss, outputs[n], targets[n], "sum", w) for n, w in zip(one, weights, strict=True)]
        return np.array([value for value, _ in each]), np.concatenate([gradient for _, gradient in each])
    value, gradient = loss(outputs, targets, sample_weight)
    total = loss.total_weight(targets, sample_weight) if reduction == "sum" else 1.0
    return np.asarray(value * total), gradient * total
