"""A model file gives back the same network, or one error that names the file: never anything else."""

import contextlib
import errno
import hashlib
import json
import os
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from handspun import errors
from handspun.errors import ModelFileError, OutputError, UsageError
from handspun.layers import GELU, BatchNorm, Dense, Dropout, Flatten, LayerNorm, LeakyReLU
from handspun.layers.initializers import Orthogonal, ScaledNormal
from handspun.networks import modelfile
from handspun.networks.architectures import mlp
from handspun.networks.modelfile import load, load_with_header, save
from handspun.networks.sequential import Sequential

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 2, 3), np.uint8)


def network_of_everything(dtype=np.float32):
    layers = [
        Flatten(),
        Dense(5, initializer=Orthogonal(gain=1.5)),
        BatchNorm(momentum=0.2),
        LeakyReLU(0.2),
        Dropout(0.25),
        Dense(4, bias=False, initializer=ScaledNormal(0.3)),
        LayerNorm(),
        GELU(),
        Dense(3),
    ]
    network = Sequential(layers, (2, 3), dtype=dtype, classes=["kα", "b", "c"], seed=2)
    rng = np.random.default_rng(3)
    network.parameters.vector[...] += rng.normal(0, 0.1, network.parameters.vector.size)
    network.statistics.vector[...] = rng.uniform(0.5, 1.5, network.statistics.vector.size)
    return network


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.npz"
    save(network_of_everything(), path)
    return path


