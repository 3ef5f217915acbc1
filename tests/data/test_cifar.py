"""A small version of CIFAR-10's binary files: the archive, the unpacked folder, and their possible faults."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tracemalloc

import numpy as np
import pytest

from fuzzing import given, mutate, mutations, outcome, settings, st
from handspun.data import cifar, describe, fetch, load_dataset, registry
from handspun.data.cifar import CIFAR10_CLASSES, read_cifar_archive_and_hash
from handspun.data.formats import CIFAR10
from handspun.data.registry import Entry, PublishedFile
from handspun.errors import DataError, DownloadError, HandspunError

ORDER = (4, 1, 3, 6, 2, 5)  # out of order: 1 to 5 are training batches, 6 is the test batch
RNG = np.random.default_rng(0)
TRAIN, TEST = RNG.integers(0, 256, (15, 32, 32, 3), np.uint8), RNG.integers(0, 256, (4, 32, 32, 3), np.uint8)
TRAIN_LABELS, TEST_LABELS = np.arange(15, dtype=np.uint8) % 10, np.array([9, 0, 3, 3], np.uint8)


def records(images, labels) -> bytes:
    """The bytes of a record: label, all red pixels row by row, all green ones, all blue ones."""
    content = bytearray()
    for image, label in zip(images, labels, strict=True):
        content.append(label)
        for channel in range(3):
            for row in image:
                content += bytes(int(pixel[channel]) for pixel in row)
    return bytes(content)


BATCHES = {f"data_batch_{n + 1}.bin": records(TRAIN[3 * n : 3 * n + 3], TRAIN_LABELS[3 * n : 3 * n + 3]) for n in range(5)}
BATCHES["test_batch.bin"] = records(TEST, TEST_LABELS)


def tar(files, *, folder="cifar-10-batches-bin/", format=tarfile.GNU_FORMAT, extra=()) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        if folder:
            info = tarfile.TarInfo(folder.rstrip("/"))
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        for info in extra:
            archive.addfile(info)
        for name, content in files:
            info = tarfile.TarInfo(folder + name)
            info.size, info.mtime = len(content), 0.5  # a fraction makes PAX add an extended header
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def published(files=BATCHES, **options) -> bytes:
    """An archive like the published one: files out of order, and two short texts among them."""
    names = sorted(files, key=lambda name: ORDER.index(int(name[11]) if name.startswith("data") else 6))
    texts = [("readme.html", b"<meta>"), ("batches.meta.txt", b"airplane\nautomobile\n")]
    return tar([texts[0], *((name, files[name]) for name in names), texts[1]], **options)


def same(data):
    assert np.array_equal(data.train.images, TRAIN)
    assert data.train.labels.tolist() == TRAIN_LABELS.tolist()
    assert np.array_equal(data.test.images, TEST)
    assert data.test.labels.tolist() == TEST_LABELS.tolist()
    assert data.classes == CIFAR10_CLASSES
    return True


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("folder", ["cifar-10-batches-bin/", "./cifar-10-batches-bin/", ""])
@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_is_read(tmp_path, format, folder, packed):
    content = published(folder=folder, format=format)
    path = tmp_path / "some name"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert same(load_dataset(path))
    assert read_cifar_archive_and_hash(path)[1] == hashlib.sha256(content).hexdigest()


def test_a_folder_is_read(tmp_path):
    for name, content in BATCHES.items():
        (tmp_path / name).write_bytes(content)
    data = load_dataset(tmp_path)
    assert same(data)
    assert data.name == tmp_path.name
    (tmp_path / "data_batch_4.bin").unlink()
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=r"lacks data_batch_4\.bin, test_batch\.bin of CIFAR-10's binary version"):
        load_dataset(tmp_path)


def test_a_folder_with_the_archive_is_read(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(gzip.compress(published()))
    assert same(load_dataset(tmp_path))


def changed(**changes):
    return BATCHES | {f"{name}.bin": content for name, content in changes.items()}


GOOD = BATCHES["data_batch_2.bin"]
PACKED = gzip.compress(published(), mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (published({name: content for name, content in BATCHES.items() if "3" not in name}), r"lacks data_batch_3\.bin of"),
        (tar([]), r"lacks data_batch_1\.bin, .*test_batch\.bin of"),
        (tar([*BATCHES.items(), ("test_batch.bin", BATCHES["test_batch.bin"])]), r"holds test_batch\.bin twice"),
        (published(changed(data_batch_2=GOOD[:-1])), r"data_batch_2\.bin has 9218 bytes, not a multiple of 3073"),
        (published(changed(test_batch=b"")), r"test_batch\.bin has 0 bytes"),
        (published(changed(data_batch_2=GOOD[3073:])), r"data_batch_2\.bin holds 2 images, the files before it 3"),
        (
            published(changed(data_batch_2=GOOD[:3073] + b"\x0a" + GOOD[3074:])),
            "has the label 10 at image 1",
        ),
        (
            published()[:20_000],
            r"is cut off or damaged: data_batch_4\.bin, one of 5, claims 9219 bytes, but together they hold at most 20000",
        ),
        (published()[:60_000], "is cut off: it ends within cifar-10-batches-bin/data_batch"),
        (published()[: 512 * 3], "is cut off: the end of its tar archive is missing"),
        (published()[: 512 * 3 + 100], "is cut off"),
        (published()[:300] + b"x" + published()[301:], "damaged or not a tar archive: the checksum"),
        (PACKED[:-9], "is cut off: its gzip stream does not end"),
        (PACKED[: len(PACKED) // 2], "is cut off"),
    ],
)
def test_faulty_archives_are_refused(tmp_path, content, message):
    path = tmp_path / "cifar.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def header(name="data_batch_1.bin", size=b"0" * 11, kind=b"0") -> bytes:
    block = bytearray(512)
    block[: len(name)], block[124 : 124 + len(size)], block[156:157] = name.encode(), size, kind
    block[257:263], block[148:156] = b"ustar\0", b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            header(size=b"%011o" % (3073 * 2**20)),
            r"data_batch_1\.bin, one of 5, claims 3222274048 bytes, but together they hold",
        ),
        (header(size=b"77777777777"), "has 8589934591 bytes"),
        (header(size=b"\x80" + bytes(10)), "no valid size"),
        (header(size=b""), "no valid size"),
        (header(name="x", kind=b"L", size=b"77777777777"), "ends within x"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_declared_sizes_are_checked_first(tmp_path, content, message, packed):
    path = tmp_path / "cifar.tar"
    path.write_bytes(gzip.compress(content) if packed else content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            load_dataset(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * 2**20
    finally:
        tracemalloc.stop()


def test_an_endless_archive_is_refused(tmp_path):
    path = tmp_path / "cifar.tar.gz"
    path.write_bytes(gzip.compress(published() + bytes(2**20)))
    read_cifar_archive_and_hash(path, limit_bytes=2**21)
    with pytest.raises(DataError, match="holds more than the 100000 bytes expected"):
        read_cifar_archive_and_hash(path, limit_bytes=100_000)


def test_links_and_paths_to_the_outside_write_nothing(tmp_path):
    link = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    outside = tarfile.TarInfo("../../outside.bin")
    (tmp_path / "cifar.tar").write_bytes(published(extra=[link, outside]))
    assert same(load_dataset(tmp_path / "cifar.tar"))
    assert [path.name for path in tmp_path.iterdir()] == ["cifar.tar"]


def test_reading_takes_little_more_memory_than_the_result(tmp_path):
    count = 1_000
    batch = RNG.integers(0, 10, (count, 3073), np.uint8).tobytes()
    (tmp_path / "cifar.tar").write_bytes(published(dict.fromkeys(BATCHES, batch)))
    load_dataset("mnist-5k")  # imports happen on first use
    tracemalloc.start()
    data = load_dataset(tmp_path / "cifar.tar")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < data.train.images.nbytes + data.test.images.nbytes + 2**20


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """The small archive, registered as "cifar10" and put into the cache folder."""
    path = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    path.parent.mkdir()
    path.write_bytes(PACKED)
    file = PublishedFile(path.name, 2**20, md5=hashlib.md5(PACKED).hexdigest())
    entry = Entry("cifar10", "", (32, 32, 3), CIFAR10_CLASSES, 15, 4, "", "", (file,), ("http://127.0.0.1:9/",), format=CIFAR10)
    monkeypatch.setitem(registry.REGISTRY, "cifar10", entry)
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("HANDSPUN_MIRROR", raising=False)
    return path


def test_cifar10_is_loaded_by_name(cached):
    assert same(load_dataset("cifar10", fetch=False))
    assert describe("cifar10")["state"] == "verified"
    assert fetch("cifar10") == cached.parent
    cached.write_bytes(gzip.compress(published(), 1))
    with pytest.raises(DataError, match=r"its MD5 is [0-9a-f]{32}, expected .* Delete it to fetch it again"):
        load_dataset("cifar10")
    cached.write_bytes(PACKED[:-20])
    with pytest.raises(DataError, match=r"is cut off.* Delete it to fetch it again"):
        load_dataset("cifar10")
    assert describe("cifar10")["state"] == "damaged"
    cached.unlink()
    cached.with_suffix("").write_bytes(published())
    assert same(load_dataset("cifar10"))
    assert describe("cifar10")["state"] == "unverified"


def test_a_missing_archive_that_cannot_be_downloaded_is_named(cached):
    pytest.importorskip("requests")
    cached.unlink()
    assert describe("cifar10")["state"] == "missing"
    with pytest.raises(DataError, match=r"cifar10 is not in .*: cifar-10-binary\.tar\.gz missing"):
        load_dataset("cifar10", fetch=False)
    with pytest.raises(DownloadError) as caught:
        load_dataset("cifar10")
    what, where = str(caught.value).splitlines()
    assert what == "Cannot download cifar-10-binary.tar.gz of cifar10: 127.0.0.1:9: no connection."
    assert where.startswith(f"Put cifar-10-binary.tar.gz into the folder {cached.parent}, or set HANDSPUN_MIRROR")


def test_the_entry_describes_the_published_archive():
    entry = registry.find_entry("cifar10")
    assert entry.classes == ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    assert [file.name for file in entry.files] == [cifar.CIFAR10_ARCHIVE]
    assert entry.files[0].md5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert entry.files[0].size > 170_052_171, "the archive as published is no longer than its content may be"


SMALL = published({name: content[:3073] for name, content in BATCHES.items()})


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.booleans(), mutations(most=3, least=0))
def test_mutated_archives_are_read_or_refused(tmp_path_factory, packed, headers, steps):
    path = tmp_path_factory.getbasetemp() / "fuzz-cifar"
    # In the header of the first batch, or anywhere.
    content = SMALL[:1536] + mutate(SMALL[1536:2048], steps) + SMALL[2048:] if headers else mutate(SMALL, steps)
    path.write_bytes(mutate(gzip.compress(SMALL, mtime=0), steps) if packed else content)
    result = outcome(lambda: read_cifar_archive_and_hash(path))
    if isinstance(result, HandspunError):
        assert str(path) in str(result)
        assert "\n" not in str(result)
    else:
        (train, test), _ = result
        assert train.images.shape == (5, 32, 32, 3)
        assert test.labels is not None
        assert test.labels.max() < 10


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600))
def test_random_bytes_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz-cifar"
    path.write_bytes(content)
    with pytest.raises(DataError, match="fuzz-cifar"):
        read_cifar_archive_and_hash(path)
