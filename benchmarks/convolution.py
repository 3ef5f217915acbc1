"""The convolutional reference network compared with PyTorch: training, inference of many images and of one, memory."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from benchmarks.contenders import ENTRIES
from benchmarks.contenders.floor import convolution_flops
from benchmarks.data import MNIST_SIZE, require_mnist
from benchmarks.harness import WorkerProcess, alternate, ratios, spread
from benchmarks.settings import Settings
from benchmarks.speed import LEAST_ACCURACY

OURS = "handspun-pictures"
PICTURES = (OURS, "torch-pictures", "torch-channels-last")
CONTENDERS = (*PICTURES, "floor-pictures")
BATCH_SIZES = (64, 256)

#: Images per turn: an epoch of all images would take each contender five seconds.
IMAGES = 12_000
INFERRED = 10_000
FAST = "cnn-fast"
CALLS = 500


def measure(settings: Settings) -> dict[str, Any]:
    """Rounds of training on the same part of MNIST, then rounds of inference, then peak memory.

    Raises:
        UnavailableError: MNIST cannot be loaded.
        RuntimeError: a contender did not learn.
    """
    require_mnist()
    images = 1_280 if settings.quick else IMAGES
    names = [name for name in CONTENDERS if ENTRIES[name].available]
    tables = []
    with ExitStack() as stack:
        workers = {name: stack.enter_context(WorkerProcess()) for name in names}
        for batch_size in BATCH_SIZES:
            job = {"batch_size": batch_size, "optimizer": "adam", "threads": settings.threads}
            for name, worker in workers.items():
                worker.ask("prepare", name=name, dataset="mnist", images=images, **job)
                worker.ask("train")
            turns = {name: lambda worker=worker: worker.ask("train") for name, worker in workers.items()}
            seconds = alternate(turns, settings.repeats)
            epochs = {name: [value * MNIST_SIZE / images for value in values] for name, values in seconds.items()}
            accuracies = {name: worker.ask("accuracy") for name, worker in workers.items()}
            for name, accuracy in accuracies.items():
                if accuracy is not None and accuracy < LEAST_ACCURACY and not settings.quick:
                    raise RuntimeError(f"{name} reached only {accuracy:.1%}: it did not do the timed work.")
            tables.append({**job, "rows": _rows(epochs, accuracies)})
            settings.say(f"convolution: batch {batch_size} done")
        users = {name: worker for name, worker in workers.items() if name in PICTURES}
        count = 500 if settings.quick else INFERRED
        many = {name: lambda worker=worker: worker.ask("infer", count=count) for name, worker in users.items()}
        alternate(many, 1)  # to warm up
        inference = _rows(alternate(many, settings.repeats))
        calls = 20 if settings.quick else CALLS
        one = {name: lambda worker=worker: worker.ask("infer_one", calls=calls) for name, worker in users.items()}
        alternate(one, 1)
        single = _rows(alternate(one, settings.repeats))
        settings.say("convolution: inference done")
    peaks = {name: [_peak(name, images, settings.threads)] for name in users}
    fast = None if settings.quick else _fast(settings, torch="torch-pictures" in names)
    return {
        "fast": fast,
        "images": images,
        "epoch": MNIST_SIZE,
        "gigaflops": convolution_flops() * MNIST_SIZE / 1e9,
        "left_out": [ENTRIES[name].label for name in CONTENDERS if name not in names],
        "tables": tables,
        "inferred": count,
        "inference": inference,
        "calls": calls,
        "single": single,
        "memory": _rows(peaks),
    }


def _fast(settings: Settings, *, torch: bool) -> dict[str, Any]:
    """Complete trainings by the recipe ``FAST``, in fresh processes, with seeds 0, 1, …."""
    outcomes: dict[str, list[dict[str, float]]] = {OURS: []}
    if torch:
        outcomes["torch-channels-last"] = []

    def turn(name: str) -> float:
        seed = len(outcomes[name])
        with WorkerProcess() as worker:
            if name == OURS:
                outcome = worker.ask("recipe_seconds", recipe=FAST, seed=seed)
            else:
                outcome = worker.ask("torch_recipe_seconds", recipe=FAST, seed=seed, threads=settings.threads)
        outcomes[name].append(outcome)
        settings.say(f"convolution: {FAST}: {name}: {outcome['seconds']:.1f} s to {outcome['accuracy']:.2%}")
        return outcome["seconds"]

    rows = _rows(alternate({name: lambda name=name: turn(name) for name in outcomes}, min(settings.repeats, 3)))
    for row, own in zip(rows, outcomes.values(), strict=True):
        row["accuracy"] = spread([outcome["accuracy"] for outcome in own])
    return {"recipe": FAST, "rows": rows}


def _rows(values: dict[str, list[float]], accuracies: dict[str, float | None] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "name": "handspun" if name == OURS else name.removesuffix("-pictures"),
            "label": ENTRIES[name].label,
            **spread(own),
            "ratio": ratios(own, values[OURS]),
            "accuracy": (accuracies or {}).get(name),
        }
        for name, own in values.items()
    ]


def _peak(name: str, images: int, threads: int) -> float:
    """Peak memory in MB of a fresh process that loads all of MNIST and trains on a part of it."""
    with WorkerProcess() as worker:
        job = {"batch_size": 64, "optimizer": "adam", "threads": threads}
        worker.ask("prepare", name=name, dataset="mnist", images=MNIST_SIZE if images == IMAGES else images, **job)
        worker.ask("train")
        return worker.ask("peak_memory")
