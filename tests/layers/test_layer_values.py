"""Layers have the values and gradients that were computed by hand."""

import math

import numpy as np
import pytest
from layer_cases import off_kinks, run, single

from handspun.layers import (
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    MaxPool2D,
)


def test_dense_equals_the_product_by_hand():
    layer = Dense(3)
    network = single(layer, (2,), weight=[[1, 2, 3], [4, 5, 6]], bias=[0.5, -1, 10])
    y, dx, tape = run(network, [[1, 2], [0, -1]], [[1, 10, 100], [2, 0, 0]])
    assert y.tolist() == [[9.5, 11, 25], [-3.5, -6, 4]]
    assert dx.tolist() == [[321, 654], [2, 8]]
    assert tape[layer].gradient["weight"].tolist() == [[1, 10, 100], [0, 20, 200]]
    assert tape[layer].gradient["bias"].tolist() == [3, 10, 100]


def test_dense_without_bias_has_only_a_weight():
    layer = Dense(2, bias=False)
    network = single(layer, (2,), weight=[[1, 2], [3, 4]])
    assert list(network.parameters) == ["dense1.weight"]
    y, _, _ = run(network, [[1, 1]], [[1, 1]])
    assert y.tolist() == [[4, 6]]


def test_flatten_keeps_the_order_of_values():
    x = np.arange(12.0).reshape(2, 3, 2)
    y, dx, _ = run(single(Flatten(), (3, 2)), x, np.arange(12.0).reshape(2, 6) * 10)
    assert y.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert dx.tolist() == (x * 10).tolist()


def test_layernorm_equals_the_formula_by_hand():
    layer = LayerNorm(epsilon=1e-30)
    network = single(layer, (4,), gamma=[1, 2, 3, 4], beta=[0, 0, 10, 0])
    y, dx, tape = run(network, [[1, 2, 3, 4]], [[1, 0, 0, 0]])
    s = math.sqrt(1.25)
    np.testing.assert_allclose(y, [[-1.5 / s, -1 / s, 10 + 1.5 / s, 6 / s]], rtol=1e-14)
    # g = (1, 0, 0, 0), mean(g) = 1/4, mean(g x̂) = -1.5/(4 s)
    x_hat = np.array([-1.5, -0.5, 0.5, 1.5]) / s
    np.testing.assert_allclose(dx, [(np.array([1, 0, 0, 0]) - 0.25 + x_hat * 1.5 / (4 * s)) / s], rtol=1e-14)
    np.testing.assert_allclose(tape[layer].gradient["gamma"], [-1.5 / s, 0, 0, 0], rtol=1e-14)
    assert tape[layer].gradient["beta"].tolist() == [1, 0, 0, 0]


def test_layernorm_of_a_row_of_equal_values_is_beta():
    network = single(LayerNorm(), (3,), gamma=[5, 6, 7], beta=[1, 2, 3])
    y, dx, _ = run(network, [[4, 4, 4]], [[1, 2, 3]])
    assert y.tolist() == [[1, 2, 3]]
    assert np.isfinite(dx).all()


def test_batchnorm_in_training_equals_the_formula_by_hand():
    layer = BatchNorm(epsilon=1e-30)
    network = single(layer, (2,), gamma=[2, 3], beta=[1, -1])
    y, dx, tape = run(network, [[1, 10], [3, 30], [5, 50]], [[1, 0], [0, 0], [0, 1]], training=True)
    s = math.sqrt(8 / 3)  # the standard deviation of 1, 3, 5
    np.testing.assert_allclose(y, [[1 - 4 / s, -1 - 6 / s], [1, -1], [1 + 4 / s, -1 + 6 / s]], rtol=1e-14)
    # column 0: g = (2, 0, 0), mean(g) = 2/3, x̂ = (-2, 0, 2)/s, mean(g x̂) = -4/(3 s)
    g = np.array([2, 0, 0])
    x_hat = np.array([-2, 0, 2]) / s
    np.testing.assert_allclose(dx[:, 0], (g - 2 / 3 + x_hat * 4 / (3 * s)) / s, atol=1e-14)
    np.testing.assert_allclose(tape[layer].gradient["gamma"], [-2 / s, 2 / s], rtol=1e-14)
    assert tape[layer].gradient["beta"].tolist() == [1, 1]


def test_batchnorm_in_inference_uses_its_running_averages():
    layer = BatchNorm(epsilon=0.25)
    network = single(layer, (2,), gamma=[2, 3], beta=[1, -1], running_mean=[10, 20], running_variance=[3.75, 2])
    y, dx, _ = run(network, [[12, 23]], [[1, 1]])
    np.testing.assert_allclose(y, [[1 + 2 * 2 / 2, -1 + 3 * 3 / 1.5]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[1, 2]], rtol=1e-15)


