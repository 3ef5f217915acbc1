"""Is this argument valid? Each check returns the value or raises a UsageError that says what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from handspun.errors import UsageError, unknown_name

_T = TypeVar("_T")


def whole_number(owner: str, name: str, value: Any, *, least: int) -> int:
    """``value`` if it is a whole number, at least ``least``, or a UsageError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        bound = "above 0" if least == 1 else f"from {least} on"
        raise UsageError(f"{owner}: {name} must be a whole number {bound}, got {value!r}.")
    return int(value)


def positive_integer(owner: str, name: str, value: Any) -> int:
    """``value`` if it is a whole number above 0, or a UsageError."""
    return whole_number(owner, name, value, least=1)


def number_in(owner: str, name: str, value: Any, low: float, high: float, kinds: Iterable[type] = (int, float)) -> float:
    """``value`` if it is a number with low <= value < high, or a UsageError."""
    if isinstance(value, bool) or not isinstance(value, (*kinds, np.number)) or not low <= float(value) < high:
        raise UsageError(f"{owner}: {name} must be a number from {low} up to (not including) {high}, got {value!r}.")
    return float(value)


def in_a_row(name: str, value: Any, example: str) -> tuple[Any, ...]:
    """The values of a list or the like; UsageError for a single number."""
    try:
        return tuple(value)
    except TypeError:
        raise UsageError(f"{name} must be whole numbers in a row, such as {example}; got {value!r}.") from None


def known(kind: str, name: Any, table: Mapping[str, _T]) -> _T:
    """``table[name]``, or a UsageError with the nearest right name."""
    if name not in table:
        raise unknown_name(kind, str(name), table)
    return table[name]
