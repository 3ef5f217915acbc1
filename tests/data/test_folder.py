"""Folders of pictures: training and test, order, memory, threads and progress."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("PIL")


from folders import assert_equal, fill, rows, save
from handspun.data import folder, folder_cache, folder_scan, load_dataset
from handspun.errors import DataError, MissingExtraError


def test_folders_train_and_test_become_the_splits(root):
    pictures = fill(root, {"train/dog": 3, "train/cat": 4, "test/dog": 2, "test/cat": 1})
    data = load_dataset(root)
    assert data.name == "pets"
    assert data.classes == ("cat", "dog")
    assert data.train.images.dtype == np.uint8
    assert data.train.images.shape == (7, 5, 4, 3)
    expected = [pictures[f"train/cat/{i}.png"] for i in range(4)] + [pictures[f"train/dog/{i}.png"] for i in range(3)]
    assert np.array_equal(data.train.images, expected)
    assert data.train.labels.tolist() == [0] * 4 + [1] * 3
    assert np.array_equal(data.test.images, [pictures[f"test/{name}.png"] for name in ("cat/0", "dog/0", "dog/1")])
    assert data.test.labels.tolist() == [0, 1, 1]
    assert data.notes == ()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".TIFF", ".PNG", ".webp", ".ppm"])
def test_formats_without_loss_keep_every_pixel(root, suffix):
    pictures = fill(root, {"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1}, suffix=".png")
    for name, pixels in pictures.items():
        (root / name).unlink()
        save((root / name).with_suffix(suffix), pixels, **({"lossless": True} if suffix == ".webp" else {}))
    assert rows(load_dataset(root).train.images) == [pictures[f"train/{n}.png"].tobytes() for n in ("a/0", "a/1", "b/0", "b/1")]


def test_jpeg_and_gif_are_read(root):
    smooth = np.add.outer(np.arange(16) * 8, np.arange(16) * 7).astype(np.uint8)
    for name in ("a/0", "a/1", "b/0", "b/1"):
        save(root / "train" / f"{name}.jpg", np.stack([smooth, smooth.T, 255 - smooth], axis=2), quality=95, subsampling=0)
        save(root / "test" / f"{name}.gif", smooth)
    data = load_dataset(root)
    assert abs(data.train.images[0].astype(int) - np.stack([smooth, smooth.T, 255 - smooth], axis=2)).max() < 12
    assert np.array_equal(data.test.images[0], np.stack([smooth] * 3, axis=2))


def test_classes_and_files_come_in_natural_order(root):
    pictures = fill(root, {f"train/{name}": 11 for name in ("10", "9", "2 b", "2 a")})
    fill(root, {f"test/{name}": 1 for name in ("10", "9", "2 b", "2 a")})
    data = load_dataset(root)
    assert data.classes == ("2 a", "2 b", "9", "10")
    assert rows(data.train.images[:11]) == [pictures[f"train/2 a/{i}.png"].tobytes() for i in range(11)]


def test_a_drawn_test_split_is_stratified_and_repeatable(root, cache):
    pictures = fill(root, {"a": 20, "b": 10})
    data = load_dataset(root)
    assert np.bincount(data.train.labels).tolist() == [16, 8]
    assert np.bincount(data.test.labels).tolist() == [4, 2]
    assert sorted(rows(data.train.images) + rows(data.test.images)) == sorted(rows(pictures.values()))
    by_pixels = {pixels.tobytes(): name for name, pixels in pictures.items()}
    for split in (data.train, data.test):
        names = [by_pixels[row] for row in rows(split.images)]
        assert [name[0] for name in names] == ["ab"[label] for label in split.labels]
        assert names == sorted(names, key=folder_scan.natural_order), "in the order of the folder"
    assert any("20% of the pictures of each class are the test" in note for note in data.notes)
    for path in cache.iterdir():
        path.unlink()
    again = load_dataset(root)
    assert (again.train.content_hash, again.test.content_hash) == (data.train.content_hash, data.test.content_hash)


def test_arrays_beyond_the_limit_are_refused(root, monkeypatch):
    fill(root, {"a": 3, "b": 3})
    monkeypatch.setattr(folder, "LIMIT_BYTES", 100)
    with pytest.raises(DataError, match=r"6 pictures of 5 × 4 pixels, the most common size, take 0\.0 GB; give a smaller size"):
        load_dataset(root)
    assert load_dataset(root, size=(5, 4)).image_shape == (5, 4, 3), "a size that was asked for is taken"


def test_pillow_is_needed_unless_the_pictures_are_cached(root, monkeypatch):
    fill(root, {"a": 5, "b": 5})
    expected = load_dataset(root)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert load_dataset(root).train.content_hash == expected.train.content_hash, "what is cached needs no decoder"
    with pytest.raises(MissingExtraError, match=r'Reading pictures needs the extra "cli"'):
        load_dataset(root, size=3)


def test_reading_takes_little_more_memory_than_the_result(root):
    fill(root, {"a": 40, "b": 40}, (64, 64, 3))
    # In a separate process: threads left by earlier tests would be counted too.
    script = (
        "import sys, tracemalloc\nfrom handspun.data import folder, load_dataset\n"
        "folder.keep = lambda key, arrays: None\n"  # NumPy writes arrays in chunks of 16 MiB
        "load_dataset(sys.argv[1], size=3)\n"  # imports happen on first use
        "tracemalloc.start()\ndata = load_dataset(sys.argv[1])\n"
        "print(tracemalloc.get_traced_memory()[1], data.train.images.nbytes + data.test.images.nbytes)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    peak, size = map(int, done.stdout.split())
    assert size == 80 * 64 * 64 * 3
    assert peak < size + 400_000


def test_progress_is_reported(root):
    fill(root, {"train/a": 50, "train/b": 50, "test/a": 1, "test/b": 1})
    told = []
    load_dataset(root, progress=lambda *report: told.append(report))
    assert told == [("pets: sizes", 64, 102), ("pets: sizes", 102, 102), ("pets", 64, 102), ("pets", 102, 102)]


def test_any_number_of_threads_gives_the_same(root, monkeypatch):
    fill(root, {"a": 150, "b": 150})
    (root / "a" / "7.png").write_bytes(b"?")
    results = []
    for number in (1, 2, 5):
        monkeypatch.setattr(folder, "processors", lambda number=number: number)
        monkeypatch.setattr(folder_cache, "_VERSION", f"with {number}")  # another key: nothing is cached
        results.append(load_dataset(root))
    assert_equal(results[1], results[0])
    assert_equal(results[2], results[0])
