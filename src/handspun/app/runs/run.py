"""One training: what the page is told of it, and what it is told by the page."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from handspun.app.models.pixels import over_pixels, picture_size
from handspun.app.transport.events import PROGRESS, WHOLE, Feed
from handspun.app.transport.wire import RequestError, encode_array
from handspun.data import Split
from handspun.errors import HandspunError
from handspun.evaluation.metrics import confusion_matrix
from handspun.layers import Conv2D, Dense
from handspun.networks.answers import two_or_more
from handspun.networks.architectures import structure
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import softmax
from handspun.training import Callback, Training
from handspun.training.history import Record

#: The states in which a training is over.
FINISHED = ("done", "stopped", "failed")

#: Seconds between two signs of progress, and between two pictures of the weights within an epoch.
PROGRESS_EVERY, WEIGHTS_EVERY = 0.15, 1.5

#: Units of the first layer whose weights are shown, points of the curve that are kept, and images shown of a cell.
MOST_UNITS, MOST_POINTS, MOST_IMAGES_IN_A_CELL = 64, 400, 60

_log = logging.getLogger("handspun.app")


class Abandoned(Exception):  # noqa: N818 - nothing is wrong: the server goes
    """The server ends, and the training with it, without a result."""


@dataclass(frozen=True)
class Outcome:
    """What a training gave.

    Attributes:
        network: trained.
        result: what the page is told of it, with the accuracy.
        training: what a model file is to tell of it.
    """

    network: Sequential
    result: dict[str, Any]
    training: dict[str, Any]


class Run(Feed):
    """A training that the page watches and steers; any thread may do either.

    Args:
        kind: "train" or "teach".
        settings: as the page has asked for them.
        name: what the model will be called, unless another name is wished for.

    Attributes:
        id: by which the page knows it.
        outcome: once it is finished and until it is discarded.
    """

    def __init__(self, kind: str, settings: dict[str, Any], name: str) -> None:
        super().__init__()
        self.id = secrets.token_hex(4)
        self.kind, self.name = kind, name
        self.outcome: Outcome | None = None
        self._changed = threading.Condition(self.lock)
        self._pause = self._stop = self._abandon = False
        self._judged: Split | None = None
        self._predicted = np.empty(0, np.intp)  # (N,) of the images of self._judged
        self._probability = np.empty(0, np.float32)  # (N,) of what was predicted
        self._told: dict[str, Any] = {
            "id": self.id,
            "revision": 0,  # counts the states told, so that of two that cross on the way the newer one is known
            "kind": kind,
            "state": "waiting",
            "error": None,
            "settings": settings,
            "structure": None,
            "parameters": None,
            "images": None,
            "model": None,
            "decision": None,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "progress": None,
            "trace": [],
            "history": [],
            "weights": None,
            "confusion": None,
            "classes": [],
            "result": None,
        }

    # What the page is told -------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        with self.lock:
            told = self._told
            return {**told, "history": list(told["history"]), "trace": list(told["trace"])}

    def summary(self) -> dict[str, Any]:
        """The state without the weights, which are the bulk of it."""
        return {**self.state(), "weights": None}

    @property
    def finished(self) -> bool:
        """Whether it is over."""
        with self.lock:
            return self._told["state"] in FINISHED

    def tell(self, **changes: Any) -> None:
        """Change the state, and tell everyone the whole of it."""
        with self.lock:
            self._change(changes)
            self.publish(WHOLE, self.state())

    def _change(self, changes: dict[str, Any]) -> None:
        self._told |= {**changes, "revision": self._told["revision"] + 1}

    def cell(self, true: int, predicted: int) -> dict[str, Any]:
        """The validation images of class ``true`` that were taken for ``predicted``, those first that it was surest of.

        Raises:
            RequestError: there are no such classes, or nothing was predicted as yet.
        """
        with self.lock:
            judged, answers, probability = self._judged, self._predicted, self._probability
            classes = len(self._told["classes"])
        if judged is None or not len(answers):
            raise RequestError(409, "There is no confusion matrix yet: it comes with the first epoch, from validation images.")
        if not (0 <= true < classes and 0 <= predicted < classes):
            raise RequestError(404, f"The classes go from 0 to {classes - 1}; there is no cell {true}, {predicted}.")
        found = np.flatnonzero((judged.labels == true) & (answers == predicted))
        found = found[np.argsort(-probability[found], kind="stable")]
        images = [
            {"pixels": encode_array(_as_bytes(judged.images[i])), "probability": float(probability[i]), "index": int(i)}
            for i in found[:MOST_IMAGES_IN_A_CELL]
        ]
        return {"images": images, "total": len(found)}

    # What the page tells ---------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Wait after the step in progress, until ``resume`` or ``stop``."""
        with self._changed:
            self._expect("training")
            self._pause = True

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            if not self._pause:
                self._expect("paused")
            self._pause = False
            self._changed.notify_all()

    def stop(self) -> None:
        """End after the step in progress, with what has been learned until then."""
        with self._changed:
            self._expect("waiting", "training", "paused")
            self._stop, self._pause = True, False
            self.tell(state="stopping")
            self._changed.notify_all()

    def abandon(self) -> None:
        """End after the step in progress, without a result."""
        with self._changed:
            self._abandon = True
            self._changed.notify_all()

    def _expect(self, *states: str) -> None:
        if self._told["state"] not in states:
            raise RequestError(409, f"This training is {self._told['state']}; that asks for one that is {' or '.join(states)}.")

    # What the training does --------------------------------------------------------------------------------------------

    def execute(self, job: Callable[[Run], Outcome]) -> None:
        """Do the job in this thread, and tell how it went; nothing that happens in it comes out of here."""
        try:
            outcome = job(self)
        except Abandoned:
            self._finish(state="failed", error="The server was stopped before the training had ended.")
        except HandspunError as error:
            self._finish(state="failed", error=str(error))
        except MemoryError:
            self._finish(state="failed", error="There is not enough memory for this training: fewer units or images need less.")
        except Exception:
            _log.exception("The training %s ended by a defect.", self.id)
            self._finish(state="failed", error="The training ended by a defect of handspun's own; the server's log has it.")
        else:
            with self.lock:
                self.outcome = outcome
                self._finish(state="stopped" if self._stop else "done", result=outcome.result)

    def _finish(self, **changes: Any) -> None:
        with self.lock:
            self._change(changes)
            self.end()

    def begin(self, network: Sequential, classes: tuple[str, ...], images: int, judged: Split | None) -> None:
        """The data are there and the network is made: ``images`` are learned from, ``judged`` are not."""
        with self.lock:
            self._judged = judged
            self.tell(
                state="stopping" if self._stop else "training",
                classes=list(classes),
                structure=structure(network),
                parameters=int(network.parameters.vector.size),
                images=images,
                weights=first_layer(network),
            )

    def breathe(self) -> bool:
        """Between two steps: wait as long as the page wants a pause. Returns whether to stop.

        Raises:
            Abandoned: there is to be no result.
        """
        with self._changed:
            if self._pause and not self._abandon:
                self.tell(state="paused")
                self._changed.wait_for(lambda: self._abandon or not self._pause)
                if not self._stop:
                    self.tell(state="training")
            if self._abandon:
                raise Abandoned
            return self._stop

    def progressed(self, progress: dict[str, Any], point: list[float]) -> None:
        """Some steps were made; ``point`` continues the curve."""
        with self.lock:
            trace = self._told["trace"]
            if len(trace) >= MOST_POINTS:
                del trace[1::2]  # from now on at half the density
            trace.append(point)
            self._told["progress"] = progress
            self.publish(PROGRESS, {**progress, "point": point})

    def show_weights(self, network: Sequential) -> None:
        """Tell of the first layer's weights as they are now."""
        with self.lock:
            self._told["weights"] = first_layer(network)
            self.publish("weights", {"weights": self._told["weights"]})

    def epoch_ended(self, network: Sequential, record: Record) -> None:
        """Tell of an epoch, and judge ``network`` on the images that it was not trained on."""
        confusion = None
        predicted, probability = self._predicted, self._probability
        if self._judged is not None and self._judged.labels is not None:
            logits = two_or_more(network.logits(self._judged.images))  # (N, C)
            predicted, probability = logits.argmax(axis=1), softmax(logits).max(axis=1)
            confusion = confusion_matrix(self._judged.labels, predicted, logits.shape[1]).tolist()
        with self.lock:
            self._predicted, self._probability = predicted, probability
            plain = {name: value if math.isfinite(value) else None for name, value in record.items()}
            self._told["history"].append(plain)
            self._told |= {"weights": first_layer(network), "confusion": confusion}
            self.publish("epoch", {"record": plain, "weights": self._told["weights"], "confusion": confusion})


