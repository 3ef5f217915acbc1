"""Dynamic batching: requests that arrive while the network is busy wait, and are then computed as one batch.

One image costs several times its share of a batch. No request waits for a batch to fill: whatever has arrived is computed at
once. So batches grow under load, and without load an answer takes as long as one image.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from handspun.app.models.catalog import Model
from handspun.app.transport.wire import RequestError, refusing
from handspun.errors import UsageError
from handspun.networks.answers import Answers
from handspun.pictures.inputs import check_images

#: Pictures in one request.
MAX_PICTURES = 1000

#: Requests that may wait; further ones get a 503. This stops a flood, but no real client.
MAX_WAITING = 1024


@dataclass(frozen=True)
class _Request:
    model: Model
    images: np.ndarray
    answers: asyncio.Future[Answers]

    @property
    def kind(self) -> tuple[object, ...]:
        """Requests of one kind can share a batch."""
        return id(self.model), self.images.shape[1:], self.images.dtype


class Answerer:
    """Computes answers batch by batch in its own thread. To be used from one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[_Request] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "answers")

    async def answer(self, model: Model, images: np.ndarray) -> Answers:
        """The answers of ``model`` to ``images`` (N, …), which its contract has prepared.

        Raises RequestError 400 for images that the network cannot take or has no finite numbers for, 503 if too many requests
        wait.
        """
        with refusing(UsageError):
            check_images(images, model.network.input_shape)
        if len(self._waiting) >= MAX_WAITING:
            raise RequestError(503, "Too many pictures are waiting; try again in a moment.")
        request = _Request(model, images, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        with refusing(UsageError):
            return await request.answers

    def close(self) -> None:
        """End the thread after the batch that it is computing."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        """Compute until no request waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next_batch()
            try:
                results = await loop.run_in_executor(self._thread, _compute, batch)
            except Exception as error:  # a bug: all requests of the batch get the error, so none waits forever
                for request in batch:
                    if not request.answers.done():
                        request.answers.set_exception(error)
                continue
            for request, result in zip(batch, results, strict=True):
                if not request.answers.done():  # the client may be gone
                    request.answers.set_result(result)

    def _next_batch(self) -> list[_Request]:
        """The oldest request, and those of the same kind directly behind it."""
        batch = [self._waiting.popleft()]
        size = len(batch[0].images)
        while self._waiting and self._waiting[0].kind == batch[0].kind:
            size += len(self._waiting[0].images)
            if size > MAX_PICTURES:
                break
            batch.append(self._waiting.popleft())
        return batch


def _compute(batch: list[_Request]) -> list[Answers]:
    """The answers to each request, from one pass through the network."""
    answers = batch[0].model.network.answer(np.concatenate([request.images for request in batch]))
    columns = [getattr(answers, field.name) for field in dataclasses.fields(Answers)]  # (N, …) each
    ends = np.cumsum([len(request.images) for request in batch])[:-1]
    return [Answers(*own) for own in zip(*(np.split(column, ends) for column in columns), strict=True)]
