"""``fit`` compared with an independent loop, and what it learns."""

import math

import numpy as np
import pytest
from small_trainings import orders, plain_training

from handspun.layers import Dense, Dropout, Flatten
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import SigmoidBinaryCrossEntropy
from handspun.optimization.optimizers import SGD, Adam
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Cosine, InverseTimeDecay
from handspun.training import Callback
from handspun.training.fit import fit


@pytest.mark.parametrize("batch_size", [1, 7, 40, 90, None])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_fit_equals_an_independent_loop(blobs, batch_size, l2):
    images, labels = blobs
    network = mlp(12, [5], 3, "tanh", dtype=np.float64, seed=2)
    size = batch_size or 90
    batches = [list(range(start, min(start + size, 90))) for start in range(0, 90, size)]
    expected, records = plain_training(network, images, labels, [batches] * 3, lambda step: 0.5 / (1 + 0.1 * step), l2)
    history = fit(
        network,
        blobs,
        epochs=3,
        batch_size=batch_size,
        optimizer=SGD(0.5),
        schedule=InverseTimeDecay(0.1),
        penalty=Penalty(l2=l2) if l2 else None,
        shuffle=False,
    )
    np.testing.assert_allclose(network.parameters.vector, expected, rtol=1e-11, atol=1e-12)
    assert history.columns == ["epoch", "loss", "accuracy", "learning_rate", "gradient_norm", "images_per_second", "seconds"]
    assert history["epoch"] == [1, 2, 3]
    own = list(zip(history["loss"], history["accuracy"], history["learning_rate"], history["gradient_norm"], strict=True))
    np.testing.assert_allclose(own, records, rtol=1e-11)
    assert history["accuracy"] == [record[1] for record in records]
    assert all(value > 0 for column in ("seconds", "images_per_second") for value in history[column])


def test_shuffled_fit_equals_a_loop_over_the_same_orders(blobs):
    images, labels = blobs
    network = mlp(12, [5], 3, "tanh", dtype=np.float64)
    shuffled = orders(count=90, epochs=2, batch_size=16, seed=5)
    expected, records = plain_training(network, images, labels, shuffled, lambda step: 0.3)
    history = fit(network, blobs, epochs=2, batch_size=16, optimizer=SGD(0.3), seed=5)
    np.testing.assert_allclose(network.parameters.vector, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(history["loss"], [record[0] for record in records], rtol=1e-11)


def test_the_schedule_spans_all_steps_of_the_training(blobs):
    rates = []

    class Rates(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            rates.append(trainer.learning_rate)

    network = Sequential([Flatten(), Dense(3), Dropout(0.1)], (4, 3))
    fit(network, blobs, epochs=2, batch_size=16, optimizer=SGD(0.2), schedule=Cosine(), callbacks=[Rates()])
    np.testing.assert_allclose(rates, [0.1 * (1 + math.cos(math.pi * step / 12)) for step in range(12)], rtol=1e-12)


def test_fit_learns_three_classes(blobs):
    network = mlp(12, [16], 3)
    history = fit(network, blobs, epochs=30, batch_size=16, optimizer=Adam(0.01))
    assert history["accuracy"][-1] >= 0.95
    assert np.mean(network.predict(blobs[0]) == blobs[1]) >= 0.95


def test_a_single_output_learns_yes_and_no():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x[:, 0] > 0.2).astype(int)
    network = mlp(3, [], 1)
    history = fit(network, (x, y), epochs=40, batch_size=20, loss=SigmoidBinaryCrossEntropy(), optimizer=Adam(0.1))
    assert history["accuracy"][-1] > 0.95
    assert np.mean(network.predict(x) == y) > 0.95
