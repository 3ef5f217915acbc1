"""The loop on one screen gives the bytes of fit, and from fit to a layer there are few calls."""

import inspect
import sys

import numpy as np
import pytest

from handspun.data.dataset import Split
from handspun.engine.threads import blas_threads
from handspun.layers import Dense
from handspun.networks.architectures import cnn, mlp
from handspun.optimization.losses import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD, Adam, AdamW, Nesterov
from handspun.training import plain
from handspun.training.fit import fit

RNG = np.random.default_rng(3)
DIGITS = Split(RNG.integers(0, 256, (150, 12, 12)).astype(np.uint8), RNG.integers(0, 4, 150))


def dense(**more):
    return mlp(144, [32, 16], 4, **more)


def convolutional(**more):
    return cnn((12, 12), 4, channels=[4, 6], kernel_size=3, hidden_layers=[16], **more)


@pytest.mark.parametrize(
    ("make", "batch_size"),
    [
        (dense, 64),
        (dense, 7),
        (lambda **more: dense(norm="batch", dropout=0.3, **more), 50),
        (convolutional, 32),
        (lambda **more: convolutional(norm="batch", dropout=0.3, **more), 32),
    ],
    ids=[
        "dense",
        "dense, small batches",
        "dense with norm and dropout",
        "convolutional",
        "convolutional with norm and dropout",
    ],
)
@pytest.mark.parametrize("optimizer", [lambda: SGD(0.1), lambda: Adam(0.01), lambda: Nesterov(0.05, weight_decay=0.1), AdamW])
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(label_smoothing=0.1), SigmoidBinaryCrossEntropy()])
def test_the_plain_loop_gives_the_bytes_of_fit(make, batch_size, optimizer, loss):
    results = []
    for train in (plain.fit, lambda *a, **more: fit(*a, threads=1, **more)["loss"]):
        network = make(seed=5)
        losses = train(network, DIGITS, epochs=3, batch_size=batch_size, loss=loss, optimizer=optimizer(), seed=9)
        results.append((network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), losses))
    assert results[0] == results[1]
    assert len(results[0][2]) == 3


def test_numbers_as_targets_and_the_defaults_give_the_bytes_of_fit():
    images = DIGITS.images.reshape(150, -1)[:, :20]
    results = []
    for train in (plain.fit, lambda *a, **more: fit(*a, threads=1, **more)):
        network = mlp(20, [8], 3, seed=1)
        train(network, _Numbers(images, RNG_TARGETS), loss=MeanSquaredError())
        results.append(network.parameters.vector.tobytes())
    assert results[0] == results[1]


RNG_TARGETS = np.random.default_rng(1).normal(size=(150, 3))


class _Numbers(Split):
    """Targets that are numbers: a data set has classes."""

    def __init__(self, images, labels):
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels)


def test_larger_batches_of_a_convolutional_network_agree_to_rounding():
    first, second = convolutional(seed=2), convolutional(seed=2)
    plain.fit(first, DIGITS, epochs=2, batch_size=75, optimizer=SGD(0.1))
    fit(second, DIGITS, epochs=2, batch_size=75, optimizer=SGD(0.1), threads=1)
    np.testing.assert_allclose(first.parameters.vector, second.parameters.vector, rtol=1e-3, atol=1e-5)


def test_the_plain_loop_fits_one_screen_and_has_the_arguments_of_fit():
    assert len(inspect.getsource(plain).splitlines()) <= 60
    own, full = (inspect.signature(f).parameters for f in (plain.fit, fit))
    assert set(own) <= set(full)
    for name in set(own) - {"train", "batch_size"}:
        assert own[name] == full[name], name


def calls_to_a_layer(threads):
    """How many calls lie between ``fit`` and a layer's ``forward``, which is the last of them."""
    depths = []

    class Watched(Dense):
        def forward(self, x, tape):
            frame, depth = sys._getframe(), 0
            while frame.f_code is not fit.__code__:
                frame, depth = frame.f_back, depth + 1
            depths.append(depth)
            return super().forward(x, tape)

    network = mlp(144, [], 4)
    network.layers[0].__class__ = Watched
    fit(network, DIGITS, epochs=1, threads=threads)
    return set(depths)


def test_five_calls_lead_from_fit_to_the_forward_of_a_layer():
    assert calls_to_a_layer(1) == {5}


def test_the_plain_loop_leaves_blas_as_it_was():
    with blas_threads(1):
        plain.fit(dense(), DIGITS, epochs=1)
