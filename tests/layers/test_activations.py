"""Activations have the values and slopes of their formulas, also far from zero."""

import math

import numpy as np
import pytest
from layer_cases import run, single

from handspun.layers import (
    ACTIVATIONS,
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
    activation,
)
from handspun.networks.sequential import Sequential

X = [-2.0, -0.5, 0.0, 1.0, 3.0]


def logistic(x):
    return 1 / (1 + math.exp(-x))


def gelu(x):
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(
    ("layer", "values", "derivatives"),
    [
        (ReLU(), [0, 0, 0, 1, 3], [0, 0, 0, 1, 1]),
        (LeakyReLU(), [-0.02, -0.005, 0, 1, 3], [0.01, 0.01, 0.01, 1, 1]),
        (LeakyReLU(0.5), [-1, -0.25, 0, 1, 3], [0.5, 0.5, 0.5, 1, 1]),
        (
            Sigmoid(),
            [0.11920292202211755, 0.3775406687981454, 0.5, 0.7310585786300049, 0.9525741268224334],
            [0.1049935854035065, 0.2350037122015945, 0.25, 0.1966119332414819, 0.0451766597309121],
        ),
        (
            Tanh(),
            [-0.9640275800758169, -0.46211715726000976, 0, 0.7615941559557649, 0.9950547536867305],
            [0.0706508248531644, 0.7864477329659274, 1, 0.4199743416140261, 0.0098660371654401],
        ),
        (
            SiLU(),
            [-0.2384058440442351, -0.1887703343990727, 0, 0.7310585786300049, 2.8577223804673],
            [-0.0907842487848955, 0.2600388126973482, 0.5, 0.9276705118714868, 1.0881041060151697],
        ),
    ],
    ids=lambda value: repr(value) if not isinstance(value, list) else "",
)
def test_activation_equals_known_values(layer, values, derivatives):
    network = single(type(layer).from_config(layer.config()), (5,))
    y, dx, _ = run(network, [X], [[1.0] * 5])
    np.testing.assert_allclose(y[0], values, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dx[0], derivatives, rtol=1e-12, atol=1e-15)
    _, scaled, _ = run(network, [X], [[1.0, 2.0, 3.0, 4.0, 5.0]])
    np.testing.assert_allclose(scaled[0], np.multiply(derivatives, [1, 2, 3, 4, 5]), rtol=1e-12, atol=1e-15)


FAR = np.concatenate([np.linspace(-80, 80, 321), [-100.0, -87.4, -1e-3, -1e-30, 0.0, 1e-30, 1e-3, 100.0]])


def far_sigmoid(x):
    return math.exp(x) / (1 + math.exp(x)) if x < 0 else 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_accurate_far_below_zero(dtype):
    x = FAR.astype(dtype)
    expected = np.array([far_sigmoid(float(value)) for value in x])
    y = Sequential([Sigmoid()], x.shape, dtype=dtype).logits(x[None])[0]
    normal = expected >= np.finfo(dtype).tiny
    np.testing.assert_allclose(y[normal], expected[normal], rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(y[~normal], expected[~normal], atol=1e-44)  # σ(-100) is a denormal number in float32
    if dtype == np.float32:
        assert float(y[x == -20.0][0]) == pytest.approx(2.0611536e-9, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silu_has_the_documented_error(dtype):
    x = FAR.astype(dtype)
    expected = np.array([float(value) * far_sigmoid(float(value)) for value in x])
    y = Sequential([SiLU()], x.shape, dtype=dtype).logits(x[None])[0]
    np.testing.assert_allclose(y[x < 0], expected[x < 0], rtol=0, atol=6e-7 if dtype == np.float32 else 2e-15)
    np.testing.assert_allclose(y[x >= 0], expected[x >= 0], rtol=4 * np.finfo(dtype).eps)


def test_gelu_equals_its_tanh_form_and_is_near_the_exact_one():
    points = np.linspace(-5, 5, 101)
    y, _, _ = run(single(GELU(), (101,)), [points], [np.ones(101)])
    np.testing.assert_allclose(y[0], [gelu(x) for x in points], rtol=1e-13, atol=1e-15)
    exact = [x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in points]
    assert 1e-5 < np.abs(y[0] - exact).max() < 5e-4


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_of_huge_inputs_are_their_limits(name, dtype):
    network = Sequential([activation(name)], (4,), dtype=dtype)
    x = np.array([[-1e4, -300, 300, 1e4]], dtype)
    tape = network.tape(input_gradient=True)
    y = network.forward(x, tape)[0].tolist()
    dx = network.backward(np.ones_like(x), tape)[0].tolist()
    left = {"leaky-relu": [-100, -3], "tanh": [-1, -1]}.get(name, [0, 0])
    right = [1, 1] if name in ("sigmoid", "tanh") else [300, 1e4]
    np.testing.assert_allclose(y, left + right, rtol=1e-6, atol=1e-30)
    slopes = [0.01 if name == "leaky-relu" else 0] * 2 + [0 if name in ("sigmoid", "tanh") else 1] * 2
    np.testing.assert_allclose(dx, slopes, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize(("dtype", "far"), [(np.float32, 1e20), (np.float32, 3e38), (np.float64, 1e160), (np.float64, 1e308)])
def test_activations_of_the_largest_inputs_are_finite(name, dtype, far):
    network = Sequential([activation(name)], (2,), dtype=dtype)
    x = np.array([[-far, far]], dtype)
    tape = network.tape(input_gradient=True)
    y = network.forward(x, tape)[0]
    dx = network.backward(np.ones_like(x), tape)[0]
    right = 1.0 if name in ("sigmoid", "tanh") else far
    np.testing.assert_allclose(y, [{"leaky-relu": -0.01 * far, "tanh": -1.0}.get(name, 0.0), right], rtol=1e-6)
    slopes = [0.01 if name == "leaky-relu" else 0.0, 0.0 if name in ("sigmoid", "tanh") else 1.0]
    np.testing.assert_allclose(dx, slopes, rtol=1e-6)
