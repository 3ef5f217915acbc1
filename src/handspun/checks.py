"""Is this argument valid? Each check returns the value or raises a UsageError that says what to write instead."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from handspun.errors import UsageError, unknown_name

_T = TypeVar("_T")


def whole_number(owner: str, name: str, value: Any, *, least: int) -> int:
    """``value`` if it is a whole number, at least ``least``, or a UsageError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        bound = "above 0" if least == 1 else f"from {least} on"
        raise UsageError(f"{owner}{': ' if owner else ''}{name} must be a whole number {bound}, got {value!r}.")
    return int(value)


def positive_integer(owner: str, name: str, value: Any) -> int:
    """``value`` if it is a whole number above 0, or a UsageError."""
    return whole_number(owner, name, value, least=1)


def number(owner: str, name: str, value: Any, holds: Callable[[float], bool], what: str) -> float:
    """``value`` as a float if it is a number for which ``holds`` is true, or a UsageError that says ``what`` it must be."""
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # a whole number beyond all floats
            if holds(float(value)):
                return float(value)
    raise UsageError(f"{owner}: {name} must be {what}, got {value!r}.")


def number_in(owner: str, name: str, value: Any, low: float, high: float) -> float:
    """``value`` if it is a number with low <= value < high, or a UsageError."""
    what = f"a finite number from {low} on" if high == math.inf else f"a number from {low} up to (not including) {high}"
    return number(owner, name, value, lambda v: low <= v < high, what)


def positive_number(owner: str, name: str, value: Any) -> float:
    """``value`` if it is a finite number above 0, or a UsageError."""
    return number(owner, name, value, lambda v: 0 < v < math.inf, "above 0 and finite")


def true_or_false(owner: str, name: str, value: Any) -> bool:
    """``value`` if it is True or False, or a UsageError."""
    if not isinstance(value, (bool, np.bool_)):
        raise UsageError(f"{owner}: {name} must be True or False, got {value!r}.")
    return bool(value)


def in_a_row(name: str, value: Any, example: str) -> tuple[Any, ...]:
    """The values of a list or the like; UsageError for a single number."""
    try:
        return tuple(value)
    except TypeError:
        raise UsageError(f"{name} must be whole numbers in a row, such as {example}; got {value!r}.") from None


def known(kind: str, name: Any, table: Mapping[str, _T]) -> _T:
    """``table[name]``, or a UsageError with the nearest right name."""
    if not isinstance(name, str) or name not in table:
        raise unknown_name(kind, str(name), table)
    return table[name]


def of_kind(name: str, value: Any, kind: type[_T]) -> _T | None:
    """``value`` if it is a ``kind``, or None; otherwise a UsageError."""
    if value is None or isinstance(value, kind):
        return value
    what = f"the class {value.__name__}: make one, {value.__name__}(…)" if isinstance(value, type) else repr(value)
    raise UsageError(f"{name}: {kind.__name__} was expected, got {what}.")


def plain_array(name: str, value: Any) -> np.ndarray:
    """``value`` as a NumPy array of numbers, booleans or text; a UsageError if something would be lost or guessed.

    Lists, pandas objects and arrays of any library that NumPy can read become arrays. Masked arrays would lose their mask,
    sparse matrices become objects, complex numbers lose a part, and structured arrays have no order: those are refused.
    """
    if type(value) is np.ndarray and value.dtype.kind in "biuf" and value.dtype.isnative:
        return value  # the usual case; it must be fast, because a single image is answered in some 30 µs
    parts = value if isinstance(value, (list, tuple)) else (value,)
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise UsageError(f"{name}: a masked array would lose its mask. Fill it, array.filled(0), or leave those rows out.")
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise UsageError(f"{name}: a sparse matrix must be a plain array here: matrix.toarray().")
    try:
        array = np.asarray(value)
        if array.dtype == object:
            array = np.asarray(array.tolist())  # objects that are numbers or text, as in pandas
    except ValueError as error:
        raise UsageError(f"{name}: the rows differ in length, so they are not an array ({error}).") from error
    except Exception as error:  # a tensor on a GPU, and whatever other libraries raise
        raise UsageError(f"{name}: NumPy cannot make an array of this {type(value).__name__} ({error}).") from error
    if array.dtype.kind == "c":
        raise UsageError(f"{name}: complex numbers cannot be used; take their real part or size: array.real, abs(array).")
    if array.dtype.names:
        raise UsageError(
            f"{name}: a structured array with the fields {', '.join(array.dtype.names)} is not an array of numbers. "
            "Convert it: numpy.lib.recfunctions.structured_to_unstructured."
        )
    if array.dtype.kind not in "biufUS":
        raise UsageError(f"{name}: an array of {array.dtype} cannot be used. Convert it to numbers first: array.astype(float).")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def sample_weight(value: Any, count: int) -> np.ndarray | None:
    """The weights of ``count`` samples as float64 (count,), or None. UsageError unless finite and not negative."""
    if value is None:
        return None
    weight = plain_array("sample_weight", value)
    if weight.shape != (count,) or weight.dtype.kind not in "biuf" or not (np.isfinite(weight) & (weight >= 0)).all():
        raise UsageError(f"sample_weight must be {count} finite numbers, none negative.")
    return weight.astype(np.float64)


