"""The training loop and everything it has to remember.

All that decides how training goes on is in the trainer's attributes and goes into a checkpoint: parameters, running
averages, the optimizer's vectors and step count, the averaged weights, the generator of orders, the place in the epoch, the
sums of the epoch so far, the history, and what the callbacks remember. The order of an epoch's images is not stored: it is
drawn again from the generator's state at the start of the epoch. What dropout and augmentation draw depends on the seed, the
step and the piece of the batch alone, so there is nothing to remember of it, and it does not matter which thread draws.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from handspun.errors import UsageError
from handspun.evaluation.evaluate import loss_and_accuracy
from handspun.files.header import encode_json
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import Clip
from handspun.optimization.losses import Loss
from handspun.optimization.optimizers import Optimizer
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Horizon, Schedule
from handspun.training.batches import Augment, BatchLoader
from handspun.training.callbacks import Callback
from handspun.training.divergence import explain_divergence
from handspun.training.history import History, Record
from handspun.training.interruption import Interruption
from handspun.training.pieces import Pieces

#: What the random numbers of a training are for: each use draws from a stream of its own (see also ``pieces.NOISE``).
ORDER = 1


class Trainer:
    """Trains a network step by step.

    Most users call ``handspun.fit``, which explains the arguments. Attributes that callbacks read:

    Attributes:
        network: what is trained.
        step: optimizer steps made.
        epoch: epochs completed.
        epochs: epochs to make.
        history: the records of the completed epochs.
        running: the sums over the current epoch: images, loss, correct, gradient_norm, steps, and the seconds that the steps
            themselves took.
        horizon: the length of the training.
        classification: whether the targets are classes, so that there is an accuracy.
        stop: set it to end the training after the step in progress.
    """

    def __init__(
        self,
        network: Sequential,
        images: np.ndarray,
        targets: np.ndarray,
        *,
        loss: Loss,
        optimizer: Optimizer,
        schedule: Schedule,
        epochs: int,
        batch_size: int | None,
        shuffle: bool,
        penalty: Penalty | None,
        clip: Clip | None,
        average: ExponentialMovingAverage | None,
        sample_weight: np.ndarray | None,
        validation: tuple[np.ndarray, np.ndarray] | None,
        callbacks: Sequence[Callback],
        seed: int,
        augment: Augment | None = None,
        threads: int | None = None,
        piece_size: int | None = None,
    ) -> None:
        self.network = network
        self.loss, self.optimizer, self.schedule = loss, optimizer, schedule
        self.penalty, self.clip, self.average = penalty, clip, average
        self.epochs = epochs
        self.size = len(images)
        self.batch_size = min(batch_size or self.size, self.size)
        self.shuffle = shuffle and self.batch_size < self.size  # the order within a full batch changes nothing
        self.validation = validation
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback.reset()
        self.seed = seed
        self.horizon = Horizon(epochs * self.steps_per_epoch, self.steps_per_epoch)

        self.augment = augment
        self._images = images
        self._pieces = Pieces(
            network,
            images,
            targets,
            loss=loss,
            optimizer=optimizer,
            sample_weight=sample_weight,
            augment=augment,
            seed=seed,
            batch_size=self.batch_size,
            threads=threads,
            piece_size=piece_size,
        )
        self.classification = self._pieces.classification
        self._order_rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, ORDER])))
        self._order_state = self._order_rng.bit_generator.state
        optimizer.start(network.parameters.vector, network.decayed)
        if average:
            average.start(network.parameters.vector)

        self.step = 0
        self.epoch = 0
        self.position = 0  # steps made in the current epoch
        self.history = History()
        self.running = self._nothing_yet()
        self.stop = False
        self.learning_rate = optimizer.learning_rate * schedule.factor(0, self.horizon)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch; the last one may have fewer images."""
        return -(-self.size // self.batch_size)

    @property
    def finished(self) -> bool:
        """Whether all epochs are complete, or training was told to stop and has."""
        # A stop in the middle of an epoch still owes the record of that epoch.
        return self.epoch >= self.epochs or (self.stop and self.position == 0)

    # The loop ------------------------------------------------------------------------------------------------------

    def run(self) -> History:
        """Train until all epochs are complete or a callback stops it.

        Raises:
            KeyboardInterrupt: on SIGINT, after the step in progress and after the callbacks have saved what they save.
            SystemExit: with 143 on SIGTERM, likewise.
            DivergenceError: the loss or the gradient is no longer finite.
        """
        for callback in self.callbacks:
            callback.on_train_begin(self)
        # What is not finite is found and explained by the step itself; NumPy need not warn of it.
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with Interruption() as interruption, quiet, self._pieces.together():
            while not self.finished:
                self._run_epoch(interruption)
                if interruption.requested:
                    break
        if self.finished:
            if self.average:
                self.network.parameters.vector[...] = self.average.vector
            for callback in self.callbacks:
                callback.on_train_end(self)
        else:
            for callback in self.callbacks:
                callback.on_interrupt(self)
        interruption.raise_if_requested()
        return self.history

    def _run_epoch(self, interruption: Interruption) -> None:
        """What is left of the current epoch, then its validation and record."""
        self._order_state = self._order_rng.bit_generator.state
        order = self._order_rng.permutation(self.size) if self.shuffle else None
        watchers = [callback for callback in self.callbacks if callback.watches_steps]
        while self.position < self.steps_per_epoch and not self.stop:
            began = time.perf_counter()
            self._one_step(order)
            seconds = time.perf_counter() - began
            self.running["seconds"] += seconds  # what callbacks take, or wait for, is no training
            self._pieces.note(seconds)
            for callback in watchers:
                callback.on_step_end(self)
            if interruption.requested and self.position < self.steps_per_epoch and not self.stop:
                # The epoch goes on another day: its order is drawn again from the state that it began with.
                self._order_rng.bit_generator.state = self._order_state
                return
        began = time.perf_counter()
        record = self._record()
        record["seconds"] = self.running["seconds"] + time.perf_counter() - began
        self.epoch += 1
        self.position = 0
        self.running = self._nothing_yet()
        self._order_state = self._order_rng.bit_generator.state
        self.history.append(record)
        for callback in self.callbacks:
            callback.on_epoch_end(self, record)

    def _record(self) -> Record:
        sums = self.running
        record: Record = {"epoch": self.epoch + 1, "loss": sums["loss"] / sums["images"]}
        if self.classification:
            record["accuracy"] = sums["correct"] / sums["images"]
        if self.validation is not None:
            loss, hit = self.evaluate(*self.validation)
            record["validation_loss"] = loss
            if hit is not None:
                record["validation_accuracy"] = hit
        record["learning_rate"] = self.learning_rate
        record["gradient_norm"] = sums["gradient_norm"] / sums["steps"]
        record["images_per_second"] = sums["images"] / max(sums["seconds"], 1e-9)
        return record

    def evaluate(self, images: np.ndarray, targets: np.ndarray) -> tuple[float, float | None]:
        """Loss and accuracy in inference mode, of the averaged weights where there is an average."""
        with self.averaged():
            return loss_and_accuracy(self.network, images, targets, self.loss)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """A context in which the network has the weights that it would end with now: averaged, where there is an average."""
        if self.average is None:
            yield
            return
        vector = self.network.parameters.vector
        trained = vector.copy()
        vector[...] = self.average.vector
        try:
            yield
        finally:
            vector[...] = trained

    # One step ------------------------------------------------------------------------------------------------------

    def _one_step(self, order: np.ndarray | None) -> None:
        """One batch: loss, gradient, and the change of the parameters."""
        start = self.position * self.batch_size
        batch = slice(start, min(start + self.batch_size, self.size))
        indices = batch if order is None else order[batch]
        images = batch.stop - batch.start

        value, hits = self._pieces.loss_and_gradient(indices, self.step)
        vector, gradient = self.network.parameters.vector, self._pieces.gradient
        if self.penalty:
            value += self.penalty(vector, self.network.decayed, gradient)
        norm = self._pieces.gradient_norm(changed=self.penalty is not None)
        if not math.isfinite(value + norm):
            raise explain_divergence(self, BatchLoader(self._images, self.network).load(indices), gradient)
        # Behind the check: a training that ends there leaves running averages that are as finite as the parameters.
        if self.network.statistics:
            self.network.update_statistics(self._pieces.statistics)
        if self.clip:
            self.clip(gradient, norm)
        self.learning_rate = self.optimizer.learning_rate * self.schedule.factor(self.step, self.horizon)
        self._pieces.update(self.learning_rate)
        self.step += 1
        self.position += 1
        if self.average:
            self.average.update(vector, self.step)

        sums = self.running
        sums["images"] += images
        sums["loss"] += value * images
        sums["correct"] += hits
        sums["gradient_norm"] += norm
        sums["steps"] += 1

    @staticmethod
    def _nothing_yet() -> dict[str, float]:
        return {"images": 0, "loss": 0.0, "correct": 0, "gradient_norm": 0.0, "steps": 0, "seconds": 0.0}

    # What a checkpoint holds -----------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """Everything that must be the same for a resumed run to equal an uninterrupted one."""
        return {
            "network": self.network.config(),
            "loss": {"name": type(self.loss).__name__, **_plain(self.loss)},
            "optimizer": self.optimizer.config(),
            "schedule": self.schedule.config(),
            "penalty": None if self.penalty is None else vars(self.penalty),
            "clip": None if self.clip is None else {"name": type(self.clip).__name__, **vars(self.clip)},
            "average": None if self.average is None else self.average.decay,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "images": self.size,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "augment": None if self.augment is None else _described(self.augment),
        }

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """All that decides how training goes on: plain data, and arrays."""
        callbacks: list[dict[str, Any]] = []
        arrays = {
            "parameters": self.network.parameters.vector,
            "statistics": self.network.statistics.vector,
            **{f"optimizer.{name}": vector for name, vector in self.optimizer.state.items()},
        }
        if self.average:
            arrays["average"] = self.average.vector
        for number, callback in enumerate(self.callbacks):
            plain, vectors = callback.state()
            callbacks.append({"name": type(callback).__name__, **plain})
            arrays |= {f"callback{number}.{name}": vector for name, vector in vectors.items()}
        plain = {
            "piece_size": self._pieces.piece_size,
            "holds_blas": self._pieces.holds_blas,
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "stop": self.stop,
            "learning_rate": self.learning_rate,
            "optimizer_steps": self.optimizer.steps,
            "order_rng": self._order_state,
            "running": self.running,
            "history": self.history.records,
            "callbacks": callbacks,
        }
        return plain, arrays

    def load_state(self, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Take up where ``state`` was taken. Nothing is changed if it does not fit.

        Raises:
            UsageError: the arrays or callbacks are not those of this training.
            ValueError, KeyError, TypeError, AttributeError: ``plain`` is not what ``state`` gives.
        """
        targets = {
            "parameters": self.network.parameters.vector,
            "statistics": self.network.statistics.vector,
            **{f"optimizer.{name}": vector for name, vector in self.optimizer.state.items()},
        }
        if self.average:
            targets["average"] = self.average.vector
        for name, target in targets.items():
            if name not in arrays or arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
                raise UsageError(f'The checkpoint\'s "{name}" does not fit this training.')
        names = [callback["name"] for callback in plain["callbacks"]]
        if names != [type(callback).__name__ for callback in self.callbacks]:
            raise UsageError(f"The checkpoint was made with other callbacks: {', '.join(names) or 'none'}.")
        piece_size, step, epoch, position = (_whole(plain[name]) for name in ("piece_size", "step", "epoch", "position"))
        if not piece_size or not isinstance(plain["holds_blas"], bool):
            raise ValueError("pieces of no images, or BLAS neither held nor free")
        steps = _whole(plain["optimizer_steps"])
        if epoch > self.epochs or position > self.steps_per_epoch or max(step, steps) > self.horizon.total_steps:
            raise ValueError("more steps than this training has")
        if not isinstance(plain["stop"], bool):
            raise ValueError(f"stop is {plain['stop']!r}")
        running = {name: _number(plain["running"][name]) for name in self._nothing_yet()}
        records = [{name: _number(value) for name, value in record.items()} for record in plain["history"]]
        if len(records) != epoch or any("loss" not in record for record in records):
            raise ValueError(f"a history of {len(records)} epochs after {epoch}")
        learning_rate = _number(plain["learning_rate"])
        self._order_rng.bit_generator.state = self._order_state = plain["order_rng"]
        for number, (callback, saved) in enumerate(zip(self.callbacks, plain["callbacks"], strict=True)):
            prefix = f"callback{number}."
            own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            callback.load_state(saved, own)

        for name, target in targets.items():
            target[...] = arrays[name]
        self._pieces.holds_blas = plain["holds_blas"]
        if piece_size != self._pieces.piece_size:
            self._pieces.cut_into(piece_size)  # it goes on as it began, whatever number of processors there is now
        self.step, self.epoch, self.position, self.optimizer.steps = step, epoch, position, steps
        self.stop, self.learning_rate = plain["stop"], learning_rate
        self.running, self.history = running, History(records)


def _plain(thing: Any) -> dict[str, Any]:
    """The attributes of a thing, as plain data."""
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(thing).items()}
    for name, value in plain.items():
        try:
            encode_json(value)
        except (UsageError, ValueError) as error:
            raise UsageError(
                f"{type(thing).__name__}: a checkpoint keeps its attributes as plain data, to know the training again; "
                f'"{name}" is {type(value).__name__}.'
            ) from error
    return plain


def _described(function: Any) -> str:
    """What a function is, or an object that can be called, in words that are the same in another process."""
    if isinstance(function, partial):
        named = [f"{name}={value!r}" for name, value in function.keywords.items()]
        return f"{_described(function.func)}({', '.join([*map(repr, function.args), *named])})"
    if hasattr(function, "__qualname__"):
        return function.__qualname__
    # An object without words of its own is described by its place in memory.
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
