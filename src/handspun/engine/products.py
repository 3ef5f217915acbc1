"""Matrix products, cut into parts that BLAS multiplies without packing.

A matrix product is fast if its factors lie in the processor's caches in the order in which they are used, so BLAS first copies
("packs") large factors into that order (Goto and van de Geijn 2008, ACM TOMS 34(3)). That pays if every value is used hundreds
of times. In a training step a value is used once per image of the batch or filter of the layer, some dozens of times, and
packing takes up to a third of the product.

On processors with AVX-512, OpenBLAS (part of NumPy's wheels) has kernels that do not pack, for products of up to 10⁶
multiplications. Here a somewhat larger product is cut into parts of that size. The arithmetic is the same: each value of the
result is a sum over the whole inner axis. The products of a convolution take 0.65 to 0.9 of the time, those of a dense layer
with 32 images 0.5 to 0.85. Without such kernels, or if BLAS may use several threads, a product is left whole.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from handspun.engine.threads import products_may_be_cut

#: OpenBLAS does not pack up to this many multiplications. If the second factor is transposed, the result must also have at most
#: 1,200 values (800 are fastest) and the inner axis at least 32 (its ``sgemm_small_kernel_permit_skylakex.c``).
UNPACKED = 1_000_000
UNPACKED_TRANSPOSED, LEAST_INNER = 800, 32

#: Smaller products, in multiplications, gain little from cutting; for larger ones, packing pays.
SMALL, LARGE = 1_500_000, 16_000_000

#: The columns of a part are a multiple of the 16 float32 of a vector register.
VECTOR = 16

#: A part of r rows and c columns loads r + c values for r · c multiplications, so each value is reused r c/(r + c) times. If
#: the best part is below this, the product stays whole.
LEAST_REUSE = 8.0

#: If the distance between rows, in bytes, is a multiple of this, they share lines of the nearest cache, and only packing helps.
ALIAS = 4_096


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """``np.matmul(a, b, out=out)``: a (…, m, k), b (…, k, n), out (…, m, n). Returns ``out``."""
    cut = None
    if products_may_be_cut():
        distance = max(b.strides[-2:])
        cut = _cut(a.shape[-2], a.shape[-1], b.shape[-1], a.strides[-1] != a.itemsize, b.strides[-1] != b.itemsize, distance)
    if cut is None:
        return np.matmul(a, b, out=out)
    rows, columns = cut
    # (…, column parts, row parts, r, c): the columns of b that several parts share stay in the cache.
    a = a.reshape(*a.shape[:-2], 1, -1, rows, a.shape[-1])
    b = b.reshape(*b.shape[:-1], -1, 1, columns)
    first = b.ndim - 4
    b = b.transpose(*range(first), first + 1, first + 2, first, first + 3)
    parts = out.reshape(*out.shape[:-2], -1, rows, out.shape[-1] // columns, columns)
    first = parts.ndim - 4
    np.matmul(a, b, out=parts.transpose(*range(first), first + 2, first, first + 1, first + 3))
    return out


@cache
def _cut(m: int, k: int, n: int, a_transposed: bool, b_transposed: bool, distance: int) -> tuple[int, int] | None:
    """Rows and columns of the parts of a product (m, k) · (k, n); None to leave it whole.

    ``distance`` is the number of bytes between the rows of the second factor.
    """
    if not SMALL <= m * k * n <= LARGE or (a_transposed and b_transposed) or distance % ALIAS == 0:
        return None
    most = UNPACKED // k
    if b_transposed:
        if k < LEAST_INNER:
            return None
        most = min(most, UNPACKED_TRANSPOSED)
    cuts = [(r, c) for r in _divisors(m) for c in _divisors(n) if c % VECTOR == 0 and r * c <= most]
    best = max(cuts, key=_reuse, default=(1, 1))
    return best if _reuse(best) >= LEAST_REUSE else None


def _reuse(part: tuple[int, int]) -> float:
    return part[0] * part[1] / (part[0] + part[1])


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]
