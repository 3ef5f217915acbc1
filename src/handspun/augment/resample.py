"""Resampling: the place in a picture of each pixel of the result, and bilinear interpolation there.

The places of a batch are a bilinear form. For the axis a (row, column), picture i and pixel (y, x)

    place[a, i, y, x] = Σ_jk rows[y, j] C[a, j, i, k] columns[x, k],

two matrix products for a whole batch. With the basis 1, y, Gaussians(y) and the same in x, it covers an affine map and a smooth
random field together.

Interpolation takes one look-up per pixel. Each picture gets a border of one pixel, and places outside are moved onto it, so
nothing has to be masked. The four pixels around each place are the four bytes of one 32-bit word, so one look-up finds them
all. Places are in whole 256ths of a pixel, so one multiplication of such words interpolates two pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from handspun.augment.scratch import scratch

STEPS = 256  # per pixel: a byte times 256 fits into half a 32-bit word


def resample(
    images: np.ndarray,
    coefficients: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    out: np.ndarray,
    *,
    fill: str = "zero",
) -> None:
    """Write into ``out`` the values of ``images`` at other places.

    Args:
        images: (n, H, W, C) uint8.
        coefficients: C (2, J, n, K) of the places, in pixels; see the module's docstring.
        rows: (H, J) float32, the basis along y; its first function is 1.
        columns: (W, K) float32, the basis along x; its first function is 1.
        out: (n, H, W, C) uint8; may be ``images``.
        fill: the values outside: "zero", or "edge" for the nearest pixel.
    """
    count, height, width, channels = images.shape
    # Places within the bordered picture, in steps, plus half a step so that truncation rounds.
    scaled = np.multiply(coefficients, STEPS, dtype=np.float32)
    scaled[:, 0, :, 0] += STEPS + 0.5
    where = places(scaled, rows, columns)  # (2, H, n·W)
    for axis, size in enumerate((height, width)):
        least, most = (0, size + 1) if fill == "zero" else (1, size)
        np.clip(where[axis], least * STEPS, most * STEPS, out=where[axis])
    steps = scratch("steps", where.shape, np.int32)
    np.copyto(steps, where, casting="unsafe")
    whole = np.right_shift(steps, 8, out=scratch("whole", where.shape, np.int32))
    steps &= STEPS - 1
    down, right = steps.view(np.uint32)  # (H, n·W) each: from the upper left pixel to the place, in steps

    whole[0] *= width + 2
    whole[1] += _starts(count, (height + 2) * (width + 2), width)
    index = np.add(whole[0], whole[1], out=scratch("index", down.shape, np.intp))  # index into the words of one channel
    around = neighbours(images)  # (C, n·(H + 2)·(W + 2))
    words = scratch("words", (channels, *down.shape), np.uint32)  # (C, H, n·W)
    np.take(around, index, axis=1, out=words, mode="clip")  # "raise" would need a second array

    # Two pixels per word, one in each half: upper left and upper right; lower left and lower right.
    lower = np.right_shift(words, 8, out=scratch("second", words.shape, np.uint32))
    lower &= 0x00FF00FF
    words &= 0x00FF00FF
    _interpolate(words, lower, down)  # left and right, times 256
    second = np.right_shift(words, 16, out=lower)
    words &= 0xFFFF
    _interpolate(words, second, right)  # times 65,536
    words += 1 << 15
    words >>= 16
    np.copyto(out.transpose(3, 1, 0, 2), words.reshape(channels, height, count, width), casting="unsafe")


def places(coefficients: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The places that the pixels of n pictures show: (2, H, n·W) float32, in ``scratch``. Arguments as for ``resample``."""
    axes, j, count, k = coefficients.shape
    along_x = coefficients.reshape(-1, k) @ columns.T  # (2·J·n, W)
    out = scratch("places", (axes, len(rows), count * len(columns)), np.float32)
    return np.matmul(rows, along_x.reshape(axes, j, count * len(columns)), out=out)


def neighbours(images: np.ndarray) -> np.ndarray:
    """Each pixel of the bordered pictures with its right, lower and lower right neighbours, (C, n·(H + 2)·(W + 2)) uint32.

    From the lowest byte up: the pixel, the one below, the one to the right, the one below that. Beyond the border, the
    neighbours are pixels of the next row or picture, or 0; their weight is always 0. The result is in ``scratch``.
    """
    count, height, width, channels = images.shape
    across, size = width + 2, count * (height + 2) * (width + 2)
    padded = scratch("padded", (channels, size + across + 1), np.uint16)
    padded[...] = 0
    inner = padded[:, :size].reshape(channels, count, height + 2, across)[:, :, 1:-1, 1:-1]
    inner[...] = images.transpose(3, 0, 1, 2)
    pairs = np.left_shift(padded[:, across:], 8, out=scratch("pairs", (channels, size + 1), np.uint16))
    pairs |= padded[:, :-across]  # low byte: the pixel; high byte: the one below
    words = scratch("around", (channels, size), np.uint32)
    np.copyto(words, pairs[:, 1:])
    words <<= 16
    words |= pairs[:, :-1]
    return words


def _interpolate(first: np.ndarray, second: np.ndarray, steps: np.ndarray) -> None:
    """Set ``first`` to 256 · first + (second - first) · steps in both halves of its words; ``second`` is overwritten.

    The difference may be negative in one half and borrow from the other. Modulo 2³² the sum is still right, because each half
    of it is neither negative nor too large.
    """
    second -= first
    second *= steps
    first <<= 8
    first += second


@lru_cache(maxsize=32)
def _starts(count: int, size: int, width: int) -> np.ndarray:
    """Where each picture of ``size`` pixels begins, repeated for each of its columns: (n·W,) read-only."""
    starts = np.repeat(np.arange(0, count * size, size, dtype=np.int32), width)
    starts.flags.writeable = False
    return starts
