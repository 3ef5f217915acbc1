"""Shapes, probabilities and numbers in sentences."""

from __future__ import annotations

from handspun.engine.parameters import Shape

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def size_text(shape: Shape) -> str:
    """A shape: "784" or "16 × 12 × 12"."""
    return " × ".join(f"{size:,}" for size in shape)


def percent_text(share: float, digits: int = 2) -> str:
    """A probability with ``digits`` decimals; never 0 or 100 % unless it is exactly that."""
    least = 10**-digits  # in per cent
    if 100 * share < least / 2:
        return f"less than {least:.{digits}f} %"
    return f"more than {100 - least:.{digits}f} %" if 100 * share > 100 - least / 2 else f"{100 * share:.{digits}f} %"


def number_text(value: float) -> str:
    """A number that is not negative, as the page writes it (``short`` in the page's scripts): 0.163, 1.6·10⁻⁵."""
    if value != 0 and not 1e-4 <= value < 1e5:
        factor, power = f"{value:.1e}".split("e")
        return f"{factor}·10{str(int(power)).translate(_RAISED)}"
    if value == 0 or value >= 1000:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".") if value >= 0.01 else f"{value:.5f}".rstrip("0")
