"""A batch that goes through the network in micro-batches trains as the whole batch does."""

import numpy as np
import pytest
from small_trainings import Weights, plain_training, trainer_of

from handspun.layers import Dense, Dropout, Flatten, ReLU
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.clipping import ClipNorm
from handspun.optimization.losses import Loss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD
from handspun.optimization.penalties import Penalty
from handspun.training.fit import fit


def train_in_micro_batches(micro_batch_size, batch_size, loss, targets, sample_weight=None):
    rng = np.random.default_rng(0)
    network = Sequential([Flatten(), Dense(6), ReLU(), Dense(3)], (4, 3), dtype=np.float64)
    trainer = trainer_of(
        network,
        rng.integers(0, 256, (len(targets), 4, 3), np.uint8),
        targets,
        micro_batch_size,
        batch_size,
        loss=loss,
        epochs=4,
        shuffle=True,
        penalty=Penalty(l1=1e-3, l2=1e-3),
        clip=ClipNorm(0.5),
        sample_weight=sample_weight,
        threads=None,
    )
    history = trainer.run()
    columns = [name for name in ("loss", "accuracy", "gradient_norm") if name in history]
    return network.parameters.vector, [history[name] for name in columns]


CLASSES = np.random.default_rng(1).integers(0, 3, 47)
SOFT = np.random.default_rng(2).dirichlet(np.ones(3), 47)


@pytest.mark.parametrize("batch_size", [None, 20], ids=["full", "shuffled"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (SoftmaxCrossEntropy(), CLASSES),
        (SoftmaxCrossEntropy(label_smoothing=0.1, class_weight=[1.0, 0.3, 2.0]), CLASSES),
        (SoftmaxCrossEntropy(class_weight=[1.0, 0.3, 2.0]), SOFT),
        (MeanSquaredError(), SOFT),
        (SigmoidBinaryCrossEntropy(), SOFT),
    ],
)
def test_micro_batches_train_as_the_whole_batch_does(loss, targets, weighted, batch_size):
    weight = np.random.default_rng(3).uniform(0, 2, 47) if weighted else None
    whole, records = train_in_micro_batches(10**6, batch_size, loss, targets, weight)
    for micro_batch_size in (1, 7, 16):
        parameters, own = train_in_micro_batches(micro_batch_size, batch_size, loss, targets, weight)
        np.testing.assert_allclose(parameters, whole, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(own, records, rtol=1e-12)


def test_a_full_batch_of_several_micro_batches_is_one_step():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (1300, 6), np.uint8), rng.integers(0, 3, 1300)
    network = mlp(6, [5], 3, "tanh", dtype=np.float64)
    expected, records = plain_training(network, images, labels, [[np.arange(1300)]] * 2, lambda step: 0.7)
    weights = Weights()
    history = fit(network, (images, labels), epochs=2, batch_size=None, optimizer=SGD(0.7), callbacks=[weights])
    assert len(weights.steps) == 2
    np.testing.assert_allclose(network.parameters.vector, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(history["loss"], [record[0] for record in records], rtol=1e-12)


class Masks(Loss):
    """A loss without gradient that remembers which ones dropout left."""

    def __init__(self):
        self.seen = []

    def per_sample(self, outputs, targets):
        self.seen.append((outputs != 0).tobytes())
        return np.zeros(len(outputs)), np.zeros_like(outputs)


def masks_of(seed, micro_batch_size=4):
    """What dropout leaves and augmentation draws in two steps of 12 images."""
    network = Sequential([Dense(32), Dropout(0.5)], (32,), seed=None)
    network.parameters["dense1.bias"][...] = 1.0
    masks, drawn = Masks(), []

    def augment(images, rng):
        drawn.append(rng.integers(0, 2**63))
        return images

    images = np.zeros((24, 32), np.uint8)
    trainer_of(network, images, np.zeros(24, np.intp), micro_batch_size, 12, loss=masks, augment=augment, seed=seed).run()
    return masks.seen, drawn


def test_random_draws_differ_by_step_micro_batch_and_seed():
    masks, drawn = masks_of(0)
    assert len(masks) == len(drawn) == 6
    assert len(set(masks)) == len(set(drawn)) == 6, "two steps of three micro-batches"
    assert masks_of(0) == (masks, drawn)
    others, also = masks_of(1)
    assert not set(masks) & set(others)
    assert not set(drawn) & set(also)
    assert len(set(masks_of(0, micro_batch_size=1)[1])) == 24, "also beyond the micro-batches that wait to be added up"
