"""Training: against an independent loop, to the bit where bits are promised, and wrong arguments."""

import csv
import dataclasses
import itertools
import json
import math
import re
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from handspun.data.dataset import Split
from handspun.errors import DivergenceError, OutputError, UsageError
from handspun.layers import BatchNorm, Dense, Dropout, Flatten, ReLU
from handspun.networks import modelfile
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm, ClipValue
from handspun.optimization.losses import Loss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD, Adam, Momentum
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Cosine, InverseTimeDecay
from handspun.training import (
    BestCheckpoint,
    Callback,
    CSVLog,
    Deadline,
    EarlyStopping,
    JSONLinesLog,
    TensorBoardLog,
    callbacks as callbacks_module,
)
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
    """A loss without effect that remembers outputs and targets of each batch."""

    def __init__(self):
        self.batches = []

    def per_sample(self, outputs, targets):
        self.batches.append((outputs[:, 0].copy(), targets[:, 0].copy()))
        return np.zeros(len(outputs)), np.zeros_like(outputs)


def orders(count=23, epochs=3, batch_size=5, **arguments):
    """The indices of the images of each batch of each epoch, which are their values and their targets as well."""
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


# Order -----------------------------------------------------------------------------------------------------------------


def test_each_epoch_shows_each_image_exactly_once_in_an_order_of_its_own():
    epochs = [list(itertools.chain(*batches)) for batches in orders()]
    for order in epochs:
        assert sorted(order) == list(range(23))
        assert order != list(range(23))
    assert len({tuple(order) for order in epochs}) == 3


def test_batches_have_the_size_asked_for_and_the_last_one_the_rest():
    assert [[len(batch) for batch in epoch] for epoch in orders()] == [[5, 5, 5, 5, 3]] * 3
    assert [[len(batch) for batch in epoch] for epoch in orders(count=4, batch_size=1)] == [[1] * 4] * 3
    assert [[len(batch) for batch in epoch] for epoch in orders(batch_size=100)] == [[23]] * 3


def test_order_comes_from_the_seed_alone():
    assert orders(seed=1) == orders(seed=1) != orders(seed=2)


def test_order_is_that_of_the_data_without_shuffling():
    assert [list(itertools.chain(*batches)) for batches in orders(shuffle=False)] == [list(range(23))] * 3


def test_images_do_not_stay_together_in_batches():
    """Shuffling moves images between batches, not only batches: neighbours meet as often as strangers."""
    together = 0
    for seed in range(40):
        for batches in orders(count=20, batch_size=5, epochs=1, seed=seed):
            together += sum(0 in batch and 1 in batch for batch in batches)
    assert together / 40 == pytest.approx(4 / 19, abs=0.2)


# An independent loop ---------------------------------------------------------------------------------------------------


def plain_training(network, images, labels, order_of_epochs, rate_of_step, l2=0.0):
    """Weights and records of SGD on Dense, tanh, Dense with softmax cross-entropy, written anew with plain arrays."""
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


def test_shuffled_fit_equals_an_independent_loop_over_the_same_orders(blobs):
    images, labels = blobs
    network = mlp(12, [5], 3, "tanh", dtype=np.float64)
    shuffled = orders(count=90, epochs=2, batch_size=16, seed=5)
    expected, records = plain_training(network, images, labels, shuffled, lambda step: 0.3)
    history = fit(network, blobs, epochs=2, batch_size=16, optimizer=SGD(0.3), seed=5)
    np.testing.assert_allclose(network.parameters.vector, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(history["loss"], [record[0] for record in records], rtol=1e-11)


def test_training_learns_what_can_be_learned(blobs):
    network = mlp(12, [16], 3)
    history = fit(network, blobs, epochs=30, batch_size=16, optimizer=Adam(0.01))
    assert history["accuracy"][-1] >= 0.95
    assert np.mean(network.predict(blobs[0]) == blobs[1]) >= 0.95


# The same bytes --------------------------------------------------------------------------------------------------------


def result(blobs, seed=3, **arguments):
    network = mlp(12, [8], 3, dropout=0.2, norm="batch", seed=1)
    history = fit(network, blobs, epochs=2, batch_size=16, seed=seed, **arguments)
    return network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), history["loss"]


def test_same_seed_gives_the_same_bytes_and_another_seed_others(blobs):
    assert result(blobs) == result(blobs)
    assert result(blobs, seed=4) != result(blobs)


