"""Where the strokes are in light ink on black: their bounding box and their centre of mass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from handspun.pictures.normalize import neighbourhoods

#: A pixel is ink if it has this share of white, and its surroundings have the second share on average, as grain in
#: a photo does not.
INK, AROUND = 0.25, 0.2


class Strokes(NamedTuple):
    """Where the strokes of n pictures are, in pixels, (n,) each; all 0 for a picture without strokes."""

    top: np.ndarray
    bottom: np.ndarray
    left: np.ndarray
    right: np.ndarray
    row: np.ndarray
    column: np.ndarray

    @property
    def longer(self) -> np.ndarray:
        """The longer side, (n,)."""
        return np.maximum(self.bottom - self.top, self.right - self.left)

    def box(self, index: int | np.intp) -> tuple[slice, slice]:
        """The rows and columns of the strokes of one picture."""
        return slice(int(self.top[index]), int(self.bottom[index])), slice(int(self.left[index]), int(self.right[index]))

    def centre(self, index: int | np.intp) -> tuple[float, float]:
        """Row and column of the centre of mass of the strokes of one picture."""
        return float(self.row[index]), float(self.column[index])


def find_strokes(ink: np.ndarray) -> Strokes:
    """Find the strokes in light ink on black (n, H, W) uint8."""
    solid = find_ink(ink)  # (n, H, W)
    return Strokes(*extents(solid), *_centre_of_mass(np.where(solid, ink, 0)))


def find_ink(ink: np.ndarray) -> np.ndarray:
    """Which pixels belong to strokes, (n, H, W) bool: bright pixels with bright surroundings of 3 x 3."""
    return (ink >= INK * 255) & (neighbourhoods(ink) >= AROUND * 9 * 255)


def extents(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Top, bottom, left and right of the box around what is true in (n, H, W), (n,) each; 0 for a picture without any."""
    return *_extent(np.any(mask, axis=2)), *_extent(np.any(mask, axis=1))


def _extent(marked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first marked place and the place after the last one, (n,) each, for ``marked`` (n, size) bool."""
    first = marked.argmax(axis=1)
    last = marked.shape[1] - marked[:, ::-1].argmax(axis=1)
    return first, np.where(marked.any(axis=1), last, 0)


def _centre_of_mass(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the mean position, (n,) each, weighted by the values (n, H, W)."""
    rows, columns = grey.sum(axis=2, dtype=np.float64), grey.sum(axis=1, dtype=np.float64)
    mass = np.maximum(rows.sum(axis=1), 1.0)
    return rows @ np.arange(grey.shape[1]) / mass, columns @ np.arange(grey.shape[2]) / mass