class Watcher(Callback):
    """Tells a run what happens in its training, and the training what the page wants.

    Args:
        run: the run.
        seconds: stop after so many, pauses not counted; None for no limit.
    """

    watches_steps = True

    def __init__(self, run: Run, *, seconds: float | None = None) -> None:
        self._run = run
        self._limit = seconds

    def on_train_begin(self, trainer: Training) -> None:
        self._used = 0.0  # seconds of training, without pauses
        self._mark = self._told = self._shown = time.perf_counter()
        self._sums = dict(trainer.running)
        self._passed(trainer)

    def on_step_end(self, trainer: Training) -> None:
        now = time.perf_counter()
        self._used += now - self._mark
        if now - self._shown >= WEIGHTS_EVERY:
            self._shown = now
            self._run.show_weights(trainer.network)
        self._passed(trainer)
        if self._limit is not None and self._used >= self._limit:
            trainer.stop = True
        if now - self._told >= PROGRESS_EVERY or trainer.stop or trainer.step == trainer.horizon.total_steps:
            self._tell(trainer, now)
        self._mark = time.perf_counter()

    def on_epoch_end(self, trainer: Training, record: Record) -> None:
        with trainer.averaged():
            self._run.epoch_ended(trainer.network, record)
        self._sums = dict(trainer.running)
        self._shown = time.perf_counter()

    def _passed(self, trainer: Training) -> None:
        if self._run.breathe():
            trainer.stop = True

    def _tell(self, trainer: Training, now: float) -> None:
        """Progress since the last sign of it, in means over the images seen since."""
        sums, before = trainer.running, self._sums
        images, seconds = sums["images"] - before["images"], sums["seconds"] - before["seconds"]
        if not images:
            return
        steps, made = trainer.horizon.total_steps, trainer.step
        left = self._used * (steps - made) / made
        epoch = trainer.epoch + trainer.position / trainer.steps_per_epoch
        loss, accuracy = (sums["loss"] - before["loss"]) / images, (sums["correct"] - before["correct"]) / images
        progress = {
            "step": made,
            "steps": steps,
            "epoch": trainer.epoch + 1,
            "epochs": trainer.epochs,
            "loss": loss,
            "accuracy": accuracy,
            "images_per_second": images / max(seconds, 1e-9),
            "seconds": self._used,
            "seconds_left": left if self._limit is None else max(min(left, self._limit - self._used), 0.0),
        }
        self._run.progressed(progress, [epoch, self._used, loss, accuracy])
        self._sums, self._told = dict(sums), now


def first_layer(network: Sequential) -> dict[str, Any] | None:
    """The weights of the first units or filters as pictures (n, h, w) for JSON; None where they are none.

    Those of several colours are added up: it is how a unit answers to a grey picture.
    """
    layer = next((layer for layer in network.layers if isinstance(layer, (Dense, Conv2D))), None)
    if isinstance(layer, Conv2D):
        return encode_array(layer.weight[:MOST_UNITS].sum(axis=2))  # (O, kh, C, kw) to (n, kh, kw)
    if layer is None or picture_size(network) is None or layer.weight.shape[0] != math.prod(network.input_shape):
        return None
    return encode_array(over_pixels(layer.weight.T[:MOST_UNITS].reshape(-1, *network.input_shape), network))


def _as_bytes(image: np.ndarray) -> np.ndarray:
    """An image to look at: floats of any scale are stretched over 0 to 255."""
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    return np.rint((image - low) * (255 / ((high - low) or 1.0))).astype(np.uint8)