def labels(value: Any, count: int | None, classes: int | None = None, *, name: str = "labels", owner: str = "") -> np.ndarray:
    """Class indices as an array (count,) of intp.

    Args:
        value: whole numbers or booleans, (count,) or a column (count, 1): an array, a list, a pandas Series.
        count: how many there must be: one per image, at least one; None for as many as there are.
        classes: labels must be below it; None for no limit.
        name: what the caller calls them, for the message.
        owner: what they belong to ("train"): the message begins with it.

    Raises:
        UsageError: there are no images, or the labels are of another length or type, negative or out of range. Floats are
            refused even if they are whole, because for ``fit`` floats are numbers to predict, not classes.
    """
    where = f"{owner}: " if owner else ""
    found = plain_array(f"{where}{name}", value)
    count = len(found) if count is None and found.ndim else count or 0
    expected = f"{where}{count} images need {count} whole numbers as {name}"
    kind = found.dtype.kind
    if not count:
        raise UsageError(f"{expected}: there are no images.")
    if found.ndim == 2 and found.shape[1] > 1 and len(found) == count and kind in "iubf":
        raise UsageError(f"{expected}, got {found.shape}. If each row marks its class: {name}.argmax(axis=1).")
    if found.shape not in ((count,), (count, 1)):
        raise UsageError(f"{expected}, got the shape {found.shape}.")
    if kind in "US":
        raise UsageError(
            f"{expected}, got text such as {str(found.flat[0])!r}. Give each name's index in your list of classes."
        )
    if kind == "f":
        whole = np.isfinite(found).all() and (found == np.rint(found)).all()
        advice = f"Write {name}.astype(int)." if whole else "Leave out the rows without a whole number."
        raise UsageError(f"{expected}, got {found.dtype}. {advice}")
    low, high = int(found.min()), int(found.max())
    if low < 0 or high >= (np.iinfo(np.intp).max if classes is None else classes):
        known = "classes are counted from 0" if classes is None else f"the classes are 0 to {classes - 1}"
        raise UsageError(f"{where}label {low if low < 0 else high} is out of range; {known}.")
    return found.reshape(count).astype(np.intp)


def byte_pictures(owner: str, images: Any, *, channels: tuple[int, ...] = (), single: bool = False) -> np.ndarray:
    """``images`` as an array, if they are pictures of at least one pixel, uint8; otherwise a UsageError.

    Args:
        owner: what takes them, for the message.
        images: (N, H, W) or (N, H, W, C); (H, W) or (H, W, C) if ``single``.
        channels: the values of C that are allowed; () for any.
        single: whether it is one picture, not a batch.
    """
    array = plain_array(owner, images)
    sizes = array.shape if single else array.shape[1:]
    if (
        array.dtype != np.uint8
        or len(sizes) not in (2, 3)
        or 0 in sizes
        or (channels and sizes[2:] and sizes[2] not in channels)
    ):
        axes = "H, W" if single else "N, H, W"
        noun = "one uint8 picture" if single else "uint8 pictures"
        allowed = f" with {' or '.join(', '.join(map(str, channels)).rsplit(', ', 1))} channels" if channels else ""
        raise UsageError(f"{owner} takes {noun} ({axes}) or ({axes}, C){allowed}, got {array.dtype} {array.shape}.")
    return array
