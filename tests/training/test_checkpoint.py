"""What a checkpoint holds, and which trainings may resume from it."""

import json

import numpy as np
import pytest
from resumed_trainings import make_checkpoint, train

from handspun.data.dataset import hash_arrays
from handspun.errors import UsageError
from handspun.files.archive import read_arrays
from handspun.networks.architectures import mlp
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm
from handspun.optimization.losses import MeanSquaredError, SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD, Adam
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Constant, Cosine, Warmup
from handspun.training import EarlyStopping
from handspun.training.checkpoint import Checkpoint
from handspun.training.fit import fit
from interrupting import Trouble


def test_a_checkpoint_holds_moments_averages_and_counts(blobs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(blobs, tmp_path, Trouble(interrupt=("step", 10)))
    arrays = read_arrays(tmp_path / "run.npz")
    assert {"parameters", "statistics", "average", "optimizer.first_moment", "optimizer.second_moment"} <= set(arrays)
    state = json.loads(arrays["header"].tobytes())["state"]
    assert (state["step"], state["epoch"], state["position"], state["optimizer_steps"]) == (10, 1, 4, 10)


def test_resuming_with_the_same_arguments_is_allowed(blobs, checkpoint, finished):
    assert make_checkpoint(blobs, checkpoint).parameters.vector.tobytes() == finished[1]


def test_numpy_numbers_as_settings_can_be_saved(blobs, tmp_path):
    settings = {
        "seed": np.int64(1),
        "epochs": np.int64(1),
        "batch_size": np.int32(30),
        "penalty": Penalty(l2=np.float32(0.125)),
        "clip": ClipNorm(np.float64(1.0)),
        "optimizer": Adam(np.float64(0.01)),
        "loss": SoftmaxCrossEntropy(class_weight=np.ones(3)),
    }
    first = make_checkpoint(blobs, tmp_path / "run.npz", **settings)
    again = make_checkpoint(blobs, tmp_path / "run.npz", **settings)
    assert again.parameters.vector.tobytes() == first.parameters.vector.tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": {"hidden_layers": [5]}}, "network"),
        ({"network": {"hidden_layers": [4], "activation": "tanh"}}, "network"),
        ({"network": {"hidden_layers": [4], "dtype": np.float64}}, "network"),
        ({"epochs": 2}, "epochs was 1, now 2"),
        ({"batch_size": 29}, "batch_size was 30, now 29"),
        ({"seed": 2}, "seed was 1, now 2"),
        ({"shuffle": False}, "shuffle was True, now False"),
        ({"loss": SoftmaxCrossEntropy(label_smoothing=0.1)}, "loss"),
        ({"loss": MeanSquaredError()}, "loss"),
        ({"loss": SoftmaxCrossEntropy(class_weight=[1, 2, 3])}, "loss"),
        ({"optimizer": Adam(0.02)}, "optimizer"),
        ({"optimizer": SGD(0.01)}, "optimizer"),
        ({"schedule": Constant()}, "schedule"),
        ({"schedule": Warmup(2, Cosine())}, "schedule"),
        ({"penalty": None}, "penalty"),
        ({"penalty": Penalty(l2=0.2)}, "penalty"),
        ({"clip": ClipNorm(2.0)}, "clip"),
        ({"clip": None}, "clip"),
        ({"average": ExponentialMovingAverage(0.8)}, "average"),
        ({"average": None}, "average"),
        ({"callbacks": []}, "callbacks"),
        ({"callbacks": [EarlyStopping(2), Trouble()]}, "callbacks"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_resuming_with_other_settings_names_the_difference(blobs, checkpoint, change, message):
    with pytest.raises(UsageError, match=message):
        make_checkpoint(blobs, checkpoint, **change)


def other_data(blobs):
    images, labels = blobs[0].copy(), blobs[1].copy()
    images[3, 1, 2] ^= 1
    labels[5] = (labels[5] + 1) % 3
    weight = np.ones(90)
    weight[7] = 2.0
    return {
        "images": {"data": (images, blobs[1])},
        "labels": {"data": (blobs[0], labels)},
        "type": {"data": (blobs[0].astype(np.float32), blobs[1])},
        "shape": {"data": (blobs[0].reshape(90, 12), blobs[1])},
        "weights": {"sample_weight": weight},
        "no-weights": {"sample_weight": None},
        "validation": {"validation": (images[:9], blobs[1][:9])},
    }


@pytest.mark.parametrize("kind", ["images", "labels", "type", "shape", "weights", "no-weights", "validation"])
def test_resuming_with_other_data_is_refused(blobs, checkpoint, kind):
    with pytest.raises(UsageError, match="data"):
        make_checkpoint(blobs, checkpoint, **other_data(blobs)[kind])


@pytest.mark.parametrize("callbacks", [[], [EarlyStopping(2), Trouble()]], ids=["fewer", "more"])
def test_a_refused_checkpoint_leaves_the_network_unchanged(blobs, tmp_path, callbacks):
    fit(mlp(12, [], 3), blobs, blobs, epochs=1, callbacks=[EarlyStopping(2)], checkpoint=tmp_path / "run.npz")
    network = mlp(12, [], 3)
    before = network.parameters.vector.tobytes()
    with pytest.raises(UsageError, match="callbacks"):
        fit(network, blobs, blobs, epochs=1, callbacks=callbacks, checkpoint=tmp_path / "run.npz")
    assert network.parameters.vector.tobytes() == before


def test_the_data_of_a_checkpoint_are_known_in_the_byte_order_given(tmp_path):
    images, classes = np.random.default_rng(0).random((8, 4)).astype(">f4"), np.arange(8) % 3
    path = tmp_path / "training.ckpt"
    fit(mlp(4, [3], 3), (images, classes), epochs=1, checkpoint=path)
    header = json.loads(read_arrays(path)["header"].tobytes())
    assert header["data_hash"] == hash_arrays(images, classes.astype(np.intp), None)


def test_a_wrong_checkpoint_interval_is_refused(blobs, tmp_path):
    with pytest.raises(UsageError, match="every"):
        make_checkpoint(blobs, tmp_path / "run.npz", checkpoint_every=-1)
    with pytest.raises(UsageError, match="every"):
        Checkpoint(tmp_path / "run.npz", "", every=float("nan"))
