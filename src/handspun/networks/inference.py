"""Inference: large batches in chunks, on several threads if that helps.

The chunks are always the same, so the result does not depend on the number of threads. Apart from the result, memory does not
grow with the number of images. Nothing in the network changes: tapes that are free wait here for the next call.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from handspun.checks import plain_array
from handspun.engine.memory import chunks
from handspun.engine.tape import Tape
from handspun.engine.threads import ThreadPool, blas_threads
from handspun.errors import UsageError
from handspun.networks.answers import check_class_outputs
from handspun.networks.layout import Network
from handspun.pictures import inputs

#: Rows in a chunk of a dense network: many enough for the matrix product, few enough for the cache. 512 rows of MNIST in
#: float32 are 1.6 MB.
ROWS_A_CHUNK = 512

#: Images in a chunk if there are convolutions: their arrays are larger, and threads share the chunks.
PICTURES_A_CHUNK = 32

#: Chunks that a thread takes at a time; it needs only one tape for them.
TURN = 4

#: For each network its free tapes, each for a chunk of inputs. Making a tape takes as long as classifying an image.
_idle: WeakKeyDictionary[Network, list[tuple[Tape, np.ndarray]]] = WeakKeyDictionary()


def answerable(network: Network, images: Any) -> np.ndarray:
    """``images`` as an array (N, …) that the network can take and name classes for.

    Raises:
        UsageError: images of another size or type, or with values that are not finite; outputs that are not one number per
            class.
    """
    check_class_outputs(network.output_shape)
    images = plain_array("images", images)
    inputs.check_images(images, network.input_shape)
    inputs.check_finite(images)
    return images


def class_logits(network: Network, images: Any, *, keep_features: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Like ``infer``, for answers: all logits (N, C) are finite numbers, one per class.

    Raises:
        UsageError: as ``answerable``; images or weights so large that the outputs are not finite; weights that are not finite.
    """
    images = answerable(network, images)
    features, logits = _infer(network, images, None, keep_features)
    if not np.logical_and.reduce(np.isfinite(logits), axis=None):
        if not (np.isfinite(network.parameters.vector).all() and np.isfinite(network.statistics.vector).all()):
            raise UsageError(
                "The network's weights are not finite numbers: its training diverged. Load an earlier version, or train it "
                "again with a smaller learning rate."
            )
        wrong = int(np.argmin(np.isfinite(logits).all(axis=1)))
        raise UsageError(
            f"Image {wrong}, counted from 0, has no finite outputs: its values (up to {abs(images[wrong]).max():.3g}) or the "
            f"network's weights (up to {abs(network.parameters.vector).max(initial=0):.3g}) are too large for "
            f"{network.dtype}. Scale the images as in training, usually to between 0 and 1."
        )
    return features, logits


def infer(network: Network, images: Any, threads: int | None, *, keep_features: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the last layer (N, D), or (N, 0) unless they are to be kept, and its outputs (N, *output_shape).

    Raises:
        UsageError: images of another size or type than the network takes.
    """
    images = plain_array("images", images)
    inputs.check_images(images, network.input_shape)
    return _infer(network, images, threads, keep_features)


@np.errstate(all="ignore")
def _infer(network: Network, images: np.ndarray, threads: int | None, keep_features: bool) -> tuple[np.ndarray, np.ndarray]:
    """``infer`` for images that were checked."""
    features = np.empty((len(images), network.feature_count if keep_features else 0), network.dtype)
    outputs = np.empty((len(images), *network.output_shape), network.dtype)
    if not network.takes_pictures or len(images) <= network.chunk_size:
        with blas_threads(None):
            _infer_chunks(network, images, features, outputs)
        return features, outputs
    turns = list(chunks(len(images), TURN * network.chunk_size))

    def take(worker: int, number: int) -> None:
        turn = turns[number]
        with blas_threads(1):  # for each turn anew: a single image in another thread waits no longer than that
            _infer_chunks(network, images[turn], features[turn], outputs[turn])

    with ThreadPool(threads) as pool:
        pool.each(take, len(turns))
    return features, outputs


def _infer_chunks(network: Network, images: np.ndarray, features: np.ndarray, outputs: np.ndarray) -> None:
    """Write features and outputs of ``images``, chunk by chunk, in this thread."""
    idle = _idle.setdefault(network, [])
    # pop and append are single steps of the interpreter, so no two threads ever hold the same tape.
    try:
        tape, x = idle.pop()
    except IndexError:
        tape, x = network.tape(), network.batch(0)
    for chunk in chunks(len(images), network.chunk_size):
        stored = images[chunk]
        if len(x) != len(stored):
            x = network.batch(len(stored))
        y = inputs.convert(stored, out=x)
        for layer in network.layers[:-1]:
            y = layer.forward(y, tape)
        if features.shape[1]:
            features[chunk] = y.reshape(len(y), -1)
        outputs[chunk] = network.layers[-1].forward(y, tape)
    idle.append((tape, x))
