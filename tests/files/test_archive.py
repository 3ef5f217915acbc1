"""Archives: valid, faulty and hostile files."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from fuzzing import given, mutate, mutations, outcome, settings, st
from handspun.errors import DataError, HandspunError, ModelFileError, OutputError, UsageError
from handspun.files.archive import read_array, read_arrays, write_arrays

ARRAYS = {
    "x": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "layers/0.weight": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3),
    "scalar": np.float64(2.5),
    "empty": np.empty((0, 7), np.int64),
    "flags": np.array([True, False]),
    "names": np.array(["Mantel", "Öl"]),
}


def npy(array, **kwargs) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), **kwargs)
    return file.getvalue()


def header(text: str, version=b"\x01\x00") -> bytes:
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text.encode()


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def traced_peak(function) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compress", [True, False])
def test_written_arrays_are_read_again(tmp_path, compress):
    path = tmp_path / "new" / "a.npz"
    write_arrays(path, ARRAYS, compress=compress)
    for read in (read_arrays(path), dict(np.load(path))):
        assert list(read) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert read[name].dtype == array.dtype
            assert read[name].shape == array.shape
            assert np.array_equal(read[name], array)


def test_equal_arrays_give_equal_bytes(tmp_path):
    matrix = np.arange(6.0).reshape(2, 3)
    write_arrays(tmp_path / "a.npz", {"m": matrix})
    write_arrays(tmp_path / "b.npz", {"m": np.asfortranarray(matrix)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_files_written_by_numpy_are_read(tmp_path):
    fortran, foreign = np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(3, dtype=">i4")
    np.savez(tmp_path / "a.npz", fortran=fortran, foreign=foreign)
    read = read_arrays(tmp_path / "a.npz")
    assert np.array_equal(read["fortran"], fortran)
    assert read["foreign"].tolist() == [0, 1, 2]
    assert read["foreign"].dtype == np.dtype("i4")
    np.save(tmp_path / "b.npy", fortran)
    assert np.array_equal(read_array(tmp_path / "b.npy"), fortran)
    (tmp_path / "c.npy").write_bytes(npy(fortran, version=(2, 0)))
    assert np.array_equal(read_array(tmp_path / "c.npy"), fortran)


def test_arrays_are_writeable(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    assert all(array.flags.writeable for array in read_arrays(tmp_path / "a.npz").values())


def test_only_the_named_arrays_are_read(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    assert list(read_arrays(tmp_path / "a.npz", names=["scalar"])) == ["scalar"]
    with pytest.raises(DataError, match=r'a\.npz has no array "y"; it holds x, layers/0\.weight'):
        read_arrays(tmp_path / "a.npz", names=["y"])


def test_the_caller_picks_the_error(tmp_path):
    with pytest.raises(ModelFileError, match="No such file"):
        read_arrays(tmp_path / "none.npz", error=ModelFileError)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.npy", npy(np.array([{}], dtype=object), allow_pickle=True))], "Python objects"),
        ([("a.npy", npy(np.zeros(2, "i4,f4")))], "is not supported"),
        ([("a.npy", npy(np.zeros(2, complex)))], "complex128 is not supported"),
        ([("a.npy", npy(np.zeros(3))[:-1])], "but 23 follow the header"),
        ([("a.npy", npy(np.zeros(3)) + b"!")], "but 25 follow the header"),
        ([("a.npy", b"")], "not a NumPy array"),
        ([("a.npy", b"\x93NUMPY")], "header cannot be understood"),
        ([("a.npy", b"\x93NUMPY\x07\x00" + bytes(100))], r"\.npy format 7\.0"),
        ([("a.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (3L,)}"))], "not plain text"),
        ([("a.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"))], "is not the shape of an array"),
        ([("a.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}"))], "is not the shape of an array"),
        ([("a.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000,)}"))], "more than the"),
        ([("a.npy", header("{'descr': '<U9', 'fortran_order': False, 'shape': (0, 9" + "9" * 40 + ")}"))], "more than the"),
        ([("a.npy", header("(" * 900))], "header cannot be understood"),
        ([("a.npy", header("__import__('os')"))], "header cannot be understood"),
        ([("a.npy", header("{}", b"\x02\x00")[:8] + b"\xff\xff\xff\xff" + b" " * 500)], "cut, too long"),
        ([("a.npy", npy(np.array([2], np.uint8)).replace(b"|u1", b"|b1"))], "bytes other than 0 and 1"),
        ([("readme.txt", b"hello")], "names of arrays end in .npy"),
        ([("../a.npy", npy(np.zeros(1)))], "must not lead to another folder"),
        ([("/a.npy", npy(np.zeros(1)))], "must not lead to another folder"),
        ([("a\n.npy", npy(np.zeros(1)))], "a name consists of letters"),
        ([(f"{i}.npy", b"") for i in range(5000)], "5000 members are too many"),
    ],
)  # fmt: skip
def test_unsuitable_members_are_refused(tmp_path, members, message):
    path = zipped(tmp_path / "bad.npz", members)
    with pytest.raises(DataError, match=message) as caught:
        read_arrays(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_members_of_one_name_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = zipped(tmp_path / "bad.npz", [("a.npy", npy(np.zeros(1))), ("a.npy", npy(np.ones(1)))])
    with pytest.raises(DataError, match="two members with this name"):
        read_arrays(path)


def test_other_compression_methods_are_refused(tmp_path):
    path = zipped(tmp_path / "bad.npz", [("a.npy", npy(np.zeros(9)))], zipfile.ZIP_LZMA)
    with pytest.raises(DataError, match="compression method 14"):
        read_arrays(path)


def patched(path, **fields):
    """Change values in both headers of a one-member zip; fields are given by their offset in the central one."""
    data = bytearray(path.read_bytes())
    local, central = data.index(b"PK\3\4"), data.index(b"PK\1\2")
    offsets = {"flags": (6, 8, "<H"), "crc": (14, 16, "<I"), "compressed": (18, 20, "<I"), "size": (22, 24, "<I")}
    for name, value in fields.items():
        in_local, in_central, kind = offsets[name]
        struct.pack_into(kind, data, local + in_local, value)
        struct.pack_into(kind, data, central + in_central, value)
    path.write_bytes(data)
    return path


def test_an_encrypted_member_is_refused(tmp_path):
    path = patched(zipped(tmp_path / "bad.npz", [("a.npy", npy(np.zeros(9)))]), flags=1)
    with pytest.raises(DataError, match="encrypted"):
        read_arrays(path)


def test_a_zip_of_a_later_version_is_refused(tmp_path):
    path = zipped(tmp_path / "bad.npz", [("a.npy", npy(np.zeros(9)))])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 6] = 99
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"bad\.npz is damaged: zip file version"):
        read_arrays(path)


def test_a_wrong_crc_is_refused(tmp_path):
    path = patched(zipped(tmp_path / "bad.npz", [("a.npy", npy(np.zeros(9)))]), crc=1)
    with pytest.raises(DataError, match=r'member "a\.npy" is damaged: bad CRC'):
        read_arrays(path)


def test_a_member_longer_than_declared_is_refused(tmp_path):
    content = npy(np.zeros(9))
    path = zipped(tmp_path / "bad.npz", [("a.npy", content + bytes(5000))])
    patched(path, size=len(content), crc=zlib.crc32(content))
    with pytest.raises(DataError, match=r"continues after|CRC"):
        read_arrays(path)


def test_a_member_shorter_than_declared_is_refused(tmp_path):
    claim = header("{'descr': '|u1', 'fortran_order': False, 'shape': (3000,)}")
    path = patched(zipped(tmp_path / "bad.npz", [("a.npy", claim + bytes(100))]), size=len(claim) + 3000)
    with pytest.raises(DataError, match=r"ends after|CRC"):
        read_arrays(path)


def test_impossible_claims_take_no_memory(tmp_path):
    claim = header("{'descr': '|u1', 'fortran_order': False, 'shape': (1500000000,)}")
    path = patched(zipped(tmp_path / "bad.npz", [("a.npy", claim)]), size=len(claim) + 1_500_000_000)

    def read():
        with pytest.raises(DataError, match=r"more than \d+ can decompress to"):
            read_arrays(path)

    assert traced_peak(read) < 2**20


def test_the_limit_counts_all_arrays(tmp_path):
    write_arrays(tmp_path / "a.npz", {"a": np.zeros(100), "b": np.zeros(100)})
    assert len(read_arrays(tmp_path / "a.npz", limit_bytes=1600)) == 2
    with pytest.raises(DataError, match=r'member "b\.npy": float64 \(100,\) is more than the 799 bytes'):
        read_arrays(tmp_path / "a.npz", limit_bytes=1599)


def test_a_huge_table_of_contents_is_not_read(tmp_path):
    path = tmp_path / "bad.npz"
    size = 3 * 2**20
    path.write_bytes(bytes(size) + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 9, 9, size, 0, 0))

    def read():
        with pytest.raises(DataError, match="table of contents"):
            read_arrays(path)

    assert traced_peak(read) < 2**20


@pytest.mark.parametrize("keep", [0, 10, 200, -1])
def test_truncated_files_are_refused(tmp_path, keep):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    with pytest.raises(DataError, match=r"cut\.npz is not a whole NumPy archive"):
        read_arrays(tmp_path / "cut.npz")


def test_anything_but_a_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_arrays(tmp_path)
    with pytest.raises(DataError, match="No such file"):
        read_array(tmp_path / "none.npy")
    with pytest.raises(DataError, match="Cannot read"):
        read_array("a\0b")


def test_faulty_npy_files_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    for content, message in (
        (b"", "not a NumPy array"),
        (npy(np.zeros(5000))[:-1], "it is cut or damaged"),
        (npy(np.zeros(5000)) + b"!", "it is cut or damaged"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,)}"), "more than the"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_array(path)


@pytest.mark.parametrize("name", ["", "a/../b", "../a", "/a", "a.npy", "ä", "a\n", "x" * 300])
def test_unsuitable_names_are_not_written(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be called"):
        write_arrays(tmp_path / "a.npz", {name: np.zeros(1)})
    assert not list(tmp_path.iterdir())


def test_objects_and_folders_are_not_written(tmp_path):
    with pytest.raises(UsageError, match="Python objects"):
        write_arrays(tmp_path / "a.npz", {"a": np.array([None])})
    with pytest.raises(OutputError, match="it is a folder"):
        write_arrays(tmp_path, ARRAYS)
    with pytest.raises(UsageError, match="too many"):
        write_arrays(tmp_path / "a.npz", {str(i): np.zeros(0) for i in range(4097)})


SMALL = {"x": np.arange(30, dtype=np.float32).reshape(5, 6), "y": np.arange(5)}
VALID_NPY = npy(SMALL["x"])


def valid_npz() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in SMALL.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), npy(array))
    return file.getvalue()


VALID_NPZ = valid_npz()


@settings(max_examples=300, deadline=None)
@given(mutations())
def test_mutated_archives_are_read_or_refused(tmp_path_factory, steps):
    path = tmp_path_factory.getbasetemp() / "fuzz.npz"
    path.write_bytes(mutate(VALID_NPZ, steps))

    def read():
        result = outcome(lambda: read_arrays(path))
        if isinstance(result, HandspunError):
            assert str(path) in str(result)
            assert "\n" not in str(result)
        else:
            # The content has a checksum, the names do not.
            values = [array.tobytes() for array in SMALL.values()]
            assert all(array.tobytes() in values for array in result.values())

    assert traced_peak(read) < 4 * 2**20


@settings(max_examples=300, deadline=None)
@given(mutations())
def test_mutated_arrays_are_read_or_refused(tmp_path_factory, steps):
    path = tmp_path_factory.getbasetemp() / "fuzz.npy"
    path.write_bytes(mutate(VALID_NPY, steps))

    def read():
        result = outcome(lambda: read_array(path))
        assert isinstance(result, np.ndarray) or str(path) in str(result)

    assert traced_peak(read) < 4 * 2**20


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}'descrfotan_shpe: <f48|uOTrueFals,()0123456789", max_size=120), st.binary(max_size=20))
def test_random_headers_are_read_or_refused(tmp_path_factory, text, content):
    path = tmp_path_factory.getbasetemp() / "fuzz2.npy"
    path.write_bytes(header(text) + content)
    result = outcome(lambda: read_array(path))
    assert isinstance(result, np.ndarray) or str(path) in str(result)
