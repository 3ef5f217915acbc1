"""The values of options, from their text: sizes, times, augmentation."""

from __future__ import annotations

import re
from typing import Any

from handspun.augment import Augmentation
from handspun.errors import UsageError


def whole_numbers(option: str, text: str, example: str = "128,64") -> tuple[int, ...]:
    """Numbers such as "128,64"; none for ""."""
    if not text.strip():
        return ()
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", text):
        raise UsageError(f'{option} takes whole numbers separated by commas, such as {example}; got "{text}".')
    return tuple(int(number) for number in text.split(","))


def picture_size(text: str) -> tuple[int, int]:
    """Height and width from "32" or "32x48"."""
    match = re.fullmatch(r"\s*(\d{1,9})(?:\s*[xX×]\s*(\d{1,9}))?\s*", text)
    if not match:
        raise UsageError(f'A size is a number of pixels such as 32, or height x width such as 32x48; got "{text}".')
    return int(match[1]), int(match[2] or match[1])


def augmentation(text: str) -> dict[str, Any]:
    """Settings of ``Augmentation`` such as "shift=2,flip"; none of them for "none"."""
    found: dict[str, Any] = {}
    for part in text.split(",") if text.strip() != "none" else ():
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not name or (value and not re.fullmatch(r"\d+(\.\d*)?|\.\d+|[a-z]+", value)):
            raise UsageError(f'--augment takes settings separated by commas, such as shift=2,rotation=10,flip; got "{text}".')
        number = float(value) if value and not value.isalpha() else value or True
        found[name] = int(number) if isinstance(number, float) and number.is_integer() else number
    Augmentation.from_dict(found, "--augment")
    return found


def seconds(text: str) -> float:
    """Times such as "90", "90s", "1.5m" or "1h" in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(s|m|h)?", text.strip())
    found = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2] or "s"] if match else 0.0
    if not found > 0:
        raise UsageError(f'--budget takes a time above 0 such as 60s, 10m or 1h; got "{text}".')
    return found
