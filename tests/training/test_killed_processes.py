"""A real process that is killed at random moments, and started again, ends with the same bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from resumed_trainings import log_without_timings

from handspun import errors

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
def test_a_process_killed_at_random_ends_with_the_same_bytes(signals, uninterrupted, tmp_path):
    chance = random.Random("-".join(signals))
    killed = 0
    for round_number in range(20):
        process = start(tmp_path, 0.01)
        name = signals[round_number % len(signals)]
        # Counted in steps, so that a busy machine needs no more rounds. The whole has 48.
        for _ in range(chance.randint(5, 24 if len(signals) == 1 else 12)):
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.02))
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
