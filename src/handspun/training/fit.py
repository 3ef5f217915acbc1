"""``fit``: trains a network on data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from handspun.data.dataset import hash_arrays
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import Clip
from handspun.optimization.losses import Loss
from handspun.optimization.optimizers import Optimizer
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import Schedule
from handspun.training.arguments import check_arguments
from handspun.training.batches import Augment
from handspun.training.callback import Callback
from handspun.training.checkpoint import Checkpoint, resume
from handspun.training.history import History
from handspun.training.progress import Progress
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
    progress: bool = True,
) -> History:
    """Train ``network`` in place.

    Each epoch goes once through the images in a new random order. With the same machine, number of threads, arguments and
    seed the result is the same to the last bit.

    The loop itself is in ``handspun.training.plain``: shuffle, batch, forward, loss, backward, update. ``fit`` adds
    ``validation``; a ``schedule`` of the learning rate; a ``penalty`` on weights, ``clip`` for gradients and an ``average`` of
    weights; ``sample_weight``; ``augment``; ``callbacks``; large batches in bounded memory and several processors
    (``threads``); exact resume (``checkpoint``); a line of ``progress``. Each works without the others.

    Args:
        network: the network to train; its weights change, and its ``confidence`` becomes None.
        train: a ``Split`` or a pair (images, targets): images (N, …) uint8 or floating point, targets integer classes (N,)
            or numbers of the shape of the outputs.
        validation: the same, held out: loss and accuracy after each epoch.
        epochs: how many times to go through the images.
        batch_size: images per step: 1 is stochastic, None is full-batch gradient descent. Batches go through the network in
            micro-batches of at most 512 images, so memory stays bounded (networks with convolutions: 32). If processes share
            a large dense network, there are at least two micro-batches.
        loss: by default SoftmaxCrossEntropy().
        optimizer: by default Adam(1e-3).
        schedule: the factor of the learning rate by step; by default constant.
        penalty: L1 and L2 on the weights.
        clip: ClipNorm or ClipValue.
        average: an exponential moving average of the weights. Validation uses it, and the network has it at the end.
        sample_weight: (N,) finite and not negative: how much each image counts.
        callbacks: early stopping, logs, …
        shuffle: False keeps the order.
        seed: decides the orders, dropout masks and augmentation.
        augment: changes the images of each batch at random, such as an ``Augmentation``. Each process that shares the
            training has a copy of it.
        threads: how many processes share the micro-batches, or threads if processes cannot; None for one per processor.
            For a network that takes pictures, it changes no bit of the result. A dense network has one result for a single
            process, and one for any larger number. Without threadpoolctl (in the extra "cli"), None means one.
        checkpoint: a file for exact resume. If it exists, training continues from it and ends with the same bytes as without
            the interruption, whatever ``threads`` is now. It is saved every ``checkpoint_every`` seconds, on Ctrl-C or
            SIGTERM, and at the end. Delete it to start again.
        checkpoint_every: seconds.
        progress: show epoch, loss, accuracy, images per second and the time left, in terminals and notebooks only. False turns
            it off.

    Returns:
        The history, one record for each epoch.

    Raises:
        UsageError: arguments that do not fit each other or the network.
        DivergenceError: the loss or the gradient is no longer finite.
        KeyboardInterrupt: on Ctrl-C, when the step in progress is complete and the checkpoint saved.
    """
    arguments = check_arguments(
        network,
        train,
        validation,
        epochs=epochs,
        batch_size=batch_size,
        loss=loss,
        optimizer=optimizer,
        schedule=schedule,
        penalty=penalty,
        clip=clip,
        average=average,
        sample_weight=sample_weight,
        callbacks=callbacks,
        shuffle=shuffle,
        seed=seed,
        augment=augment,
        threads=threads,
    )
    network.confidence = None  # it was fitted to the old weights
    trainer = Trainer(network, arguments)
    if checkpoint is not None:
        data_hash = hash_arrays(*arguments.data)
        saver = Checkpoint(checkpoint, data_hash, every=checkpoint_every)
        trainer.callbacks.append(saver)
        if saver.path.exists():
            resume(trainer, saver.path, data_hash)
    if not progress:
        return trainer.run()
    with Progress() as line:
        trainer.onlookers.append(line)
        return trainer.run()
