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


def of_kind(name: str, value: Any, kind: type) -> None:
    """UsageError unless ``value`` is a ``kind``, or None."""
    if value is None or isinstance(value, kind):
        return
    what = f"the class {value.__name__}: make one, {value.__name__}(…)" if isinstance(value, type) else repr(value)
    raise UsageError(f"{name}: {kind.__name__} was expected, got {what}.")


def plain_array(name: str, value: Any) -> np.ndarray:
    """``value`` as a NumPy array of numbers, booleans or text; a UsageError where something would be lost or guessed on the way.

    Lists, pandas objects and arrays of any library that NumPy can read become arrays. Masked arrays would lose their mask, sparse
    matrices become objects, complex numbers lose a part, structured arrays have no order of their own: those are refused.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise UsageError(
            f"{name}: a masked array would lose its mask. Fill it first: array.filled(0), or leave those rows out."
        )
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise UsageError(f"{name}: a sparse matrix must be a plain array here: matrix.toarray().")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise UsageError(f"{name}: the rows are not of one length, so that they make no array ({error}).") from error
    if array.dtype.kind == "c":
        raise UsageError(f"{name}: complex numbers cannot be used; take their real part or their size: array.real, abs(array).")
    if array.dtype.names:
        raise UsageError(
            f"{name}: a structured array with the fields {', '.join(array.dtype.names)} is not an array of numbers. "
            "numpy.lib.recfunctions.structured_to_unstructured makes one of it."
        )
    if array.dtype.kind not in "biufUS":
        raise UsageError(
            f"{name}: an array of {array.dtype} cannot be used. Make it one of numbers first: array.astype(float)."
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def sample_weight(value: Any, count: int) -> np.ndarray | None:
    """Weights of ``count`` samples as float64, (count,); None stays None. UsageError unless finite and not negative."""
    if value is None:
        return None
    weight = plain_array("sample_weight", value)
    if weight.shape != (count,) or weight.dtype.kind not in "biuf" or not (np.isfinite(weight) & (weight >= 0)).all():
        raise UsageError(f"sample_weight must be {count} finite numbers, none negative.")
    return weight.astype(np.float64)
