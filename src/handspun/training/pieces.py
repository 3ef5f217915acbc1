"""A step of a training in pieces, shared by whoever is there.

The losses and gradients of the pieces of a batch add up to those of the whole, always in the same order, whoever computes
them: one process, some that share memory, or threads. They also share the sum of the gradients and the change of the
parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from handspun.engine.crew import Crew, Processes, Threads, Trial, may_fork, processes_can_share
from handspun.engine.memory import LINE, shared_zeros
from handspun.engine.parameters import Parameters
from handspun.engine.tape import Outcome
from handspun.engine.threads import Team, count_threads, limit_blas
from handspun.evaluation.metrics import correct
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss
from handspun.optimization.optimizers import Optimizer
from handspun.training.batches import Augment, BatchLoader

#: The random numbers of dropout and augmentation are a stream of their own among those of a training.
NOISE = 2

#: Pieces whose gradients wait at the same time until they are added up.
WAITING = 8

#: Dense networks, whose pieces could be large, cut a batch in two from so many parameters times images on, where there are two
#: processes to share it: they take less time than one then.
WORTH_TWO = 2_000_000

#: A training goes on alone for so many seconds and so many steps before it is shared among processes, which takes some
#: milliseconds itself; they also tell what one takes alone. Where steps are long it is alone for LONG_ALONE seconds at most.
ALONE, STEPS_ALONE, LONG_ALONE = 0.005, 4, 0.1

#: Into so many parts the vectors are cut that are added up and changed together. Not one for each member: the sum of squares
#: depends on it.
PARTS = 2

VALUES_A_LINE = LINE // 4


class Pieces:
    """Loss and gradient of batches, piece by piece, and the change of the parameters.

    Args:
        network: what is trained.
        images: all of them, (N, …).
        targets: what is right, (N, …).
        loss: of the network's outputs.
        optimizer: what changes the parameters.
        sample_weight: (N,), how much each image counts, or None.
        augment: changes the images of each piece at random, or None.
        seed: of dropout and augmentation.
        batch_size: images a step, at most.
        threads: how many processes or threads; see ``count_threads``.
        piece_size: images a piece; None for what suits network and batch.

    Attributes:
        piece_size: images a piece, at most.
        holds_blas: whether BLAS has one thread meanwhile. Its sums, and so the last bits, depend on that.
        classification: whether the targets are classes.
        crew: who computes.
    """

    def __init__(
        self,
        network: Sequential,
        images: np.ndarray,
        targets: np.ndarray,
        *,
        loss: Loss,
        optimizer: Optimizer,
        sample_weight: np.ndarray | None,
        augment: Augment | None,
        seed: int,
        batch_size: int,
        threads: int | None,
        piece_size: int | None,
    ) -> None:
        self.network, self.images, self.targets = network, images, targets
        self.loss, self.optimizer, self.augment, self.seed = loss, optimizer, augment, seed
        self.classification = targets.ndim == 1 and targets.dtype.kind in "iub"
        self.sample_weight = None if sample_weight is None else sample_weight.astype(network.dtype)
        self._batch_size, self._threads = batch_size, threads
        self._members: dict[int, _Member] = {}  # those of this process, from the first pass on in which they take part
        self.crew = Crew()
        self._crews = [self.crew]
        self._may_share = False  # among processes, once it has lasted for a while
        self._alone: list[float] = []  # seconds an image, of the steps so far
        self._alone_for = 0.0  # seconds
        self._last = 0  # images of the last step
        self._trial: Trial | None = None  # of whether that pays
        members = count_threads(threads)
        self.cut_into(piece_size or _piece_size(network, batch_size, members))
        in_pieces = self.piece_size < batch_size
        self.holds_blas = network.takes_pictures or members == 1 or (in_pieces and processes_can_share())

    def cut_into(self, piece_size: int) -> None:
        """Let batches be computed in pieces of so many images, and make the room for it, in memory that a crew shares."""
        self.piece_size = piece_size
        pieces = -(-self._batch_size // piece_size)
        at_once = min(pieces, max(WAITING, count_threads(self._threads)))
        self._indices = shared_zeros((self._batch_size,), np.intp)
        self._results = shared_zeros((at_once, 2), np.float64)  # the loss and the right answers of each piece
        self._slots = [_Slot(self.network) for _ in range(at_once)]
        self._sum = _Slot(self.network) if pieces > 1 else self._slots[0]
        self._squares = shared_zeros((PARTS,), np.float64)  # of the parts of the sum

    @property
    def gradient(self) -> np.ndarray:
        """Of the last batch by all parameters, (size,)."""
        return self._sum.vector

    @property
    def statistics(self) -> Parameters:
        """What the passes saw of the last batch, the mean over its pieces."""
        return self._sum.statistics

    def gradient_norm(self, *, changed: bool) -> float:
        """The Euclidean norm of the gradient, which has been ``changed`` or not since it was computed."""
        if changed or self._sum is self._slots[0]:
            self._squares[:] = [float(part @ part) for part in self._sum.parts]
        return math.sqrt(self._squares[0] + self._squares[1])

    # Who computes --------------------------------------------------------------------------------------------------

    @contextmanager
    def together(self) -> Iterator[None]:
        """A context in which those that ``threads`` speaks of share the steps."""
        if not self.holds_blas:
            with limit_blas(self._threads):
                yield
            return
        pieces = -(-self._batch_size // self.piece_size)
        members = min(count_threads(self._threads), pieces)
        fork = members > 1 and may_fork()
        with Team(members if self.network.takes_pictures and not fork else 1) as team:
            self._crews = [Crew()]
            if team.size > 1:
                self.crew = Threads(team)
            elif fork:
                self._may_share, self._alone, self._alone_for = True, [], 0.0
            own = self.network.parameters.vector
            try:
                yield
            finally:
                self._may_share, self._trial = False, None
                for crew in self._crews:
                    crew.end()
                self.crew = Crew()
                if self.network.parameters.vector is not own:
                    self.network.keep_parameters_in(own)

    def _share_steps(self) -> None:
        """From now on the steps are shared among processes, if that makes them shorter."""
        self._may_share = False
        size = min(count_threads(self._threads), -(-self._batch_size // self.piece_size))
        self.network.keep_parameters_in(_shared(self.network.parameters).vector)
        self.optimizer.keep_state_in_shared_memory()
        # Without another process, of which the system may have no more, the steps only take longer.
        with suppress(OSError):
            self._crews.append(Processes(size, [self._pass, self._add_up, self._update]))
            # The first steps take longer than the others, which touch the same memory again.
            self._trial = Trial(self._crews, sorted(self._alone)[len(self._alone) // 2])
            self.crew = self._trial.crew

    def _has_been_alone(self) -> bool:
        """Whether that was long enough."""
        enough = self._alone_for > ALONE and len(self._alone) >= STEPS_ALONE
        return enough or self._alone_for > LONG_ALONE

    def note(self, seconds: float) -> None:
        """Take in what the last step took: who does the next one may depend on it."""
        if self._may_share:
            self._alone.append(seconds / self._last)
            self._alone_for += seconds
        elif self._trial:
            self._trial.note(seconds, self._last)
            self.crew = self._trial.crew

    # One step ------------------------------------------------------------------------------------------------------

    def loss_and_gradient(self, indices: np.ndarray | slice, step: int) -> tuple[float, int]:
        """Loss and right answers of a batch; leaves ``gradient`` and ``statistics``."""
        if self._may_share and self._has_been_alone():
            self._share_steps()
        images = indices.stop - indices.start if isinstance(indices, slice) else len(indices)
        self._last = images
        weight = None if self.sample_weight is None else self.sample_weight[indices]
        normalizer = float(self.loss.total_weight(self.targets[indices], weight))
        start = -1
        if isinstance(indices, slice):
            start = indices.start
        else:
            self._indices[:images] = indices
        pieces = -(-images // self.piece_size)
        results: list[list[float]] = []
        for first in range(0, pieces, len(self._slots)):
            count = min(len(self._slots), pieces - first)
            self.crew.run(self._pass, step, start, images, first, count, normalizer)
            if self._sum is not self._slots[0]:
                self.crew.run_short(self._add_up, first, count)
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
            begin, end = piece * self.piece_size, min((piece + 1) * self.piece_size, int(images))
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
            seen = self._slots[slot].statistics.vector
            size = min(self.piece_size, images - (first + slot) * self.piece_size)
            if size == 1:  # it may not have seen all: then what is known stands in, and changes nothing
                seen = np.where(np.isnan(seen), self.network.statistics.vector, seen)
            total += seen * (size / images)

    def update(self, rate: float) -> None:
        """Change the parameters by the gradient."""
        self.crew.run_short(self._update, float(rate), self.optimizer.steps)

    def _update(self, member: int, size: int, rate: float, steps: float) -> None:
        """The change of the parameters after so many steps: a part of them each."""
        self.optimizer.steps = int(steps)  # not all members take part in every step
        vector = self.network.parameters.vector
        shares = [_share(vector.size, part) for part in range(member, PARTS, size)]
        self.optimizer.step(vector, self._sum.vector, rate, shares=shares)


class _Member:
    """What one member of a crew needs for its passes: a tape, and arrays for its images."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._loader = BatchLoader(pieces.images, pieces.network, pieces.augment)
        self._tape = pieces.network.tape(training=True)

    def pass_through(
        self, indices: np.ndarray | slice, step: int, piece: int, normalizer: float, outcome: Outcome
    ) -> tuple[float, int]:
        """Loss and right answers of the images at ``indices``; leaves the gradient in ``outcome``."""
        work, tape = self._pieces, self._tape
        entropy = [work.seed, NOISE, step, piece]
        tape.draw_from(lambda: np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy))))
        tape.write_to(outcome)
        targets = work.targets[indices]
        weight = None if work.sample_weight is None else work.sample_weight[indices]
        outputs = work.network.forward(self._loader.load(indices, lambda: tape.rng), tape)
        value, d_outputs = work.loss(outputs, targets, weight, normalizer)
        work.network.backward(d_outputs, tape)
        return value, correct(outputs, targets) if work.classification else 0


def _piece_size(network: Sequential, batch_size: int, members: int) -> int:
    """How many images of a batch go through the network at once, where so many could share it."""
    # A piece is normalised by its own mean and variance: where there are such layers a batch is not cut without need.
    worth_two = network.parameters.vector.size * batch_size >= WORTH_TWO and not network.statistics
    if network.takes_pictures or members == 1 or not processes_can_share() or not worth_two:
        return network.chunk_size
    return min(network.chunk_size, -(-batch_size // 2))


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
