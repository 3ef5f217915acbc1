"""The data sets that the page can train on."""

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

pytest.importorskip("PIL")

import numpy as np
from PIL import Image

from handspun.app.trainings.datasets import Datasets
from handspun.app.trainings.training import read_settings
from handspun.app.transport.wire import RequestError
from handspun.recipes.run import prepare


def test_only_available_data_sets_are_offered(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path))
    assert [offer.name for offer in Datasets().offers()] == ["mnist-5k", "drawings", "mnist-5k+drawings"]
    rng = np.random.default_rng(0)
    path = tmp_path / "own.npz"
    np.savez(path, images=rng.integers(0, 256, (40, 6, 5), np.uint8), labels=np.arange(40) % 4)
    given = Datasets([path])
    offer = given.find("own.npz")
    assert (offer.images, offer.image_shape, offer.classes) == (40, (6, 5), ("0", "1", "2", "3"))
    settings, _ = read_settings({"data": "own.npz"}, given)
    assert len(prepare(settings, given.load("own.npz")).train) == 36
    with pytest.raises(RequestError, match="not offered"):
        given.find(str(path))


def test_given_data_sets_get_their_own_names(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / "cifar10", tmp_path / "drawings", tmp_path / "own.npz", tmp_path / "more" / "own.npz"]
    for width, path in enumerate(paths, 5):
        for name in () if path.suffix else ("a", "b"):
            (path / name).mkdir(parents=True)
            for i in range(4):
                Image.fromarray(rng.integers(0, 256, (6, width), np.uint8)).save(path / name / f"{i}.png")
        if path.suffix:
            path.parent.mkdir(exist_ok=True)
            np.savez(path, images=rng.integers(0, 256, (8, 6, width), np.uint8), labels=np.arange(8) % 2)
    given = Datasets(paths)
    for width, name in enumerate(["cifar10-2", "drawings-2", "own.npz", "own.npz-2"], 5):
        assert given.find(name).image_shape == (6, width)
        assert given.load(name).train.images.shape[1:] == (6, width)
    assert "the drawings in the tray" in given.find("drawings").title
