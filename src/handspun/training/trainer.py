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
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from handspun.averaging import ExponentialMovingAverage
from handspun.batches import Augment, BatchLoader
from handspun.clipping import Clip
from handspun.errors import UsageError
from handspun.evaluation import loss_and_accuracy
from handspun.losses import Loss
from handspun.memory import LINE, shared_zeros
from handspun.metrics import correct
from handspun.network import Sequential
from handspun.optimizers import Optimizer
from handspun.parameters import Parameters
from handspun.penalties import Penalty
from handspun.schedules import Horizon, Schedule
from handspun.tape import Outcome
from handspun.threads import Team, count_threads
from handspun.training.callbacks import Callback
from handspun.training.crew import Crew, Processes, Threads, Trial, may_fork, processes_can_share
from handspun.training.divergence import explain_divergence
from handspun.training.history import History, Record
from handspun.training.interruption import Interruption

#: What the random numbers of a training are for: each use draws from a stream of its own.
ORDER, NOISE = 1, 2

#: Pieces whose gradients wait at the same time until they are added up.
WAITING = 8

#: Dense networks, whose pieces could be large, cut a batch in two from so many parameters times images on, where there are two
#: processes to share it: they take less time than one then.
WORTH_TWO = 2_000_000

#: Seconds of steps before a training is shared among processes, which takes some milliseconds itself.
ALONE = 0.02

#: Into so many parts the vectors are cut that are added up and changed together. Not one for each member: the sum of squares
#: depends on it.
PARTS = 2

