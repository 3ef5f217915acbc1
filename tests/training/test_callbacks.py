"""Callbacks: early stopping, the best checkpoint, a deadline."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from small_trainings import Weights, misleading

from handspun.errors import UsageError
from handspun.networks import modelfile
from handspun.networks.architectures import mlp
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.optimizers import Adam
from handspun.training import BestCheckpoint, Callback, Deadline, EarlyStopping, callbacks as callbacks_module
from handspun.training.fit import fit


class Calls(Callback):
    watches_steps = True

    def __init__(self):
        self.seen = []

    def on_train_begin(self, trainer):
        self.seen.append(("begin", trainer.step, trainer.epoch))

    def on_step_end(self, trainer):
        self.seen.append(("step", trainer.step, trainer.epoch))

    def on_epoch_end(self, trainer, record):
        self.seen.append(("epoch", trainer.step, trainer.epoch, record["epoch"]))

    def on_train_end(self, trainer):
        self.seen.append(("end", trainer.step, trainer.epoch))


def test_callbacks_are_called_in_order(blobs):
    calls = Calls()
    fit(mlp(12, [], 3), blobs, epochs=2, batch_size=50, callbacks=[calls])
    assert calls.seen == [
        ("begin", 0, 0),
        ("step", 1, 0),
        ("step", 2, 0),
        ("epoch", 2, 1, 1),
        ("step", 3, 1),
        ("step", 4, 1),
        ("epoch", 4, 2, 2),
        ("end", 4, 2),
    ]


def test_early_stopping_waits_its_patience_and_restores_the_best(blobs):
    weights, stopping = Weights(), EarlyStopping(3)
    network = mlp(12, [5], 3)
    history = fit(network, blobs, misleading(blobs), epochs=50, batch_size=16, callbacks=[weights, stopping])
    best = int(np.argmin(history["validation_loss"]))
    assert len(history["loss"]) == best + 1 + 3 < 50
    assert stopping.best == history["validation_loss"][best]
    assert stopping.best_epoch == best + 1
    assert network.parameters.vector.tobytes() == weights.epochs[best].tobytes()


def test_early_stopping_restores_running_averages_too(blobs):
    network = mlp(12, [5], 3, norm="batch")
    history = fit(network, blobs, misleading(blobs), epochs=50, batch_size=16, callbacks=[EarlyStopping(2)])
    p = network.predict_proba(blobs[0]).astype(float)
    own = -np.log(p[range(90), misleading(blobs)[1]]).mean()
    assert own == pytest.approx(min(history["validation_loss"]), rel=1e-5)


def test_early_stopping_without_restoring_keeps_the_last_weights(blobs):
    weights = Weights()
    network = mlp(12, [5], 3)
    stopping = EarlyStopping(2, monitor="validation_accuracy", restore_best=False)
    history = fit(network, blobs, misleading(blobs), epochs=50, batch_size=16, callbacks=[weights, stopping])
    assert stopping.best == max(history["validation_accuracy"])
    assert stopping.best_epoch == 1 + int(np.argmax(history["validation_accuracy"]))  # the first of equal ones
    assert network.parameters.vector.tobytes() == weights.epochs[-1].tobytes()


def test_without_patience_all_epochs_run_and_the_best_is_restored(blobs):
    weights = Weights()
    network = mlp(12, [5], 3)
    stopping = EarlyStopping(None)
    history = fit(network, blobs, misleading(blobs), epochs=8, batch_size=16, callbacks=[weights, stopping])
    assert len(history["loss"]) == 8
    best = int(np.argmin(history["validation_loss"]))
    assert best < 7
    assert network.parameters.vector.tobytes() == weights.epochs[best].tobytes()


def test_early_stopping_restores_the_average_of_the_best_epoch(blobs):
    network = mlp(12, [5], 3, dtype=np.float64)
    average, stopping = ExponentialMovingAverage(0.9), EarlyStopping(2)
    history = fit(
        network,
        blobs,
        misleading(blobs),
        epochs=40,
        batch_size=16,
        average=average,
        callbacks=[stopping],
        optimizer=Adam(0.01),
    )
    assert len(history["loss"]) < 40
    p = network.predict_proba(blobs[0])
    own = -np.log(p[range(90), misleading(blobs)[1]]).mean()
    assert own == pytest.approx(min(history["validation_loss"]), rel=1e-12)


def test_early_stopping_can_be_used_again(blobs):
    stopping = EarlyStopping(2)
    results = []
    for _ in range(2):
        network = mlp(12, [5], 3)
        history = fit(network, blobs, misleading(blobs), epochs=20, batch_size=16, callbacks=[stopping])
        results.append((network.parameters.vector.tobytes(), history["loss"]))
    assert results[0] == results[1]
    other = mlp(12, [4], 3)  # another network: the weights of the first one would not even fit
    fit(other, blobs, misleading(blobs), epochs=3, batch_size=16, callbacks=[stopping])
    assert 1 <= stopping.best_epoch <= 3


def test_nan_is_no_improvement():
    stopping = EarlyStopping(2)
    values = [math.nan, 3.0, math.nan, 2.0, math.nan]
    assert [stopping._improved({"epoch": i, "validation_loss": value}) for i, value in enumerate(values, 1)] == [
        False, True, False, True, False
    ]  # fmt: skip
    assert (stopping.best, stopping.best_epoch) == (2.0, 4)


@pytest.mark.parametrize(("monitor", "better", "worse"), [("validation_loss", 1.0, 3.0), ("validation_accuracy", 0.9, 0.7)])
def test_an_equal_value_is_no_improvement(monitor, better, worse):
    stopping = EarlyStopping(2, monitor=monitor)
    values = [worse, worse, better, better, worse]
    assert [stopping._improved({"epoch": i, monitor: value}) for i, value in enumerate(values, 1)] == [
        True, False, True, False, False
    ]  # fmt: skip
    assert (stopping.best, stopping.best_epoch) == (better, 3)


@pytest.mark.parametrize("average", [None, 0.9])
def test_best_checkpoint_holds_the_network_of_the_best_epoch(blobs, tmp_path, average):
    path = tmp_path / "deep" / "best.npz"
    network = mlp(12, [5], 3, norm="batch", dtype=np.float64)
    history = fit(
        network,
        blobs,
        misleading(blobs),
        epochs=8,
        batch_size=16,
        average=None if average is None else ExponentialMovingAverage(average),
        callbacks=[BestCheckpoint(path)],
    )
    best = int(np.argmin(history["validation_loss"]))
    loaded, header = modelfile.load_with_header(path)
    p = loaded.predict_proba(blobs[0])
    own = -np.log(p[range(90), misleading(blobs)[1]]).mean()
    assert own == pytest.approx(history["validation_loss"][best], rel=1e-12)
    assert header["training"] == {"epoch": best + 1, "validation_loss": history["validation_loss"][best]}


@pytest.mark.parametrize("callback", [EarlyStopping(2), EarlyStopping(2, monitor="validation_accuracy")])
def test_monitoring_a_missing_column_is_refused(blobs, callback):
    with pytest.raises(UsageError, match=r"watches validation_.*Give validation data"):
        fit(mlp(12, [], 3), blobs, epochs=2, callbacks=[callback])


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping(0),
        lambda: EarlyStopping(monitor="val_loss"),
        lambda: BestCheckpoint("x.npz", monitor="best"),
        lambda: Deadline(0),
        lambda: Deadline(-1),
        lambda: Deadline(math.nan),
    ],
)
def test_wrong_settings_of_a_callback_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_a_deadline_stops_after_the_step_that_passes_it(blobs, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(callbacks_module, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    weights = Weights()
    # One second a step, 6 steps an epoch.
    history = fit(mlp(12, [], 3), blobs, epochs=50, batch_size=16, callbacks=[Deadline(8), weights])
    assert len(weights.steps) == 8
    assert history["epoch"] == [1, 2]


def test_a_deadline_works_in_real_time(blobs):
    history = fit(mlp(12, [], 3), blobs, epochs=10**6, batch_size=1, callbacks=[Deadline(0.15)])
    assert sum(history["seconds"]) < 5
