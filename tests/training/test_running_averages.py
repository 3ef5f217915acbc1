"""Running averages of batch normalization, where a batch is small or cut into micro-batches."""

import numpy as np
import pytest
from small_trainings import trainer_of

from handspun.layers import BatchNorm, Dense
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.optimizers import SGD
from handspun.training.fit import fit


@pytest.mark.parametrize("rows", [20, 17], ids=["ragged", "one-row-left"])
def test_running_averages_use_all_images_of_the_micro_batches(rows):
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


def test_batch_norm_trains_with_a_batch_size_of_one(blobs):
    network = mlp(12, [5], 3, norm="batch")
    history = fit(network, (blobs[0][:9], blobs[1][:9]), epochs=40, batch_size=1, validation=blobs)
    assert np.isfinite(network.parameters.vector).all()
    assert (network.statistics["batchnorm1.running_variance"] == 1.0).all(), "no row alone has a variance"
    # Every row is normalised to 0, so that only the last biases learn: what is left is a guess among three classes, log 3.
    assert history["validation_loss"][-1] < 1.25, "it was 252 with a variance of 0"


def test_a_last_batch_of_one_leaves_the_running_variance():
    x = np.random.default_rng(0).normal(3, 2, (65, 12))
    network = Sequential([BatchNorm(), Dense(3)], (12,), dtype=np.float64)
    fit(network, (x, np.arange(65) % 3), epochs=40, batch_size=64, optimizer=SGD(1e-6))
    # 0.9⁴⁰ = 1.5 % is left of the 1 that it began with. Had the rows that are left over counted as 0, it would be about half.
    ratio = network.statistics["batchnorm1.running_variance"] / x.var(axis=0, ddof=1)
    np.testing.assert_allclose(ratio, 1.0, atol=0.03)
