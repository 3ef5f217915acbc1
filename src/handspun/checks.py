"""Is this argument valid? Each check returns the value or raises a UsageError that says what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from handspun.errors import UsageError


def positive_integer(owner: str, name: str, value: Any) -> int:
    """``value`` if it is a whole number above 0, or a UsageError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise UsageError(f"{owner}: {name} must be a whole number above 0, got {value!r}.")
    return int(value)


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


def array(name: str, value: Any) -> np.ndarray:
    """``value`` as an array: lists, pandas objects, masked arrays without a masked value.

    Raises:
        UsageError: values are masked, rows differ in length, or the object (a sparse matrix, a set) is no array.
    """
    if np.ma.is_masked(value):
        raise UsageError(f"{name} has masked values. Leave these rows out, or fill them: {name}.filled(…).")
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        raise UsageError(
            f"{name} cannot be read as one array; got {type(value).__name__}. Are all rows equally long?"
        ) from None
    if found.dtype == object and found.ndim and found.size:  # such as pandas' integers, or Python's in a table of text
        found = np.array(found.tolist()) if all(isinstance(item, (int, np.integer)) for item in found.flat) else found
    if found.dtype == object and not found.ndim:
        raise UsageError(f"{name} must be an array or a list, got {type(value).__name__}; a sparse matrix: {name}.toarray().")
    return found


def labels(value: Any, count: int, classes: int | None = None, *, name: str = "labels", owner: str = "") -> np.ndarray:
    """Class indices as an array (count,) of intp.

    Args:
        value: whole numbers or booleans, (count,) or a column (count, 1): an array, a list, a pandas Series.
        count: how many there must be: one an image, at least one.
        classes: labels are below it; None for no limit.
        name: what the caller calls them, for the message.
        owner: what they belong to ("train"), with which the message then begins.

    Raises:
        UsageError: there are no images, or the labels are of another length or type, negative or out of range. Floats are
            refused even where they are whole, because for ``fit`` floats are numbers to predict, not classes.
    """
    found = array(name, value)
    where = owner and f"{owner}: "
    expected = f"{where}{count} images need {count} whole numbers as {name}"
    if not count:
        raise UsageError(f"{expected}: there are no images.")
    kind = found.dtype.kind
    if found.ndim == 2 and found.shape[1] > 1 and len(found) == count and kind in "iubf":
        raise UsageError(f"{expected}, got {found.shape}. If each row marks its class: {name}.argmax(axis=1).")
    if found.shape not in ((count,), (count, 1)):
        raise UsageError(f"{expected}, got the shape {found.shape}.")
    if kind in "USOT":
        raise UsageError(f"{expected}, got text or objects such as {found.flat[0]!r}. Write the index of each in your classes.")
    if kind not in "iub":
        whole = kind == "f" and np.isfinite(found).all() and (found == np.rint(found)).all()
        raise UsageError(f"{expected}, got {found.dtype}." + (f" Write {name}.astype(int)." if whole else ""))
    low, high = int(found.min()), int(found.max())
    if low < 0 or high >= (np.iinfo(np.intp).max if classes is None else classes):
        known = "classes are counted from 0" if classes is None else f"the classes are 0 to {classes - 1}"
        raise UsageError(f"{where}label {low if low < 0 else high} is out of range; {known}.")
    return found.reshape(count).astype(np.intp)
