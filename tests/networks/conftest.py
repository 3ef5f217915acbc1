import pytest
from modelfiles import network_of_everything

from handspun.networks.modelfile import save


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.npz"
    save(network_of_everything(), path)
    return path
