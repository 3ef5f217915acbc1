"""One step of a training: the gradient of a batch, micro-batch by micro-batch, and the update of the parameters.

The losses and gradients of the micro-batches of a batch add up to those of the batch, always in the same order, whether one
process computes them, or several that share memory, or threads (``sharing.py``). These workers also share the summation of the
gradients and the update.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from handspun.engine.memory import LINE, shared_zeros
from handspun.engine.parameters import Parameters
from handspun.engine.tape import Tape
from handspun.engine.threads import count_threads, default_blas_threads, own_blas_threads, processors
from handspun.engine.workers import Task, Workers, processes_can_share
from handspun.evaluation.metrics import correct
from handspun.networks.sequential import Sequential
from handspun.training.arguments import Arguments
from handspun.training.batches import BatchLoader

#: The random stream of dropout and augmentation; shuffling has another one (``state.ORDER``).
NOISE = 2

#: How many micro-batches' gradients are kept before they are added up.
WAITING = 8

#: If parameters times images reach this number, two processes are faster than one for a dense network, so its batch is cut in
#: two even if it could be one micro-batch.
WORTH_TWO = 2_000_000

#: The vectors are cut into this many parts for the summation and the update. It is not the number of workers, because the last
#: bits of the sum of squares depend on it.
PARTS = 2

VALUES_A_LINE = LINE // 4


class Batch(NamedTuple):
    """The message to the workers about some micro-batches of a batch, from ``first`` on.

    The images are those at ``Step._indices`` if ``start`` is -1, otherwise ``images`` images from ``start`` on.
    """

    step: int
    start: int
    images: int
    first: int
    micro_batches: int
    normalizer: float  # the total weight of the whole batch


class Update(NamedTuple):
    """The message to the workers about an update."""

    rate: float
    steps: int  # done before


class Step:
    """Loss and gradient of batches, and the update of the parameters.

    Args:
        network: the network to train.
        arguments: of the training.

    Attributes:
        micro_batch_size: how many images go through the network at once, at most.
        blas_threads: how many threads a matrix product uses, which decides its last bits; None if that is unknown.
        workers: those that share the steps.
    """

    def __init__(self, network: Sequential, arguments: Arguments) -> None:
        self.network, self.arguments, self.optimizer = network, arguments, arguments.optimizer
        with np.errstate(under="ignore"):
            self._weight = None if arguments.sample_weight is None else arguments.sample_weight.astype(network.dtype)
        self._tapes: dict[int, tuple[Tape, BatchLoader]] = {}  # of the workers in this process
        self.workers = Workers()
        threads = count_threads(arguments.threads)
        self.cut_into(arguments.micro_batch_size or _micro_batch_size(network, arguments.images_a_batch, threads))
        #: Whether matrix products use one thread: micro-batches are shared, or there is only one thread.
        self.products_alone = (
            network.takes_pictures
            or threads == 1
            or (self.micro_batch_size < arguments.images_a_batch and processes_can_share())
        )
        asked = 1 if self.products_alone else default_blas_threads(arguments.threads)
        found = own_blas_threads()
        self.blas_threads = None if found is None else found if asked is None else min(asked, processors())

    def cut_into(self, micro_batch_size: int) -> None:
        """Cut batches into micro-batches of this size from now on, and allocate shared memory for them."""
        self.micro_batch_size = micro_batch_size
        images = self.arguments.images_a_batch
        self.count = -(-images // micro_batch_size)
        at_once = min(self.count, max(WAITING, count_threads(self.arguments.threads)))
        self._indices = shared_zeros((images,), np.intp)
        self._results = shared_zeros((at_once, 2), np.float64)  # loss and number of correct answers of each micro-batch
        self._gradients = [_Gradient(self.network) for _ in range(at_once)]
        self._sum = _Gradient(self.network) if self.count > 1 else self._gradients[0]
        self._squares = shared_zeros((PARTS,), np.float64)  # of the parts of the sum

    @property
    def tasks(self) -> list[tuple[Task, type]]:
        """The tasks of workers, each with its type of message."""
        return [(self._pass, Batch), (self._add_up, Batch), (self._update, Update)]

    @property
    def gradient(self) -> np.ndarray:
        """The gradient of the last batch with respect to all parameters, (size,)."""
        return self._sum.vector

    @property
    def statistics(self) -> Parameters:
        """The statistics of the last batch, averaged over its micro-batches."""
        return self._sum.statistics

    def gradient_norm(self, *, changed: bool) -> float:
        """The Euclidean norm of the gradient; ``changed`` says that it was modified after it was computed."""
        if changed or self._sum is self._gradients[0]:
            self._squares[:] = [float(part @ part) for part in self._sum.parts]
        return math.sqrt(self._squares[0] + self._squares[1])

    def compute(self, indices: np.ndarray | slice, step: int) -> tuple[float, int]:
        """Loss and number of correct answers of the images at ``indices``; sets ``gradient`` and ``statistics``."""
        if isinstance(indices, slice):
            start, images = indices.start, indices.stop - indices.start
        else:
            start, images = -1, len(indices)
            self._indices[:images] = indices
        weight = None if self._weight is None else self._weight[indices]
        normalizer = float(self.arguments.loss.total_weight(self.arguments.targets[indices], weight))
        count = -(-images // self.micro_batch_size)
        results: list[list[float]] = []
        for first in range(0, count, len(self._gradients)):
            batch = Batch(step, start, images, first, min(len(self._gradients), count - first), normalizer)
            with self.workers.share(self._pass, batch) as size:
                self._pass(0, size, batch)
            if self._sum is not self._gradients[0]:
                with self.workers.share(self._add_up, batch, short=True) as size:
                    self._add_up(0, size, batch)
                if self.network.statistics:
                    self._add_up_statistics(batch)
            results += self._results[: batch.micro_batches].tolist()
        return math.fsum(value for value, _ in results), int(sum(hits for _, hits in results))

    def _pass(self, worker: int, size: int, batch: Batch) -> None:
        """Forward, loss and backward for every ``size``-th micro-batch from number ``worker`` on."""
        arguments, network = self.arguments, self.network
        if worker not in self._tapes:
            loader = BatchLoader(arguments.images, network, arguments.augment)
            self._tapes[worker] = network.tape(training=True), loader
        tape, loader = self._tapes[worker]
        for place in range(worker, batch.micro_batches, size):
            number = batch.first + place
            begin, end = number * self.micro_batch_size, min((number + 1) * self.micro_batch_size, batch.images)
            indices = self._indices[begin:end] if batch.start < 0 else slice(batch.start + begin, batch.start + end)
            tape.write_to(self._gradients[place].outcome)
            tape.draw_from(lambda number=number: noise(arguments.seed, batch.step, number))
            targets = arguments.targets[indices]
            weight = None if self._weight is None else self._weight[indices]
            x = loader.load(indices, lambda: tape.rng)
            outputs = network.forward(x, tape)
            value, d_outputs = arguments.loss.weighted_mean(outputs, targets, weight, batch.normalizer)
            network.backward(d_outputs, tape)
            self._results[place] = value, correct(outputs, targets) if arguments.classification else 0

    def _add_up(self, worker: int, size: int, batch: Batch) -> None:
        """Add the gradients of micro-batches to those before, and square the sum; each worker for its parts of the vector."""
        for part in range(worker, PARTS, size):
            total = self._sum.parts[part]
            others = [gradient.parts[part] for gradient in self._gradients[: batch.micro_batches]]
            if batch.first == 0 and batch.micro_batches > 1:
                np.add(others.pop(0), others.pop(0), out=total)
            elif batch.first == 0:
                total[...] = others.pop()
            for other in others:
                total += other
            self._squares[part] = total @ total

    def _add_up_statistics(self, batch: Batch) -> None:
        """The mean over the micro-batches of their statistics."""
        total = self._sum.statistics.vector
        if batch.first == 0:
            total[...] = 0.0
        for place in range(batch.micro_batches):
            seen = self._gradients[place].statistics.vector
            size = min(self.micro_batch_size, batch.images - (batch.first + place) * self.micro_batch_size)
            if size == 1:  # one sample has no variance (NaN): the running value in its place changes nothing
                seen = np.where(np.isnan(seen), self.network.statistics.vector, seen)
            total += seen * (size / batch.images)

    def update(self, rate: float) -> None:
        """Update the parameters from the gradient, with this learning rate."""
        message = Update(float(rate), self.optimizer.steps)
        with self.workers.share(self._update, message, short=True) as size:
            self._update(0, size, message)

    def _update(self, worker: int, size: int, update: Update) -> None:
        """Update this worker's parts of the parameters."""
        self.optimizer.steps = update.steps  # not all workers take part in every step
        vector = self.network.parameters.vector
        shares = [_part(vector.size, part) for part in range(worker, PARTS, size)]
        self.optimizer.step(vector, self._sum.vector, update.rate, shares=shares)


