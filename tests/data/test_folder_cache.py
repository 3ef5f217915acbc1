"""Folders of pictures: the cache of decoded pictures."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("PIL")


from folders import assert_equal, fill, noise, save
from handspun.data import folder_cache, load_dataset


def test_cached_pictures_are_not_decoded_again(root, cache, decoded):
    fill(root, {"a": 5, "b": 5})
    (root / "a" / "4.png").write_bytes(b"?")
    first = load_dataset(root)
    assert len(decoded) == 10
    decoded.clear()
    assert_equal(load_dataset(root), first)
    assert decoded == []
    assert len(list(cache.iterdir())) == 1


def test_every_change_gives_another_key(root, cache, decoded):
    fill(root, {"a": 5, "b": 5})
    load_dataset(root)
    changes = [
        lambda: load_dataset(root, size=3),
        lambda: load_dataset(root, fit="pad"),
        lambda: load_dataset(root, mode="grey"),
        lambda: (save(root / "a/0.png", noise(5, 4, 3)), load_dataset(root)),
        lambda: ((root / "a/0.png").rename(root / "a/x.png"), load_dataset(root)),
        lambda: (os.utime(root / "b/0.png", ns=(1, 1)), load_dataset(root)),
        lambda: ((root / "a/1.png").unlink(), load_dataset(root)),
        lambda: (root.rename(root.with_name("other")), load_dataset(root.with_name("other"))),
    ]
    for number, change in enumerate(changes):
        decoded.clear()
        change()
        assert decoded, f"change {number}"


def test_a_read_only_cache_is_not_an_error(root, monkeypatch, tmp_path):
    fill(root, {"a": 5, "b": 5})
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path / "file"))
    assert len(load_dataset(root).train) == 8


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:500] + b"\xff" * 40 + b[540:]])
def test_a_damaged_cache_is_replaced(root, cache, decoded, spoil):
    fill(root, {"a": 5, "b": 5})
    first = load_dataset(root)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    decoded.clear()
    assert_equal(load_dataset(root), first)
    assert len(decoded) == 10
    assert path.read_bytes() == whole


def test_a_cache_entry_with_other_content_is_replaced(root, cache):
    fill(root, {"a": 5, "b": 5})
    first = load_dataset(root)
    (path,) = cache.iterdir()
    np.savez(path, x_train=np.zeros((2, 2)))
    assert_equal(load_dataset(root), first)


def test_the_cache_keeps_the_most_recently_used_folders(root, cache, decoded):
    fill(root, {"a": 5, "b": 5})
    for size in range(1, folder_cache.MOST_KEPT + 1):
        load_dataset(root, size=size)
    for number, path in enumerate(sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, ns=(number, number))
    load_dataset(root, size=1)
    load_dataset(root, size=50)
    assert len(list(cache.iterdir())) == folder_cache.MOST_KEPT
    decoded.clear()
    load_dataset(root, size=1)
    assert decoded == []
    load_dataset(root, size=2)
    assert decoded, "it was the one not used for longest"
