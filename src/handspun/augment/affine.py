"""Shift, rotation, scale, shear and mirroring as one affine map about the middle of the picture.

Each pixel of the result shows a place of the original. For the map p ↦ R K s p + t of points p relative to the middle, with a
rotation R, a shear K and a scale s, the pixel q of the result shows the place

    p = s⁻¹ K⁻¹ R⁻¹ (q − t).

Pixels count from 0 at the top left, y downwards; the middle of H rows is (H − 1) / 2.
"""

from __future__ import annotations

import numpy as np

PerPicture = float | np.ndarray
"""One value for all pictures, or one for each, (n,)."""


def affine(
    shape: tuple[int, int],
    count: int,
    *,
    rotation: PerPicture = 0.0,
    scale: PerPicture = 1.0,
    shear: PerPicture = 0.0,
    shift: tuple[PerPicture, PerPicture] = (0.0, 0.0),
    mirror: bool | np.ndarray = False,
) -> np.ndarray:
    """The coefficients of the places that ``count`` changed pictures show. A setting is one value, or one for each picture.

    Args:
        shape: (H, W) of the pictures.
        count: n.
        rotation: degrees, counter-clockwise.
        scale: the factor of enlargement.
        shear: degrees by which upright lines lean to the right.
        shift: pixels down and to the right.
        mirror: whether left and right are swapped, before everything else.

    Returns:
        Coefficients A (2, 2, n, 2) in float64: the pixel (y, x) of picture i shows the row Σ_jk A[0, j, i, k] y^j x^k and the
        column Σ_jk A[1, j, i, k] y^j x^k of the original.
    """
    angle, lean = np.deg2rad(rotation), np.tan(np.deg2rad(shear))
    sine, cosine = np.sin(angle), np.cos(angle)
    side = np.where(mirror, -1.0, 1.0)
    # The rows of s⁻¹ K⁻¹ R⁻¹: how the place's y and x depend on the pixel's y and x.
    matrix = (
        (cosine / scale, sine / scale),
        (side * (lean * cosine - sine) / scale, side * (cosine + lean * sine) / scale),
    )
    middle = tuple((size - 1) / 2 for size in shape)
    origin = tuple(centre + moved for centre, moved in zip(middle, shift, strict=True))  # where the middle goes
    coefficients = np.zeros((2, 2, count, 2))
    for axis, (by_y, by_x) in enumerate(matrix):
        coefficients[axis, 1, :, 0] = by_y
        coefficients[axis, 0, :, 1] = by_x
        coefficients[axis, 0, :, 0] = middle[axis] - by_y * origin[0] - by_x * origin[1]
    return coefficients


def powers(size: int) -> np.ndarray:
    """The basis of the coefficients along one axis, (size, 2): 1 and the pixel's index."""
    return np.stack([np.ones(size), np.arange(size)], axis=1)
