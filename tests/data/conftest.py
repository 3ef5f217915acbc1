"""Fixtures for folders of pictures."""

import pytest

from handspun.data import folder
from handspun.pictures import decoding


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder cache, empty."""
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


@pytest.fixture
def root(tmp_path, cache):
    """A place for a folder of pictures, with an empty cache."""
    return tmp_path / "pets"


@pytest.fixture
def decoded(monkeypatch):
    """The pictures that were decoded since the list was last cleared."""
    names, decode = [], decoding.decode_picture
    monkeypatch.setattr(folder, "decode_picture", lambda path, **k: (names.append(path), decode(path, **k))[1])
    return names