def rewrite(path, change_header=None, **vectors):
    """Write the model again with another header or other vectors, and hashes that fit them."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive) | vectors
    header = json.loads(arrays["header"].tobytes())
    for name in header["sha256"]:
        header["sha256"][name] = hashlib.sha256(arrays[name].tobytes()).hexdigest()
    if change_header:
        change_header(header)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


def refused(path, match="model"):
    with pytest.raises(ModelFileError, match=match) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


# Round trip ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loaded_network_has_the_same_structure_and_predicts_the_same_bits(dtype, tmp_path):
    network = network_of_everything(dtype)
    save(network, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert loaded.config() == network.config()
    assert loaded.classes == ("kα", "b", "c")
    assert loaded.dtype == dtype
    assert loaded.parameters.vector.tobytes() == network.parameters.vector.tobytes()
    assert loaded.statistics.vector.tobytes() == network.statistics.vector.tobytes()
    assert loaded.predict_proba(IMAGES).tobytes() == network.predict_proba(IMAGES).tobytes()
    assert loaded.decayed == network.decayed


def test_loaded_network_can_be_changed(model):
    loaded = load(model)
    loaded.layers[1].weight[...] = 1.0
    assert (loaded.parameters["dense1.weight"] == 1.0).all()


def test_same_network_gives_the_same_bytes_from_one_second_to_the_next(model, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    save(network_of_everything(), tmp_path / "again.npz")
    save(load(model), tmp_path / "loaded.npz")
    assert (tmp_path / "again.npz").read_bytes() == model.read_bytes()
    assert (tmp_path / "loaded.npz").read_bytes() == model.read_bytes()


def test_header_tells_format_version_and_origin(tmp_path):
    save(mlp(4, [], 2), tmp_path / "model.npz", training={"recipe": "r", "accuracy": 0.5})
    _, header = load_with_header(tmp_path / "model.npz")
    assert header["format"] == "handspun-model"
    assert header["version"] == 1
    assert header["training"] == {"recipe": "r", "accuracy": 0.5}
    with np.load(tmp_path / "model.npz", allow_pickle=False) as archive:
        assert set(archive) == {"header", "parameters", "statistics"}
        assert archive["parameters"].size == 10


def test_network_without_parameters_makes_the_round_trip(tmp_path):
    network = Sequential([Flatten(), GELU()], (2, 3))
    save(network, tmp_path / "model.npz")
    assert load(tmp_path / "model.npz").logits(IMAGES).tobytes() == network.logits(IMAGES).tobytes()


# Broken files ----------------------------------------------------------------------------------------------------------


def test_file_cut_anywhere_is_refused(model):
    whole = model.read_bytes()
    for length in [*range(0, len(whole), 3), len(whole) - 2, len(whole) - 1]:
        model.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"model\.npz"):
            load(model)


def test_flipped_bit_anywhere_is_refused_or_without_effect(model):
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
def test_vector_that_was_altered_with_all_checksums_of_the_archive_right_is_refused(model, name):
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
def test_file_that_is_no_archive_is_refused(model, content):
    model.write_bytes(content)
    refused(model)


def test_missing_file_and_folder_are_named(tmp_path):
    refused(tmp_path / "no-model.npz", "No such file")
    (tmp_path / "model.npz").mkdir()
    refused(tmp_path / "model.npz", "folder")
    refused(tmp_path / "model.npz" / "deeper.npz", "No such file")


# Wrong headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 2, "1", None, [1], 1e300])
def test_other_version_is_refused_with_what_to_do(model, version):
    rewrite(model, lambda header: header.update(version=version))
    refused(model, "version.*Update handspun")


@pytest.mark.parametrize("kind", ["handspun-checkpoint", "", None, 5, ["handspun-model"]])
def test_other_format_is_refused(model, kind):
    rewrite(model, lambda header: header.update(format=kind))
    refused(model, "not a handspun-model")


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"5", b'"handspun-model"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000],
    ids=["empty", "cut", "list", "null", "number", "text", "not-utf-8", "deep-list", "deep-object", "long-number"],
)
def test_header_that_is_no_object_is_refused(model, text):
    with np.load(model) as archive:
        arrays = dict(archive)
    np.savez(model, **(arrays | {"header": np.frombuffer(text, np.uint8)}))
    refused(model)


@pytest.mark.parametrize(
    "header", [np.zeros((2, 2), np.uint8), np.zeros(3), np.array("{}"), np.array(b"{}"), np.zeros(5, np.int8)], ids=str
)
def test_header_of_another_type_is_refused(model, header):
    with np.load(model) as archive:
        arrays = dict(archive)
    np.savez(model, **(arrays | {"header": header}))
    refused(model, "no header")


@pytest.mark.parametrize("value", [None, [], "x", 5, {}, {"parameters": 5}, {"parameters": None}, ["parameters"]], ids=repr)
def test_nonsense_in_the_place_of_the_hashes_is_refused(model, value):
    rewrite(model, lambda header: header.update(sha256=value))
    refused(model)


def put(header, path, value):
    """Set the value at the end of ``path`` in the network's description."""
    place = header["network"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value


HUGE = 10**18


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("layers",), []),
        (("layers",), None),
        (("layers",), "Dense"),
        (("layers",), {"kind": "Dense"}),
        (("layers",), [[]]),
        (("layers",), [None]),
        (("layers", 0), {"units": 3}),
        (("layers", 0, "kind"), ["Flatten"]),
        (("layers", 0, "kind"), None),
        (("layers", 0, "kind"), "Layer"),
        (("layers", 0, "kind"), "__class__"),
        (("layers", 0, "units"), 5),
        (("layers", 1, "units"), "5"),
        (("layers", 1, "units"), 5.0),
        (("layers", 1, "units"), -5),
        (("layers", 1, "units"), 6),
        (("layers", 1, "units"), 10**9),
        (("layers", 1, "units"), 10**400),
        (("layers", 1, "initializer"), None),
        (("layers", 1, "initializer"), {"kind": "Nothing"}),
        (("layers", 1, "initializer"), {"kind": "HeNormal", "scale": 1}),
        (("layers", 5, "initializer"), {"kind": "ScaledNormal", "scale": "1"}),
        (("layers", 5, "initializer"), {"kind": ["ScaledNormal"]}),
        (("layers", 2, "momentum"), None),
        (("layers", 2, "epsilon"), float("nan")),
        (("layers", 3, "slope"), 10**400),
        (("layers", 4, "rate"), [0.5]),
        (("layers", 4, "self"), 1),
        (("layers", 4, ""), 1),
        (("input_shape",), None),
        (("input_shape",), []),
        (("input_shape",), 6),
        (("input_shape",), "ab"),
        (("input_shape",), [2, 4]),
        (("input_shape",), [-2, -3]),
        (("input_shape",), [0, 3]),
        (("input_shape",), [2, "3"]),
        (("input_shape",), [2.5, 2.4]),
        (("input_shape",), [1.5, 4]),
        (("input_shape",), [[2], 3]),
        (("input_shape",), [float("inf"), 1]),
        (("input_shape",), [float("nan"), 6]),
        (("input_shape",), [HUGE, HUGE]),
        (("input_shape",), ["a", HUGE]),
        (("input_shape",), [[1], HUGE]),
        (("input_shape",), [1] * 100 + [7]),
        (("dtype",), None),
        (("dtype",), "float16"),
        (("dtype",), "float64"),
        (("dtype",), "object"),
        (("dtype",), "O"),
        (("dtype",), "f4,f4"),
        (("dtype",), "a"),
        (("dtype",), "(2,"),
        (("dtype",), "V1000000000"),
        (("dtype",), ["f4"]),
        (("dtype",), {"names": ["a"], "formats": ["f4"]}),
        (("dtype",), {}),
        (("classes",), ["a", "b"]),
        (("classes",), 3),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_description_that_cannot_be_understood_is_refused(model, path, value):
    rewrite(model, lambda header: put(header, path, value))
    refused(model)


