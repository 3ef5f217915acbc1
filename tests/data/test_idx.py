from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fuzzing import given, mutate, mutations, outcome, settings, st
from handspun.data import load_dataset, read_idx, write_idx
from handspun.data.idx import read_idx_and_hash, read_idx_folder
from handspun.errors import DataError, HandspunError, UsageError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 5), np.uint8)
LABELS = np.arange(20, dtype=np.uint8) % 3
NAMES = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(shape, content: bytes, code=8) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + content


def traced_peak(function) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8", ">i4"])
def test_a_written_array_is_read_again(tmp_path, name, dtype):
    array = (IMAGES % 100).astype(dtype)
    write_idx(tmp_path / name, array)
    read = read_idx(tmp_path / name)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(read, array)


def test_the_bytes_of_a_file_are_those_of_the_format(tmp_path):
    (tmp_path / "a").write_bytes(bytes.fromhex("00000b02 00000002 00000001 0102 ffff"))
    assert read_idx(tmp_path / "a").tolist() == [[258], [-1]]
    write_idx(tmp_path / "b", np.array([[258], [-1]], np.int16))
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def test_gzip_is_recognized_and_the_content_hashed(tmp_path):
    content = idx((3,), b"abc")
    (tmp_path / "plain.gz").write_bytes(content)
    (tmp_path / "packed").write_bytes(gzip.compress(content))
    for name in ("plain.gz", "packed"):
        array, sha256 = read_idx_and_hash(tmp_path / name)
        assert array.tolist() == [97, 98, 99]
        assert sha256 == hashlib.sha256(content).hexdigest()


def test_an_empty_array_is_read_again(tmp_path):
    write_idx(tmp_path / "a", IMAGES[:0])
    assert read_idx(tmp_path / "a").shape == (0, 4, 5)


def test_masked_and_complex_arrays_are_refused(tmp_path):
    with pytest.raises(UsageError, match="write_idx: a masked array would lose its mask"):
        write_idx(tmp_path / "x", np.ma.masked_array([1, 2], [True, False]))
    with pytest.raises(UsageError, match="write_idx: complex numbers"):
        write_idx(tmp_path / "x", np.zeros(3, complex))
    assert not (tmp_path / "x").exists()


def test_unsuitable_arrays_are_refused(tmp_path):
    for array in (np.zeros(2, complex), np.zeros(2, "u8"), np.float32(1)):
        with pytest.raises(UsageError, match=r"IDX cannot hold an array|complex numbers cannot"):
            write_idx(tmp_path / "a", np.asarray(array))


GOOD = idx((3, 2), b"abcdef")
PACKED = gzip.compress(GOOD, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\0\0\x08", "is not an IDX file: it begins with the bytes 00 00 08"),
        (b"PK\3\4....", "is not an IDX file"),
        (b"\0\0\x07\1" + bytes(9), "is not an IDX file"),
        (b"\0\0\x08\0" + bytes(9), "is not an IDX file"),
        (b"\0\0\x08\x09" + bytes(99), "is not an IDX file"),
        (GOOD[:9], "ends within its header"),
        (GOOD[:-1], r"cut off or damaged: it claims the shape \(3, 2\), 6 bytes, but holds 5"),
        (GOOD + b"!", "continues after the 6 bytes"),
        (idx((2**32 - 1,) * 3, b""), "more than the"),
        (idx((2**31,), b"abc"), "2147483648 bytes, but holds 3"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(GOOD[:-1], mtime=0), "ends after 5 of the 6 bytes"),
        (gzip.compress(GOOD + b"!", mtime=0), "continues after the 6 bytes"),
        (gzip.compress(GOOD + bytes(10**6), mtime=0), "continues after the 6 bytes"),
        (gzip.compress(idx((2**31,), b"abc"), mtime=0), "but holds at most"),
        (PACKED[:-9], "is cut off: its gzip stream does not end"),
        (PACKED[:-1], "is cut off"),
        (PACKED[:5], "is cut off"),
        (PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:], "is damaged: CRC"),
        (PACKED[:12] + b"\xff\xff\xff" + PACKED[15:], "is damaged"),
        (PACKED + b"garbage", "is damaged"),
    ],
)  # fmt: skip
def test_faulty_files_are_refused(tmp_path, content, message):
    path = tmp_path / "faulty"
    path.write_bytes(content)

    def read():
        with pytest.raises(DataError, match=message) as caught:
            read_idx(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    assert traced_peak(read) < 2 * 2**20


def test_anything_but_a_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_idx(tmp_path)
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "none")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not an ordinary file"):
        read_idx(tmp_path / "pipe")


