"""Seconds of training until 97.53 % of the test images are right: the textbook loop compared with handspun's fast recipe.

Both train the network 784-128-64-10 on 56,000 of MNIST's 70,000 pooled images and test on the other 14,000.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.contenders.base import HIDDEN
from benchmarks.data import CLASSES, PIXELS, as_floats, require_mnist
from benchmarks.harness import WorkerProcess, alternate, ratios, spread
from benchmarks.settings import Settings
from benchmarks.textbook import TextbookNetwork
from handspun.data import hold_out, load_dataset, pool

TARGET = 0.9753
TEST_IMAGES = 14_000
MOST_EPOCHS = 100

LABELS = {"textbook": "textbook NumPy loop, minibatch-128-64", "handspun": "handspun, fast-128-64"}


def measure(settings: Settings) -> dict[str, Any]:
    """One training of each per round, with a new seed per round, in fresh processes."""
    require_mnist()
    outcomes: dict[str, list[dict[str, float]]] = {"textbook": [], "handspun": []}

    def turn(name: str, command: str, **arguments: Any) -> float:
        with WorkerProcess() as worker:
            outcome = worker.ask(command, seed=len(outcomes[name]), **arguments)
        outcomes[name].append(outcome)
        settings.say(f"to_accuracy: {name}: {outcome['seconds']:.1f} s to {outcome['accuracy']:.2%}")
        return outcome["seconds"]

    seconds = alternate(
        {
            "textbook": lambda: turn("textbook", "textbook_seconds", images=6_000 if settings.quick else None),
            "handspun": lambda: turn("handspun", "recipe_seconds", recipe="fast-128-64"),
        },
        settings.repeats,
    )
    return {
        "target": TARGET,
        "rounds": settings.repeats,
        "rows": [
            {
                "name": name,
                "label": LABELS[name],
                "outcomes": outcomes[name],
                **spread(values),
                "ratio": ratios(values, seconds["handspun"]),
                "accuracy": spread([outcome["accuracy"] for outcome in outcomes[name]]),
                "reached": sum(outcome["accuracy"] >= TARGET for outcome in outcomes[name]),
            }
            for name, values in seconds.items()
        ],
    }


def textbook_seconds(seed: int, images: int | None = None) -> dict[str, float]:
    """Train the textbook loop by the recipe minibatch-128-64 (He, batch size 64, SGD 0.05) until the target is reached.

    The test images are looked at after each epoch; the time for that does not count.

    Args:
        seed: of the split, the weights and the orders.
        images: stop after one epoch of this many images, for a trial; None for the real thing.

    Returns:
        seconds, accuracy, and epochs when it stopped.

    Raises:
        RuntimeError: the target was not reached in ``MOST_EPOCHS``.
    """
    train, test = hold_out(pool(load_dataset("mnist")), TEST_IMAGES, seed=seed)
    assert train.labels is not None
    assert test.labels is not None
    x = as_floats(train.images[:images].reshape(-1, PIXELS), np.float64)  # (N, 784)
    one_hot = np.eye(CLASSES)[train.labels[:images]]  # (N, 10)
    x_test = as_floats(test.images.reshape(-1, PIXELS), np.float64)
    network = TextbookNetwork([PIXELS, *HIDDEN, CLASSES], np.random.default_rng(seed))
    seconds = 0.0
    for epoch in range(1, MOST_EPOCHS + 1):
        began = time.perf_counter()
        network.epoch(x, one_hot, 64, "sgd", 0.05)
        seconds += time.perf_counter() - began
        accuracy = network.accuracy(x_test, test.labels)
        if accuracy >= TARGET or images is not None:
            return {"seconds": seconds, "epochs": epoch, "accuracy": accuracy}
    raise RuntimeError(f"The textbook loop did not reach {TARGET:.2%} in {MOST_EPOCHS} epochs.")


def recipe_seconds(name: str, seed: int) -> dict[str, float]:
    """Train by the recipe ``name`` once: seconds of training, and the test accuracy at its end."""
    from handspun.recipes import load_recipe
    from handspun.recipes.run import Plan, prepare, train

    settings = load_recipe(name).settings.replace(seed=seed)
    result = train(Plan(settings, prepare(settings)))
    assert result.evaluation is not None
    return {"seconds": result.seconds, "accuracy": result.evaluation.accuracy}