@pytest.mark.parametrize("name", ["layers", "input_shape", "dtype", "classes"])
def test_description_with_a_part_missing_is_refused(model, name):
    rewrite(model, lambda header: header["network"].pop(name))
    refused(model, name)


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_nonsense_in_the_place_of_the_description_is_refused(model, value):
    rewrite(model, lambda header: header.update(network=value))
    refused(model)


def test_unknown_layer_names_the_nearest(model):
    rewrite(model, lambda header: put(header, ("layers", 1, "kind"), "Dens"))
    refused(model, 'Unknown layer "Dens"; did you mean "Dense"')


def test_structure_of_another_size_than_the_vectors_is_refused_with_both_sizes(model):
    rewrite(model, parameters=np.zeros(7, np.float32))
    needed = network_of_everything().parameters.vector.size
    refused(model, f"needs {needed} parameters, but the file holds 7")


def test_structure_with_other_statistics_than_the_vector_is_refused_with_both_sizes(model):
    rewrite(model, statistics=np.zeros(7, np.float32))
    refused(model, "10.*7|7.*10")


@pytest.mark.parametrize("name", ["parameters", "statistics"])
@pytest.mark.parametrize(
    "change",
    [lambda v: v.astype(np.float64), lambda v: v.reshape(-1, 1), lambda v: v.astype(np.int32), lambda v: v.astype("U8")],
)
def test_vector_of_another_type_or_shape_is_refused(model, name, change):
    rewrite(model, **{name: change(getattr(network_of_everything(), name).vector)})
    refused(model, name)


