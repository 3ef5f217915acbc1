"""The settings of a training: what a recipe file says and what the command line can change."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handspun.augment import Augmentation
from handspun.data import Dataset, load_dataset
from handspun.errors import UsageError, unknown_name
from handspun.layers import Dense, Dropout, Flatten, Layer, layers_from_config
from handspun.layers.initializers import INITIALIZERS, Initializer
from handspun.networks.architectures import body, usual_initializer
from handspun.networks.sequential import Sequential
from handspun.optimization.averaging import ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.optimization.optimizers import Optimizer, optimizer_by_name
from handspun.optimization.penalties import Penalty
from handspun.optimization.schedules import schedule_by_name

#: Without a number of epochs, training sees about this many images, in at least 10 and at most 50 epochs: small data sets
#: need more repetition than large ones.
IMAGES_BY_DEFAULT = 160_000


@dataclass(frozen=True)
class Settings:
    """Everything that decides a training."""

    # The data.
    data: str = "mnist-5k"  # a name or path for ``load_dataset``
    picture_size: tuple[int, ...] = ()  # for a folder of pictures: height and width; empty for the most common size
    picture_fit: str | None = None  # for a folder of pictures: "resize" or "pad"; None for "resize"
    picture_mode: str | None = None  # for a folder of pictures: "grey", "rgb" or "strokes"; None for grey if all of them are
    only: tuple[str, ...] = ()  # train on these classes only; empty for all
    pool_test: int | None = None  # pool training and test images, then hold this many out (stratified) as the test split
    train_images: int | None = None  # train on this many of the training images (a stratified choice); None for all

    # The network.
    channels: tuple[int, ...] = ()  # filters of each convolution; norm, 2 x 2 max-pooling and activation follow it
    kernel_size: int = 3  # rows and columns of the filters
    padding: str = "same"  # of the convolutions: "valid" or "same"
    # In place of channels, hidden and dropout: all layers but the last, each with its kind and arguments, such as
    # {"kind": "Conv2D", "filters": 32, "kernel_size": 3}. The last is a Dense with one output for each class.
    layers: tuple[Mapping[str, Any], ...] = ()
    hidden: tuple[int, ...] = (128, 64)  # units of each hidden layer
    activation: str = "relu"
    norm: str | None = None  # "batch" or "layer"
    initializer: str | None = None  # a name such as "HeNormal"; None for the activation's usual one
    initializer_scale: float | None = None  # the standard deviation, for "ScaledNormal"
    input_dropout: float = 0.0  # dropout rate on the pixels
    dropout: float = 0.0  # dropout rate after each hidden layer

    # The optimization.
    optimizer: str = "adam"
    learning_rate: float = 1e-3  # of the first step, before the schedule's factor
    momentum: float | None = None  # for "momentum" and "nesterov"
    weight_decay: float = 0.0  # decoupled
    # Name and settings, such as {"name": "inverse-time", "decay": 0.01, "unit": "epoch"}.
    schedule: Mapping[str, Any] = field(default_factory=lambda: {"name": "constant"})
    epochs: int | None = None  # passes over the training images; None for a number that suits their size
    batch_size: int = 64  # images in a batch; 0 for all of them (full-batch gradient descent)
    l1: float = 0.0  # coefficients of the penalties
    l2: float = 0.0
    label_smoothing: float = 0.0  # ε of the loss
    clip_norm: float | None = None  # the largest norm of a gradient; None for no limit
    average: float | None = None  # decay of an exponential moving average of the weights; None for no average
    validation: float = 0.1  # share of the training images held out to watch the training
    early_stopping: int | None = None  # stop after this many epochs without a better validation loss
    augment: Mapping[str, Any] | None = None  # settings of ``Augmentation``, such as {"shift": 2}; None for unchanged images
    seed: int = 0  # of everything random
    threads: int | None = None  # processes or threads that share the work; None for as many as are worthwhile
    views: bool = False  # let ``reproduce`` score the mean answer over nine views of each test picture (``augment.views``)

    def __post_init__(self) -> None:
        """Check what is not checked later; optimizer, schedule and layers check their own settings when they are built."""
        for name, value in (("learning_rate", self.learning_rate), ("l1", self.l1), ("l2", self.l2)):
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
                raise UsageError(f"{name} must be a finite number that is not negative, got {value!r}.")
        if not 0 <= self.validation < 1:
            raise UsageError(f"validation is a share from 0 up to 1 (not included), got {self.validation!r}.")
        if self.batch_size < 0:
            raise UsageError(f"batch_size must be 0 (all images) or more, got {self.batch_size}.")
        for name in ("epochs", "train_images", "pool_test", "early_stopping", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}.")
        if self.seed < 0:
            raise UsageError(f"seed must be a whole number that is not negative, got {self.seed}.")
        if self.early_stopping is not None and self.validation == 0:
            raise UsageError("early_stopping watches the validation loss: give a share for validation, such as 0.1.")
        if len(self.picture_size) not in (0, 2):
            raise UsageError(f"picture_size is height and width, got {list(self.picture_size)}.")
        if len(self.only) == 1:
            raise UsageError(f"only = {list(self.only)} leaves one class: name two or more classes.")
        if self.norm == "batch" and self.batch_size == 1:
            raise UsageError('norm = "batch" needs several images: give a batch_size of 2 or more.')
        if self.initializer_scale is not None and self.initializer != "ScaledNormal":
            raise UsageError('initializer_scale is only for the initializer "ScaledNormal".')
        if self.momentum is not None and self.optimizer not in ("momentum", "nesterov"):
            raise UsageError(f'The optimizer "{self.optimizer}" has no momentum setting; "momentum" and "nesterov" have.')

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "settings") -> Settings:
        """Settings from plain data.

        Raises:
            UsageError: an unknown name or a value of the wrong type; the message says ``where`` it is.
        """
        kinds = {f.name: str(f.type) for f in dataclasses.fields(cls)}
        for name, value in values.items():
            if name not in kinds:
                raise unknown_name(f"setting in {where}:", name, kinds)
            if not _fits(value, kinds[name]):
                raise UsageError(f"{where}: {name} = {value!r} is not of the type {kinds[name]}.")
        checked: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**checked)

    def replace(self, **changes: Any) -> Settings:
        """A copy with these settings changed."""
        return dataclasses.replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, ready for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    def epochs_for(self, images: int) -> int:
        """The number of epochs for a training set of this many images."""
        return self.epochs or min(max(-(-IMAGES_BY_DEFAULT // images), 10), 50)

    def load(self) -> Dataset:
        """The data set; raises what ``load_dataset`` raises."""
        size: Any = self.picture_size or None
        return load_dataset(self.data, size=size, fit=self.picture_fit, mode=self.picture_mode)

    def network(self, image_shape: tuple[int, ...], classes: tuple[str, ...]) -> Sequential:
        """The untrained network for images of ``image_shape``: (H, W), (H, W, C) or (D,).

        Raises:
            UsageError: settings that make no network for such images, or one that does not fit into memory.
        """
        layers, shape = self.make_layers(image_shape, classes)
        try:
            return Sequential(layers, shape, seed=self.seed, classes=classes)
        except UsageError:
            raise
        except (MemoryError, ValueError, OverflowError) as error:  # from NumPy, for an array that is too large
            units = ",".join(map(str, self.hidden))
            raise UsageError(f"hidden = {units}: such a network does not fit into memory ({error}).") from error

    def make_layers(self, image_shape: tuple[int, ...], classes: tuple[str, ...]) -> tuple[list[Layer], tuple[int, ...]]:
        """The layers of that network, which hold no memory yet, and the shape of one input."""
        layers = _layers_of(self.layers) if self.layers else self._layers()
        layers.append(Dense(len(classes), initializer=self._initializer()))
        if any(layer.works_on_pictures for layer in layers):
            if len(image_shape) == 1:
                raise UsageError(
                    f"Convolutions need pictures, but the images of {self.data} are rows of {image_shape[0]} numbers."
                )
            shape = (1, *image_shape) if len(image_shape) == 2 else (image_shape[2], *image_shape[:2])
        else:
            shape = image_shape
            if len(shape) > 1 and not isinstance(layers[0], Flatten):
                layers.insert(0, Flatten())
        return layers, shape

    def _layers(self) -> list[Layer]:
        """All layers but the last."""
        first: list[Layer] = [Dropout(self.input_dropout)] if self.input_dropout else []
        return first + body(
            self.hidden,
            self.activation,
            channels=self.channels or None,
            kernel_size=self.kernel_size,
            padding=self.padding,
            dropout=self.dropout,
            norm=self.norm,
            initializer=self._initializer(),
        )

    def _initializer(self) -> Initializer:
        if self.initializer is None:
            return usual_initializer(self.activation)
        if self.initializer not in INITIALIZERS:
            raise unknown_name("initializer", self.initializer, INITIALIZERS)
        kind: Any = INITIALIZERS[self.initializer]
        return kind(**({} if self.initializer_scale is None else {"scale": self.initializer_scale}))

    def make_optimizer(self) -> Optimizer:
        """A fresh optimizer."""
        kind: Any = optimizer_by_name(self.optimizer)
        more = {} if self.momentum is None else {"momentum": self.momentum}
        return kind(self.learning_rate, weight_decay=self.weight_decay, **more)

    def fit_arguments(self) -> dict[str, Any]:
        """The arguments of ``fit`` besides network, data, epochs and callbacks.

        Raises:
            UsageError: a setting with an unknown name or an invalid value.
        """
        return {
            "batch_size": self.batch_size or None,
            "loss": SoftmaxCrossEntropy(label_smoothing=self.label_smoothing),
            "optimizer": self.make_optimizer(),
            "schedule": schedule_by_name(**self.schedule),
            "penalty": Penalty(self.l1, self.l2) if self.l1 or self.l2 else None,
            "clip": None if self.clip_norm is None else ClipNorm(self.clip_norm),
            "average": None if self.average is None else ExponentialMovingAverage(self.average),
            "seed": self.seed,
            "augment": Augmentation.from_dict(self.augment) if self.augment else None,
            "threads": self.threads,
        }


def _layers_of(tables: Sequence[Mapping[str, Any]]) -> list[Layer]:
    """The layers that tables of kind and arguments describe. A UsageError names a wrong one."""
    layers: list[Layer] = []
    for table in tables:
        try:
            layers += layers_from_config([dict(table)])
        except (TypeError, KeyError, AttributeError) as error:
            kind = table.get("kind")
            raise UsageError(f"layers: {kind or table}: {'the kind is missing' if kind is None else error}.") from error
    return layers


def _fits(value: Any, kind: str) -> bool:
    """Whether a value from a TOML or JSON file has the annotated type of a field."""
    if value is None:
        return "None" in kind
    if kind.startswith("tuple"):
        entry = {"tuple[int": int, "tuple[str": str, "tuple[Map": Mapping}[kind[:9]]
        return isinstance(value, (list, tuple)) and all(isinstance(v, entry) and not isinstance(v, bool) for v in value)
    if kind.startswith("Mapping"):
        return isinstance(value, Mapping) and ("None" in kind or isinstance(value.get("name"), str))
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    expected: Any = {"int": int, "float": (int, float), "str": str}[kind.removesuffix(" | None")]
    return isinstance(value, expected)
