"""The training loop, with what practice adds to that of ``plain.py``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from handspun.engine.threads import blas_threads, keep_blas_threads
from handspun.evaluation.evaluate import loss_and_accuracy
from handspun.training.batches import BatchLoader
from handspun.training.divergence import explain_divergence
from handspun.training.history import History, Record
from handspun.training.interruption import Interruption
from handspun.training.sharing import Sharing
from handspun.training.state import State, nothing_yet


class Trainer(State):
    """Trains a network step by step. Most users call ``handspun.fit``; callbacks see a trainer as ``callback.Training``."""

    @property
    def finished(self) -> bool:
        """Whether all epochs are complete, or training has stopped early."""
        # After a stop in the middle of an epoch, the record of that epoch must still be made.
        return self.epoch >= self.epochs or (self.stop and self.position == 0)

    def run(self) -> History:
        """Train until all epochs are complete or a callback stops it.

        Raises:
            KeyboardInterrupt: on SIGINT, after the step in progress and after the callbacks have saved what they save.
            SystemExit: with 143 on SIGTERM, at the same point.
            DivergenceError: the loss or the gradient is no longer finite.
        """
        everyone = [*self.callbacks, *self.onlookers]
        for callback in everyone:
            callback.on_train_begin(self)
        watchers = [callback for callback in everyone if callback.watches_steps]
        sharing = Sharing(self.work)
        # The step itself finds and explains values that are not finite, so NumPy need not warn.
        with Interruption() as interruption:
            with np.errstate(all="ignore"), keep_blas_threads(), sharing.together():
                while not self.finished and not interruption.requested:
                    order = self._order()
                    while self.position < self.steps_per_epoch and not self.stop:
                        began = time.perf_counter()
                        indices = self._batch(order)
                        with blas_threads(self.work.blas_threads):
                            sharing.begin_step()
                            value, hits = self.work.compute(indices, self.step)  # forward, loss, backward
                            images = self._learn(indices, value, hits)
                        seconds = time.perf_counter() - began
                        self.running["seconds"] += seconds  # without the time of callbacks
                        sharing.end_step(seconds, images)
                        for callback in watchers:
                            callback.on_step_end(self)
                        if interruption.requested and self.position < self.steps_per_epoch and not self.stop:
                            break  # a resumed training draws the order of this epoch again
                    else:
                        self._end_epoch()
            if self.finished and self.average:
                self.network.parameters.vector[...] = self.average.vector
            for callback in everyone:
                (callback.on_train_end if self.finished else callback.on_interrupt)(self)
        interruption.raise_if_requested()
        return self.history

    # One step ----------------------------------------------------------------------------------------------------------

    def _order(self) -> np.ndarray | None:
        """The order of this epoch's images; None for the order of the data."""
        self.order_state = self.order_rng.bit_generator.state
        given = self.arguments
        # The order within a full batch changes nothing.
        return self.order_rng.permutation(given.size) if given.shuffle and given.images_a_batch < given.size else None

    def _batch(self, order: np.ndarray | None) -> np.ndarray | slice:
        """The indices of the next step's images."""
        start = self.position * self.arguments.images_a_batch
        batch = slice(start, min(start + self.arguments.images_a_batch, self.arguments.size))
        return batch if order is None else order[batch]

    def _learn(self, indices: np.ndarray | slice, value: float, hits: int) -> int:
        """Update the parameters from the gradient of the step; returns the number of its images."""
        work, network, given = self.work, self.network, self.arguments
        vector, gradient = network.parameters.vector, work.gradient
        if given.penalty:
            value += given.penalty(vector, network.decayed, gradient)
        norm = work.gradient_norm(changed=given.penalty is not None)
        if not math.isfinite(value + norm):
            x = BatchLoader(given.images, network).load(indices)
            raise explain_divergence(network, x, gradient, self.step, self.epoch, self.optimizer.learning_rate)
        # After that check, so that a training that diverges leaves finite running averages.
        if network.statistics:
            network.update_statistics(work.statistics)
        if given.clip:
            given.clip(gradient, norm)
        self.learning_rate = self.optimizer.learning_rate * given.schedule.factor(self.step, self.horizon)
        work.update(self.learning_rate)
        self.step += 1
        self.position += 1
        if self.average:
            self.average.update(vector, self.step)
        images = indices.stop - indices.start if isinstance(indices, slice) else len(indices)
        sums = self.running
        sums["images"] += images
        sums["loss"] += value * images
        sums["correct"] += hits
        sums["gradient_norm"] += norm
        sums["steps"] += 1
        return images

    # The end of an epoch -----------------------------------------------------------------------------------------------

    def _end_epoch(self) -> None:
        began = time.perf_counter()
        record = self._record()
        record["seconds"] = self.running["seconds"] + time.perf_counter() - began
        self.epoch += 1
        self.position = 0
        self.running = nothing_yet()
        self.order_state = self.order_rng.bit_generator.state
        self.history.append(record)
        for callback in [*self.callbacks, *self.onlookers]:
            callback.on_epoch_end(self, record)

    def _record(self) -> Record:
        sums = self.running
        record: Record = {"epoch": self.epoch + 1, "loss": sums["loss"] / sums["images"]}
        if self.classification:
            record["accuracy"] = sums["correct"] / sums["images"]
        if self.arguments.validation:
            with self.averaged(), blas_threads(self.work.blas_threads):
                loss, hit = loss_and_accuracy(self.network, *self.arguments.validation, self.arguments.loss)
            record["validation_loss"] = loss
            if hit is not None:
                record["validation_accuracy"] = hit
        record["learning_rate"] = self.learning_rate
        record["gradient_norm"] = sums["gradient_norm"] / sums["steps"]
        record["images_per_second"] = sums["images"] / max(sums["seconds"], 1e-9)
        return record

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """A context in which the network has the weights that it would have if training ended now (the average, if any)."""
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
