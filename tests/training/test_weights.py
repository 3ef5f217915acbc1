"""Weights of samples and classes, averaged weights, clipped gradients."""

import numpy as np
import pytest
from small_trainings import Weights

from handspun.networks.architectures import mlp
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm, ClipValue
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD, Momentum
from handspun.training.fit import fit


def trained(images, labels, **arguments):
    network = mlp(12, [5], 3, "tanh", dtype=np.float64)
    fit(network, (images, labels), **{"epochs": 5, "batch_size": None, "optimizer": Momentum(0.5), **arguments})
    return network.parameters.vector


def test_a_sample_weight_acts_as_repeating_the_sample(blobs):
    images, labels = blobs
    times = np.random.default_rng(0).integers(0, 4, 90)
    repeated = trained(images.repeat(times, axis=0), labels.repeat(times))
    np.testing.assert_allclose(trained(images, labels, sample_weight=times), repeated, rtol=1e-10, atol=1e-11)
    assert np.abs(trained(images, labels) - repeated).max() > 1e-3


def test_a_class_weight_acts_as_repeating_the_samples(blobs):
    images, labels = blobs
    times = np.array([1, 3, 2])[labels]
    repeated = trained(images.repeat(times, axis=0), labels.repeat(times))
    weighted = trained(images, labels, loss=SoftmaxCrossEntropy(class_weight=[1, 3, 2]))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-10, atol=1e-11)


def test_a_batch_whose_weights_are_all_zero_changes_nothing(blobs):
    images, labels = blobs
    weight = np.ones(90)
    weight[10:20] = 0.0
    settings = {"batch_size": 10, "shuffle": False, "optimizer": SGD(0.5)}
    kept = trained(images[weight > 0], labels[weight > 0], **settings)
    np.testing.assert_allclose(trained(images, labels, sample_weight=weight, **settings), kept, rtol=1e-12, atol=1e-13)


def test_the_network_ends_with_the_average_that_validation_saw(blobs):
    network = mlp(12, [5], 3, dtype=np.float64)
    start, weights = network.parameters.vector.copy(), Weights()
    history = fit(network, blobs, blobs, epochs=2, batch_size=16, average=ExponentialMovingAverage(0.8), callbacks=[weights])
    expected = start
    for t, now in enumerate(weights.steps, start=1):
        d = min(0.8, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * now
    np.testing.assert_allclose(network.parameters.vector, expected, rtol=1e-12, atol=1e-14)
    p = network.predict_proba(blobs[0])
    assert history["validation_loss"][-1] == pytest.approx(-np.log(p[range(90), blobs[1]]).mean(), rel=1e-12)


def test_averaging_does_not_change_the_steps(blobs):
    runs = []
    for average in (None, ExponentialMovingAverage(0.9)):
        weights = Weights()
        fit(mlp(12, [5], 3), blobs, blobs, epochs=2, batch_size=16, average=average, callbacks=[weights])
        runs.append([step.tobytes() for step in weights.steps])
    assert runs[0] == runs[1]


def test_clipping_bounds_the_step_and_the_history_keeps_the_norm(blobs):
    network = mlp(12, [5], 3, dtype=np.float64)
    weights = Weights()
    before = [network.parameters.vector.copy()]
    history = fit(
        network, blobs, epochs=2, batch_size=16, optimizer=SGD(1.0), clip=ClipNorm(0.01), callbacks=[weights], shuffle=False
    )
    steps = np.diff(before + weights.steps, axis=0)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), 0.01, rtol=1e-9)
    assert min(history["gradient_norm"]) > 0.1

    network, weights = mlp(12, [5], 3, dtype=np.float64), Weights()
    fit(network, blobs, epochs=1, batch_size=16, optimizer=SGD(1.0), clip=ClipValue(0.001), callbacks=[weights])
    assert np.abs(np.diff(before + weights.steps, axis=0)).max() == pytest.approx(0.001)
