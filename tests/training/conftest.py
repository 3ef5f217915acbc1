"""A checkpoint that is made once."""

import pytest
from resumed_trainings import make_checkpoint


@pytest.fixture(scope="session")
def finished(blobs, tmp_path_factory):
    """The bytes of the checkpoint that ``make_checkpoint`` leaves, and those of the parameters."""
    path = tmp_path_factory.mktemp("finished") / "run.npz"
    network = make_checkpoint(blobs, path)
    return path.read_bytes(), network.parameters.vector.tobytes()


@pytest.fixture
def checkpoint(finished, tmp_path):
    """The path of a copy of that checkpoint."""
    path = tmp_path / "run.npz"
    path.write_bytes(finished[0])
    return path