def noise(seed: int, step: int, micro_batch: int) -> np.random.Generator:
    """The generator of dropout and augmentation. It depends only on these numbers, so it does not matter which worker draws."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, NOISE, step, micro_batch])))


def _micro_batch_size(network: Sequential, batch_size: int, threads: int) -> int:
    """How many images of a batch go through the network at once, if ``threads`` workers could share it."""
    # Batch normalisation uses the mean and variance of a micro-batch, so with such layers a batch is cut only if it must be.
    worth_two = network.parameters.vector.size * batch_size >= WORTH_TWO and not network.statistics
    if network.takes_pictures or threads == 1 or not processes_can_share() or not worth_two:
        return network.chunk_size
    return min(network.chunk_size, -(-batch_size // 2))


class _Gradient:
    """The gradient and statistics of one pass, in memory that processes share.

    Attributes:
        vector: the gradient.
        parts: its ``PARTS`` parts, which workers add up.
    """

    def __init__(self, network: Sequential) -> None:
        gradient, self.statistics = shared_like(network.parameters), shared_like(network.statistics)
        self.outcome = network.outcome(gradient, self.statistics)
        self.vector = gradient.vector
        self.parts = [self.vector[_part(self.vector.size, part)] for part in range(PARTS)]


def _part(size: int, part: int) -> slice:
    """A part of a vector, in whole cache lines."""
    lines = -(-size // VALUES_A_LINE)
    return slice(lines * part // PARTS * VALUES_A_LINE, min(lines * (part + 1) // PARTS * VALUES_A_LINE, size))


def shared_like(parameters: Parameters) -> Parameters:
    """Zeros of the same layout, in memory that processes share."""
    vector = parameters.vector
    return Parameters(parameters.shapes, vector.dtype, shared_zeros(vector.shape, vector.dtype))
