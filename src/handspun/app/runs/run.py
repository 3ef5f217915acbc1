"""One run: a training, its state for the page, and how the page steers it."""

from __future__ import annotations

import logging
import math
import secrets
import threading
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
from handspun.training.history import Record

#: The states in which a run is over.
FINISHED = ("done", "stopped", "failed")

#: Units of the first layer whose weights are shown, points of the curve, and images shown of a cell.
MAX_UNITS, MAX_POINTS, MAX_IMAGES_IN_A_CELL = 64, 400, 60

_log = logging.getLogger("handspun.app")


class Abandoned(Exception):  # noqa: N818 - nothing is wrong: the server ends
    """The server ends, so the run ends without a result."""


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    network: Sequential
    result: dict[str, Any]  # what the page is told about it, with the accuracy
    training: dict[str, Any]  # what a model file is to say about the training


class Run(Feed):
    """A training that the page watches and steers; safe to use from any thread.

    ``kind`` is "train" or "teach", ``settings`` are as the page sent them, and ``name`` is what the model will be called by
    default. The page knows the run by its ``id``. It has an ``outcome`` from its end until it is discarded.
    """

    def __init__(self, kind: str, settings: dict[str, Any], name: str) -> None:
        super().__init__()
        self.id = secrets.token_hex(4)
        self.kind, self.name = kind, name
        self.outcome: Outcome | None = None
        self._changed = threading.Condition(self.lock)
        self._pause = self._stop = self._abandon = False
        self._judged: Split | None = None
        self._predicted = np.empty(0, np.intp)  # (N,) for the images of self._judged
        self._probability = np.empty(0, np.float32)  # (N,) of the predicted classes
        self._told: dict[str, Any] = {
            "id": self.id,
            "revision": 0,  # counts the changes: of two states that arrive out of order the page takes the newer one
            "kind": kind,
            "state": "waiting",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": settings,
            "trace": [],
            "history": [],
            "classes": [],
            **dict.fromkeys(("error", "structure", "parameters", "images", "model", "decision")),
            **dict.fromkeys(("progress", "weights", "confusion", "result")),
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
        """Change the state and publish all of it."""
        with self.lock:
            self._told |= {**changes, "revision": self._told["revision"] + 1}
            self.publish(WHOLE, self.state())

    def cell(self, true: int, predicted: int) -> dict[str, Any]:
        """The validation images of class ``true`` that were classified as ``predicted``, the most confident first.

        Raises RequestError if there are no such classes, or no predictions yet.
        """
        with self.lock:
            judged, answers, probability = self._judged, self._predicted, self._probability
            classes = len(self._told["classes"])
        if judged is None or not len(answers):
            raise RequestError(409, "There is no confusion matrix yet: the first epoch makes it from the validation images.")
        if not (0 <= true < classes and 0 <= predicted < classes):
            raise RequestError(404, f"The classes go from 0 to {classes - 1}; there is no cell {true}, {predicted}.")
        found = np.flatnonzero((judged.labels == true) & (answers == predicted))
        found = found[np.argsort(-probability[found], kind="stable")]
        images = [
            {"pixels": encode_array(_as_bytes(judged.images[i])), "probability": float(probability[i]), "index": int(i)}
            for i in found[:MAX_IMAGES_IN_A_CELL]
        ]
        return {"images": images, "total": len(found)}

    # How the page steers it ------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Wait after the current step, until ``resume`` or ``stop``."""
        with self.lock:
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
        """End after the current step, and keep what has been learned until then."""
        with self._changed:
            self._expect("waiting", "training", "paused")
            self._stop, self._pause = True, False
            self.tell(state="stopping")
            self._changed.notify_all()

    def abandon(self) -> None:
        """End after the current step, without a result."""
        with self._changed:
            self._abandon = True
            self._changed.notify_all()

    def _expect(self, *states: str) -> None:
        if self._told["state"] not in states:
            raise RequestError(409, f"This training is {self._told['state']}, but must be {' or '.join(states)} for that.")

    # What the training does --------------------------------------------------------------------------------------------

    def execute(self, job: Callable[[Run], Outcome]) -> None:
        """Do the job in this thread and report how it ended; catches every exception."""
        try:
            outcome = job(self)
        except Abandoned:
            self._finish(state="failed", error="The server was stopped before the training had ended.")
        except HandspunError as error:
            self._finish(state="failed", error=str(error))
        except MemoryError:
            self._finish(state="failed", error="There is not enough memory for this training. Use fewer units or images.")
        except Exception:
            _log.exception("A bug ended the training %s.", self.id)
            self._finish(state="failed", error="A bug in handspun ended the training; see the server's log.")
        else:
            with self.lock:
                self.outcome = outcome
                self._finish(state="stopped" if self._stop else "done", result=outcome.result)

    def _finish(self, **changes: Any) -> None:
        with self.lock:
            self._told |= {**changes, "revision": self._told["revision"] + 1}
            self.end()

    def begin(self, network: Sequential, classes: tuple[str, ...], images: int, judged: Split | None) -> None:
        """The training starts on ``images`` images, validated on ``judged``."""
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
        """Between two steps: wait while the page wants a pause. Returns whether to stop.

        Raises Abandoned if there is to be no result.
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
        """Tell of some steps; ``point`` extends the curve."""
        with self.lock:
            trace = self._told["trace"]
            if len(trace) >= MAX_POINTS:
                del trace[1::2]  # every second point goes
            trace.append(point)
            self._told["progress"] = progress
            self.publish(PROGRESS, {**progress, "point": point})

    def show_weights(self, network: Sequential) -> None:
        """Tell the current weights of the first layer."""
        with self.lock:
            self._told["weights"] = first_layer(network)
            self.publish("weights", {"weights": self._told["weights"]})

    def epoch_ended(self, network: Sequential, record: Record) -> None:
        """Report an epoch, and validate ``network``."""
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


def first_layer(network: Sequential) -> dict[str, Any] | None:
    """The weights of the first units or filters as pictures (n, h, w) for JSON; None if they are not pictures.

    Weights of several colours are summed: that is how a unit responds to a grey picture.
    """
    layer = next((layer for layer in network.layers if isinstance(layer, (Dense, Conv2D))), None)
    if isinstance(layer, Conv2D):
        return encode_array(layer.weight[:MAX_UNITS].sum(axis=2))  # (O, kh, C, kw) to (n, kh, kw)
    if layer is None or picture_size(network) is None or layer.weight.shape[0] != math.prod(network.input_shape):
        return None
    return encode_array(over_pixels(layer.weight.T[:MAX_UNITS].reshape(-1, *network.input_shape), network))


def _as_bytes(image: np.ndarray) -> np.ndarray:
    """An image as uint8 for display: floats of any scale are stretched to 0 to 255."""
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    return np.rint((image - low) * (255 / ((high - low) or 1.0))).astype(np.uint8)
