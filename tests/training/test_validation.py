"""Loss and accuracy of a training and of its validation."""

import numpy as np
import pytest

from handspun.networks.architectures import mlp
from handspun.optimization.losses import MeanSquaredError
from handspun.optimization.optimizers import SGD
from handspun.optimization.penalties import Penalty
from handspun.training.fit import fit


def test_validation_measures_the_weights_after_the_epoch(blobs):
    images, labels = blobs
    network = mlp(12, [5], 3, dropout=0.5, dtype=np.float64)
    held_out = (images[60:], labels[60:])
    history = fit(network, (images[:60], labels[:60]), held_out, epochs=3, batch_size=16)
    p = network.predict_proba(held_out[0])
    assert history["validation_loss"][-1] == pytest.approx(-np.log(p[range(30), held_out[1]]).mean(), rel=1e-12)
    assert history["validation_accuracy"][-1] == np.mean(p.argmax(axis=1) == held_out[1])
    assert len(set(history["validation_loss"])) == 3


def test_the_penalty_counts_in_the_training_loss_only(blobs):
    network = mlp(12, [5], 3, dtype=np.float64)
    penalty = Penalty(l2=0.5)
    extra = penalty(network.parameters.vector, network.decayed, np.zeros_like(network.parameters.vector))
    settings = {"epochs": 1, "batch_size": None, "optimizer": SGD(1e-12), "validation": blobs, "penalty": penalty}
    history = fit(network, blobs, **settings)
    assert extra > 1.0
    assert history["loss"][0] == pytest.approx(history["validation_loss"][0] + extra, rel=1e-9)


def test_numeric_targets_have_no_accuracy():
    rng = np.random.default_rng(0)
    data = (rng.normal(size=(20, 4)), rng.normal(size=(20, 2)))
    history = fit(mlp(4, [], 2), data, data, epochs=2, loss=MeanSquaredError())
    assert "accuracy" not in history
    assert "validation_accuracy" not in history
    assert "validation_loss" in history
