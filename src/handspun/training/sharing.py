"""Who computes the steps of a training: this process alone, threads, or several processes.

Processes are made after a while only, since that takes some milliseconds, and work only while they are the faster ones
(``Trial``). None of it changes a bit of the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from handspun.engine.threads import count_threads
from handspun.engine.trial import Trial
from handspun.engine.workers import ForkedWorkers, ThreadWorkers, Workers, may_fork
from handspun.training.step import Step, shared_like

#: A training goes on alone for so many seconds and so many steps before it is shared among processes, which takes some
#: milliseconds itself; that also tells what a step takes alone. Where steps are long it is alone for LONG_ALONE seconds at
#: most.
ALONE, STEPS_ALONE, LONG_ALONE = 0.005, 4, 0.1


class Sharing:
    """Gives a ``Step`` its workers.

    Args:
        step: whose work is shared.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._made: list[Workers] = []
        self._may_fork = False  # once the training has lasted for a while
        self._alone: list[float] = []  # seconds an image, of the steps so far
        self._alone_for = 0.0  # seconds
        self._trial: Trial | None = None  # of whether processes pay

    @contextmanager
    def together(self) -> Iterator[None]:
        """A context in which those that ``threads`` speaks of share the steps."""
        step = self._step
        if not step.products_alone:  # BLAS shares out each product
            yield
            return
        size = min(count_threads(step.arguments.threads), step.count)
        own = step.network.parameters.vector
        self._made = [Workers()]
        if size > 1 and may_fork():
            self._may_fork, self._alone, self._alone_for = True, [], 0.0
        elif size > 1 and step.network.takes_pictures:
            self._made.append(ThreadWorkers(size))
        step.workers = self._made[-1]
        try:
            yield
        finally:
            self._may_fork, self._trial = False, None
            for workers in self._made:
                workers.end()
            step.workers = Workers()
            if step.network.parameters.vector is not own:
                step.network.keep_parameters_in(own)

    def begin_step(self) -> None:
        """Before a step: make the processes if it is time for that."""
        if not self._may_fork or not self._has_been_alone():
            return
        self._may_fork = False
        step = self._step
        size = min(count_threads(step.arguments.threads), step.count)
        step.network.keep_parameters_in(shared_like(step.network.parameters).vector)
        step.optimizer.keep_state_in_shared_memory()
        # Without another process, of which the system may have no more, the training goes on alone.
        with suppress(OSError):
            self._made.append(ForkedWorkers(size, step.tasks))
            # The first steps take longer than the others, which touch the same memory again.
            self._trial = Trial(self._made, sorted(self._alone)[len(self._alone) // 2])
            step.workers = self._trial.workers

    def _has_been_alone(self) -> bool:
        """Whether that was long enough."""
        enough = self._alone_for > ALONE and len(self._alone) >= STEPS_ALONE
        return enough or self._alone_for > LONG_ALONE

    def end_step(self, seconds: float, images: int) -> None:
        """After a step: take in what it took, on which it depends who does the next one."""
        if self._may_fork:
            self._alone.append(seconds / images)
            self._alone_for += seconds
        elif self._trial:
            self._trial.note(seconds, images)
            self._step.workers = self._trial.workers
