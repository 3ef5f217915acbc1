"""Strict floating-point settings change no byte, and sums over large pictures keep their digits."""

import numpy as np
import pytest
from layer_cases import both_modes, build, every_layer, off_kinks

from handspun.layers import AvgPool2D, BatchNorm, Conv2D, Flatten, GlobalAvgPool, LayerNorm
from handspun.networks.sequential import Sequential


def run_twice(network, x, dy, training):
    """Bytes of two passes: the outputs, the gradients and what the second pass makes of the running averages."""
    tape = network.tape(training=training, rng=np.random.default_rng(0), input_gradient=True)
    found = []
    for _ in range(2):
        found += [network.forward(x, tape).tobytes(), network.backward(dy, tape).tobytes(), tape.gradient.vector.tobytes()]
        if training:
            network.update_statistics(tape.statistics)
    return [*found, network.statistics.vector.tobytes()]


@every_layer
@both_modes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e-25, 1e-42], ids=str)
def test_strict_floating_point_errors_change_no_byte(factory, input_shape, training, dtype, scale):
    networks = [build(factory, input_shape, dtype) for _ in range(2)]
    x = (scale * off_kinks(5, input_shape)).astype(dtype)
    dy = (scale * off_kinks(5, networks[0].output_shape, seed=4)).astype(dtype)
    expected = run_twice(networks[0], x, dy, training)
    with np.errstate(all="raise"):
        assert run_twice(networks[1], x, dy, training) == expected


SIDE = 1024
PICTURES = np.full((2, 1, SIDE, SIDE), 0.1, np.float32)
RANDOM = np.random.default_rng(0).uniform(0.0, 1.0, PICTURES.shape).astype(np.float32)


def relative_errors(make, x, dy_like_x=False):
    """Of float32 beside float64: outputs, all gradients and what was seen, relative to the largest value of each array."""
    found = []
    for dtype in (np.float64, np.float32):
        network = Sequential(make(), x.shape[1:], dtype=dtype)
        if network.parameters:
            network.parameters.vector[...] = np.linspace(0.5, 1.0, network.parameters.vector.size, dtype=np.float32)
        tape = network.tape(training=True, input_gradient=True)
        y = network.forward(x.astype(dtype), tape).copy()
        dy = x * x if dy_like_x else np.broadcast_to(x[:, :1, :1, :1].reshape(len(x), *[1] * (y.ndim - 1)), y.shape)
        dx = network.backward(np.ascontiguousarray(dy, dtype), tape)
        found.append([y, dx, *tape.gradient.values(), *tape.statistics.values()])
    return [float(np.abs(b - a).max() / np.abs(a).max()) for a, b in zip(*found, strict=True)]


@pytest.mark.parametrize("x", [PICTURES, RANDOM], ids=["equal", "random"])
@pytest.mark.parametrize(
    ("make", "dy_like_x"),
    [
        (lambda: [GlobalAvgPool()], False),
        (lambda: [AvgPool2D(SIDE)], False),
        (lambda: [AvgPool2D(SIDE // 2, stride=SIDE // 8)], False),
        (lambda: [Conv2D(1, 3, padding=1)], True),
        (lambda: [Conv2D(2, 1)], False),
    ],
    ids=["global", "window", "overlapping", "conv2d", "conv2d-1x1"],
)
def test_sums_over_a_large_picture_keep_their_digits(make, dy_like_x, x):
    assert max(relative_errors(make, x, dy_like_x)) < 1e-6


def test_batchnorm_of_large_pictures_keeps_its_digits():
    errors = relative_errors(lambda: [BatchNorm()], RANDOM, dy_like_x=True)
    assert max(errors) < 1e-6


def test_layernorm_of_large_pictures_keeps_its_digits():
    """After Flatten the values of a picture are far apart in memory, so that NumPy would add them one after the other."""
    x = RANDOM[:, :, :512, :512]
    found = []
    for dtype in (np.float64, np.float32):
        # A pooling of one pixel leaves the image last in memory, as a convolution does.
        network = Sequential([AvgPool2D(1), Flatten(), LayerNorm()], x.shape[1:], dtype=dtype)
        found.append(network.forward(x.astype(dtype), network.tape()))
    assert np.abs(found[1] - found[0]).max() / np.abs(found[0]).max() < 1e-6


@pytest.mark.parametrize("side", [1, 4, 7, 8])
def test_pictures_up_to_8_by_8_are_averaged_in_their_own_precision(side):
    """So that networks trained earlier give the same bytes."""
    x = RANDOM[:, :, :side, :side]
    network = Sequential([GlobalAvgPool()], (1, side, side))
    rows = np.ascontiguousarray(x.transpose(2, 1, 3, 0))
    expected = np.add.reduce(rows, axis=(0, 2)).T * (1.0 / side**2)
    assert network.forward(x, network.tape()).tobytes() == expected.astype(np.float32).tobytes()


@pytest.mark.parametrize("side", [9, 28, 64, 224])
def test_averages_of_larger_pictures_keep_all_digits(side):
    x = np.full((2, 1, side, side), 0.1, np.float32)
    network = Sequential([GlobalAvgPool()], (1, side, side))
    np.testing.assert_allclose(network.forward(x, network.tape()), np.float32(0.1), rtol=1e-7)
