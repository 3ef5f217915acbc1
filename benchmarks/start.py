"""The time from the start of a process to its first prediction with a model file."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import ROOT, WorkerError, alternate, bytecode_kept, ratios, run_fresh, spread
from benchmarks.settings import Settings

LABELS = {"handspun": "handspun", "torch": "PyTorch", "sklearn": "scikit-learn"}
LEAST_ROUNDS = 15


def measure(settings: Settings) -> dict[str, Any]:
    """Fresh processes take turns; the first of each kind, which compiles modules and reads them from disk, does not count."""
    names = [name for name in LABELS if find_spec(name)]
    rounds = 2 if settings.quick else max(LEAST_ROUNDS, settings.repeats)
    with TemporaryDirectory() as folder, bytecode_kept():
        for name in names:
            run_fresh(["-m", "benchmarks.write_model", name, _model(folder, name)])
        turns = {name: lambda name=name: _seconds(name, _model(folder, name)) for name in names}
        alternate(turns, 1, rest=0.0)
        seconds = alternate(turns, rounds, rest=0.0)
    return {
        "rounds": rounds,
        "rows": [
            {"name": name, "label": LABELS[name], **spread(values), "ratio": ratios(values, seconds["handspun"])}
            for name, values in seconds.items()
        ],
    }


def _model(folder: str, name: str) -> str:
    return str(Path(folder) / f"{name}.{'npz' if name == 'handspun' else 'model'}")


def _seconds(name: str, model: str) -> float:
    """Seconds until the process prints its prediction, without the time it takes to exit."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.first_prediction", name, model]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        answer = process.stdout.readline()
        seconds = time.perf_counter() - began
    if not answer.strip().isdigit():
        raise WorkerError(f"{name} predicted nothing.")
    return seconds
