"""The arguments of a training, checked: one object that ``fit`` makes and everything else reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handspun import checks
from handspun.data.dataset import Split
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
from handspun.training.callback import Callback


@dataclass(frozen=True, eq=False)
class Arguments:
    """The arguments of ``fit``, whose docstring explains them, and:

    Attributes:
        images: (N, …).
        targets: (N,) intp or (N, *output_shape), as the loss takes them.
        validation: held-out images and targets, in the same form.
        data: all arrays as they were given; their hash identifies the training.
        micro_batch_size: how many images go through the network at once; None to choose by network and batch size.
    """

    images: np.ndarray
    targets: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None
    data: tuple[np.ndarray | None, ...]
    epochs: int
    batch_size: int | None
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    penalty: Penalty | None
    clip: Clip | None
    average: ExponentialMovingAverage | None
    sample_weight: np.ndarray | None
    callbacks: Sequence[Callback]
    shuffle: bool
    seed: int
    augment: Augment | None
    threads: int | None
    micro_batch_size: int | None = None

    @property
    def size(self) -> int:
        """How many images there are."""
        return len(self.images)

    @property
    def images_a_batch(self) -> int:
        """The images per step; the last step of an epoch may have fewer."""
        return min(self.batch_size or self.size, self.size)

    @property
    def classification(self) -> bool:
        """Whether the targets are classes, so that there is an accuracy."""
        return self.targets.ndim == 1 and self.targets.dtype.kind == "i"


def check_arguments(network: Sequential, train: Any, validation: Any, **given: Any) -> Arguments:
    """The arguments of ``fit``, checked, with defaults in place of None.

    Raises:
        UsageError: arguments that do not fit each other or the network.
    """
    if not isinstance(network, Sequential):
        raise UsageError(f"network must be a Sequential, such as mlp(784, [128], 10); got {type(network).__name__}.")
    if not network.parameters.vector.size:
        raise UsageError("The network has no parameters: there is nothing to train.")
    kinds = {
        "loss": Loss,
        "optimizer": Optimizer,
        "schedule": Schedule,
        "penalty": Penalty,
        "clip": Clip,
        "average": ExponentialMovingAverage,
    }
    for name, kind in kinds.items():
        checks.of_kind(name, given[name], kind)
    if isinstance(given["callbacks"], Callback):
        raise UsageError(f"callbacks must be a list, such as [{type(given['callbacks']).__name__}(…)].")
    for callback in given["callbacks"]:
        checks.of_kind("callbacks", callback, Callback)
    given["loss"] = given["loss"] or SoftmaxCrossEntropy()
    given["optimizer"] = given["optimizer"] or Adam()
    given["schedule"] = given["schedule"] or Constant()
    given["epochs"] = checks.positive_integer("", "epochs", given["epochs"])
    if given["batch_size"] is not None:
        given["batch_size"] = checks.positive_integer("", "batch_size", given["batch_size"])
    given["seed"] = checks.whole_number("", "seed", given["seed"], least=0)
    images, targets, data = _images_and_targets(network, train, given["loss"], "train")
    weight = given["sample_weight"] = checks.sample_weight(given["sample_weight"], len(images))
    if weight is not None and weight.any():
        with np.errstate(all="ignore"):
            total = weight.astype(network.dtype).sum()
        if not np.finfo(network.dtype).tiny <= total < np.inf:
            raise UsageError(
                f"sample_weight: weights up to {weight.max():.3g} are too {'small' if total < 1 else 'large'} for "
                f"{network.dtype}. Only their ratios count: divide them by their mean."
            )
    if validation is None:
        return Arguments(images, targets, None, (*data, weight), **given)
    held_out, their_targets, their_data = _images_and_targets(network, validation, given["loss"], "validation")
    try:
        check_finite(held_out)
    except UsageError as error:
        raise UsageError(f"validation: {error}") from error
    return Arguments(images, targets, (held_out, their_targets), (*data, weight, *their_data), **given)


def _images_and_targets(
    network: Sequential, data: Any, loss: Loss, name: str
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Images and targets of a ``Split`` or a pair, as network and loss take them, and both as given.

    Errors begin with ``name``.
    """
    if isinstance(data, Split):
        images, targets = data.images, data.labels
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        images, targets = data
    else:
        raise UsageError(f"{name} must be a Split or a pair (images, targets), got {type(data).__name__}.")
    if targets is None:
        raise UsageError(f"{name} has no labels.")
    given, images = images, checks.plain_array(f"{name}: images", images)
    try:
        check_images(images, network.input_shape)
        if not len(images):
            raise UsageError("there are no images.")
        prepared = loss.prepare_targets(targets, (len(images), *network.output_shape), network.dtype)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    # The hash of the data knows their byte order.
    given = given if type(given) is np.ndarray and given.dtype.kind in "biuf" else images
    return images, prepared, (given, prepared if prepared.ndim == 1 else np.asarray(targets))
