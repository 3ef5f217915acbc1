"""Time grows with the number of images, and memory does not grow with the epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.data import MNIST_SIZE, require_mnist
from benchmarks.harness import WorkerProcess, alternate, spread
from benchmarks.settings import Settings

SIZES = (5_000, 15_000, 30_000, 60_000, 120_000, 240_000)
QUICK_SIZES = (2_000, 5_000, 15_000)
EPOCHS = (1, 5, 20)
JOB = {"batch_size": 64, "optimizer": "adam"}


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds per epoch by number of images, with the line through the medians; peak memory by number of epochs."""
    require_mnist()
    sizes = QUICK_SIZES if settings.quick else SIZES
    job = {"name": "handspun", "dataset": "mnist", "threads": settings.threads, **JOB}

    with WorkerProcess() as worker:

        def epoch(size: int) -> float:
            # Small sizes train several epochs, so that the timed work is about one epoch of MNIST.
            times = max(1, MNIST_SIZE // size)
            worker.ask("prepare", images=size, **job)
            return worker.ask("train", epochs=times) / times

        epoch(sizes[0])
        seconds = alternate({str(size): lambda size=size: epoch(size) for size in sizes}, settings.repeats)
    settings.say("scaling: time done")
    rows = [{"images": size, "seconds": values, **spread(values)} for size, values in zip(sizes, seconds.values(), strict=True)]
    line = fit_line(np.array(sizes), np.array([row["median"] for row in rows]))

    memory = []
    for epochs in EPOCHS:
        with WorkerProcess() as worker:
            worker.ask("prepare", images=6_000 if settings.quick else MNIST_SIZE, **job)
            worker.ask("train", epochs=epochs)
            memory.append({"epochs": epochs, "megabytes": worker.ask("peak_memory")})
        settings.say(f"scaling: memory of {epochs} epochs done")
    return {"rows": rows, "line": line, "memory": memory, **JOB}


def fit_line(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The least-squares line y = intercept + slope x, and the share R² of the variance that it explains."""
    slope, intercept = np.polyfit(x, y, 1)
    residual = y - (intercept + slope * x)
    r_squared = 1.0 - float(residual @ residual) / float(((y - y.mean()) ** 2).sum())
    return {"slope": float(slope), "intercept": float(intercept), "r_squared": r_squared}
