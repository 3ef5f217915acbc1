"""How many processes or threads a training uses.

If processes or threads share the micro-batches of a batch, BLAS gets one thread (see ``engine.workers``). If a batch is one
micro-batch, its matrix products use the threads. A product of a small batch takes about 100 µs: sharing it gains little on an
idle machine, and loses much on a busy one, where each product waits for a paused thread. So small products use one thread, and
their result does not depend on the number of cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from handspun.engine.threads import processors, use_threads
from handspun.errors import MissingExtraError
from handspun.networks.inference import ROWS_A_CHUNK
from handspun.networks.sequential import Sequential
from handspun.recipes.settings import Settings

#: Batch size times units of the widest hidden layer from which several threads pay off.
WORTH_THREADS = 24_576


@contextmanager
def limit_threads(settings: Settings, network: Sequential) -> Iterator[None]:
    """A context in which a training uses ``settings.threads`` threads; None chooses by the size of its products.

    Raises:
        MissingExtraError: threadpoolctl is not installed.
    """
    if find_spec("threadpoolctl") is None:
        raise MissingExtraError("Training by settings", "cli")
    threads = settings.threads and min(settings.threads, processors())
    small = (settings.batch_size or ROWS_A_CHUNK) * max(settings.hidden, default=1) < WORTH_THREADS
    with use_threads(threads, blas=1 if threads is None and small and not network.takes_pictures else None):
        yield
