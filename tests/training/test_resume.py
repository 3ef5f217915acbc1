"""Training that is interrupted anywhere, and goes on, ends with the bytes of one that never was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from handspun import errors
from handspun.errors import HandspunError, ModelFileError, UsageError
from handspun.files.archive import read_arrays, write_arrays
from handspun.files.header import encode_json
from handspun.networks.architectures import mlp
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm
from handspun.optimization.losses import MeanSquaredError, SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD, Adam
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Constant, Cosine, Warmup
from handspun.training import Callback, CSVLog, EarlyStopping, JSONLinesLog, TensorBoardLog
from handspun.training.checkpoint import Checkpoint
from handspun.training.fit import fit
from handspun.training.history import COLUMNS

TIMINGS = ("seconds", "images_per_second")


class Trouble(Callback):
    """Interrupts training, breaks it or stops it at a given place."""

    watches_steps = True

    def __init__(self, interrupt=None, crash=None, stop=None):
        self.interrupt, self.crash, self.stop = interrupt, crash, stop

    def _at(self, place, trainer):
        if place == self.stop:
            trainer.stop = True
        if place == self.crash:
            raise ZeroDivisionError("planted")
        if place == self.interrupt:
            signal.raise_signal(signal.SIGINT)
            signal.getsignal(signal.SIGINT)  # gives Python an occasion to run the handler

    def on_step_end(self, trainer):
        self._at(("step", trainer.step), trainer)

    def on_epoch_end(self, trainer, record):
        self._at(("epoch", trainer.epoch), trainer)

    def on_train_end(self, trainer):
        self._at(("end",), trainer)


def train(blobs, folder, trouble=None, *, stops_early=False, every=1e9):
    """6 steps an epoch, 5 epochs, of everything that has a state; returns the network and the history."""
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
    records = [{name: value for name, value in record.items() if name not in TIMINGS} for record in history.records]
    return network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), records


def log_without_timings(path):
    keep = [i for i, name in enumerate(COLUMNS) if name not in TIMINGS]
    return [[line.split(",")[i] for i in keep] for line in path.read_text().splitlines()]


@pytest.fixture(params=[False, True], ids=["all-epochs", "stops-early"])
def stops_early(request):
    return request.param


@pytest.mark.parametrize(
    "places",
    [
        [("step", 1)],
        [("step", 2)],
        [("step", 6)],
        [("epoch", 1)],
        [("step", 7)],
        [("step", 9), ("step", 10)],
        [("step", 3), ("epoch", 1), ("step", 8), ("step", 12)],
        [("step", 29)],
        [("step", 30)],
        [("epoch", 5)],
    ],
    ids=str,
)
def test_interrupted_and_resumed_training_equals_the_uninterrupted_one(blobs, tmp_path, places, stops_early):
    (tmp_path / "whole").mkdir()
    whole = outcome(*train(blobs, tmp_path / "whole", stops_early=stops_early))
    assert (len(whole[2]) < 5) == stops_early
    for place in places:
        if place[1] * (1 if place[0] == "step" else 6) <= 6 * len(whole[2]):
            with pytest.raises(KeyboardInterrupt):
                train(blobs, tmp_path, Trouble(interrupt=place), stops_early=stops_early)
    assert outcome(*train(blobs, tmp_path, stops_early=stops_early)) == whole
    assert log_without_timings(tmp_path / "log.csv") == log_without_timings(tmp_path / "whole" / "log.csv")


@pytest.mark.parametrize(
    "place", [("step", 1), ("step", 5), ("step", 6), ("step", 7), ("epoch", 2), ("epoch", 5), ("end",)], ids=str
)
def test_crashed_training_goes_on_from_its_last_checkpoint(blobs, tmp_path, place):
    (tmp_path / "whole").mkdir()
    whole = outcome(*train(blobs, tmp_path / "whole"))
    with pytest.raises(ZeroDivisionError):
        train(blobs, tmp_path, Trouble(crash=place), every=0)
    assert outcome(*train(blobs, tmp_path)) == whole
    assert log_without_timings(tmp_path / "log.csv") == log_without_timings(tmp_path / "whole" / "log.csv")


@pytest.mark.parametrize(("stop", "crash"), [(("step", 8), ("epoch", 2)), (("epoch", 2), ("end",)), (("step", 12), ("end",))])
def test_training_that_crashed_after_it_was_told_to_stop_ends_as_if_it_had_not(blobs, tmp_path, stop, crash):
    (tmp_path / "whole").mkdir()
    whole = outcome(*train(blobs, tmp_path / "whole", Trouble(stop=stop), every=0))
    assert len(whole[2]) == 2
    with pytest.raises(ZeroDivisionError):
        train(blobs, tmp_path, Trouble(stop=stop, crash=crash), every=0)
    assert outcome(*train(blobs, tmp_path, Trouble(stop=stop), every=0)) == whole


def test_finished_training_stays_as_it_is_when_it_is_run_again(blobs, tmp_path):
    first = outcome(*train(blobs, tmp_path))
    log = (tmp_path / "log.csv").read_bytes()
    assert outcome(*train(blobs, tmp_path)) == first
    assert (tmp_path / "log.csv").read_bytes() == log


def test_json_lines_of_a_resumed_training_look_like_those_of_an_uninterrupted_one(blobs, tmp_path):
    def run(folder, trouble):
        logs = [trouble, JSONLinesLog(folder / "log.jsonl")]
        fit(mlp(12, [], 3), blobs, epochs=3, batch_size=16, callbacks=logs, checkpoint=folder / "run.npz")
        lines = (folder / "log.jsonl").read_text().splitlines()
        return [[pair for pair in json.loads(line).items() if pair[0] not in TIMINGS] for line in lines]

    whole = run(tmp_path / "whole", Trouble())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trouble(interrupt=("step", 15)))
    assert run(tmp_path, Trouble()) == whole


def test_resumed_optimizer_starts_from_the_saved_moments(blobs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(blobs, tmp_path, Trouble(interrupt=("step", 10)))
    arrays = read_arrays(tmp_path / "run.npz")
    assert {"parameters", "statistics", "average", "optimizer.first_moment", "optimizer.second_moment"} <= set(arrays)
    state = json.loads(arrays["header"].tobytes())["state"]
    assert (state["step"], state["epoch"], state["position"], state["optimizer_steps"]) == (10, 1, 4, 10)


def test_second_signal_ends_training_at_once_and_leaves_no_handler_behind(blobs, tmp_path):
    class Impatient(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.01)
            pytest.fail("the second signal had no effect")

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        fit(mlp(12, [], 3), blobs, callbacks=[Impatient()], checkpoint=tmp_path / "run.npz")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert not (tmp_path / "run.npz").exists()


def test_sigterm_asks_for_exit_with_143(blobs, tmp_path):
    class Terminate(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as caught:
        fit(mlp(12, [], 3), blobs, callbacks=[Terminate()], checkpoint=tmp_path / "run.npz")
    assert caught.value.code == 143
    assert (tmp_path / "run.npz").exists()


def test_tensorboard_log_of_a_resumed_training_drops_what_is_made_again(blobs, tmp_path, read_events):
    from tensorboardX.proto.event_pb2 import SessionLog

    def run(trouble):
        return fit(
            mlp(12, [], 3),
            blobs,
            epochs=4,
            batch_size=16,
            callbacks=[TensorBoardLog(tmp_path / "tb"), trouble],
            checkpoint=tmp_path / "run.npz",
            checkpoint_every=1e9,
        )

    with pytest.raises(KeyboardInterrupt):
        run(Trouble(interrupt=("step", 15)))
    (first,) = (tmp_path / "tb").iterdir()  # a file is named by the second: do not let the next one have the same name
    first.rename(first.with_name("events.out.tfevents.1.first"))
    history = run(Trouble())
    events = [event for path in sorted((tmp_path / "tb").iterdir()) for event in read_events(path)]
    starts = [event.step for event in events if event.session_log.status == SessionLog.START]
    assert starts[-1] == 3  # what an earlier run logged of epoch 3 and later is dropped
    losses = {event.step: v.simple_value for event in events for v in event.summary.value if v.tag == "loss"}
    assert losses == {epoch: pytest.approx(loss, rel=1e-6) for epoch, loss in enumerate(history["loss"], start=1)}


# Real processes --------------------------------------------------------------------------------------------------------

SCRIPT = """
import json, sys, time
from pathlib import Path
import numpy as np
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.networks.modelfile import save
from handspun.networks.architectures import mlp
from handspun.optimization.optimizers import Adam
from handspun.optimization.schedules import Cosine
from handspun.training import Callback, CSVLog, EarlyStopping, JSONLinesLog
from handspun.training.fit import fit

