"""Initial weights: moments, limits, orthonormality, the same network in both precisions."""

import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.layers import Conv2D, Dense
from handspun.layers.initializers import (
    INITIALIZERS,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Orthogonal,
    ScaledNormal,
    Zeros,
    initializer_from_config,
)
from handspun.networks.sequential import Sequential

SHAPE = (400, 600)
VARIANCE = {
    HeNormal(): 2 / 400,
    HeUniform(): 2 / 400,
    GlorotNormal(): 2 / 1000,
    GlorotUniform(): 2 / 1000,
    LeCunNormal(): 1 / 400,
    LeCunUniform(): 1 / 400,
    ScaledNormal(0.02): 0.0004,
}
ALL = [*VARIANCE, Orthogonal(1.5), Zeros()]


def draw(initializer, shape=SHAPE, seed=0):
    return initializer(shape, *shape, np.random.default_rng(seed))


@pytest.mark.parametrize(("initializer", "variance"), VARIANCE.items(), ids=repr)
def test_mean_and_variance_of_many_weights_are_those_of_the_formula(initializer, variance):
    w = draw(initializer)
    assert w.shape == SHAPE
    assert w.dtype == np.float64
    standard_error = math.sqrt(variance / w.size)
    assert abs(w.mean()) < 4 * standard_error
    # The variance of a sample variance is at most 2 v²/n (that of the normal distribution).
    assert w.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / w.size))


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [(HeUniform(), math.sqrt(6 / 400)), (GlorotUniform(), math.sqrt(6 / 1000)), (LeCunUniform(), math.sqrt(3 / 400))],
    ids=repr,
)
def test_uniform_weights_fill_their_interval_and_stay_inside(initializer, limit):
    w = draw(initializer)
    assert -limit <= w.min() < -0.999 * limit
    assert 0.999 * limit < w.max() <= limit
    assert np.mean(np.abs(w) < limit / 2) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("initializer", [HeNormal(), GlorotNormal(), LeCunNormal(), ScaledNormal()], ids=repr)
def test_normal_weights_have_the_tails_of_the_normal_distribution(initializer):
    w = draw(initializer)
    outside = np.mean(np.abs(w) > 2 * w.std())
    assert outside == pytest.approx(0.0455, abs=0.003)


@pytest.mark.parametrize("shape", [(40, 40), (60, 20), (20, 60), (1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal_weights_are_orthonormal_times_the_gain(shape, gain):
    w = draw(Orthogonal(gain), shape) / gain
    product = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-13)


@pytest.mark.parametrize(
    ("filters", "channels", "kernel_size", "groups"),
    [(16, 1, 5, 1), (8, 3, (3, 2), 1), (40, 2, 3, 1), (6, 4, 3, 2), (30, 4, (1, 3), 2), (4, 4, 3, 4)],
)
def test_orthogonal_filters_are_orthonormal_in_each_group(filters, channels, kernel_size, groups):
    layer = Conv2D(filters, kernel_size, groups=groups, initializer=Orthogonal(1.5))
    Sequential([layer], (channels, 6, 6), dtype=np.float64)
    each = filters // groups
    matrices = layer.weight.reshape(groups, each, -1) / 1.5  # (G, O/G, kh · C/G · kw)
    for w in matrices:
        rows, columns = w.shape
        np.testing.assert_allclose(w @ w.T if rows <= columns else w.T @ w, np.eye(min(rows, columns)), atol=1e-13)
        assert np.sum(w**2) == pytest.approx(min(rows, columns), rel=1e-13)
    if groups > 1:
        assert not np.array_equal(matrices[0], matrices[1])


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [(HeNormal(), 2 / 180), (LeCunUniform(), 1 / 180), (GlorotNormal(), 2 / (180 + 600)), (GlorotUniform(), 2 / (180 + 600))],
    ids=repr,
)
def test_fans_of_a_convolution_count_its_kernel_and_its_group(initializer, variance):
    # An output is a sum over 12 channels of its group and 3 x 5 places; a value goes to 40 filters of its group at as many.
    layer = Conv2D(80, (3, 5), groups=2, initializer=initializer)
    Sequential([layer], (24, 6, 6), dtype=np.float64)
    for w in layer.weight.reshape(2, -1):
        assert w.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / w.size))


def test_orthogonal_weights_favour_no_sign():
    first = [draw(Orthogonal(), (3, 3), seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(first)) < 4 * math.sqrt(1 / 3 / 400)  # each entry has variance 1/3
    determinants = [np.linalg.det(draw(Orthogonal(), (3, 3), seed)) for seed in range(400)]
    assert abs(np.mean(determinants)) < 4 / math.sqrt(400)


def test_zeros_are_zero():
    assert not draw(Zeros()).any()


@pytest.mark.parametrize("initializer", ALL, ids=repr)
def test_same_seed_gives_the_same_network_in_both_precisions(initializer):
    def make(dtype, seed):
        layers = [Dense(30, initializer=initializer), Dense(20, initializer=initializer)]
        return Sequential(layers, (40,), seed=seed, dtype=dtype).parameters.vector

    single, double = make(np.float32, 5), make(np.float64, 5)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, double.astype(np.float32))
    if not isinstance(initializer, Zeros):
        assert not np.array_equal(double, make(np.float64, 6))
        assert double[: 40 * 30].any()
        assert double[40 * 30 + 30 :].any()


@pytest.mark.parametrize("initializer", ALL, ids=repr)
def test_config_makes_the_same_initializer_again(initializer):
    assert initializer_from_config(initializer.config()) == initializer


def test_table_of_initializers_is_complete():
    assert {type(initializer) for initializer in ALL} == set(INITIALIZERS.values())


def test_unknown_initializer_names_the_nearest():
    with pytest.raises(UsageError, match='did you mean "HeNormal"'):
        initializer_from_config({"kind": "HeNormall"})


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_scaled_normal_needs_a_finite_scale_above_zero(scale):
    with pytest.raises(UsageError, match="scale"):
        ScaledNormal(scale)


def test_biases_begin_at_zero():
    network = Sequential([Dense(5)], (4,), seed=1)
    assert not network.layers[0].bias.any()
    assert network.layers[0].weight.all()
