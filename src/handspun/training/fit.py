"""``fit``: a network, data, and how to learn it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from handspun.data.dataset import Split, hash_arrays
from handspun.errors import UsageError
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import Clip
from handspun.optimization.losses import Loss, SoftmaxCrossEntropy
from handspun.optimization.optimizers import Adam, Optimizer
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Constant, Schedule
from handspun.pictures.inputs import check_finite, check_images
from handspun.training.batches import Augment
from handspun.training.callbacks import Callback
from handspun.training.checkpoint import Checkpoint, resume
from handspun.training.history import History
from handspun.training.trainer import Trainer


def fit(
    network: Sequential,
    train: Any,
    validation: Any = None,
    *,
    epochs: int = 5,
    batch_size: int | None = 64,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    penalty: Penalty | None = None,
    clip: Clip | None = None,
    average: ExponentialMovingAverage | None = None,
    sample_weight: np.ndarray | None = None,
    callbacks: Sequence[Callback] = (),
    shuffle: bool = True,
    seed: int = 0,
    augment: Augment | None = None,
    threads: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 5.0,
) -> History:
    """Train ``network`` in place.

    Each epoch goes once through the images in a new random order. With the same machine, number of threads, arguments and
    seed the result is the same to the last bit.

    Args:
        network: what to train; its weights change, and a ``confidence`` that it had is gone.
        train: a ``Split`` or a pair (images, targets): images (N, …) uint8 or floating point, targets integer classes (N,)
            or numbers (N, C).
        validation: the same, held out: loss and accuracy after each epoch.
        epochs: how many times to go through the images.
        batch_size: images a step: 1 is stochastic, None is full-batch gradient descent. Batches are computed in pieces of 512
            images at most, so memory stays bounded, and in two at least where processes share them; where there are
            convolutions, in pieces of 32.
        loss: by default SoftmaxCrossEntropy().
        optimizer: by default Adam(1e-3).
        schedule: the factor of the learning rate by step; by default constant.
        penalty: L1 and L2 on the weights.
        clip: ClipNorm or ClipValue.
        average: an exponential moving average of the weights, which validation uses and which the network ends with.
        sample_weight: (N,) finite and not negative: how much each image counts.
        callbacks: early stopping, logs, …
        shuffle: False keeps the order.
        seed: from which orders, dropout masks and augmentation are drawn.
        augment: changes the images of each batch at random, such as an ``Augmentation``. Each process that shares the
            training has a copy of it.
        threads: how many processes share the pieces of a batch, or threads where processes cannot; None for one for each
            processor. It changes no bit of the result of a network of pictures; dense networks have one result for a single
            process, and one for any larger number. None means one where threadpoolctl is missing, which the extra "cli" brings.
        checkpoint: a file for exact resume. If it exists the training goes on from there; it is saved every
            ``checkpoint_every`` seconds, on Ctrl-C or SIGTERM, and at the end. Delete it to begin anew.
        checkpoint_every: seconds.

    Returns:
        The history, one record an epoch.

    Raises:
        UsageError: arguments that do not fit each other or the network.
        DivergenceError: loss or gradient no longer finite.
        KeyboardInterrupt: Ctrl-C, after the step in progress; the network and the checkpoint are as after that step.
    """
    images, targets = _arrays(train, "train")
    _check(network, images, targets, "train")
    if validation is not None:
        validation = _arrays(validation, "validation")
        _check(network, validation[0], validation[1], "validation")
        try:
            check_finite(validation[0])
        except UsageError as error:
            raise UsageError(f"validation: {error}") from error
    for name, value, kind in (
        ("loss", loss, Loss),
        ("optimizer", optimizer, Optimizer),
        ("schedule", schedule, Schedule),
        ("penalty", penalty, Penalty),
        ("clip", clip, Clip),
        ("average", average, ExponentialMovingAverage),
    ):
        _check_kind(name, value, kind)
    if isinstance(callbacks, Callback):
        raise UsageError(f"callbacks must be a list, such as [{type(callbacks).__name__}(…)].")
    for callback in callbacks:
        _check_kind("callbacks", callback, Callback)
    epochs = _count("epochs", epochs)
    batch_size = None if batch_size is None else _count("batch_size", batch_size)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UsageError(f"seed must be a whole number, not negative, got {seed!r}.")
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight, np.float64)
        if sample_weight.shape != (len(images),) or not (np.isfinite(sample_weight) & (sample_weight >= 0)).all():
            raise UsageError(f"sample_weight must be {len(images)} finite numbers, none negative.")

    network.confidence = None  # it was found for the weights that change now
    saver: list[Checkpoint] = []
    if checkpoint is not None:
        saver = [
            Checkpoint(checkpoint, hash_arrays(images, targets, sample_weight, *(validation or ())), every=checkpoint_every)
        ]
    trainer = Trainer(
        network,
        images,
        targets,
        loss=loss or SoftmaxCrossEntropy(),
        optimizer=optimizer or Adam(),
        schedule=schedule or Constant(),
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        penalty=penalty,
        clip=clip,
        average=average,
        sample_weight=sample_weight,
        validation=validation,
        callbacks=[*callbacks, *saver],
        seed=int(seed),
        augment=augment,
        threads=threads,
    )
    for last in saver:
        if last.path.exists():
            resume(trainer, last.path, last.data_hash)
    return trainer.run()


def _arrays(data: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and targets of a ``Split`` or a pair, integer classes as indices (intp)."""
    if isinstance(data, Split):
        images, targets = data.images, data.labels
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        images, targets = data
    else:
        raise UsageError(f"{name} must be a Split or a pair (images, targets), got {type(data).__name__}.")
    if targets is None:
        raise UsageError(f"{name} has no labels.")
    images, targets = np.asarray(images), np.asarray(targets)
    if targets.dtype.kind in "iub" and targets.ndim == 1:
        targets = targets.astype(np.intp)
    return images, targets


def _check(network: Sequential, images: np.ndarray, targets: np.ndarray, name: str) -> None:
    if not network.parameters.vector.size:
        raise UsageError("The network has no parameters: there is nothing to train.")
    check_images(images, network.input_shape)
    if len(images) != len(targets) or not len(images):
        raise UsageError(f"{name}: {len(images)} images and {len(targets)} targets; one target an image is needed.")
    outputs = math.prod(network.output_shape)
    if targets.ndim == 1 and targets.dtype.kind == "i":
        classes = max(outputs, 2)
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= classes:
            wrong = high if high >= classes else low
            numbers = " Numbers that are no classes are given as floats: targets.astype(float)." if outputs == 1 else ""
            raise UsageError(f"{name}: label {wrong} is out of range; the network has classes 0 to {classes - 1}.{numbers}")
    elif targets.dtype.kind not in "iufb":
        raise UsageError(f"{name}: targets must be numbers, got {targets.dtype}.")
    elif targets.size != len(images) * outputs:
        raise UsageError(f"{name}: targets of shape {targets.shape} do not fit the network's {outputs} outputs.")
    elif not np.isfinite(targets).all():
        raise UsageError(f"{name}: targets that are not finite numbers.")


def _check_kind(name: str, value: Any, kind: type) -> None:
    """UsageError unless ``value`` is of this kind, or None."""
    if value is None or isinstance(value, kind):
        return
    what = f"the class {value.__name__}: make one, {value.__name__}(…)" if isinstance(value, type) else repr(value)
    raise UsageError(f"{name}: {kind.__name__} was expected, got {what}.")


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise UsageError(f"{name} must be a whole number above 0, got {value!r}.")
    return int(value)