def test_the_global_random_state_has_no_influence(blobs):
    np.random.seed(1)  # noqa: NPY002
    first = result(blobs)
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert result(blobs) == first
    np.random.seed(1)  # noqa: NPY002
    result(blobs)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_watching_and_saving_change_nothing(blobs, tmp_path):
    watched = [Weights(), CSVLog(tmp_path / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl")]
    assert result(blobs, callbacks=watched, checkpoint=tmp_path / "run.npz", checkpoint_every=0) == result(blobs)
    assert result(blobs, validation=blobs) == result(blobs)


def test_training_leaves_the_data_as_they_are(blobs):
    images, labels = blobs[0].copy(), blobs[1].copy()
    result((images, labels))
    np.testing.assert_array_equal(images, blobs[0])
    np.testing.assert_array_equal(labels, blobs[1])


# Large batches in pieces -----------------------------------------------------------------------------------------------


def trainer_of(network, images, targets, micro_batch_size, batch_size, **more):
    """A trainer that cuts batches into micro-batches of this size."""
    given = {"loss": None, "optimizer": Momentum(0.3), "schedule": None, "epochs": 1, "shuffle": False, "seed": 0, "threads": 1}
    given |= dict.fromkeys(("penalty", "clip", "average", "sample_weight", "augment")) | {"callbacks": []}
    arguments = check_arguments(network, (images, targets), None, batch_size=batch_size, **{**given, **more})
    return Trainer(network, dataclasses.replace(arguments, micro_batch_size=micro_batch_size))


def train_in_pieces(piece_size, batch_size, loss, targets, sample_weight=None):
    rng = np.random.default_rng(0)
    network = Sequential([Flatten(), Dense(6), ReLU(), Dense(3)], (4, 3), dtype=np.float64)
    trainer = trainer_of(
        network,
        rng.integers(0, 256, (len(targets), 4, 3), np.uint8),
        targets,
        piece_size,
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
def test_a_batch_in_pieces_trains_as_the_whole_batch(loss, targets, weighted, batch_size):
    weight = np.random.default_rng(3).uniform(0, 2, 47) if weighted else None
    whole, records = train_in_pieces(10**6, batch_size, loss, targets, weight)
    for piece_size in (1, 7, 16):
        pieces, own = train_in_pieces(piece_size, batch_size, loss, targets, weight)
        np.testing.assert_allclose(pieces, whole, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(own, records, rtol=1e-12)


def test_full_batch_larger_than_a_piece_is_one_step_an_epoch():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (1300, 6), np.uint8), rng.integers(0, 3, 1300)
    network = mlp(6, [5], 3, "tanh", dtype=np.float64)
    expected, records = plain_training(network, images, labels, [[np.arange(1300)]] * 2, lambda step: 0.7)
    weights = Weights()
    history = fit(network, (images, labels), epochs=2, batch_size=None, optimizer=SGD(0.7), callbacks=[weights])
    assert len(weights.steps) == 2
    np.testing.assert_allclose(network.parameters.vector, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(history["loss"], [record[0] for record in records], rtol=1e-12)


@pytest.mark.parametrize("rows", [20, 17], ids=["ragged", "one-row-left"])
def test_running_averages_take_in_the_mean_over_all_images_of_the_pieces(rows):
    x = np.random.default_rng(5).normal(3, 2, (rows, 4)) * np.linspace(1, 3, rows)[:, None]
    network = Sequential([BatchNorm(momentum=0.25), Dense(3)], (4,), dtype=np.float64)
    network.statistics["batchnorm1.running_variance"][...] = [1.0, 2.0, 3.0, 4.0]
    before = network.statistics["batchnorm1.running_variance"].copy()
    trainer_of(network, x, np.arange(rows) % 3, 8, rows).run()
    parts = [x[:8], x[8:16], x[16:]]
    # One row has no variance: what the average was stands in for it.
    variance = sum(len(part) / rows * (part.var(axis=0, ddof=1) if len(part) > 1 else before) for part in parts)
    np.testing.assert_allclose(network.statistics["batchnorm1.running_mean"], 0.25 * x.mean(axis=0), rtol=1e-12)
    expected = 0.75 * before + 0.25 * variance
    np.testing.assert_allclose(network.statistics["batchnorm1.running_variance"], expected, rtol=1e-12)


class Masks(Loss):
    """A loss without effect that remembers what dropout left of ones."""

    def __init__(self):
        self.seen = []

    def per_sample(self, outputs, targets):
        self.seen.append((outputs != 0).tobytes())
        return np.zeros(len(outputs)), np.zeros_like(outputs)


def masks_of(seed):
    """What dropout leaves and augmentation draws in two steps of three pieces."""
    network = Sequential([Dense(32), Dropout(0.5)], (32,), seed=None)
    network.parameters["dense1.bias"][...] = 1.0
    masks, drawn = Masks(), []

    def augment(images, rng):
        drawn.append(rng.integers(0, 2**63))
        return images

    images = np.zeros((24, 32), np.uint8)
    trainer_of(network, images, np.zeros(24, np.intp), 4, 12, loss=masks, augment=augment, seed=seed).run()
    return masks.seen, drawn


def test_what_dropout_and_augmentation_draw_differs_by_step_and_piece_and_seed():
    masks, drawn = masks_of(0)
    assert len(masks) == len(drawn) == 6
    assert len(set(masks)) == len(set(drawn)) == 6, "two steps of three pieces"
    assert masks_of(0) == (masks, drawn)
    others, also = masks_of(1)
    assert not set(masks) & set(others)
    assert not set(drawn) & set(also)


# Weights of samples and classes ----------------------------------------------------------------------------------------


def trained(images, labels, **arguments):
    network = mlp(12, [5], 3, "tanh", dtype=np.float64)
    fit(network, (images, labels), **{"epochs": 5, "batch_size": None, "optimizer": Momentum(0.5), **arguments})
    return network.parameters.vector


def test_sample_weights_act_as_repeating_samples(blobs):
    images, labels = blobs
    times = np.random.default_rng(0).integers(0, 4, 90)
    repeated = trained(images.repeat(times, axis=0), labels.repeat(times))
    np.testing.assert_allclose(trained(images, labels, sample_weight=times), repeated, rtol=1e-10, atol=1e-11)
    assert np.abs(trained(images, labels) - repeated).max() > 1e-3


def test_class_weights_act_as_repeating_samples(blobs):
    images, labels = blobs
    times = np.array([1, 3, 2])[labels]
    repeated = trained(images.repeat(times, axis=0), labels.repeat(times))
    weighted = trained(images, labels, loss=SoftmaxCrossEntropy(class_weight=[1, 3, 2]))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-10, atol=1e-11)


def test_batches_of_weight_zero_only_change_nothing(blobs):
    images, labels = blobs
    weight = np.ones(90)
    weight[10:20] = 0.0
    settings = {"batch_size": 10, "shuffle": False, "optimizer": SGD(0.5)}
    kept = trained(images[weight > 0], labels[weight > 0], **settings)
    np.testing.assert_allclose(trained(images, labels, sample_weight=weight, **settings), kept, rtol=1e-12, atol=1e-13)


# Validation, averages, clipping ----------------------------------------------------------------------------------------


def test_validation_columns_are_loss_and_accuracy_of_the_weights_after_the_epoch(blobs):
    images, labels = blobs
    network = mlp(12, [5], 3, dropout=0.5, dtype=np.float64)
    held_out = (images[60:], labels[60:])
    history = fit(network, (images[:60], labels[:60]), held_out, epochs=3, batch_size=16)
    p = network.predict_proba(held_out[0])
    assert history["validation_loss"][-1] == pytest.approx(-np.log(p[range(30), held_out[1]]).mean(), rel=1e-12)
    assert history["validation_accuracy"][-1] == np.mean(p.argmax(axis=1) == held_out[1])
    assert len(set(history["validation_loss"])) == 3


def test_the_loss_of_training_has_the_penalty_and_that_of_validation_has_not(blobs):
    network = mlp(12, [5], 3, dtype=np.float64)
    penalty = Penalty(l2=0.5)
    extra = penalty(network.parameters.vector, network.decayed, np.zeros_like(network.parameters.vector))
    settings = {"epochs": 1, "batch_size": None, "optimizer": SGD(1e-12), "validation": blobs, "penalty": penalty}
    history = fit(network, blobs, **settings)
    assert extra > 1.0
    assert history["loss"][0] == pytest.approx(history["validation_loss"][0] + extra, rel=1e-9)


def test_targets_that_are_numbers_have_no_accuracy():
    rng = np.random.default_rng(0)
    data = (rng.normal(size=(20, 4)), rng.normal(size=(20, 2)))
    history = fit(mlp(4, [], 2), data, data, epochs=2, loss=MeanSquaredError())
    assert "accuracy" not in history
    assert "validation_accuracy" not in history
    assert "validation_loss" in history


def test_one_output_learns_yes_and_no():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x[:, 0] > 0.2).astype(int)
    network = mlp(3, [], 1)
    history = fit(network, (x, y), epochs=40, batch_size=20, loss=SigmoidBinaryCrossEntropy(), optimizer=Adam(0.1))
    assert history["accuracy"][-1] > 0.95
    assert np.mean(network.predict(x) == y) > 0.95


def test_network_ends_with_the_average_that_validation_saw(blobs):
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


def test_averaging_does_not_change_the_training_itself(blobs):
    runs = []
    for average in (None, ExponentialMovingAverage(0.9)):
        weights = Weights()
        fit(mlp(12, [5], 3), blobs, blobs, epochs=2, batch_size=16, average=average, callbacks=[weights])
        runs.append([step.tobytes() for step in weights.steps])
    assert runs[0] == runs[1]


def test_clipping_bounds_the_step_and_history_has_the_norm_before_it(blobs):
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


def test_batch_of_one_trains_a_network_with_batch_norm(blobs):
    network = mlp(12, [5], 3, norm="batch")
    history = fit(network, (blobs[0][:9], blobs[1][:9]), epochs=40, batch_size=1, validation=blobs)
    assert np.isfinite(network.parameters.vector).all()
    assert (network.statistics["batchnorm1.running_variance"] == 1.0).all(), "no row alone has a variance"
    # Every row is normalised to 0, so that only the last biases learn: what is left is a guess among three classes, log 3.
    assert history["validation_loss"][-1] < 1.25, "it was 252 with a variance of 0"


def test_a_last_batch_of_one_takes_nothing_from_the_running_variance():
    x = np.random.default_rng(0).normal(3, 2, (65, 12))
    network = Sequential([BatchNorm(), Dense(3)], (12,), dtype=np.float64)
    fit(network, (x, np.arange(65) % 3), epochs=40, batch_size=64, optimizer=SGD(1e-6))
    # 0.9⁴⁰ = 1.5 % is left of the 1 that it began with. Had the rows that are left over counted as 0, it would be about half.
    ratio = network.statistics["batchnorm1.running_variance"] / x.var(axis=0, ddof=1)
    np.testing.assert_allclose(ratio, 1.0, atol=0.03)


# Callbacks -------------------------------------------------------------------------------------------------------------


class Calls(Callback):
    watches_steps = True

    def __init__(self):
        self.seen = []

    def on_train_begin(self, trainer):
        self.seen.append(("begin", trainer.step, trainer.epoch))

    def on_step_end(self, trainer):
        self.seen.append(("step", trainer.step, trainer.epoch))

    def on_epoch_end(self, trainer, record):
        self.seen.append(("epoch", trainer.step, trainer.epoch, record["epoch"]))

    def on_train_end(self, trainer):
        self.seen.append(("end", trainer.step, trainer.epoch))


def test_callbacks_are_told_what_happens_in_order(blobs):
    calls = Calls()
    fit(mlp(12, [], 3), blobs, epochs=2, batch_size=50, callbacks=[calls])
    assert calls.seen == [
        ("begin", 0, 0),
        ("step", 1, 0),
        ("step", 2, 0),
        ("epoch", 2, 1, 1),
        ("step", 3, 1),
        ("step", 4, 1),
        ("epoch", 4, 2, 2),
        ("end", 4, 2),
    ]


def misleading(blobs):
    """Validation data on which training makes it worse from the first epoch on."""
    return blobs[0], (blobs[1] + 1) % 3


def test_early_stopping_stops_when_patience_is_over_and_restores_the_best_weights(blobs):
    weights, stopping = Weights(), EarlyStopping(3)
    network = mlp(12, [5], 3)
    history = fit(network, blobs, misleading(blobs), epochs=50, batch_size=16, callbacks=[weights, stopping])
    best = int(np.argmin(history["validation_loss"]))
    assert len(history["loss"]) == best + 1 + 3 < 50
    assert stopping.best == history["validation_loss"][best]
    assert stopping.best_epoch == best + 1
    assert network.parameters.vector.tobytes() == weights.epochs[best].tobytes()


def test_early_stopping_restores_running_averages_too(blobs):
    network = mlp(12, [5], 3, norm="batch")
    history = fit(network, blobs, misleading(blobs), epochs=50, batch_size=16, callbacks=[EarlyStopping(2)])
    p = network.predict_proba(blobs[0]).astype(float)
    own = -np.log(p[range(90), misleading(blobs)[1]]).mean()
    assert own == pytest.approx(min(history["validation_loss"]), rel=1e-5)


def test_early_stopping_without_restoring_keeps_the_last_weights(blobs):
    weights = Weights()
    network = mlp(12, [5], 3)
    stopping = EarlyStopping(2, monitor="validation_accuracy", restore_best=False)
    history = fit(network, blobs, misleading(blobs), epochs=50, batch_size=16, callbacks=[weights, stopping])
    assert stopping.best == max(history["validation_accuracy"])
    assert stopping.best_epoch == 1 + int(np.argmax(history["validation_accuracy"]))  # the first of equal ones
    assert network.parameters.vector.tobytes() == weights.epochs[-1].tobytes()


def test_early_stopping_without_patience_makes_all_epochs_and_restores_the_best(blobs):
    weights = Weights()
    network = mlp(12, [5], 3)
    stopping = EarlyStopping(None)
    history = fit(network, blobs, misleading(blobs), epochs=8, batch_size=16, callbacks=[weights, stopping])
    assert len(history["loss"]) == 8
    best = int(np.argmin(history["validation_loss"]))
    assert best < 7
    assert network.parameters.vector.tobytes() == weights.epochs[best].tobytes()


def test_early_stopping_with_an_average_restores_the_average_of_the_best_epoch(blobs):
    network = mlp(12, [5], 3, dtype=np.float64)
    average, stopping = ExponentialMovingAverage(0.9), EarlyStopping(2)
    history = fit(
        network,
        blobs,
        misleading(blobs),
        epochs=40,
        batch_size=16,
        average=average,
        callbacks=[stopping],
        optimizer=Adam(0.01),
    )
    assert len(history["loss"]) < 40
    p = network.predict_proba(blobs[0])
    own = -np.log(p[range(90), misleading(blobs)[1]]).mean()
    assert own == pytest.approx(min(history["validation_loss"]), rel=1e-12)


def test_early_stopping_used_again_begins_anew(blobs):
    stopping = EarlyStopping(2)
    results = []
    for _ in range(2):
        network = mlp(12, [5], 3)
        history = fit(network, blobs, misleading(blobs), epochs=20, batch_size=16, callbacks=[stopping])
        results.append((network.parameters.vector.tobytes(), history["loss"]))
    assert results[0] == results[1]
    other = mlp(12, [4], 3)  # another network: the weights of the first one would not even fit
    fit(other, blobs, misleading(blobs), epochs=3, batch_size=16, callbacks=[stopping])
    assert 1 <= stopping.best_epoch <= 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizer": Adam}, r"optimizer: Optimizer was expected, got the class Adam: make one, Adam\(…\)"),
        ({"loss": SoftmaxCrossEntropy}, "loss: Loss was expected, got the class SoftmaxCrossEntropy"),
        ({"loss": "softmax"}, "loss: Loss was expected, got 'softmax'"),
        ({"schedule": 0.1}, "schedule: Schedule was expected, got 0.1"),
        ({"penalty": 0.1}, "penalty: Penalty was expected"),
        ({"clip": 1.0}, "clip: Clip was expected"),
        ({"average": 0.99}, "average: ExponentialMovingAverage was expected"),
        ({"callbacks": EarlyStopping(2)}, r"callbacks must be a list, such as \[EarlyStopping\(…\)\]"),
        ({"callbacks": [EarlyStopping]}, "callbacks: Callback was expected, got the class EarlyStopping"),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(wrong, message, blobs):
    with pytest.raises(UsageError, match=message):
        fit(mlp(12, [4], 3), blobs, blobs, **wrong)


def test_numbers_to_be_predicted_are_told_from_classes():
    x, y = np.zeros((5, 3)), np.arange(5)
    with pytest.raises(UsageError, match=r"label 4 is out of range.*given as floats: targets.astype\(float\)"):
        fit(mlp(3, [], 1), (x, y), loss=MeanSquaredError())
    with pytest.raises(UsageError, match=r"the classes are 0 to 2\.$"):
        fit(mlp(3, [], 3), (x, y))


def test_what_is_no_number_is_no_improvement():
    stopping = EarlyStopping(2)
    values = [math.nan, 3.0, math.nan, 2.0, math.nan]
    assert [stopping._improved({"epoch": i, "validation_loss": value}) for i, value in enumerate(values, 1)] == [
        False, True, False, True, False
    ]  # fmt: skip
    assert (stopping.best, stopping.best_epoch) == (2.0, 4)


@pytest.mark.parametrize(("monitor", "better", "worse"), [("validation_loss", 1.0, 3.0), ("validation_accuracy", 0.9, 0.7)])
def test_what_is_as_good_as_the_best_is_no_improvement(monitor, better, worse):
    stopping = EarlyStopping(2, monitor=monitor)
    values = [worse, worse, better, better, worse]
    assert [stopping._improved({"epoch": i, monitor: value}) for i, value in enumerate(values, 1)] == [
        True, False, True, False, False
    ]  # fmt: skip
    assert (stopping.best, stopping.best_epoch) == (better, 3)


def test_validation_with_what_is_no_number_is_refused(blobs):
    images = blobs[0].astype(np.float32)
    images[3, 1] = np.nan
    with pytest.raises(UsageError, match="validation: Image 3, counted from 0, holds values that are not finite"):
        fit(mlp(12, [4], 3), blobs, (images, blobs[1]))


@pytest.mark.parametrize("callback", [EarlyStopping(2), EarlyStopping(2, monitor="validation_accuracy")])
def test_watching_a_column_that_there_is_not_is_refused(blobs, callback):
    with pytest.raises(UsageError, match=r"watches validation_.*Give validation data"):
        fit(mlp(12, [], 3), blobs, epochs=2, callbacks=[callback])


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping(0),
        lambda: EarlyStopping(monitor="val_loss"),
        lambda: BestCheckpoint("x.npz", monitor="best"),
        lambda: Deadline(0),
        lambda: Deadline(-1),
        lambda: Deadline(math.nan),
    ],
)
def test_wrong_settings_of_a_callback_are_refused(make):
    with pytest.raises(UsageError):
        make()