folder, pause = Path(sys.argv[1]), float(sys.argv[2])

class Slow(Callback):
    watches_steps = True
    def on_step_end(self, trainer):
        if pause:
            print("step", trainer.step, flush=True)
            time.sleep(pause)

rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (100, 30), np.uint8), rng.integers(0, 4, 100)
network = mlp(30, [12], 4, dropout=0.2, norm="batch")
history = fit(
    network, (images[:80], labels[:80]), (images[80:], labels[80:]), epochs=6, batch_size=11,
    optimizer=Adam(0.01), schedule=Cosine(), average=ExponentialMovingAverage(0.95),
    callbacks=[Slow(), EarlyStopping(4), CSVLog(folder / "log.csv"), JSONLinesLog(folder / "log.jsonl")],
    checkpoint=folder / "run.npz", checkpoint_every=0.03,
)
records = [{k: v for k, v in r.items() if k not in ("seconds", "images_per_second")} for r in history.records]
(folder / "history.json").write_text(json.dumps(records, sort_keys=True))
save(network, folder / "model.npz")
"""


def start(folder, pause):
    source = str(Path(errors.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(pause)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source, "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    process = start(folder, 0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return folder


EXIT_CODES = {"SIGKILL": {-9}, "SIGTERM": {143}, "SIGINT": {-2, 130}}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("signals", [["SIGKILL"], ["SIGTERM"], ["SIGINT"], ["SIGKILL", "SIGINT", "SIGTERM"]], ids="-".join)
def test_process_killed_at_random_moments_ends_with_the_bytes_of_the_uninterrupted_one(signals, uninterrupted, tmp_path):
    chance = random.Random("-".join(signals))
    killed = 0
    for round_number in range(20):
        process = start(tmp_path, 0.01)
        first = process.stdout.readline()
        name = signals[round_number % len(signals)]
        # The whole takes 0.5 s: about three rounds a test.
        time.sleep(chance.uniform(0.05, 0.3) if first else 0)
        process.send_signal(signal.Signals[name])
        _, errors = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        if not (tmp_path / "history.json").exists():  # else the signal came when training was over
            killed += 1
            assert process.returncode in EXIT_CODES[name], errors
        if "SIGKILL" not in signals:
            assert not list(tmp_path.glob(".*.part"))
    else:
        pytest.fail("the training makes no progress")
    assert killed >= 1
    for name in ("history.json", "model.npz"):
        assert (tmp_path / name).read_bytes() == (uninterrupted / name).read_bytes(), name
    assert log_without_timings(tmp_path / "log.csv") == log_without_timings(uninterrupted / "log.csv")
    epochs = [json.loads(line)["epoch"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert epochs == [record["epoch"] for record in json.loads((uninterrupted / "history.json").read_text())]


# Refusals --------------------------------------------------------------------------------------------------------------


def make_checkpoint(blobs, path, **change):
    """Train for a moment with a checkpoint; ``change`` replaces any argument."""
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
def test_resuming_with_other_settings_is_refused_by_name(blobs, tmp_path, change, message):
    make_checkpoint(blobs, tmp_path / "run.npz")
    with pytest.raises(UsageError, match=message):
        make_checkpoint(blobs, tmp_path / "run.npz", **change)


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
def test_resuming_with_other_data_is_refused(blobs, tmp_path, kind):
    make_checkpoint(blobs, tmp_path / "run.npz")
    with pytest.raises(UsageError, match="data"):
        make_checkpoint(blobs, tmp_path / "run.npz", **other_data(blobs)[kind])


def test_resuming_with_the_same_arguments_is_not_refused(blobs, tmp_path):
    first = make_checkpoint(blobs, tmp_path / "run.npz")
    again = make_checkpoint(blobs, tmp_path / "run.npz")
    assert again.parameters.vector.tobytes() == first.parameters.vector.tobytes()


def test_settings_that_are_numpy_numbers_can_be_saved(blobs, tmp_path):
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


@pytest.mark.parametrize("callbacks", [[], [EarlyStopping(2), Trouble()]], ids=["fewer", "more"])
def test_refused_checkpoint_leaves_the_network_as_it_is(blobs, tmp_path, callbacks):
    fit(mlp(12, [], 3), blobs, blobs, epochs=1, callbacks=[EarlyStopping(2)], checkpoint=tmp_path / "run.npz")
    network = mlp(12, [], 3)
    before = network.parameters.vector.tobytes()
    with pytest.raises(UsageError, match="callbacks"):
        fit(network, blobs, blobs, epochs=1, callbacks=callbacks, checkpoint=tmp_path / "run.npz")
    assert network.parameters.vector.tobytes() == before


def test_wrong_interval_of_checkpoints_is_refused(blobs, tmp_path):
    with pytest.raises(UsageError, match="every"):
        make_checkpoint(blobs, tmp_path / "run.npz", checkpoint_every=-1)
    with pytest.raises(UsageError, match="every"):
        Checkpoint(tmp_path / "run.npz", "", every=float("nan"))


# Broken checkpoints ----------------------------------------------------------------------------------------------------


def test_truncated_checkpoint_is_refused_and_left_alone(blobs, tmp_path):
    path = tmp_path / "run.npz"
    make_checkpoint(blobs, path)
    whole = path.read_bytes()
    for length in [0, 1, 30, *range(100, len(whole), len(whole) // 25), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"run\.npz"):
            make_checkpoint(blobs, path)
        assert path.read_bytes() == whole[:length]


def test_flipped_bit_in_a_checkpoint_is_refused_or_without_effect(blobs, tmp_path):
    path = tmp_path / "run.npz"
    right = make_checkpoint(blobs, path).parameters.vector.tobytes()
    whole = path.read_bytes()
    chance, refused = random.Random(1), 0
    for _ in range(150):
        broken = bytearray(whole)
        broken[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        try:
            assert make_checkpoint(blobs, path).parameters.vector.tobytes() == right
        except HandspunError as error:  # a table of contents that hides an array is of a file that "does not fit"
            refused += str(path) in str(error)
    assert refused > 100


def test_model_file_is_no_checkpoint(blobs, tmp_path):
    from handspun.networks.modelfile import save

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
def test_checkpoint_with_nonsense_in_its_state_is_refused(blobs, tmp_path, name, value):
    path = tmp_path / "run.npz"
    make_checkpoint(blobs, path)
    alter(path, lambda header: header["state"].update({name: value}))
    with pytest.raises(HandspunError, match=r"run\.npz"):
        make_checkpoint(blobs, path)


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "other"}, {"state": None}, {"settings": None}, {"data_hash": 5}])
def test_checkpoint_with_another_head_is_refused(blobs, tmp_path, change):
    path = tmp_path / "run.npz"
    make_checkpoint(blobs, path)
    alter(path, lambda header: header.update(change))
    with pytest.raises(HandspunError, match=r"run\.npz"):
        make_checkpoint(blobs, path)


@pytest.mark.parametrize("name", ["callback0.parameters", "callback0.statistics"])
def test_checkpoint_without_what_a_callback_had_saved_is_refused(blobs, tmp_path, name):
    path = tmp_path / "run.npz"
    make_checkpoint(blobs, path)
    arrays = read_arrays(path)
    del arrays[name]
    write_arrays(path, arrays)
    with pytest.raises(HandspunError, match=r"run\.npz"):
        make_checkpoint(blobs, path)


@pytest.mark.parametrize("name", ["parameters", "optimizer.first_moment", "average"])
def test_checkpoint_with_an_array_of_another_size_is_refused(blobs, tmp_path, name):
    path = tmp_path / "run.npz"
    make_checkpoint(blobs, path)
    arrays = read_arrays(path)
    write_arrays(path, {**arrays, name: arrays[name][:-1]})
    with pytest.raises(HandspunError, match=name):
        make_checkpoint(blobs, path)
    del arrays[name]
    write_arrays(path, arrays)
    with pytest.raises(HandspunError, match=name):
        make_checkpoint(blobs, path)
