"""Is this argument valid? Each check returns the value or raises a UsageError that says what to write instead."""

from __future__ import annotations

import math
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
        limits = f"finite number from {low} on" if high == math.inf else f"number from {low} up to (not including) {high}"
        raise UsageError(f"{owner}: {name} must be a {limits}, got {value!r}.")
    return float(value)


def in_a_row(name: str, value: Any, example: str) -> tuple[Any, ...]:
    """The values of a list or the like; UsageError for a single number."""
    try:
        return tuple(value)
    except TypeError:
        raise UsageError(f"{name} must be whole numbers in a row, such as {example}; got {value!r}.") from None


def byte_pictures(owner: str, images: Any, *, channels: tuple[int, ...] = (), single: bool = False) -> np.ndarray:
    """``images`` as an array, if they are pictures of at least one pixel, uint8; otherwise a UsageError.

    Args:
        owner: what takes them, for the message.
        images: (N, H, W) or (N, H, W, C); (H, W) or (H, W, C) if ``single``.
        channels: the values of C that are allowed; () for any.
        single: whether it is one picture, not a batch.
    """
    array = np.asarray(images)
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
