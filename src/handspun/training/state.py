"""The state of a training: everything that decides how it continues, which is what a checkpoint holds.

It consists of the parameters, running averages, the optimizer's vectors and step count, the averaged weights, the state of the
shuffling generator, the position in the epoch, the sums of the epoch so far, the history, and the state of the callbacks. The
order of an epoch's images is not stored: it is drawn again from the generator's state at the start of the epoch. The random
numbers of dropout and augmentation depend only on seed, step and micro-batch, so they need no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from handspun.engine.threads import blas_thread_count
from handspun.errors import UsageError
from handspun.files.header import encode_json
from handspun.networks.sequential import Sequential
from handspun.optimization.schedules import Horizon
from handspun.training.arguments import Arguments
from handspun.training.callback import Callback
from handspun.training.history import History
from handspun.training.step import Step

#: The random stream for shuffling; dropout and augmentation have another one (``step.NOISE``).
ORDER = 1


def order_generator(seed: int) -> np.random.Generator:
    """The generator that draws the order of the images, epoch after epoch."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, ORDER])))


class State:
    """The current state of a training. Its attributes are those of ``callback.Training``, and:

    Attributes:
        work: computes the steps.
        onlookers: further callbacks, which checkpoints leave out.
        order_state: the state of the shuffling generator at the start of the epoch.
        learning_rate: that of the last step; before any step, that of the first.
    """

    def __init__(self, network: Sequential, arguments: Arguments) -> None:
        self.network, self.arguments = network, arguments
        self.optimizer, self.average, self.epochs = arguments.optimizer, arguments.average, arguments.epochs
        self.steps_per_epoch = -(-arguments.size // arguments.images_a_batch)  # the last step may have fewer images
        self.horizon = Horizon(self.epochs * self.steps_per_epoch, self.steps_per_epoch)
        self.callbacks = list(arguments.callbacks)
        for callback in self.callbacks:
            callback.reset()
        self.onlookers: list[Callback] = []
        self.work = Step(network, arguments)
        self.optimizer.start(network.parameters.vector, network.decayed)
        if self.average:
            self.average.start(network.parameters.vector)
        self.order_rng = order_generator(arguments.seed)
        self.order_state: Any = self.order_rng.bit_generator.state
        self.step = self.epoch = 0
        self.position = 0  # steps done in the current epoch
        self.history = History()
        self.running = nothing_yet()
        self.stop = False
        self.learning_rate = self.optimizer.learning_rate * arguments.schedule.factor(0, self.horizon)

    @property
    def classification(self) -> bool:
        """Whether the targets are classes, so that there is an accuracy."""
        return self.arguments.classification

    def settings(self) -> dict[str, Any]:
        """Everything that must be equal for a resumed run to end like an uninterrupted one."""
        given = self.arguments
        return {
            "network": self.network.config(),
            "loss": {"name": type(given.loss).__name__, **_plain(given.loss)},
            "optimizer": self.optimizer.config(),
            "schedule": given.schedule.config(),
            "penalty": None if given.penalty is None else vars(given.penalty),
            "clip": None if given.clip is None else {"name": type(given.clip).__name__, **vars(given.clip)},
            "average": None if self.average is None else self.average.decay,
            "epochs": self.epochs,
            "batch_size": given.images_a_batch,
            "images": given.size,
            "shuffle": given.shuffle and given.images_a_batch < given.size,
            "seed": given.seed,
            "augment": None if given.augment is None else _described(given.augment),
        }

    def _vectors(self) -> dict[str, np.ndarray]:
        """The arrays that training changes, by name."""
        vectors = {
            "parameters": self.network.parameters.vector,
            "statistics": self.network.statistics.vector,
            **{f"optimizer.{name}": vector for name, vector in self.optimizer.state.items()},
        }
        return vectors | ({"average": self.average.vector} if self.average else {})

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything that decides how training continues: plain data, and arrays."""
        callbacks: list[dict[str, Any]] = []
        arrays = self._vectors()
        for number, callback in enumerate(self.callbacks):
            plain, vectors = callback.state()
            callbacks.append({"name": type(callback).__name__, **plain})
            arrays |= {f"callback{number}.{name}": vector for name, vector in vectors.items()}
        plain = {
            "micro_batch_size": self.work.micro_batch_size,
            "blas_threads": self.work.blas_threads,
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "stop": self.stop,
            "learning_rate": self.learning_rate,
            "optimizer_steps": self.optimizer.steps,
            "order_rng": self.order_state,
            "running": self.running,
            "history": self.history.records,
            "callbacks": callbacks,
        }
        return plain, arrays

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Continue from what ``state`` returned. If it does not fit, nothing is changed.

        Raises:
            UsageError: arrays or callbacks of another training, or a number of BLAS threads that cannot be set here.
            ValueError, KeyError, TypeError, AttributeError: ``plain`` is not what ``state`` returns.
        """
        targets = self._vectors()
        for name, target in targets.items():
            if name not in arrays or arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
                raise UsageError(f'The checkpoint\'s "{name}" does not fit this training.')
        weighted = vars(self.arguments.loss).get("class_weight") is not None and self.arguments.targets.ndim > 1
        if "piece_size" in plain and weighted:
            raise UsageError(
                "it was made by an earlier handspun, which took another mean of a loss with class weights if the targets are "
                "probabilities. Train anew."
            )
        names = [callback["name"] for callback in plain["callbacks"]]
        if names != [type(callback).__name__ for callback in self.callbacks]:
            raise UsageError(f"The checkpoint was made with other callbacks: {', '.join(names) or 'none'}.")
        micro_batch_size = _whole(plain["micro_batch_size"] if "micro_batch_size" in plain else plain["piece_size"])
        blas_threads = _blas_threads(plain, self.work)
        step, epoch, position = (_whole(plain[name]) for name in ("step", "epoch", "position"))
        if not micro_batch_size:
            raise ValueError("micro-batches of no images")
        steps = _whole(plain["optimizer_steps"])
        if epoch > self.epochs or position > self.steps_per_epoch or max(step, steps) > self.horizon.total_steps:
            raise ValueError("more steps than this training has")
        if not isinstance(plain["stop"], bool):
            raise ValueError(f"stop is {plain['stop']!r}")
        running = {name: _number(plain["running"][name]) for name in nothing_yet()}
        records = [{name: _number(value) for name, value in record.items()} for record in plain["history"]]
        if len(records) != epoch or any("loss" not in record for record in records):
            raise ValueError(f"a history of {len(records)} epochs after {epoch}")
        learning_rate = _number(plain["learning_rate"])
        self.order_rng.bit_generator.state = self.order_state = plain["order_rng"]
        for number, (callback, saved) in enumerate(zip(self.callbacks, plain["callbacks"], strict=True)):
            prefix = f"callback{number}."
            own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            callback.load_state(saved, own)

        for name, target in targets.items():
            target[...] = arrays[name]
        # Continue as the training began, whatever the number of threads and processors is now.
        self.work.blas_threads, self.work.products_alone = blas_threads, blas_threads in (None, 1)
        if micro_batch_size != self.work.micro_batch_size:
            self.work.cut_into(micro_batch_size)
        self.step, self.epoch, self.position, self.optimizer.steps = step, epoch, position, steps
        self.stop, self.learning_rate = plain["stop"], learning_rate
        self.running, self.history = running, History(records)


def nothing_yet() -> dict[str, float]:
    """The sums over an epoch at its start."""
    return {"images": 0, "loss": 0.0, "correct": 0, "gradient_norm": 0.0, "steps": 0, "seconds": 0.0}


def _blas_threads(plain: Mapping[str, Any], work: Step) -> int | None:
    """How many threads matrix products used in a saved training; the resumed one must use as many.

    Raises:
        UsageError: that number cannot be read and set here, or could not be when the checkpoint was saved.
    """
    if "blas_threads" not in plain:  # older files say only whether there was one thread
        if not isinstance(plain["holds_blas"], bool):
            raise ValueError("holds_blas is neither true nor false")
        return blas_thread_count() and (1 if plain["holds_blas"] else work.blas_threads)
    saved = plain["blas_threads"]
    if saved is not None and not _whole(saved):
        raise ValueError("products use no thread")
    if (saved is None) != (blas_thread_count() is None):
        raise UsageError(
            "the number of threads of matrix products, on which the last bits of a result depend, can be read and set only "
            f"with threadpoolctl, which {'was not installed then' if saved is None else 'is not installed now'}. Resume with "
            'the same packages: pip install "handspun[cli]" brings it.'
        )
    return saved


def _plain(thing: Any) -> dict[str, Any]:
    """The attributes of an object, as plain data."""
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(thing).items()}
    for name, value in plain.items():
        try:
            encode_json(value)
        except (UsageError, ValueError) as error:
            raise UsageError(
                f"{type(thing).__name__}: a checkpoint stores its attributes as plain data, to compare them on resume, "
                f'but "{name}" is {type(value).__name__}.'
            ) from error
    return plain


def _described(function: Any) -> str:
    """A description of a function or callable object that is the same in every process."""
    if isinstance(function, partial):
        named = [f"{name}={value!r}" for name, value in function.keywords.items()]
        return f"{_described(function.func)}({', '.join([*map(repr, function.args), *named])})"
    if hasattr(function, "__qualname__"):
        return function.__qualname__
    # The default repr contains the memory address, which differs between processes.
    plain = type(function).__repr__ is object.__repr__
    return type(function).__qualname__ if plain else repr(function)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{value!r} is not a number")
    return value
