"""The process of a contender: it reads commands as lines of JSON, and answers each with a line of JSON.

It idles while it waits for a command, and shares no thread pool or memory with other contenders.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import to_accuracy
from benchmarks.contenders import Contender, Job, PictureContender, make
from benchmarks.data import test_images, training_images


class Worker:
    """The methods that commands call; they act on one contender at a time."""

    def __init__(self) -> None:
        self._contender: Contender | None = None

    @property
    def contender(self) -> Contender:
        """The contender that was prepared last."""
        assert self._contender is not None, "prepare comes first"
        return self._contender

    def prepare(self, name: str, dataset: str, images: int, **job: Any) -> None:
        """Load the images and make a new contender, after freeing the old one."""
        self._contender = None
        self._contender = make(name, *training_images(dataset, images), Job(**job))

    def train(self, epochs: int = 1) -> float:
        """Seconds of training for ``epochs`` epochs."""
        began = time.perf_counter()
        self.contender.train(epochs)
        return time.perf_counter() - began

    def accuracy(self) -> float | None:
        """The accuracy on the training images."""
        return self.contender.accuracy()

    def infer(self, count: int) -> float:
        """Seconds for the probabilities of ``count`` test images at once."""
        images = test_images()[:count]
        began = time.perf_counter()
        self.pictures.probabilities(images)
        return time.perf_counter() - began

    def infer_one(self, calls: int) -> float:
        """The median time in seconds for a single test image."""
        images = test_images()[:calls]
        seconds = []
        for number in range(calls):
            one = images[number : number + 1]
            began = time.perf_counter()
            self.pictures.probabilities(one)
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds)

    @property
    def pictures(self) -> PictureContender:
        """The contender, as one for pictures."""
        assert isinstance(self.contender, PictureContender)
        return self.contender

    def textbook_seconds(self, seed: int, images: int | None) -> dict[str, float]:
        """See ``to_accuracy``."""
        return to_accuracy.textbook_seconds(seed, images)

    def recipe_seconds(self, recipe: str, seed: int) -> dict[str, float]:
        """See ``to_accuracy``."""
        return to_accuracy.recipe_seconds(recipe, seed)

    def torch_recipe_seconds(self, recipe: str, seed: int, threads: int) -> dict[str, float]:
        """See ``torch_recipe``."""
        from benchmarks.torch_recipe import torch_recipe_seconds

        return torch_recipe_seconds(recipe, seed, threads)

    def peak_memory(self) -> float:
        """The peak memory in MB (10⁶ bytes) of this process plus that of the largest process that shared its work."""
        return peak_memory() + _in_mb(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def peak_memory() -> float:
    """The peak memory of this process in MB; on Linux of this program alone, without that of its parent before ``exec``."""
    status = Path("/proc/self/status")
    if status.exists():
        kib = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]
        return int(kib) * 1024 / 1e6
    return _in_mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _in_mb(peak: int) -> float:
    return (peak if sys.platform == "darwin" else peak * 1024) / 1e6


def main() -> None:
    """Answer until the input ends."""
    worker = Worker()
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        method: Callable[..., Any] = getattr(worker, command.pop("do"))
        print(json.dumps(method(**command)), flush=True)


if __name__ == "__main__":
    main()
