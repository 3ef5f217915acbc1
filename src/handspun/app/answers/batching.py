"""Answers for many at once: requests that come while the network is busy wait together and are computed in one go.

One image at a time takes a network several times as long as its share of a batch. Nobody is made to wait for others: what has
come is computed at once, and only what comes meanwhile gathers. Under load batches grow by themselves, and without it an answer
takes as long as one image does.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from handspun.app.models.catalog import Model
from handspun.app.transport.wire import MOST_IMAGES, RequestError
from handspun.errors import UsageError
from handspun.networks.answers import Answers
from handspun.pictures.inputs import check_images

#: Requests that may wait; more are told to come again. It stops a flood, and nothing that clients do in earnest.
MOST_WAITING = 1024


@dataclass(frozen=True)
class _Request:
    model: Model
    images: np.ndarray
    answers: asyncio.Future[Answers]


class Answerer:
    """Computes answers in a thread of its own, batch by batch. To be used from one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[_Request] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "answers")

    async def answer(self, model: Model, images: np.ndarray) -> Answers:
        """What ``model`` says of ``images`` (N, …), which are as its contract makes them.

        Raises:
            RequestError: 400 for images that the network cannot take, 503 where too many wait.
        """
        try:
            check_images(images, model.network.input_shape)
        except UsageError as error:
            raise RequestError(400, str(error)) from error
        if len(self._waiting) >= MOST_WAITING:
            raise RequestError(503, "Too many pictures are waiting; try again in a moment.")
        request = _Request(model, images, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await request.answers

    def close(self) -> None:
        """End the thread; what is under way is still computed."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        """Compute until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next_batch()
            try:
                results = await loop.run_in_executor(self._thread, _compute, batch)
            except Exception as error:  # a defect of ours, which everyone in the batch shall hear of and nobody wait for
                for request in batch:
                    if not request.answers.done():
                        request.answers.set_exception(error)
                continue
            for request, result in zip(batch, results, strict=True):
                if not request.answers.done():  # who asked may have gone
                    request.answers.set_result(result)

    def _next_batch(self) -> list[_Request]:
        """The oldest request, with those for the same model and images of the same shape and type that follow it."""
        batch = [self._waiting.popleft()]
        first, size = batch[0], len(batch[0].images)
        while self._waiting:
            request = self._waiting[0]
            alike = request.model is first.model and request.images.shape[1:] == first.images.shape[1:]
            size += len(request.images)
            if not alike or request.images.dtype != first.images.dtype or size > MOST_IMAGES:
                break
            batch.append(self._waiting.popleft())
        return batch


def _compute(batch: list[_Request]) -> list[Answers]:
    """The answers of each request, from one pass through the network."""
    answers = batch[0].model.network.answer(np.concatenate([request.images for request in batch]))
    columns = [getattr(answers, field.name) for field in dataclasses.fields(Answers)]  # (N, …) each
    ends = np.cumsum([len(request.images) for request in batch])[:-1]
    return [Answers(*own) for own in zip(*(np.split(column, ends) for column in columns), strict=True)]
