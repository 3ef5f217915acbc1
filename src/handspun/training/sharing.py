"""The workers that compute the steps of a training: this process alone, threads, or several processes.

Forking takes some milliseconds, so a training starts alone and forks a little later. The processes then work only while they
are faster than one (``Trial``). The result is the same to the last bit in every case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from handspun.engine.threads import count_threads
from handspun.engine.trial import Trial
from handspun.engine.workers import ForkedWorkers, ThreadWorkers, Workers, may_fork
from handspun.training.step import Step, shared_like

#: A training runs alone for this many seconds and steps before it forks, which also measures how long a step takes alone. If
#: steps are long, it runs alone for LONG_ALONE seconds at most.
ALONE, STEPS_ALONE, LONG_ALONE = 0.005, 4, 0.1


class Sharing:
    """Gives a ``Step`` its workers.

    Args:
        step: the step that they share.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._made: list[Workers] = []
        self._may_fork = False  # once the training has lasted for a while
        self._alone: list[float] = []  # seconds per image of the steps so far
        self._alone_for = 0.0  # seconds
        self._trial: Trial | None = None  # whether processes are faster

    @contextmanager
    def together(self) -> Iterator[None]:
        """A context in which as many workers as ``threads`` says share the steps."""
        step = self._step
        if not step.products_alone:  # the threads are inside BLAS
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
        """Call before a step: forks the processes when it is time."""
        if not self._may_fork or not self._has_been_alone():
            return
        self._may_fork = False
        step = self._step
        size = min(count_threads(step.arguments.threads), step.count)
        step.network.keep_parameters_in(shared_like(step.network.parameters).vector)
        step.optimizer.keep_state_in_shared_memory()
        # If the system allows no more processes, the training continues alone.
        with suppress(OSError):
            self._made.append(ForkedWorkers(size, step.tasks))
            # The median, because the first steps are slower: their memory is touched for the first time.
            self._trial = Trial(self._made, sorted(self._alone)[len(self._alone) // 2])
            step.workers = self._trial.workers

    def _has_been_alone(self) -> bool:
        """Whether the training has run alone for long enough."""
        enough = self._alone_for > ALONE and len(self._alone) >= STEPS_ALONE
        return enough or self._alone_for > LONG_ALONE

    def end_step(self, seconds: float, images: int) -> None:
        """Call after a step, with the time it took: decides which workers run the next one."""
        if self._may_fork:
            self._alone.append(seconds / images)
            self._alone_for += seconds
        elif self._trial:
            self._trial.note(seconds, images)
            self._step.workers = self._trial.workers
