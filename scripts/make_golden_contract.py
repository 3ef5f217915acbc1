"""Make tests/pictures/golden/contract.npz: pictures of strokes, and the result of the contract for each.

    python scripts/make_golden_contract.py

This script draws the pictures. Any other implementation of the contract, in another language or version, must give the same
arrays. They change only if the contract is changed on purpose; consider the models that were trained with it.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from handspun.pictures.contract import Contract

PATH = Path(__file__).resolve().parents[1] / "tests" / "pictures" / "golden" / "contract.npz"

#: The corners of a seven with a bar in a square from 0 to 1. No rotation or mirroring leaves it unchanged.
SEVEN = (((0.1, 0.1), (0.9, 0.1), (0.35, 0.95)), ((0.3, 0.5), (0.75, 0.5)))


def drawn(height: int, width: int, top: float, left: float, size: float, thick: float) -> np.ndarray:
    """The share of ink in each pixel, (height, width): a seven of ``size`` pixels, with lines of ``thick`` pixels."""
    row, column = np.mgrid[0.5:height:1.0, 0.5:width:1.0]
    ink = np.zeros((height, width))
    for line in SEVEN:
        for (x0, y0), (x1, y1) in pairwise(line):
            ax, ay, dx, dy = left + size * x0, top + size * y0, size * (x1 - x0), size * (y1 - y0)
            along = np.clip(((column - ax) * dx + (row - ay) * dy) / (dx * dx + dy * dy), 0, 1)
            distance = np.hypot(column - ax - along * dx, row - ay - along * dy)
            ink = np.maximum(ink, np.clip(thick / 2 + 0.5 - distance, 0, 1))
    return ink


def pixels(values: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as uint8."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def pictures() -> dict[str, np.ndarray]:
    """The pictures by name, (H, W) or (H, W, C) uint8."""
    middle = drawn(120, 160, 20, 40, 80, 9)
    light = np.linspace(1, 0.35, 160) * np.linspace(1, 0.8, 120)[:, None]
    shadow = np.where(np.arange(160) + np.arange(120)[:, None] / 2 > 120, 0.5, 1.0)
    squares = 1 - 0.2 * ((np.arange(160) % 12 == 5) | (np.arange(120)[:, None] % 12 == 5))
    share = middle[..., None]
    return {
        "dark_on_light": pixels(1 - middle),
        "light_on_dark": pixels(middle),
        "off_centre": pixels(1 - drawn(200, 280, 150, 228, 45, 5)),
        "faint_on_grey": pixels(0.6 - 0.15 * middle),
        "tiny_digit": pixels(1 - drawn(280, 280, 30, 200, 14, 1.8)),
        "tiny_picture": pixels(drawn(11, 9, 1, 1, 8, 1.5)),
        "huge": pixels(1 - drawn(1200, 1600, 100, 300, 1000, 110)),
        "as_trained": pixels(drawn(28, 28, 4, 4, 20, 2.5)),
        "transparent": np.concatenate([np.zeros((120, 160, 3), np.uint8), pixels(middle)[..., None]], axis=2),
        "colour": pixels(share * (0.1, 0.15, 0.5) + (1 - share) * (0.98, 0.95, 0.8)),
        "uneven_light": pixels(light * (0.95 - 0.7 * middle)),
        "shadow": pixels(shadow * (0.95 - 0.7 * middle)),
        "chalk_in_uneven_light": pixels(light * (0.2 + 0.7 * middle)),
        "squared_paper": pixels(squares * (0.95 - 0.75 * middle)),
        "blank": np.full((60, 80), 255, np.uint8),
        "blank_in_uneven_light": pixels(0.9 * light),
        "all_ink": np.zeros((60, 80), np.uint8),
    }


def main() -> None:
    """Write the file."""
    contract = Contract()
    arrays: dict[str, np.ndarray] = {}
    for name, picture in pictures().items():
        arrays[f"{name}.in"] = picture
        arrays[f"{name}.out"] = contract(picture[None])[0]
    PATH.parent.mkdir(exist_ok=True)
    np.savez_compressed(PATH, **arrays)
    print(f"{PATH}: {len(arrays) // 2} pictures, {PATH.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
