"""Checks of what a plot is asked to show, before it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handspun.errors import UsageError

Values = NDArray[np.float64]


def same_length(**named: Any) -> None:
    """Raises UsageError unless all the named sequences have the same length."""
    try:
        lengths = {name: len(values) for name, values in named.items()}
    except TypeError:
        raise UsageError(f"{', '.join(named)} must be lists or arrays.") from None
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        raise UsageError(f"The lengths differ: {told}. They must be equal.")


def numbers(name: str, values: ArrayLike) -> Values:
    """``values`` (n,) as float64, with None as NaN."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f'"{name}" must be a list of numbers.') from None
    if array.ndim != 1:
        raise UsageError(f'"{name}" must be one list of numbers, not an array of shape {array.shape}.')
    return array


def history_column(history: Mapping[str, Sequence[float]], key: str) -> Values:
    """The values (epochs,) under ``key``, as many as under "epoch"."""
    for wanted in ("epoch", key):
        if wanted not in history:
            raise UsageError(f'The history has no "{wanted}". It has: {", ".join(sorted(history)) or "nothing"}.')
    if len(history["epoch"]) == 0:
        raise UsageError("The history is empty: no epoch has ended.")
    same_length(**{'"epoch"': history["epoch"], f'"{key}"': history[key]})
    return numbers(key, history[key])


def class_indices(name: str, values: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    """``values`` (n,) as indices into ``classes``."""
    array = np.asarray(values)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        raise UsageError(f'"{name}" must be one list of class numbers (integers).')
    array = array.astype(np.int64)
    if array.size and (array.min() < 0 or array.max() >= len(classes)):
        wrong = int(array[(array < 0) | (array >= len(classes))][0])
        raise UsageError(f'"{name}" holds the class {wrong}, but the classes go from 0 to {len(classes) - 1}.')
    return array


def shares(name: str, values: ArrayLike, ndim: int) -> Values:
    """``values`` as float64 of ``ndim`` dimensions, all between 0 and 1."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise UsageError(f'"{name}" must have {ndim} dimension{"s" * (ndim > 1)}, not the shape {array.shape}.')
    # Rounding can bring a softmax in float32 slightly above 1.
    if array.size and not (array.min() >= -1e-5 and array.max() <= 1 + 1e-5):
        raise UsageError(f'"{name}" must be probabilities from 0 to 1. Logits need a softmax first.')
    return np.clip(array, 0, 1)
