"""Peak memory of training on all of MNIST, and the time of ``import handspun``."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import ENTRIES
from benchmarks.data import MNIST_SIZE, require_mnist
from benchmarks.harness import WorkerProcess, alternate, bytecode_kept, ratios, run_fresh, spread
from benchmarks.settings import Settings

CONTENDERS = ("handspun", "torch-uint8", "torch", "sklearn")
JOB = {"batch_size": 64, "optimizer": "adam"}

MEMORY_GOAL = 250.0
IMPORT_GOAL = 1.3
IMPORTS = ("handspun", "numpy")
IMPORT_ROUNDS = 15


def measure(settings: Settings) -> dict[str, Any]:
    """Peak memory of each training in a fresh process: load MNIST with ``handspun.load_dataset``, train one epoch."""
    require_mnist()
    names = [name for name in CONTENDERS if ENTRIES[name].available]
    peaks = alternate({name: lambda name=name: _peak(name, settings) for name in names}, 1 if settings.quick else 3)
    settings.say("memory: training done")
    return {
        "rows": [
            {"name": name, "label": ENTRIES[name].label, **spread(values), "ratio": ratios(values, peaks["handspun"])}
            for name, values in peaks.items()
        ],
        "goal": MEMORY_GOAL,
        **JOB,
        "imports": _imports(3 if settings.quick else max(IMPORT_ROUNDS, settings.repeats)),
    }


def _peak(name: str, settings: Settings) -> float:
    images = 6_000 if settings.quick else MNIST_SIZE
    with WorkerProcess() as worker:
        worker.ask("prepare", name=name, dataset="mnist", images=images, threads=settings.threads, **JOB)
        worker.ask("train")
        return worker.ask("peak_memory")


def _imports(rounds: int) -> dict[str, Any]:
    """Seconds of the import statement in fresh processes, without the first round, which compiles the modules."""
    turns = {name: lambda name=name: _import_seconds(name) for name in IMPORTS}
    with bytecode_kept():
        alternate(turns, 1, rest=0.0)
        seconds = alternate(turns, rounds, rest=0.0)
    return {
        "rows": [{"name": name, **spread(values)} for name, values in seconds.items()],
        "ratio": ratios(seconds["handspun"], seconds["numpy"]),
        "goal": IMPORT_GOAL,
        "rounds": rounds,
    }


def _import_seconds(name: str) -> float:
    code = f"import time; began = time.perf_counter(); import {name}; print(time.perf_counter() - began)"
    return float(run_fresh(["-c", code]))