VALUES_A_LINE = LINE // 4


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

        self._targets = targets
        self.classification = targets.ndim == 1 and targets.dtype.kind in "iub"
        self._sample_weight = None if sample_weight is None else sample_weight.astype(network.dtype)
        self.augment = augment
        self._threads = threads
        self._order_rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, ORDER])))
        self._order_state = self._order_rng.bit_generator.state
        self._images = images
        self._members: dict[int, _Member] = {}  # those of this process, from the first pass on in which they take part
        self._crew = Crew()
        self._crews = [self._crew]
        self._may_share = False  # among processes, once it has lasted for a while
        self._alone = 0.0, 0  # seconds and images so far
        self._trial: Trial | None = None  # of whether that pays
        self._cut_into(piece_size or _piece_size(network, self.batch_size, count_threads(threads)))
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

    def _cut_into(self, piece_size: int) -> None:
        """Let batches be computed in pieces of so many images, and make the room for it, in memory that a crew shares."""
        self._piece_size = piece_size
        pieces = -(-self.batch_size // piece_size)
        at_once = min(pieces, max(WAITING, count_threads(self._threads)))
        self._indices = shared_zeros((self.batch_size,), np.intp)
        self._results = shared_zeros((at_once, 2), np.float64)  # the loss and the right answers of each piece
        self._slots = [_Slot(self.network) for _ in range(at_once)]
        self._sum = _Slot(self.network) if pieces > 1 else self._slots[0]
        self._squares = shared_zeros((PARTS,), np.float64)  # of the parts of the sum

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
        with Interruption() as interruption, quiet, self._together():
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

    @contextmanager
    def _together(self) -> Iterator[None]:
        """A context in which those that ``threads`` speaks of share the steps."""
        in_pieces, pictures = self._sum is not self._slots[0], self.network.takes_pictures
        several = count_threads(self._threads) > 1
        if several and not pictures and not (in_pieces and processes_can_share()):
            yield  # the threads are BLAS's
            return
        fork = in_pieces and may_fork()
        with Team(self._threads if pictures and not fork else 1) as team:  # which holds BLAS to one thread
            self._crews = [Crew()]
            if team.size > 1:
                self._crew = Threads(team)
            elif fork and several:
                self._may_share, self._alone = True, (0.0, 0)
            own = self.network.parameters.vector
            try:
                yield
            finally:
                self._may_share, self._trial = False, None
                for crew in self._crews:
                    crew.end()
                self._crew = Crew()
                if self.network.parameters.vector is not own:
                    self.network.keep_parameters_in(own)

    def _share_steps(self) -> None:
        """From now on the steps are shared among processes, if that makes them shorter."""
        self._may_share = False
        size = min(count_threads(self._threads), -(-self.batch_size // self._piece_size))
        self.network.keep_parameters_in(_shared(self.network.parameters).vector)
        self.optimizer.keep_state_in_shared_memory()
        # Without another process, of which the system may have no more, the steps only take longer.
        with suppress(OSError):
            self._crews.append(Processes(size, [self._pass, self._add_up, self._update]))
            self._trial = Trial(self._crews, self._alone[0] / max(self._alone[1], 1))
            self._crew = self._trial.crew

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
            if self._may_share:
                self._alone = self._alone[0] + seconds, self._alone[1] + min(self.batch_size, self.size)
            elif self._trial:
                self._trial.note(seconds, min(self.batch_size, self.size))
                self._crew = self._trial.crew
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

        if self._may_share and self._alone[0] > ALONE:
            self._share_steps()
        value, hits = self._pass_all(indices, images)
        vector, gradient = self.network.parameters.vector, self._sum.vector
        if self.network.statistics:
            self.network.update_statistics(self._sum.statistics)
        if self.penalty:
            value += self.penalty(vector, self.network.decayed, gradient)
        if self.penalty or self._sum is self._slots[0]:
            self._squares[:] = [float(part @ part) for part in self._sum.parts]
        norm = math.sqrt(self._squares[0] + self._squares[1])
        if not math.isfinite(value + norm):
            raise explain_divergence(self, BatchLoader(self._images, self.network).load(indices), gradient)
        if self.clip:
            self.clip(gradient, norm)
        self.learning_rate = self.optimizer.learning_rate * self.schedule.factor(self.step, self.horizon)
        self._crew.run_short(self._update, self.learning_rate, self.optimizer.steps)
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

    def _pass_all(self, indices: np.ndarray | slice, images: int) -> tuple[float, int]:
        """Loss and right answers of a batch; leaves its gradient and what it saw in ``_sum``.

        The losses and gradients of its pieces add up to those of the whole, always in the same order.
        """
        weight = None if self._sample_weight is None else self._sample_weight[indices]
        normalizer = self.loss.total_weight(self._targets[indices], weight)
        start = -1
        if isinstance(indices, slice):
            start = indices.start
        else:
            self._indices[:images] = indices
        pieces = -(-images // self._piece_size)
        results: list[list[float]] = []
        for first in range(0, pieces, len(self._slots)):
            count = min(len(self._slots), pieces - first)
            self._crew.run(self._pass, self.step, start, images, first, count, normalizer)
            if self._sum is not self._slots[0]:
                self._crew.run_short(self._add_up, first, count)
                if self.network.statistics:
                    self._add_up_statistics(images, first, count)
            results += self._results[:count].tolist()
        return math.fsum(value for value, _ in results), int(sum(hits for _, hits in results))

    def _pass(
        self, member: int, size: int, step: float, start: float, images: float, first: float, count: float, normalizer: float
    ) -> None:
        """The passes of the pieces ``first`` to ``first + count - 1`` of a batch, each into its slot.

        The images of the batch are those at ``_indices``, or so many from ``start`` on if that is not -1.
        """
        if member not in self._members:
            self._members[member] = _Member(self)
        own = self._members[member]
        for slot in range(member, int(count), size):
            piece = int(first) + slot
            begin, end = piece * self._piece_size, min((piece + 1) * self._piece_size, int(images))
            indices = self._indices[begin:end] if start < 0 else slice(int(start) + begin, int(start) + end)
            self._results[slot] = own.pass_through(indices, int(step), piece, normalizer, self._slots[slot].outcome)

    def _add_up(self, member: int, size: int, first: float, count: float) -> None:
        """Add the gradients of some pieces to those before, and their squares: a part of the vector each."""
        for part in range(member, PARTS, size):
            total = self._sum.parts[part]
            others = [slot.parts[part] for slot in self._slots[: int(count)]]
            if first == 0.0 and count > 1.0:
                np.add(others.pop(0), others.pop(0), out=total)
            elif first == 0.0:
                total[...] = others.pop()
            for other in others:
                total += other
            self._squares[part] = total @ total

    def _add_up_statistics(self, images: int, first: int, count: int) -> None:
        """The mean over the pieces of what they saw."""
        total = self._sum.statistics.vector
        if first == 0:
            total[...] = 0.0
        for slot in range(count):
            begin = (first + slot) * self._piece_size
            total += self._slots[slot].statistics.vector * (min(self._piece_size, images - begin) / images)

    def _update(self, member: int, size: int, rate: float, steps: float) -> None:
        """The change of the parameters after so many steps: a part of them each."""
        self.optimizer.steps = int(steps)  # not all members take part in every step
        vector = self.network.parameters.vector
        shares = [_share(vector.size, part) for part in range(member, PARTS, size)]
        self.optimizer.step(vector, self._sum.vector, rate, shares=shares)

    @staticmethod
    def _nothing_yet() -> dict[str, float]:
        return {"images": 0, "loss": 0.0, "correct": 0, "gradient_norm": 0.0, "steps": 0, "seconds": 0.0}

    # What a checkpoint holds -----------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """Everything that must be the same for a resumed run to equal an uninterrupted one."""
        return {
            "network": self.network.config(),
            "loss": {"name": type(self.loss).__name__, **{k: _plain(v) for k, v in vars(self.loss).items()}},
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
            "augment": None if self.augment is None else getattr(self.augment, "__qualname__", repr(self.augment)),
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
            "piece_size": self._piece_size,
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
        if not piece_size:
            raise ValueError("pieces of no images")
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
        if piece_size != self._piece_size:
            self._cut_into(piece_size)  # it goes on as it began, whatever number of processors there is now
        self.step, self.epoch, self.position, self.optimizer.steps = step, epoch, position, steps
        self.stop, self.learning_rate = plain["stop"], learning_rate
        self.running, self.history = running, History(records)


class _Member:
    """What one member of a crew needs for its passes: a tape, and arrays for its images."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._loader = BatchLoader(trainer._images, trainer.network, trainer.augment)
        self._tape = trainer.network.tape(training=True)

    def pass_through(
        self, indices: np.ndarray | slice, step: int, piece: int, normalizer: float, outcome: Outcome
    ) -> tuple[float, int]:
        """Loss and right answers of the images at ``indices``; leaves the gradient in ``outcome``."""
        trainer, tape = self._trainer, self._tape
        entropy = [trainer.seed, NOISE, step, piece]
        tape.draw_from(lambda: np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy))))
        tape.write_to(outcome)
        targets = trainer._targets[indices]
        weight = None if trainer._sample_weight is None else trainer._sample_weight[indices]
        outputs = trainer.network.forward(self._loader.load(indices, lambda: tape.rng), tape)
        value, d_outputs = trainer.loss(outputs, targets, weight, normalizer)
        trainer.network.backward(d_outputs, tape)
        return value, correct(outputs, targets) if trainer.classification else 0


def _piece_size(network: Sequential, batch_size: int, members: int) -> int:
    """How many images of a batch go through the network at once, where so many could share it."""
    # A piece is normalised by its own mean and variance: where there are such layers a batch is not cut without need.
    worth_two = network.parameters.vector.size * batch_size >= WORTH_TWO and not network.statistics
    if network.takes_pictures or members == 1 or not processes_can_share() or not worth_two:
        return network.piece_size
    return min(network.piece_size, -(-batch_size // 2))


class _Slot:
    """Where a pass leaves its gradient and what it saw of its images, in memory that a crew shares.

    Attributes:
        vector: the gradient.
        parts: the parts of it that members work on, ``PARTS`` of them.
    """

    def __init__(self, network: Sequential) -> None:
        gradient, self.statistics = _shared(network.parameters), _shared(network.statistics)
        self.outcome = network.outcome(gradient, self.statistics)
        self.vector = gradient.vector
        self.parts = [self.vector[_share(self.vector.size, part)] for part in range(PARTS)]


def _share(size: int, part: int) -> slice:
    """A part of a vector, in whole cache lines."""
    lines = -(-size // VALUES_A_LINE)
    return slice(lines * part // PARTS * VALUES_A_LINE, min(lines * (part + 1) // PARTS * VALUES_A_LINE, size))


def _shared(parameters: Parameters) -> Parameters:
    """Room of the same layout in shared memory."""
    vector = parameters.vector
    return Parameters(parameters.shapes, vector.dtype, shared_zeros(vector.shape, vector.dtype))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{value!r} is not a number")
    return value
