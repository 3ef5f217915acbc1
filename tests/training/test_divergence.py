"""A training that diverges says where, why and what to try."""

import re

import numpy as np
import pytest

from handspun.errors import DivergenceError
from handspun.layers import BatchNorm, Dense, Flatten
from handspun.networks.architectures import mlp
from handspun.networks.sequential import Sequential
from handspun.optimization.optimizers import SGD
from handspun.training.fit import fit


def test_images_that_are_not_finite_are_named_with_the_step(blobs):
    images = blobs[0].astype(np.float32) / 255
    images[37, 2, 1] = np.inf
    with pytest.raises(DivergenceError) as caught:
        fit(mlp(12, [5], 3), (images, blobs[1]), epochs=2, batch_size=10, shuffle=False)
    message = str(caught.value)
    assert "step 4 (epoch 1)" in message
    assert "images of this batch" in message
    assert "Repair or leave out these images" in message


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_huge_learning_rate_is_explained_with_what_to_try(blobs, dtype):
    network = mlp(12, [5], 3, dtype=dtype)
    with pytest.raises(DivergenceError) as caught:
        fit(network, blobs, epochs=20, batch_size=10, optimizer=SGD(1e30 if dtype == np.float32 else 1e200))
    message = str(caught.value)
    assert "step " in message
    assert "dense" in message
    assert re.search(r"learning rate, (1e\+29 instead of 1e\+30|1e\+199 instead of 1e\+200)\.", message)
    assert "ClipNorm" in message
    assert ("float64" in message) == (dtype == np.float32)


def test_the_first_layer_with_an_infinite_output_is_named(blobs):
    network = mlp(12, [5, 5], 3)
    network.parameters["dense1.weight"][...] = 1e20
    network.parameters["dense2.weight"][...] = 1e20
    with pytest.raises(DivergenceError, match=r"step 1 \(epoch 1\): the output of dense2 is not finite"):
        fit(network, blobs, epochs=1)


def test_a_gradient_that_is_not_finite_is_named(blobs, monkeypatch):
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
def test_divergence_leaves_parameters_and_running_averages_finite(blobs, wrong):
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


def test_parameters_that_were_not_finite_before_are_named(blobs):
    network = mlp(12, [5], 3)
    network.parameters["dense2.bias"][1] = np.nan
    with pytest.raises(DivergenceError, match=r"dense2\.bias is no longer finite"):
        fit(network, blobs, epochs=1)