def write_folder(folder: Path, suffix="", names=NAMES, arrays=(IMAGES, LABELS, IMAGES[:5], LABELS[:5])) -> Path:
    for name, array in zip(names, arrays, strict=False):
        write_idx(folder / (name + suffix), array)
    return folder


@pytest.mark.parametrize(
    ("suffix", "names"), [("", NAMES), (".gz", NAMES), ("", [name.replace("-idx", ".idx") for name in NAMES])]
)
def test_a_folder_is_read(tmp_path, suffix, names):
    data = load_dataset(write_folder(tmp_path, suffix, names))
    assert np.array_equal(data.train.images, IMAGES)
    assert data.test is not None
    assert data.test.labels is not None
    assert data.test.labels.tolist() == LABELS[:5].tolist()
    assert data.classes == ("0", "1", "2")


def test_a_folder_without_test_files_is_read(tmp_path):
    assert read_idx_folder(write_folder(tmp_path, arrays=(IMAGES, LABELS))).test is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((IMAGES,), "lacks the file train-labels-idx1-ubyte"),
        ((IMAGES, LABELS, IMAGES), "lacks the file t10k-labels-idx1-ubyte"),
        ((LABELS, IMAGES), r"train-labels-idx1-ubyte holds images \(20, 4, 5\) where labels were expected"),
        ((LABELS, LABELS), r"train-images-idx3-ubyte holds labels \(20,\) where images"),
        ((IMAGES, IMAGES), "holds images .* where labels were expected"),
        ((IMAGES.astype("i4"), LABELS), "holds int32 .* where images"),
        ((IMAGES, LABELS[:19]), "holds 20 images, but train-labels-idx1-ubyte 19 labels"),
        ((IMAGES, LABELS.astype("i2") - 1), "there is a label -1"),
        ((IMAGES[:0], LABELS[:0]), "there are no images"),
    ],
)
def test_files_that_do_not_match_are_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        read_idx_folder(write_folder(tmp_path, arrays=arrays))


def test_a_single_file_is_not_a_dataset(tmp_path):
    write_folder(tmp_path)
    with pytest.raises(DataError, match="give the folder"):
        load_dataset(tmp_path / NAMES[0])


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(),
    mutations(most=3, least=0),
)
def test_mutated_files_are_read_or_refused(tmp_path_factory, packed, steps):
    path = tmp_path_factory.getbasetemp() / "fuzz-idx"
    path.write_bytes(mutate(PACKED if packed else GOOD, steps))

    def read():
        result = outcome(lambda: read_idx(path))
        if isinstance(result, HandspunError):
            assert str(path) in str(result)
        elif packed:
            assert result.tobytes() == b"abcdef"
        else:
            assert result.nbytes == len(path.read_bytes()) - 4 - 4 * result.ndim

    assert traced_peak(read) < 2 * 2**20


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.booleans())
def test_random_headers_are_read_or_refused(tmp_path_factory, content, packed):
    path = tmp_path_factory.getbasetemp() / "fuzz-idx"
    path.write_bytes(gzip.compress(b"\0\0" + content) if packed else b"\0\0" + content)
    result = outcome(lambda: read_idx(path))
    assert isinstance(result, np.ndarray) or str(path) in str(result)
