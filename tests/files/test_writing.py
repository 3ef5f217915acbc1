"""Atomic writes: files are replaced completely; anything but an ordinary file is left alone."""

import errno
import os
import sys
from pathlib import Path

import pytest

from handspun.errors import OutputError
from handspun.files import writing as files
from handspun.files.writing import append_text, replacing, write_text

links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "old")
    write_text(tmp_path / "a" / "b.txt", "new")
    assert (tmp_path / "a" / "b.txt").read_text() == "new"
    assert names(tmp_path / "a") == ["b.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="a whole path may have no more than 260 characters there")
@pytest.mark.parametrize("length", [1, 241, 255])
def test_names_may_be_as_long_as_the_system_allows(length, tmp_path):
    write_text(tmp_path / ("x" * length), "whole")
    assert (tmp_path / ("x" * length)).read_text() == "whole"
    assert names(tmp_path) == ["x" * length]


def test_a_failure_in_the_block_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "b.txt", "old")

    def break_off():
        with replacing(tmp_path / "b.txt") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert (tmp_path / "b.txt").read_text() == "old"
    assert names(tmp_path) == ["b.txt"]


def test_a_full_disk_leaves_the_old_file_and_is_named(tmp_path, monkeypatch):
    write_text(tmp_path / "b.txt", "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"b\.txt: No space left on device"):
        write_text(tmp_path / "b.txt", "new")
    assert (tmp_path / "b.txt").read_text() == "old"
    assert names(tmp_path) == ["b.txt"]


@links
def test_a_link_stays_a_link_to_the_new_content(tmp_path):
    write_text(tmp_path / "target.txt", "old")
    (tmp_path / "link.txt").symlink_to("target.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "target.txt").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
def test_anything_but_a_file_is_refused_and_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path(), Path("/"), Path(os.devnull)):
        with pytest.raises(OutputError, match="Give the name of a file"):
            write_text(path, "x")
    assert (tmp_path / "pipe").is_fifo()
    assert Path(os.devnull).is_char_device()


@links
def test_circular_links_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for path in (tmp_path / "a", tmp_path / "a" / "c.txt"):
        with pytest.raises(OutputError, match="Cannot write"):
            write_text(path, "x")
    assert names(tmp_path) == ["a", "b"]
    assert [str((tmp_path / name).readlink()) for name in "ab"] == ["b", "a"]


@links
def test_a_link_to_a_missing_file_is_followed(tmp_path):
    (tmp_path / "link.txt").symlink_to("folder/new.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "folder" / "new.txt").read_text() == "new"


@pytest.fixture
def held(monkeypatch):
    """A function that simulates another program locking all files: that many times, replacing and appending fail."""
    replace, open_, refused = Path.replace, Path.open, []

    def hold(times):
        def try_it(act, *arguments):
            if len(refused) < times:
                refused.append(act)
                raise PermissionError(errno.EACCES, "Permission denied")
            return act(*arguments)

        monkeypatch.setattr(Path, "replace", lambda *arguments: try_it(replace, *arguments))
        monkeypatch.setattr(Path, "open", lambda *arguments: try_it(open_, *arguments))
        return refused

    return hold


@pytest.mark.parametrize("write", [write_text, append_text])
def test_windows_waits_for_a_file_that_is_briefly_locked(write, tmp_path, held, monkeypatch):
    write_text(tmp_path / "b.txt", "old")
    monkeypatch.setattr(sys, "platform", "win32")
    refused = held(3)
    write(tmp_path / "b.txt", "new")
    assert len(refused) == 3
    monkeypatch.undo()
    assert (tmp_path / "b.txt").read_bytes() == (b"new" if write is write_text else b"oldnew")
    assert names(tmp_path) == ["b.txt"]


@pytest.mark.parametrize("write", [write_text, append_text])
@pytest.mark.parametrize("platform", ["win32", "linux"])
def test_a_file_that_stays_locked_is_named(write, platform, tmp_path, held, monkeypatch):
    write_text(tmp_path / "b.txt", "old")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    refused = held(1000)
    with pytest.raises(OutputError, match=r"b\.txt: Permission denied"):
        write(tmp_path / "b.txt", "new")
    assert (len(refused) > 1) == (platform == "win32"), "elsewhere it is a matter of rights, and waiting changes nothing"
    monkeypatch.undo()
    assert (tmp_path / "b.txt").read_text() == "old"
    assert names(tmp_path) == ["b.txt"]
