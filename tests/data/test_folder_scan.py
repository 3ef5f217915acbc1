"""Folders of pictures: which files and folders are read, and which are refused."""

from __future__ import annotations

import os
import sys

import pytest

pytest.importorskip("PIL")


from folders import fill
from handspun.data import folder_cache, folder_scan, load_dataset
from handspun.errors import DataError


def test_hidden_files_and_other_files_are_skipped(root):
    fill(root, {"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1, "train/.thumbnails": 2, ".git": 2})
    for name in ("train/a/notes.txt", "train/a/._0.png", "train/b/Thumbs.db", "train/.DS_Store", "readme.png.md"):
        (root / name).write_bytes(b"?")
    (root / "train" / "empty").mkdir()
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert (len(data.train), data.notes) == (4, ())


def test_folders_within_a_class_belong_to_it(root):
    fill(root, {"a/2020": 2, "a/2021/may": 3, "b": 5})
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.test) == 10


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_circular_links_are_harmless(root):
    fill(root, {"a": 5, "b": 5})
    (root / "a" / "up").symlink_to(root, target_is_directory=True)
    (root / "itself").symlink_to(root, target_is_directory=True)
    (root / "above").symlink_to(root.parent, target_is_directory=True)
    (root / "circle").symlink_to(root / "circle")
    (root / "a" / "circle.png").symlink_to(root / "a" / "circle.png")
    (root / "a" / "nowhere.png").symlink_to(root / "nothing.png")
    os.mkfifo(root / "a" / "pipe.png")
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.test) == 10
    linked = root.with_name("linked")
    linked.mkdir()
    for name in "ab":
        (linked / name).symlink_to(root / name, target_is_directory=True)
    assert len(load_dataset(linked).train) == 8, "a class may be a link"
    for path in (root / "circle", root / "circle" / "a"):
        with pytest.raises(DataError, match="circle"):
            folder_cache.folder_key(path, "", ())


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"a": 5}, 'has only one class, "a"'),
        ({"train/a": 5, "test/a": 5}, 'has only one class, "a"'),
        ({"a": 5, "b": 1}, 'the class "b" has 1 picture to learn from; at least 2 are needed'),
        ({"train/a": 5, "train/b": 1, "test/a": 2, "test/b": 2}, 'the class "b" has 1 picture'),
        ({"train/a": 5, "train/b": 5, "test/a": 2, "test/c": 2}, 'test has pictures of "c", but .*train has no such class'),
        ({".": 5}, "holds pictures, but no classes: put the pictures of each class into their own folder"),
        ({"train": 5, "test": 5}, "train holds pictures, but no classes"),
        ({}, "holds no dataset: expected a folder of pictures for each class, train-images"),
        ({"train/.hidden": 3}, "holds no dataset"),
    ],
)
def test_folders_without_a_dataset_are_refused(root, counts, message):
    root.mkdir()
    fill(root, counts)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(root)
    assert str(root) in str(caught.value)


def test_folders_beside_train_and_test_are_noted(root):
    fill(root, {"train/a": 2, "train/b": 2, "val/a": 2, "other/c": 2})
    data = load_dataset(root)
    assert data.classes == ("a", "b")
    assert len(data.test) == 2
    assert data.notes == ("There are no test pictures of b.",)
    fill(root, {"test/a": 1, "test/b": 1})
    data = load_dataset(root)
    assert data.notes == ('The folder "val" is not used; "test" is the test.',)
    assert data.test.labels.tolist() == [0, 1]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_lower_case_folder_comes_first(root, monkeypatch, backwards):
    fill(root, {"train/a": 3, "train/b": 3, "test/a": 1, "test/b": 1})
    listed = folder_scan._entries
    monkeypatch.setattr(
        folder_scan, "_entries", lambda path: sorted(listed(path), key=lambda entry: entry.name, reverse=backwards)
    )
    load_dataset(root)  # the cached result knows none of the folders added below
    fill(root, {"Train/a": 5, "Train/b": 5, "TEST/a": 2, "TEST/b": 2, "Val/a": 2})
    if len(list(root.iterdir())) == 3:
        pytest.skip("to this file system both names are one")
    data = load_dataset(root)
    assert (len(data.train), len(data.test)) == (6, 2)
    assert data.notes == (
        'The folder "Train" is not used; "train" is the training.',
        'The folder "TEST" is not used; "test" is the test.',
        'The folder "Val" is not used; "test" is the test.',
    )
    (root / "train").rename(root / "TRAIN")
    assert load_dataset(root).notes[0] == 'The folder "Train" is not used; "TRAIN" is the training.'


def test_a_test_folder_without_classes_is_not_used(root):
    fill(root, {"train/a": 5, "train/b": 5, "test": 3})
    data = load_dataset(root)
    assert data.notes[0] == 'The folder "test" holds no folders of classes and is left out.'
    assert (len(data.train), len(data.test)) == (8, 2)


def test_a_class_may_be_called_train(root):
    fill(root, {"car": 5, "train": 5})
    assert load_dataset(root).classes == ("car", "train")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may read everything")
def test_an_unreadable_folder_is_named(root):
    fill(root, {"a": 2, "b": 2})
    (root / "a").chmod(0)
    try:
        with pytest.raises(DataError, match=r"Cannot read .*a: Permission denied"):
            load_dataset(root)
    finally:
        (root / "a").chmod(0o700)


def test_names_that_are_not_text_are_escaped(root):
    if sys.platform != "linux":
        pytest.skip("file names are text there")
    fill(root, {"a": 5})
    odd = os.fsdecode(b"caf\xe9")
    fill(root, {odd: 5})
    assert load_dataset(root).classes == ("a", "caf\\xe9")


def test_two_encodings_of_a_name_are_one_class(root):
    composed, decomposed = "caf\u00e9", "cafe\u0301"  # as on Linux and Windows, and as on macOS
    fill(root, {f"train/{decomposed}": 3, "train/tea": 3, f"test/{composed}": 2, "test/tea": 1})
    data = load_dataset(root)
    assert data.classes == (composed, "tea")
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 0, 0, 1, 1, 1], [0, 0, 1])
    assert data.notes == ()
    fill(root, {f"train/{composed}": 4})
    if len(list((root / "train").iterdir())) == 3:  # on some file systems both names are one
        data = load_dataset(root)
        assert data.classes == (composed, "tea")
        assert data.train.labels.tolist() == [0] * 7 + [1] * 3
