"""Small trainings for tests, and what they leave behind."""

import dataclasses
import math

import numpy as np

from handspun.layers import Dense
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss
from handspun.optimization.optimizers import Momentum
from handspun.training import Callback
from handspun.training.arguments import check_arguments
from handspun.training.fit import fit
from handspun.training.trainer import Trainer


class Weights(Callback):
    """Remembers the weights after each step and each epoch."""

    watches_steps = True

    def __init__(self):
        self.steps, self.epochs = [], []

    def on_step_end(self, trainer):
        self.steps.append(trainer.network.parameters.vector.copy())

    def on_epoch_end(self, trainer, record):
        self.epochs.append(trainer.network.parameters.vector.copy())


class Recording(Loss):
    """A loss without gradient that remembers the outputs and targets of each batch."""

    def __init__(self):
        self.batches = []

    def per_sample(self, outputs, targets):
        self.batches.append((outputs[:, 0].copy(), targets[:, 0].copy()))
        return np.zeros(len(outputs)), np.zeros_like(outputs)


def orders(count=23, epochs=3, batch_size=5, **arguments):
    """The indices of the images in each batch of each epoch; index, pixel value and target are the same number."""
    network = Sequential([Dense(1)], (1,), dtype=np.float64)
    network.parameters["dense1.weight"][...] = 1.0
    loss = Recording()
    values = np.arange(count, dtype=float)
    fit(network, (values[:, None], values), epochs=epochs, batch_size=batch_size, loss=loss, **arguments)
    for outputs, targets in loss.batches:
        np.testing.assert_array_equal(outputs, targets)  # each image comes with its own target
    batches = [targets.astype(int).tolist() for _, targets in loss.batches]
    steps = len(batches) // epochs
    return [batches[i * steps : (i + 1) * steps] for i in range(epochs)]


def plain_training(network, images, labels, order_of_epochs, rate_of_step, l2=0.0):
    """Parameters and records of SGD for Dense, tanh, Dense and softmax cross-entropy, written with plain arrays."""
    w1, b1, w2, b2 = (network.parameters[name].copy() for name in network.parameters)
    x_all, step, records = images.reshape(len(images), -1) / 255.0, 0, []
    for batches in order_of_epochs:
        losses, hits, norms, rate = 0.0, 0, [], math.nan
        for batch in batches:
            x, y = x_all[batch], labels[batch]
            hidden = np.tanh(x @ w1 + b1)
            z = hidden @ w2 + b2
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            loss = -np.log(p[range(len(y)), y]).mean() + l2 / 2 * ((w1**2).sum() + (w2**2).sum())
            dz = (p - np.eye(3)[y]) / len(y)
            dh = dz @ w2.T * (1 - hidden**2)
            gradients = [x.T @ dh + l2 * w1, dh.sum(axis=0), hidden.T @ dz + l2 * w2, dz.sum(axis=0)]
            losses += loss * len(y)
            hits += int((z.argmax(axis=1) == y).sum())
            norms.append(math.sqrt(sum((g**2).sum() for g in gradients)))
            rate = rate_of_step(step)
            w1, b1, w2, b2 = (w - rate * g for w, g in zip((w1, b1, w2, b2), gradients, strict=True))
            step += 1
        size = len(labels)
        records.append((losses / size, hits / size, rate, sum(norms) / len(norms)))
    return np.concatenate([w.ravel() for w in (w1, b1, w2, b2)]), records


def trained_bytes(blobs, seed=3, **arguments):
    """Parameters and running averages as bytes, and the losses, of two epochs with dropout and batch normalization."""
    network = mlp(12, [8], 3, dropout=0.2, norm="batch", seed=1)
    history = fit(network, blobs, epochs=2, batch_size=16, seed=seed, **arguments)
    return network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), history["loss"]


def misleading(blobs):
    """Validation data with wrong labels: the better the training, the larger the validation loss."""
    return blobs[0], (blobs[1] + 1) % 3


def trainer_of(network, images, targets, micro_batch_size, batch_size, **more):
    """A trainer whose micro-batches have this size."""
    given = {"loss": None, "optimizer": Momentum(0.3), "schedule": None, "epochs": 1, "shuffle": False, "seed": 0, "threads": 1}
    given |= dict.fromkeys(("penalty", "clip", "average", "sample_weight", "augment")) | {"callbacks": []}
    arguments = check_arguments(network, (images, targets), None, batch_size=batch_size, **{**given, **more})
    return Trainer(network, dataclasses.replace(arguments, micro_batch_size=micro_batch_size))
