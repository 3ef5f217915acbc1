"""A broken model file gives one error that names the file: never anything else."""

import contextlib
import io
import random
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from modelfiles import IMAGES, refused, rewrite

from handspun.errors import ModelFileError
from handspun.layers import BatchNorm, Dense
from handspun.networks.modelfile import load


def test_file_cut_anywhere_is_refused(model):
    whole = model.read_bytes()
    for length in [*range(0, len(whole), 3), len(whole) - 2, len(whole) - 1]:
        model.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"model\.npz"):
            load(model)


def test_a_flipped_bit_is_refused_or_without_effect(model):
    whole, right = model.read_bytes(), load(model).predict_proba(IMAGES).tobytes()
    chance, refusals = random.Random(0), 0
    places = sorted(chance.sample(range(len(whole)), len(whole) // 3))
    for place in places:
        bit = chance.randrange(8)
        broken = bytearray(whole)
        broken[place] ^= 1 << bit
        model.write_bytes(broken)
        try:
            predictions = load(model).predict_proba(IMAGES).tobytes()
        except ModelFileError:
            refusals += 1
        else:
            assert predictions == right, (place, bit)
    assert refusals > 0.8 * len(places)


def test_several_broken_bytes_are_refused_or_without_effect(model):
    whole, right = model.read_bytes(), load(model).predict_proba(IMAGES).tobytes()
    chance = random.Random(1)
    for _ in range(300):
        broken = bytearray(whole)
        start, length = chance.randrange(len(whole)), chance.choice([1, 2, 4, 8, 100])
        match chance.randrange(3):
            case 0:
                broken[start : start + length] = chance.randbytes(length)
            case 1:
                del broken[start : start + length]
            case 2:
                broken[start:start] = whole[start : start + length]
        model.write_bytes(broken)
        with contextlib.suppress(ModelFileError):
            assert load(model).predict_proba(IMAGES).tobytes() == right


@pytest.mark.parametrize("name", ["parameters", "statistics"])
def test_an_altered_vector_with_right_zip_checksums_is_refused(model, name):
    with np.load(model) as archive:
        arrays = dict(archive)
    arrays[name] = arrays[name].copy()
    arrays[name][1] += 1e-3
    np.savez(model, **arrays)
    refused(model, f'"{name}" was altered')


@pytest.mark.parametrize("name", ["header", "parameters", "statistics"])
def test_file_without_one_of_its_arrays_is_refused(model, name):
    with np.load(model) as archive:
        arrays = dict(archive)
    del arrays[name]
    np.savez(model, **arrays)
    refused(model)


class Evil:
    def __reduce__(self):
        return (Path("evil").touch, ())


@pytest.mark.parametrize("name", ["header", "parameters", "statistics", "other"])
def test_pickle_inside_is_refused_and_not_run(model, name, monkeypatch):
    monkeypatch.chdir(model.parent)
    with np.load(model) as archive:
        arrays = dict(archive)
    arrays[name] = np.array([Evil()], dtype=object)
    np.savez(model, **arrays)
    refused(model)
    assert not (model.parent / "evil").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"PK\x05\x06" + b"\0" * 18, b"\x80\x04\x95", b"not a model\n", b"\x93NUMPY\x01\x00"],
    ids=["empty", "zeros", "empty-zip", "pickle", "text", "npy"],
)
def test_a_file_that_is_not_an_archive_is_refused(model, content):
    model.write_bytes(content)
    refused(model)


def test_missing_file_and_folder_are_named(tmp_path):
    refused(tmp_path / "no-model.npz", "No such file")
    (tmp_path / "model.npz").mkdir()
    refused(tmp_path / "model.npz", "folder")
    refused(tmp_path / "model.npz" / "deeper.npz", "No such file")


@pytest.mark.parametrize(
    "layers",
    [
        [{"kind": "Flatten"}, {**Dense(10**9).config(), "kind": "Dense"}],
        [{"kind": "Flatten"}, {**Dense(10**15).config(), "kind": "Dense"}, {**Dense(10**15).config(), "kind": "Dense"}],
        [{"kind": "Flatten"}, {**Dense(10**8).config(), "kind": "Dense"}, {**BatchNorm().config(), "kind": "BatchNorm"}],
    ],
    ids=["wide", "absurd", "norm"],
)
def test_absurd_sizes_are_refused_without_allocating(model, layers):
    rewrite(model, lambda header: header["network"].update(layers=layers, classes=None))
    tracemalloc.start()
    try:
        refused(model, "needs .* parameters")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_an_array_with_an_absurd_size_is_refused_without_allocating(model):
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    fake = io.BytesIO()
    np.lib.format.write_array_header_1_0(fake, {"descr": "<f4", "fortran_order": False, "shape": (10**11,)})
    with zipfile.ZipFile(model, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, fake.getvalue() if name == "parameters.npy" else data)
    tracemalloc.start()
    try:
        refused(model)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