@pytest.mark.parametrize("average", [None, 0.9])
def test_best_checkpoint_holds_the_network_of_the_best_epoch(blobs, tmp_path, average):
    path = tmp_path / "deep" / "best.npz"
    network = mlp(12, [5], 3, norm="batch", dtype=np.float64)
    history = fit(
        network,
        blobs,
        misleading(blobs),
        epochs=8,
        batch_size=16,
        average=None if average is None else ExponentialMovingAverage(average),
        callbacks=[BestCheckpoint(path)],
    )
    best = int(np.argmin(history["validation_loss"]))
    loaded, header = modelfile.load_with_header(path)
    p = loaded.predict_proba(blobs[0])
    own = -np.log(p[range(90), misleading(blobs)[1]]).mean()
    assert own == pytest.approx(history["validation_loss"][best], rel=1e-12)
    assert header["training"] == {"epoch": best + 1, "validation_loss": history["validation_loss"][best]}


def test_logs_have_a_line_for_each_epoch_with_the_values_of_the_history(blobs, tmp_path):
    logs = [CSVLog(tmp_path / "a" / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl")]
    history = fit(mlp(12, [], 3), blobs, epochs=3, batch_size=16, callbacks=logs)
    with (tmp_path / "a" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["validation_loss"] for row in rows] == ["", "", ""]
    for column in history:
        assert [float(row[column]) for row in rows] == history[column]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == history.records


def test_logs_have_one_kind_of_line_ending_on_windows_too(blobs, tmp_path, monkeypatch):
    plain = Path.open

    def as_on_windows(self, mode="r", *arguments, newline=None, **options):
        if newline is None and "r" not in mode and "b" not in mode:
            newline = "\r\n"
        return plain(self, mode, *arguments, newline=newline, **options)

    monkeypatch.setattr(Path, "open", as_on_windows)
    logs = [CSVLog(tmp_path / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl")]
    fit(mlp(12, [], 3), blobs, epochs=3, callbacks=logs)
    for log, lines in zip(logs, (4, 3), strict=True):
        assert (log.path.read_bytes().count(b"\n"), log.path.read_bytes().count(b"\r")) == (lines, 0)


def test_log_that_cannot_be_written_says_so(blobs, tmp_path):
    with pytest.raises(OutputError, match="folder"):
        fit(mlp(12, [], 3), blobs, epochs=1, callbacks=[CSVLog(tmp_path)])


def test_tensorboard_log_holds_the_values_of_the_history(blobs, tmp_path, read_events):
    history = fit(mlp(12, [], 3), blobs, blobs, epochs=3, batch_size=16, callbacks=[TensorBoardLog(tmp_path)])
    expected = {(epoch, name): history[name][epoch - 1] for epoch in (1, 2, 3) for name in history.columns if name != "epoch"}
    events = [event for path in tmp_path.iterdir() for event in read_events(path)]
    found = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    assert found.keys() == expected.keys()
    for key, value in found.items():
        assert value == pytest.approx(expected[key], rel=1e-6)


def test_deadline_ends_training_after_the_step_in_which_time_runs_out(blobs, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(callbacks_module, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    weights = Weights()
    # One second a step, 6 steps an epoch.
    history = fit(mlp(12, [], 3), blobs, epochs=50, batch_size=16, callbacks=[Deadline(8), weights])
    assert len(weights.steps) == 8
    assert history["epoch"] == [1, 2]


def test_deadline_in_real_time(blobs):
    history = fit(mlp(12, [], 3), blobs, epochs=10**6, batch_size=1, callbacks=[Deadline(0.15)])
    assert sum(history["seconds"]) < 5


# Divergence ------------------------------------------------------------------------------------------------------------


def test_images_that_are_not_finite_end_training_with_the_step_and_the_cause(blobs):
    images = blobs[0].astype(np.float32) / 255
    images[37, 2, 1] = np.inf
    with pytest.raises(DivergenceError) as caught:
        fit(mlp(12, [5], 3), (images, blobs[1]), epochs=2, batch_size=10, shuffle=False)
    message = str(caught.value)
    assert "step 4 (epoch 1)" in message
    assert "images of this batch" in message
    assert "Mend or leave out these images" in message


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_huge_learning_rate_ends_training_with_step_layer_and_what_to_try(blobs, dtype):
    network = mlp(12, [5], 3, dtype=dtype)
    with pytest.raises(DivergenceError) as caught:
        fit(network, blobs, epochs=20, batch_size=10, optimizer=SGD(1e30 if dtype == np.float32 else 1e200))
    message = str(caught.value)
    assert "step " in message
    assert "dense" in message
    assert re.search(r"learning rate, (1e\+29 instead of 1e\+30|1e\+199 instead of 1e\+200)\.", message)
    assert "ClipNorm" in message
    assert ("float64" in message) == (dtype == np.float32)


def test_divergence_names_the_first_layer_whose_output_is_not_finite(blobs):
    network = mlp(12, [5, 5], 3)
    network.parameters["dense1.weight"][...] = 1e20
    network.parameters["dense2.weight"][...] = 1e20
    with pytest.raises(DivergenceError, match=r"step 1 \(epoch 1\): the output of dense2 is not finite"):
        fit(network, blobs, epochs=1)


def test_divergence_names_the_gradient_that_is_not_finite(blobs, monkeypatch):
    right = Dense.backward

    def wrong(self, dy, tape):
        dx = right(self, dy, tape)
        if self.name == "dense1":
            tape[self].gradient["bias"][...] = np.nan
        return dx

    monkeypatch.setattr(Dense, "backward", wrong)
    with pytest.raises(DivergenceError, match=r"the gradient of dense1\.bias is not finite"):
        fit(mlp(12, [5], 3), blobs, epochs=1)


@pytest.mark.parametrize("wrong", ["loss", "images"])
def test_a_training_that_diverged_leaves_finite_parameters_and_running_averages(blobs, wrong):
    images = blobs[0].astype(np.float32) / 255
    network = Sequential([Flatten(), BatchNorm(), Dense(3)], (4, 3))
    if wrong == "images":
        images[37, 2, 1] = np.inf
    else:
        network.parameters["dense1.weight"][...] = 1e38
    with pytest.raises(DivergenceError):
        fit(network, (images, blobs[1]), epochs=2, batch_size=10, shuffle=False)
    assert np.isfinite(network.parameters.vector).all()
    assert np.isfinite(network.statistics.vector).all()
    # Three steps of the first, none of the second: the step that was not made has left nothing behind.
    moved = (network.statistics["batchnorm1.running_variance"] != 1.0).all()
    assert moved == (wrong == "images")


def test_network_that_diverged_before_is_named_as_the_cause(blobs):
    network = mlp(12, [5], 3)
    network.parameters["dense2.bias"][1] = np.nan
    with pytest.raises(DivergenceError, match=r"dense2\.bias is no longer finite"):
        fit(network, blobs, epochs=1)


# Wrong arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.arange(90) % 4}, r"train: label 3 is out of range.*0 to 2"),
        ({"labels": np.arange(90) % 3 - 1}, r"label -1 is out of range"),
        ({"labels": np.zeros(89, int)}, r"train: 90 images need 90 whole numbers as targets, got the shape \(89,\)"),
        ({"labels": np.zeros((90, 2))}, r"outputs have shape \(90, 3\), the targets \(90, 2\)"),
        ({"labels": np.full((90, 3), np.nan)}, "not finite"),
        ({"labels": np.full((90, 3), np.inf)}, "not finite"),
        ({"labels": np.zeros(90)}, r"outputs have shape \(90, 3\), the targets \(90,\).*targets\.astype\(int\)"),
        ({"labels": np.array(["a"] * 90)}, "targets"),
        ({"labels": np.array([["a", "b", "c"]] * 90)}, "targets"),
        ({"labels": None}, "no labels"),
        ({"images": np.zeros((90, 13))}, r"\(13,\).*\(12,\)"),
        ({"images": np.zeros((0, 12)), "labels": np.zeros(0, int)}, "train: there are no images"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "all"}, "batch_size"),
        ({"sample_weight": np.ones(89)}, "sample_weight must be 90"),
        ({"sample_weight": -np.ones(90)}, "none negative"),
        ({"sample_weight": np.full(90, np.nan)}, "finite"),
        ({"validation": (np.zeros((5, 12)), np.full(5, 3))}, "validation: label 3"),
        ({"validation": (np.zeros((5, 11)), np.zeros(5, int))}, r"\(11,\)"),
        ({"validation": "later"}, "validation must be"),
        ({"loss": SoftmaxCrossEntropy(class_weight=[1.0, 2.0])}, "2 class weights for 3 classes"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
    ],
)
def test_fit_refuses_arguments_that_do_not_fit(blobs, change, message):
    change = dict(change)
    data = (change.pop("images", blobs[0]), change.pop("labels", blobs[1]))
    network = mlp(12, [5], 3)
    before = network.parameters.vector.tobytes()
    with pytest.raises(UsageError, match=message):
        fit(network, data, **{"epochs": 1, **change})
    assert network.parameters.vector.tobytes() == before


def test_softmax_cross_entropy_of_a_single_output_is_refused():
    with pytest.raises(UsageError, match="SigmoidBinaryCrossEntropy"):
        fit(mlp(3, [], 1), (np.zeros((4, 3)), np.array([0, 1, 0, 1])), epochs=1)


def test_train_must_be_a_split_or_a_pair(blobs):
    with pytest.raises(UsageError, match="Split or a pair"):
        fit(mlp(12, [], 3), blobs[0])
    own, pair = mlp(12, [], 3), mlp(12, [], 3)
    fit(own, Split(*blobs), epochs=1)
    fit(pair, list(blobs), epochs=1)
    assert own.parameters.vector.tobytes() == pair.parameters.vector.tobytes()


def test_labels_of_any_integer_type_train_alike(blobs):
    vectors = set()
    for kind in (np.uint8, np.int16, np.int64, np.uint64):
        network = mlp(12, [], 3)
        fit(network, (blobs[0], blobs[1].astype(kind)), epochs=1)
        vectors.add(network.parameters.vector.tobytes())
    assert len(vectors) == 1


# Signals ---------------------------------------------------------------------------------------------------------------


def test_signal_handlers_are_as_before_after_training(blobs):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    fit(mlp(12, [], 3), blobs, epochs=1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(UsageError):
        fit(mlp(12, [], 3), blobs, epochs=1, callbacks=[EarlyStopping()])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_training_in_another_thread_gives_the_same_bytes(blobs):
    results = []
    thread = threading.Thread(target=lambda: results.append(result(blobs)))
    thread.start()
    thread.join(timeout=60)
    assert results == [result(blobs)]


def test_schedule_sees_all_steps_of_the_training(blobs):
    rates = []

    class Rates(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            rates.append(trainer.learning_rate)

    network = Sequential([Flatten(), Dense(3), Dropout(0.1)], (4, 3))
    fit(network, blobs, epochs=2, batch_size=16, optimizer=SGD(0.2), schedule=Cosine(), callbacks=[Rates()])
    np.testing.assert_allclose(rates, [0.1 * (1 + math.cos(math.pi * step / 12)) for step in range(12)], rtol=1e-12)