@pytest.mark.parametrize("name", ["parameters", "statistics"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(model, name, value):
    vector = getattr(network_of_everything(), name).vector.copy()
    vector[3] = value
    rewrite(model, **{name: vector})
    refused(model, "finite")


@pytest.mark.parametrize(
    "layers",
    [
        [{"kind": "Flatten"}, {**Dense(10**9).config(), "kind": "Dense"}],
        [{"kind": "Flatten"}, {**Dense(10**15).config(), "kind": "Dense"}, {**Dense(10**15).config(), "kind": "Dense"}],
        [{"kind": "Flatten"}, {**Dense(10**8).config(), "kind": "Dense"}, {**BatchNorm().config(), "kind": "BatchNorm"}],
    ],
    ids=["wide", "absurd", "norm"],
)
def test_absurd_sizes_are_refused_without_taking_memory_for_them(model, layers):
    rewrite(model, lambda header: header["network"].update(layers=layers, classes=None))
    tracemalloc.start()
    try:
        refused(model, "needs .* parameters")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_array_that_declares_absurd_sizes_is_refused_without_taking_memory_for_them(model):
    import io
    import zipfile

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


# Failures while writing ------------------------------------------------------------------------------------------------


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["os.fsync", "os.open", "pathlib.Path.replace"])
def test_failed_save_leaves_the_old_file_and_nothing_else(model, monkeypatch, place):
    before = model.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        with pytest.raises(OutputError, match=r"model\.npz.*No space left"):
            save(mlp(4, [], 2), model)
    assert model.read_bytes() == before
    assert names(model.parent) == ["model.npz"]


def test_disk_that_is_full_after_any_number_of_bytes_leaves_the_old_file_and_nothing_else(model):
    """A limit on the size of files makes writes fail in the middle, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = model.read_bytes()
    large = mlp(200, [30], 10)
    save(large, model.with_name("large.npz"))
    size = model.with_name("large.npz").stat().st_size
    model.with_name("large.npz").unlink()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 10, 500, 5_000, size // 2, size - 200, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(OutputError) as caught:
                save(large, model)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert str(model) in str(caught.value)
        assert model.read_bytes() == before
        assert names(model.parent) == ["model.npz"]


def test_interruption_while_writing_leaves_the_old_file_and_nothing_else(model, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    before = model.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save(mlp(4, [], 2), model)
    assert model.read_bytes() == before
    assert names(model.parent) == ["model.npz"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_folder_without_permission_to_write_keeps_the_old_file(model):
    before = model.read_bytes()
    model.parent.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            save(mlp(4, [], 2), model)
    finally:
        model.parent.chmod(0o700)
    assert model.read_bytes() == before
    assert names(model.parent) == ["model.npz"]


@pytest.mark.parametrize(
    "place", ["folder", "folder/", "file.txt/model.npz", "file.txt/deeper/model.npz", "x" * 252 + ".npz", "a\0b.npz"]
)
def test_place_where_no_file_can_be_is_refused(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(OutputError):
        save(mlp(4, [], 2), tmp_path / place)
    assert names(tmp_path) == ["file.txt", "folder"]
    assert (tmp_path / "file.txt").read_text() == "x"


def test_missing_folders_on_the_way_are_made(tmp_path):
    save(mlp(4, [], 2), tmp_path / "a" / "b" / "model.npz")
    assert load(tmp_path / "a" / "b" / "model.npz").output_shape == (2,)


def test_process_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    """Two models are saved over each other until the process is killed: the file is one of them."""
    script = (
        "import sys\nfrom handspun.networks.modelfile import save\nfrom handspun.networks.architectures import mlp\n"
        "models = [mlp(60, [20], 3, seed=seed) for seed in (0, 1)]\nprint('ready', flush=True)\n"
        "while True:\n    for model in models:\n        save(model, sys.argv[1])\n"
    )
    source = str(Path(errors.__file__).parents[1])
    path = tmp_path / "model.npz"
    known = {mlp(60, [20], 3, seed=seed).parameters.vector.tobytes() for seed in (0, 1)}
    chance = random.Random(3)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": source},
        )
        process.stdout.readline()
        try:
            process.wait(timeout=chance.uniform(0.02, 0.2))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate(timeout=30)
        assert process.returncode == -9
        if path.exists():
            assert load(path).parameters.vector.tobytes() in known
    assert path.exists()


def test_training_information_that_is_no_plain_data_leaves_the_old_file(model):
    before = model.read_bytes()
    with pytest.raises(UsageError, match="plain data"):
        save(mlp(4, [], 2), model, training={"object": object()})
    assert model.read_bytes() == before
    assert modelfile.FORMAT == "handspun-model"
