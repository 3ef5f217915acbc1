"""Matrix products in parts equal the whole products."""

import numpy as np
import pytest

from handspun.engine import products, threads
from handspun.engine.products import ALIAS, LARGE, SMALL, UNPACKED, UNPACKED_TRANSPOSED, VECTOR, _cut, matmul

RNG = np.random.default_rng(4)


@pytest.fixture(autouse=True)
def _cuts_pay():
    token = threads._unpacked.set(True)
    yield
    threads._unpacked.reset(token)


def matrix(shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


SHAPES = [(32, 784, 128), (64, 784, 128), (784, 32, 128), (48, 512, 128), (36, 400, 256), (400, 256, 32), (100, 300, 96)]


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("turned", ["neither", "first", "second"])
def test_a_cut_product_equals_the_whole(m, k, n, dtype, turned):
    a = matrix((k, m), dtype).T if turned == "first" else matrix((m, k), dtype)
    b = matrix((n, k), dtype).T if turned == "second" else matrix((k, n), dtype)
    out = np.full((m, n), np.nan, dtype)
    assert matmul(a, b, out) is out
    exact = a.astype(np.float64) @ b.astype(np.float64)
    tolerance = np.sqrt(k) * np.finfo(dtype).eps * 8
    np.testing.assert_allclose(out, exact, rtol=0, atol=tolerance * np.abs(exact).max())


def test_stacks_of_overlapping_windows_are_multiplied():
    lines = matrix((1, 12, 80, 256))  # rows of a picture; each window has five
    windows = np.ndarray((1, 8, 400, 256), np.float32, lines, 0, (lines.nbytes, 80 * 256 * 4, 256 * 4, 4))
    kernels = matrix((1, 1, 32, 400))
    store = np.full((8, 2, 32, 256), np.nan, np.float32)
    out = store[None, :, 0]  # not contiguous
    matmul(kernels, windows, out)
    np.testing.assert_allclose(out, np.matmul(kernels, windows), rtol=1e-4, atol=1e-4)
    assert np.isnan(store[:, 1]).all()
    backward = np.empty((1, 8, 400, 32), np.float32)
    matmul(windows, out.transpose(0, 1, 3, 2), backward)
    np.testing.assert_allclose(backward, np.matmul(windows, out.transpose(0, 1, 3, 2)), rtol=1e-4, atol=1e-2)


def test_parts_are_small_enough_for_unpacked_kernels():
    some = 0
    for m in (16, 32, 33, 64, 128, 400, 784):
        for k in (25, 32, 64, 100, 400, 784):
            for n in (10, 16, 64, 100, 128, 256, 448, 896):
                for transposed in (False, True):
                    cut = _cut(m, k, n, False, transposed, 4 * n)
                    if cut is None:
                        continue
                    some += 1
                    rows, columns = cut
                    assert SMALL <= m * k * n <= LARGE
                    assert m % rows == n % columns == columns % VECTOR == 0
                    assert rows * columns * k <= UNPACKED
                    assert not transposed or rows * columns <= UNPACKED_TRANSPOSED
    assert some > 100


def test_other_products_are_left_whole():
    assert _cut(64, 784, 128, False, False, 512) == (32, 32)
    assert _cut(64, 784, 128, True, True, 512) is None  # both transposed
    assert _cut(64, 784, 128, False, False, 2 * ALIAS) is None  # rows share lines of the cache
    assert _cut(32, 32, 32, False, False, 128) is None  # small
    assert _cut(512, 784, 128, False, False, 512) is None  # large
    assert _cut(61, 784, 127, False, False, 508) is None  # no divisors
    assert _cut(784, 10, 256, False, True, 1024) is None  # inner axis too short


def test_products_are_whole_unless_blas_is_limited_to_one_thread(monkeypatch):
    threads._unpacked.set(False)
    monkeypatch.setattr(products, "_cut", None)
    a, b, out = matrix((64, 784)), matrix((784, 128)), np.empty((64, 128), np.float32)
    np.testing.assert_array_equal(matmul(a, b, out), np.matmul(a, b))


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [
        ([{"architecture": "SkylakeX"}], True),
        ([{"architecture": "Haswell"}], False),
        ([{"architecture": "SkylakeX"}, {"architecture": "Haswell"}], False),
        ([{"internal_api": "mkl"}], False),
        ([], False),
    ],
)
def test_only_openblas_with_avx_512_has_such_kernels(libraries, expected, monkeypatch):
    class Controller:
        def select(self, user_api):
            assert user_api == "blas"
            return self

        def info(self):
            return libraries

    monkeypatch.setattr(threads, "_controller", Controller)
    threads._has_unpacked_products.cache_clear()
    try:
        assert threads._has_unpacked_products() is expected
    finally:
        threads._has_unpacked_products.cache_clear()
