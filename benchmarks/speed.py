"""Seconds per epoch of the reference network: handspun, its peers, and the lower bound of all."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from benchmarks.contenders import ENTRIES
from benchmarks.data import MNIST_SIZE, UnavailableError, require_mnist
from benchmarks.harness import WorkerProcess, alternate, ratios, spread
from benchmarks.settings import Settings

CONTENDERS = ("handspun", "jax-scan", "jax-step", "torch", "torch-loader", "sklearn", "textbook", "floor")
BATCH_SIZES = (64, 256)
OPTIMIZERS = ("sgd", "adam")

#: Epochs per turn. handspun starts each turn afresh, as a training does; the others continue where they stopped.
EPOCHS = 3

#: A contender below this accuracy on its training images, after at least two epochs, did not do the same work.
LEAST_ACCURACY = 0.85


def measure(settings: Settings) -> dict[str, Any]:
    """One warm-up epoch each, then rounds in which each contender trains for ``EPOCHS``.

    Raises:
        RuntimeError: a contender did not learn.
    """
    dataset, note = "mnist", "MNIST"
    try:
        require_mnist()
    except UnavailableError as error:
        dataset, note = "mnist-5k", f"mnist-5k repeated to that size, since {error}"
    images = 6_000 if settings.quick else MNIST_SIZE
    names = [name for name in CONTENDERS if ENTRIES[name].available]
    tables = []
    with ExitStack() as stack:
        workers = {name: stack.enter_context(WorkerProcess()) for name in names}
        for batch_size in BATCH_SIZES:
            for optimizer in OPTIMIZERS:
                job = {"batch_size": batch_size, "optimizer": optimizer, "threads": settings.threads}
                for name, worker in workers.items():
                    worker.ask("prepare", name=name, dataset=dataset, images=images, **job)
                    worker.ask("train")
                turns = {name: lambda worker=worker: worker.ask("train", epochs=EPOCHS) for name, worker in workers.items()}
                seconds = {
                    name: [value / EPOCHS for value in values] for name, values in alternate(turns, settings.repeats).items()
                }
                accuracies = {name: worker.ask("accuracy") for name, worker in workers.items()}
                tables.append(_table(job, seconds, accuracies, check=not settings.quick))
                settings.say(f"speed: {optimizer}, batch {batch_size} done")
    return {
        "images": images,
        "epochs": EPOCHS,
        "data": note,
        "left_out": [ENTRIES[name].label for name in CONTENDERS if name not in names],
        "tables": tables,
    }


def _table(
    job: dict[str, Any], seconds: dict[str, list[float]], accuracies: dict[str, float | None], *, check: bool
) -> dict[str, Any]:
    rows = []
    for name, values in seconds.items():
        accuracy = accuracies[name]
        if check and accuracy is not None and accuracy < LEAST_ACCURACY:
            raise RuntimeError(f"{name} reached only {accuracy:.1%}: it did not do the timed work.")
        rows.append(
            {
                "name": name,
                "label": ENTRIES[name].label,
                "seconds": values,
                **spread(values),
                "ratio": ratios(values, seconds["handspun"]),
                "accuracy": accuracy,
            }
        )
    return {"batch_size": job["batch_size"], "optimizer": job["optimizer"], "rows": rows}
