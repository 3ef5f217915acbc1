"""A model file gives back the same network, bit for bit."""

import numpy as np
import pytest
from modelfiles import IMAGES, network_of_everything

from handspun.layers import GELU, Flatten
from handspun.networks.architectures import mlp
from handspun.networks.modelfile import load, load_with_header, save
from handspun.networks.sequential import Sequential


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loaded_network_predicts_the_same_bits(dtype, tmp_path):
    network = network_of_everything(dtype)
    save(network, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert loaded.config() == network.config()
    assert loaded.classes == ("kα", "b", "c")
    assert loaded.dtype == dtype
    assert loaded.parameters.vector.tobytes() == network.parameters.vector.tobytes()
    assert loaded.statistics.vector.tobytes() == network.statistics.vector.tobytes()
    assert loaded.predict_proba(IMAGES).tobytes() == network.predict_proba(IMAGES).tobytes()
    assert loaded.decayed == network.decayed


def test_loaded_network_can_be_changed(model):
    loaded = load(model)
    loaded.layers[1].weight[...] = 1.0
    assert (loaded.parameters["dense1.weight"] == 1.0).all()


def test_the_same_network_is_saved_as_the_same_bytes_at_any_time(model, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    save(network_of_everything(), tmp_path / "again.npz")
    save(load(model), tmp_path / "loaded.npz")
    assert (tmp_path / "again.npz").read_bytes() == model.read_bytes()
    assert (tmp_path / "loaded.npz").read_bytes() == model.read_bytes()


def test_header_tells_format_version_and_origin(tmp_path):
    save(mlp(4, [], 2), tmp_path / "model.npz", training={"recipe": "r", "accuracy": 0.5})
    _, header = load_with_header(tmp_path / "model.npz")
    assert header["format"] == "handspun-model"
    assert header["version"] == 1
    assert header["training"] == {"recipe": "r", "accuracy": 0.5}
    with np.load(tmp_path / "model.npz", allow_pickle=False) as archive:
        assert set(archive) == {"header", "parameters", "statistics"}
        assert archive["parameters"].size == 10


def test_a_network_without_parameters_survives_a_round_trip(tmp_path):
    network = Sequential([Flatten(), GELU()], (2, 3))
    save(network, tmp_path / "model.npz")
    assert load(tmp_path / "model.npz").logits(IMAGES).tobytes() == network.logits(IMAGES).tobytes()
