"""Trainings with checkpoints, and what must be equal after they were resumed."""

import numpy as np

from handspun.networks.architectures import mlp
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.optimization.optimizers import Adam
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Cosine, Warmup
from handspun.training import CSVLog, EarlyStopping
from handspun.training.fit import fit
from handspun.training.history import COLUMNS
from interrupting import Trouble

TIMINGS = ("seconds", "images_per_second")


def train(blobs, folder, trouble=None, *, stops_early=False, every=1e9):
    """Train 5 epochs of 6 steps with everything that has a state; return the network and the history."""
    images, labels = blobs
    network = mlp(12, [7], 3, "gelu", dropout=0.3, norm="batch", seed=1)
    validation = (images[:30], (labels[:30] + 1) % 3) if stops_early else (images[:30], labels[:30])
    history = fit(
        network,
        (images, labels),
        validation,
        epochs=5,
        batch_size=16,
        optimizer=Adam(0.02, weight_decay=0.01),
        schedule=Warmup(4, Cosine()),
        penalty=Penalty(l1=1e-4),
        clip=ClipNorm(1.0),
        average=ExponentialMovingAverage(0.9),
        callbacks=[trouble or Trouble(), EarlyStopping(1 if stops_early else 3), CSVLog(folder / "log.csv")],
        seed=5,
        checkpoint=folder / "run.npz",
        checkpoint_every=every,
    )
    return network, history


def outcome(network, history):
    """Parameters, running averages and records, but for the times."""
    records = [{name: value for name, value in record.items() if name not in TIMINGS} for record in history.records]
    return network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), records


def log_without_timings(path):
    """The rows of a CSV log, but for the times."""
    keep = [i for i, name in enumerate(COLUMNS) if name not in TIMINGS]
    return [[line.split(",")[i] for i in keep] for line in path.read_text().splitlines()]


def make_checkpoint(blobs, path, **change):
    """Train one epoch with a checkpoint and return the network; ``change`` replaces any argument."""
    arguments = {
        "data": (blobs[0], blobs[1]),
        "validation": (blobs[0][:9], blobs[1][:9]),
        "network": {"hidden_layers": [4]},
        "epochs": 1,
        "batch_size": 30,
        "loss": SoftmaxCrossEntropy(),
        "optimizer": Adam(0.01),
        "schedule": Cosine(),
        "penalty": Penalty(l2=0.1),
        "clip": ClipNorm(1.0),
        "average": ExponentialMovingAverage(0.9),
        "sample_weight": np.ones(90),
        "callbacks": [EarlyStopping(2)],
        "seed": 1,
        **change,
    }
    network = mlp(**{"input_size": 12, "output_size": 3, **arguments.pop("network")})
    fit(network, arguments.pop("data"), checkpoint=path, **arguments)
    return network
