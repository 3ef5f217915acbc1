"""The named data sets: the embedded one always, the full MNIST if HANDSPUN_DATA_DIR has it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from handspun.data import cache, cache_folder, dataset_names, describe, fetch, load_dataset, loading, registry
from handspun.data.idx import STANDARD_NAMES, read_idx
from handspun.errors import DataError, UsageError

FILES = [name for names in STANDARD_NAMES.values() for name in names]
MNIST = Path(os.environ.get("HANDSPUN_DATA_DIR", "/nonexistent")) / "mnist"
needs_mnist = pytest.mark.skipif(
    not all((MNIST / f"{name}.gz").exists() for name in FILES), reason="HANDSPUN_DATA_DIR holds no full MNIST"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path))
    return tmp_path


def test_mnist_5k_holds_equal_numbers_of_each_digit():
    data = load_dataset("mnist-5k")
    assert data.train.images.shape == (4000, 28, 28)
    assert data.train.images.dtype == np.uint8
    assert data.test is not None
    assert np.bincount(data.train.labels).tolist() == [400] * 10
    assert np.bincount(data.test.labels).tolist() == [100] * 10
    assert data.classes == tuple("0123456789")
    # Shuffled: the first images hold all classes in about equal numbers.
    assert np.bincount(data.train.labels[:200], minlength=10).min() >= 8
    assert describe("mnist-5k")["state"] == "embedded"
    assert fetch("mnist-5k").name == "mnist_5k.npz"


def test_a_changed_embedded_file_is_noticed(monkeypatch, tmp_path):
    data = load_dataset("mnist-5k")
    path = tmp_path / "mnist_5k.npz"
    np.savez(path, x_train=data.train.images ^ 1, y_train=data.train.labels, x_test=data.test.images, y_test=data.test.labels)
    monkeypatch.setattr(loading, "_embedded_path", lambda entry: path)
    with pytest.raises(DataError, match="install handspun again"):
        load_dataset("mnist-5k")
    assert describe("mnist-5k")["state"] == "damaged"


def published(entry, stem):
    return next(file for file in entry.files if file.stem == stem)


def test_unknown_names_are_refused():
    assert dataset_names() == ("mnist-5k", "mnist", "fashion-mnist", "cifar10")
    with pytest.raises(UsageError, match='did you mean "mnist"'):
        load_dataset("minst")
    with pytest.raises(UsageError, match="Unknown dataset"):
        describe("nist")
    with pytest.raises(UsageError, match="Unknown dataset"):
        fetch("nist")


@pytest.mark.parametrize("path", ["./mnist", "no/such", "digits.csv", "~/no-such-file-here", "a\0b/c"])
def test_missing_paths_are_refused(path):
    with pytest.raises(DataError, match=r"No such file|Cannot read"):
        load_dataset(path)


@pytest.mark.parametrize("given", [None, 5, ["mnist-5k"], np.zeros((2, 3))])
def test_anything_but_a_name_or_path_is_refused(given):
    with pytest.raises(UsageError, match=r"load_dataset takes a name or a path, not .*Split\(images, labels\)"):
        load_dataset(given)


def test_folders_without_a_dataset_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no dataset: expected a folder of pictures .* or train\.csv"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"HANDSPUN_DATA_DIR": "/data"}, "/data"),
        ("linux", {}, "/home/me/.cache/handspun"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/handspun"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/handspun"),
        ("darwin", {}, "/home/me/Library/Caches/handspun"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/handspun/handspun/Cache"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the expected paths are POSIX")
def test_the_cache_folder_follows_the_platform(monkeypatch, platform, variables, expected):
    for name in ("HANDSPUN_DATA_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path(expected)


def test_the_cache_folder_is_that_of_pooch(monkeypatch):
    pooch = pytest.importorskip("pooch")
    monkeypatch.delenv("HANDSPUN_DATA_DIR", raising=False)
    assert cache_folder() == Path(pooch.os_cache("handspun"))


def test_missing_files_are_named_if_downloads_are_off(folder):
    with pytest.raises(DataError, match=r"mnist is not in .*: train-images-idx3-ubyte\.gz, .* missing"):
        load_dataset("mnist", fetch=False)
    described = describe("mnist")
    assert described["state"] == "missing"
    assert [file["path"] for file in described["files"]] == [None] * 4
    json.dumps(described)


@needs_mnist
def test_full_mnist_is_read_and_verified():
    data = load_dataset("mnist", fetch=False)
    assert data.train.images.shape == (60_000, 28, 28)
    assert data.test is not None
    assert data.test.images.shape == (10_000, 28, 28)
    assert data.train.labels is not None
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert int(data.train.images.sum(dtype=np.int64)) == 1_567_298_545
    described = describe("mnist")
    assert described["state"] == "verified"
    assert [file["name"] for file in described["files"]] == [f"{name}.gz" for name in FILES]


@needs_mnist
def test_mnist_5k_is_part_of_the_training_images():
    def rows(images):
        return {image.tobytes() for image in images}

    small, full = load_dataset("mnist-5k"), load_dataset("mnist", fetch=False)
    both = rows(small.train.images) | rows(small.test.images)
    assert len(both) == 5000
    assert both <= rows(full.train.images)
    assert not both & rows(full.test.images)


@needs_mnist
def test_loading_mnist_takes_little_more_memory_than_its_pixels():
    load_dataset("mnist-5k")  # imports happen on first use
    tracemalloc.start()
    data = load_dataset("mnist", fetch=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pixels = data.train.images.nbytes + data.test.images.nbytes
    assert peak < pixels + 1.5 * 2**20
    assert peak < 55 * 2**20


@needs_mnist
def test_unpacked_files_are_read_too(folder):
    (folder / "mnist").mkdir()
    for name in FILES:
        (folder / "mnist" / name).write_bytes(gzip.decompress((MNIST / f"{name}.gz").read_bytes()))
    assert load_dataset("mnist", fetch=False).train.images.shape == (60_000, 28, 28)


@pytest.fixture
def copied(folder):
    """A cache folder with MNIST in it."""
    shutil.copytree(MNIST, folder / "mnist")
    return folder


@needs_mnist
def test_a_damaged_file_is_reported_with_its_hash(copied):
    path = copied / "mnist" / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"SHA-256 is [0-9a-f]{64}, expected ff7bcfd4.*Delete it to fetch it again"):
        load_dataset("mnist")
    with pytest.raises(DataError, match="SHA-256 is"):
        fetch("mnist")
    described = describe("mnist")
    assert described["state"] == "damaged"
    assert [file["state"] for file in described["files"]] == ["verified", "verified", "verified", "damaged"]
    assert "SHA-256" in described["files"][3]["fault"]


@needs_mnist
def test_a_cut_file_is_reported(copied):
    path = copied / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DataError, match=r"t10k-images.* is cut off: .* Delete it to fetch it again"):
        load_dataset("mnist")


@needs_mnist
@pytest.mark.parametrize("unpacked", [False, True])
def test_files_of_mnist_are_not_taken_for_fashion(copied, unpacked):
    (copied / "mnist").rename(copied / "fashion-mnist")
    if unpacked:
        for path in (copied / "fashion-mnist").iterdir():
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    for load in (load_dataset, fetch):
        with pytest.raises(DataError, match=r"is the file (\S+) of mnist, where \1 of fashion-mnist was expected"):
            load("fashion-mnist")
    assert describe("fashion-mnist")["state"] == "damaged"


def test_files_of_fashion_are_not_taken_for_mnist():
    mnist, fashion = registry.find_entry("mnist"), registry.find_entry("fashion-mnist")
    labels = STANDARD_NAMES["train"][1]
    sha256 = published(fashion, labels).sha256
    assert sha256 is not None
    with pytest.raises(DataError, match=f"is the file {labels} of fashion-mnist, where {labels} of mnist was expected"):
        cache.verify(mnist, published(mnist, labels), Path(__file__), sha256)


def test_fashion_images_are_verified_by_md5(monkeypatch, tmp_path):
    mnist, fashion = registry.find_entry("mnist"), registry.find_entry("fashion-mnist")
    images = STANDARD_NAMES["train"][0]
    path = tmp_path / "images"
    path.write_bytes(b"any")
    assert cache.verify(fashion, published(fashion, images), path, "0" * 64) == "unverified"
    path.write_bytes(gzip.compress(b"any"))
    with pytest.raises(DataError, match=r"its MD5 is [0-9a-f]{32}, expected 8d4fb7e6"):
        cache.verify(fashion, published(fashion, images), path, "0" * 64)
    monkeypatch.setattr(cache, "_md5", lambda path: published(fashion, images).md5)
    assert cache.verify(fashion, published(fashion, images), path, "0" * 64) == "verified"
    with pytest.raises(DataError, match=f"is the file {images} of fashion-mnist"):
        cache.verify(mnist, published(mnist, images), path, "0" * 64)


@needs_mnist
def test_a_folder_given_by_path_needs_no_hash(copied):
    data = load_dataset(copied / "mnist")
    assert data.name == "mnist"
    assert np.array_equal(data.test.images, read_idx(MNIST / f"{FILES[2]}.gz"))