def test_batchnorm_running_averages_follow_the_formula():
    layer = BatchNorm(momentum=0.2)
    network = single(layer, (2,))
    mean, variance = np.zeros(2), np.ones(2)
    tape = network.tape(training=True)
    rng = np.random.default_rng(0)
    for rows in (7, 7, 2, 1):
        x = rng.normal(3, 2, (rows, 2))
        network.forward(x, tape)
        network.update_statistics(tape.statistics)
        mean = 0.8 * mean + 0.2 * x.mean(axis=0)
        if rows > 1:  # a single row has a mean, and says nothing of the variance
            variance = 0.8 * variance + 0.2 * ((x - x.mean(axis=0)) ** 2).sum(axis=0) / (rows - 1)
        np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-13)
        np.testing.assert_allclose(layer.running_variance, variance, rtol=1e-13)


@pytest.mark.parametrize("settings", [{}, {"stride": 1}, {"padding": 1}], ids=["tiles", "overlapping", "padded"])
def test_maxpool_takes_the_first_of_equal_values(settings):
    def place(picture):
        """The gradient of a 2 x 2 picture whose only window has the gradient 7."""
        network = single(MaxPool2D(2, **settings), (1, 4, 4))
        x = np.full((1, 1, 4, 4), -9.0)
        where = (slice(1, 3), slice(1, 3)) if settings else (slice(0, 2), slice(0, 2))
        x[0, 0][where] = picture
        y, _, _ = run(network, x, np.zeros((1, *network.output_shape)))
        dy = np.zeros_like(y)
        dy[0, 0][(1, 1) if settings else (0, 0)] = 7.0
        _, dx, _ = run(network, x, dy)
        assert dx.sum() == 7.0
        return dx[0, 0][where].tolist()

    assert place([[5, 5], [5, 5]]) == [[7, 0], [0, 0]]
    assert place([[1, 5], [5, 1]]) == [[0, 0], [7, 0]]
    assert place([[1, 5], [1, 5]]) == [[0, 7], [0, 0]]
    assert place([[1, 1], [5, 5]]) == [[0, 0], [7, 0]]


def test_norms_have_pytorch_defaults():
    assert BatchNorm().config() == {"momentum": 0.1, "epsilon": 1e-5}
    assert LayerNorm().config() == {"epsilon": 1e-5}
    # Not only the numbers: of a constant batch of 1 ± 1e-3 the variance, 1e-6, is small beside ε.
    y, _, _ = run(single(BatchNorm(), (1,)), [[1 - 1e-3], [1 + 1e-3]], [[0], [0]], training=True)
    np.testing.assert_allclose(y[:, 0], np.array([-1e-3, 1e-3]) / math.sqrt(1e-6 + 1e-5), rtol=1e-9)


def test_dropout_zeroes_the_share_of_its_rate_and_keeps_the_mean():
    network = single(Dropout(0.3), (1000,))
    tape = network.tape(training=True, rng=np.random.default_rng(0))
    y = network.forward(np.ones((200, 1000)), tape)
    assert np.unique(y).tolist() == [0.0, 1 / 0.7]
    n = y.size
    assert abs(np.mean(y == 0) - 0.3) < 4 * math.sqrt(0.3 * 0.7 / n)
    assert abs(y.mean() - 1.0) < 4 * math.sqrt(0.3 / 0.7 / n)
    kept = y > 0  # neighbours are dropped independently of each other
    assert abs(np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(kept[:-1].ravel(), kept[1:].ravel())[0, 1]) < 0.01


def test_dropout_passes_the_gradient_of_kept_values():
    network = single(Dropout(0.5), (50,))
    y, dx, _ = run(network, np.full((4, 50), 3.0), np.full((4, 50), 7.0), training=True)
    assert 50 < np.count_nonzero(y) < 150
    np.testing.assert_array_equal(dx, y / 3.0 * 7.0)


def test_dropout_masks_depend_on_seed_and_pass():
    network = single(Dropout(0.5), (64,))
    x = np.ones((4, 64))
    tapes = [network.tape(training=True, rng=np.random.default_rng(seed)) for seed in (5, 5, 6)]
    first = [network.forward(x, tape).tobytes() for tape in tapes]
    second = [network.forward(x, tape).tobytes() for tape in tapes]
    assert first[0] == first[1] != first[2]
    assert second[0] == second[1] != second[2]
    assert first[0] != second[0]


def test_dropout_without_a_generator_asks_for_one():
    network = single(Dropout(0.5), (3,))
    with pytest.raises(RuntimeError, match="rng"):
        network.forward(np.ones((1, 3)), network.tape(training=True))


def test_dropout_is_the_identity_in_inference():
    x = off_kinks(3, (4,))
    y, dx, _ = run(single(Dropout(0.9), (4,)), x, 2 * x)
    assert y.tolist() == x.tolist()
    assert dx.tolist() == (2 * x).tolist()
