"""Broken checkpoints are refused with the name of the file."""

import json
import random

import pytest
from resumed_trainings import make_checkpoint

from handspun.errors import HandspunError, ModelFileError
from handspun.files.archive import read_arrays, write_arrays
from handspun.files.header import encode_json
from handspun.networks.architectures import mlp
from handspun.networks.modelfile import save


def test_a_truncated_checkpoint_is_refused_and_left_alone(blobs, checkpoint):
    whole = checkpoint.read_bytes()
    for length in [0, 1, 30, *range(100, len(whole), len(whole) // 25), len(whole) - 1]:
        checkpoint.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"run\.npz"):
            make_checkpoint(blobs, checkpoint)
        assert checkpoint.read_bytes() == whole[:length]


def test_a_flipped_bit_is_refused_or_has_no_effect(blobs, checkpoint, finished):
    whole, right = finished
    chance, refused = random.Random(1), 0
    for _ in range(150):
        broken = bytearray(whole)
        broken[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        checkpoint.write_bytes(broken)
        try:
            assert make_checkpoint(blobs, checkpoint).parameters.vector.tobytes() == right
        except HandspunError as error:  # an array that the table of contents lost makes a checkpoint "not fit"
            refused += str(checkpoint) in str(error)
    assert refused > 100


def test_a_model_file_is_not_a_checkpoint(blobs, tmp_path):
    save(mlp(12, [4], 3), tmp_path / "run.npz")
    with pytest.raises(ModelFileError, match="not a handspun-checkpoint"):
        make_checkpoint(blobs, tmp_path / "run.npz")


def alter(path, change):
    """Write the checkpoint again with another header."""
    arrays = read_arrays(path)
    header = json.loads(arrays.pop("header").tobytes())
    change(header)
    write_arrays(path, {"header": encode_json(header), **arrays})


COUNTS = ["step", "epoch", "position", "optimizer_steps"]
NONSENSE = [
    *[(name, value) for name in [*COUNTS, "stop", "order_rng"] for value in (None, "x", [])],
    *[(name, value) for name in COUNTS for value in (-1, 1.5, 10**30)],
    *[(name, value) for name in ("running", "history", "callbacks") for value in (None, "x", ["x"], [1], 7)],
    ("running", {}),
    ("history", [{"epoch": "x"}]),
    ("callbacks", [{}]),
]


@pytest.mark.parametrize(("name", "value"), NONSENSE)
def test_nonsense_in_the_state_is_refused(blobs, checkpoint, name, value):
    alter(checkpoint, lambda header: header["state"].update({name: value}))
    with pytest.raises(HandspunError, match=r"run\.npz"):
        make_checkpoint(blobs, checkpoint)


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "other"}, {"state": None}, {"settings": None}, {"data_hash": 5}])
def test_another_header_is_refused(blobs, checkpoint, change):
    alter(checkpoint, lambda header: header.update(change))
    with pytest.raises(HandspunError, match=r"run\.npz"):
        make_checkpoint(blobs, checkpoint)


@pytest.mark.parametrize("name", ["callback0.parameters", "callback0.statistics"])
def test_a_missing_array_of_a_callback_is_refused(blobs, checkpoint, name):
    arrays = read_arrays(checkpoint)
    del arrays[name]
    write_arrays(checkpoint, arrays)
    with pytest.raises(HandspunError, match=r"run\.npz"):
        make_checkpoint(blobs, checkpoint)


@pytest.mark.parametrize("name", ["parameters", "optimizer.first_moment", "average"])
def test_an_array_of_another_size_is_refused(blobs, checkpoint, name):
    arrays = read_arrays(checkpoint)
    write_arrays(checkpoint, {**arrays, name: arrays[name][:-1]})
    with pytest.raises(HandspunError, match=name):
        make_checkpoint(blobs, checkpoint)
    del arrays[name]
    write_arrays(checkpoint, arrays)
    with pytest.raises(HandspunError, match=name):
        make_checkpoint(blobs, checkpoint)
