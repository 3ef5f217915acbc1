"""A network: layers in a row, and one flat vector with all their parameters."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from handspun.augment.views import mean_over_views
from handspun.checks import in_a_row
from handspun.engine.memory import aligned_empty, by_images, pieces
from handspun.engine.parameters import Parameters, Shape, count
from handspun.engine.tape import Frame, Outcome, Tape
from handspun.engine.threads import ThreadPool, blas_threads
from handspun.errors import UsageError
from handspun.layers import Layer, layers_from_config
from handspun.layers.base import chain
from handspun.networks.answers import Answers, Confidence, answers, is_empty
from handspun.optimization.losses import softmax
from handspun.pictures import inputs
from handspun.pictures.contract import AnyContract, contract_as_dict, contract_from_dict

#: Inputs a piece where layers are dense: large enough for the matrix product, small enough for the cache. A piece of MNIST in
#: float32 is 1.6 MB.
ROWS_A_PIECE = 512

#: Images a piece where there are convolutions, whose arrays are larger, and whose pieces threads share.
PICTURES_A_PIECE = 32

#: Pieces that a thread takes at a time in inference.
TURN = 4


class Sequential:
    """Layers that are applied one after the other.

    Args:
        layers: the layers, first to last, none of them in use by another network.
        input_shape: the shape of one input, without the batch: (784,) or (28, 28).
        seed: from which the initial weights are drawn; None leaves all parameters zero, to be filled from a file.
        dtype: ``float32``, or ``float64`` where exactness matters more than speed.
        classes: what the outputs stand for, in order.
        contract: what pictures are to be brought to before they are input, for whoever has pictures: the network itself
            takes what it is given. Kept in the model file.

    Attributes:
        confidence: what makes answers calibrated and lets the network say that it does not know; None until someone sets what
            ``fit_confidence`` found. Kept in the model file.
        parameters: all parameters, one vector with views "dense1.weight" and so on; ``layer.weight`` is the same memory.
        statistics: what is kept but not trained (running averages of batch normalisation), in the same form.
        decayed: the parts of the vector that penalties and weight decay act on.

    Raises:
        UsageError: a layer cannot take the shape that reaches it, or is already part of a network.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Sequence[int],
        *,
        seed: int | None = 0,
        dtype: np.typing.DTypeLike = np.float32,
        classes: Sequence[str] | None = None,
        contract: AnyContract | None = None,
    ) -> None:
        self.layers = tuple(layers)
        self.input_shape: Shape = tuple(int(size) for size in in_a_row("input_shape", input_shape, "(784,) or (28, 28)"))
        self.dtype = _floating(dtype)
        self.contract = contract
        self.confidence: Confidence | None = None
        if not self.layers:
            raise UsageError("A network needs at least one layer.")
        if not self.input_shape or min(self.input_shape) < 1:
            raise UsageError(f"input_shape must hold whole numbers above 0, got {self.input_shape}.")
        every = every_layer(self.layers, self.input_shape)
        self._every = tuple(layer for _, layer, _ in every)
        self._shapes = [layer.output_shape(shape) for _, layer, shape in every if layer in self.layers]
        self.classes = None if classes is None else tuple(str(name) for name in classes)
        if self.classes is not None and len(self.classes) != max(self.output_shape[-1], 2):
            raise UsageError(f"{len(self.classes)} classes were given for {self.output_shape[-1]} outputs.")
        parameter_shapes, statistic_shapes = layout(every)
        for name, layer, _ in every:
            layer.name = name
        self.parameters = Parameters(parameter_shapes, self.dtype)
        self.statistics = Parameters(statistic_shapes, self.dtype)
        rng = None if seed is None else np.random.default_rng(seed)
        self._bind()
        if rng is not None:
            for layer in self._every:
                layer.initialize(rng)
        self.decayed = tuple(self.parameters.slices[f"{layer.name}.{name}"] for layer in self._every for name in layer.decayed)
        #: Whether inputs are pictures (C, H, W) that convolutions or poolings work on.
        self.takes_pictures = len(self.input_shape) == 3 and any(layer.works_on_pictures for layer in self._every)
        #: Images that go through the network at once; larger batches are cut.
        self.piece_size = PICTURES_A_PIECE if self.takes_pictures else ROWS_A_PIECE
        self._idle: list[tuple[Tape, np.ndarray]] = []  # tapes for inference, and room for the inputs of each
        self._lowest = next((i for i, layer in enumerate(self.layers) if _within(layer, self.parameters)), 0)

    def _bind(self) -> None:
        for layer in self._every:
            layer.bind(_own(layer, self.parameters) | _own(layer, self.statistics))

    def keep_parameters_in(self, vector: np.ndarray) -> None:
        """Copy all parameters into ``vector`` (size,), and let it be their memory from now on."""
        vector[...] = self.parameters.vector
        self.parameters = Parameters(self.parameters.shapes, self.dtype, vector)
        self._bind()

    @property
    def output_shape(self) -> Shape:
        """The shape of one output."""
        return self._shapes[-1]

    @property
    def shapes(self) -> list[Shape]:
        """The shape of one input, and that of one output of each layer, first to last."""
        return [self.input_shape, *self._shapes]

    @property
    def feature_count(self) -> int:
        """How many values the last layer gets for one input."""
        return math.prod(self._shapes[-2] if len(self.layers) > 1 else self.input_shape)

    # One pass ------------------------------------------------------------------------------------------------------

    def tape(self, *, training: bool = False, rng: np.random.Generator | None = None, input_gradient: bool = False) -> Tape:
        """A new tape for passes through this network.

        Args:
            training: for training: with a gradient, dropout, and batch statistics.
            rng: for the layers with randomness.
            input_gradient: whether ``backward`` shall go all the way down to the input; implies a gradient.
        """
        gradient = self.parameters.zeros_like() if training or input_gradient else None
        outcome = self.outcome(gradient, self.statistics.zeros_like())
        spared = () if input_gradient else self.layers[: self._lowest + 1]  # nothing below them is trained
        frames = {
            layer: Frame(*outcome.views[layer], self.dtype, needs_input_gradient=layer not in spared) for layer in self._every
        }
        return Tape(frames, outcome, training=training, rng=rng)

    def outcome(self, gradient: Parameters | None, statistics: Parameters) -> Outcome:
        """Where a pass can leave its gradient and statistics: see ``Tape.write_to``."""
        views = {layer: ({} if gradient is None else _own(layer, gradient), _own(layer, statistics)) for layer in self._every}
        return Outcome(gradient, statistics, views)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        """Outputs (N, *output_shape) for x (N, *input_shape) of the network's dtype. Valid until the tape's next pass."""
        for layer in self.layers:
            x = layer.forward(x, tape)
        return x

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        """Fill ``tape.gradient`` from dy, the gradient by the outputs; returns that by the input if the tape asks for it."""
        dx: np.ndarray | None = dy
        for layer in reversed(self.layers):
            assert dx is not None
            dx = layer.backward(dx, tape)
            if dx is None or not tape[layer].needs_input_gradient:
                return None
        return dx

    def update_statistics(self, seen: Parameters) -> None:
        """Take into the running averages what a step saw: ``tape.statistics`` of its pass, or the mean over its passes."""
        if self.statistics:
            for layer in self._every:
                layer.update_statistics(_own(layer, seen))

    # Prediction ----------------------------------------------------------------------------------------------------

    def batch(self, size: int) -> np.ndarray:
        """Room for ``size`` inputs, (size, *input_shape), in the order in memory that the layers like best."""
        if self.takes_pictures:
            channels, height, width = self.input_shape
            return by_images(aligned_empty((height, channels, width, size), self.dtype))
        return aligned_empty((size, *self.input_shape), self.dtype)

    def logits(self, images: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The outputs of the last layer for ``images`` (N, …), in inference mode; shape (N, *output_shape).

        Computed in pieces, so that memory does not grow with N beyond the result.

        Args:
            images: uint8 pixels (0 to 255 become 0 to 1) or floats taken as they are; each of ``input_shape`` or of another
                shape with as many values.
            threads: for networks of pictures: how many; None for all processors, or for one where threadpoolctl is missing,
                which the extra "cli" brings. The result does not depend on it.

        Raises:
            UsageError: images of another size than the network's.
        """
        images = np.asarray(images)
        inputs.check_images(images, self.input_shape)
        outputs = np.empty((len(images), *self.output_shape), self.dtype)
        self._infer_all(images, None, outputs, threads)
        return outputs

    def features_and_logits(self, images: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """What the last layer gets, (N, D), and what it makes of it, (N, *output_shape). All else is as in ``logits``."""
        images = np.asarray(images)
        inputs.check_images(images, self.input_shape)
        features = np.empty((len(images), self.feature_count), self.dtype)
        outputs = np.empty((len(images), *self.output_shape), self.dtype)
        self._infer_all(images, features, outputs, threads)
        return features, outputs

    def _infer_all(self, images: np.ndarray, features: np.ndarray | None, outputs: np.ndarray, threads: int | None) -> None:
        """Write the outputs for ``images`` and, where they are wanted, the inputs of the last layer."""
        if not self.takes_pictures or len(images) <= self.piece_size:
            with blas_threads(None):
                self._infer(images, features, outputs)
            return
        starts = range(0, len(images), self.piece_size)
        with blas_threads(1), ThreadPool(threads) as pool:
            # Each turn takes several pieces, for which a thread needs only one tape.
            turns = [slice(start, start + TURN * self.piece_size) for start in starts[::TURN]]

            def take(number: int) -> None:
                turn = turns[number]
                self._infer(images[turn], None if features is None else features[turn], outputs[turn])

            pool.each(lambda worker, number: take(number), len(turns))

    def _infer(self, images: np.ndarray, features: np.ndarray | None, outputs: np.ndarray) -> None:
        """The same in one thread, piece by piece."""
        # A tape that no one uses waits for the next caller: to make one takes as long as an image does. Taking it out of the
        # list and putting it back are single steps of the interpreter, so that no two threads ever hold the same one.
        try:
            tape, x = self._idle.pop()
        except IndexError:
            tape, x = self.tape(), self.batch(0)
        for piece in pieces(len(images), self.piece_size):
            stored = images[piece]
            if len(x) != len(stored):
                x = self.batch(len(stored))
            y = inputs.convert(stored, out=x)
            for layer in self.layers[:-1]:
                y = layer.forward(y, tape)
            if features is not None:
                features[piece] = y.reshape(len(y), -1)
            outputs[piece] = self.layers[-1].forward(y, tape)
        self._idle.append((tape, x))

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities (N, C) by the softmax of the logits; with a single output, of "no" and "yes" (N, 2)."""
        images = np.asarray(images)
        inputs.check_finite(images)
        return softmax(two_or_more(self.logits(images)))

    def answer(self, images: np.ndarray, *, views: bool = False) -> Answers:
        """What to tell people about ``images`` (N, …), as the contract made them: class, honest probabilities, doubts.

            answers = network.answer(network.contract(pictures))
            answers.verdict[0]        # "known", "unknown" (none of the classes) or "empty" (nothing on the picture)
            answers.predicted[0]      # the most probable class, also of an unknown picture; -1 for an empty one
            answers.probabilities[0]  # (C,), calibrated

        A network without ``confidence`` answers with its plain softmax, and knows everything that is not empty.

        Args:
            images: (N, …).
            views: take as probabilities the means over nine views of each picture (``augment.views``), as they are:
                calibration is made for single views, whose mean is less sure of itself.

        Raises:
            UsageError: images of another size than the network's, or that hold NaN or infinity; no pictures of bytes where
                views are asked for.
        """
        images = np.asarray(images)
        inputs.check_finite(images)
        features, logits = self.features_and_logits(images)
        probabilities = mean_over_views(self.predict_proba, images) if views else None
        return answers(features, two_or_more(logits), is_empty(images), self.confidence, probabilities)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The most probable class of each image, as its index (N,)."""
        images = np.asarray(images)
        inputs.check_finite(images)
        logits = self.logits(images)
        return logits.argmax(axis=1) if logits.shape[1] > 1 else (logits[:, 0] > 0.0).astype(np.intp)

    def activations(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """What each layer makes of ``images`` (N, …), in inference mode: by its name, its output (N, …).

        All of it is kept, so give it a few images.

        Raises:
            UsageError: images of another size than the network's.
        """
        images = np.asarray(images)
        inputs.check_images(images, self.input_shape)
        tape = self.tape()
        x = inputs.convert(images, out=self.batch(len(images)))
        outputs = {}
        for layer in self.layers:
            x = layer.forward(x, tape)
            outputs[layer.name] = x.copy()
        return outputs

    # Structure -----------------------------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The structure as plain data, from which ``from_config`` makes the same network (without its weights)."""
        return {
            "input_shape": list(self.input_shape),
            "dtype": self.dtype.name,
            "classes": None if self.classes is None else list(self.classes),
            "contract": None if self.contract is None else contract_as_dict(self.contract),
            "layers": [{"kind": type(layer).__name__, **layer.config()} for layer in self.layers],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sequential:
        """A network of this structure with all parameters zero."""
        contract = config.get("contract")
        return cls(
            layers_from_config(config["layers"]),
            config["input_shape"],
            seed=None,
            dtype=config["dtype"],
            classes=config["classes"],
            contract=None if contract is None else contract_from_dict(contract),
        )

    def copy(self, *, dtype: np.typing.DTypeLike | None = None) -> Sequential:
        """An independent network with the same structure and weights, perhaps in another precision."""
        twin = copy.deepcopy(self)
        if dtype is not None:
            twin.dtype = _floating(dtype)
            twin.parameters = self.parameters.astype(twin.dtype)
            twin.statistics = self.statistics.astype(twin.dtype)
            twin._bind()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """What ``copy.deepcopy`` and ``pickle`` take along: all but the tapes."""
        return {**vars(self), "_idle": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bind()  # the layers came with copies of their views

    def outline(self) -> list[tuple[Layer, Shape, int]]:
        """Each layer with the shape of its output and its number of parameters."""
        return [(layer, shape, _within(layer, self.parameters)) for layer, shape in zip(self.layers, self._shapes, strict=True)]

    def summary(self) -> str:
        """A table of the layers: name, kind, output shape, parameters, bytes; and the totals."""
        rows = [("layer", "kind", "output", "parameters", "bytes")]
        rows.append(("input", "", str(self.input_shape), "", ""))
        for layer, shape, size in self.outline():
            own = f"{size:,}" if size else ""
            rows.append((layer.name, repr(layer), str(shape), own, f"{size * self.dtype.itemsize:,}" if size else ""))
        total = self.parameters.vector.size
        rows.append(("total", "", "", f"{total:,}", f"{total * self.dtype.itemsize:,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        aligned = [
            "  ".join(
                cell.ljust(width) if column < 3 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        rule = "-" * max(len(line) for line in aligned)
        return "\n".join([aligned[0], rule, *aligned[1:-1], rule, aligned[-1]])

    def __repr__(self) -> str:
        inner = ", ".join(repr(layer) for layer in self.layers)
        return f"Sequential([{inner}], input_shape={self.input_shape})"


Placed = tuple[str, Layer, Shape]  # a layer's name, itself, and the shape that reaches it


def every_layer(layers: Sequence[Layer], input_shape: Shape) -> list[Placed]:
    """All layers, each followed by those inside it, whose names go on from its own: "residual1.conv2d1"."""
    return _with_children(chain(layers, input_shape), "")


def _with_children(layers: Sequence[Placed], prefix: str) -> list[Placed]:
    found: list[Placed] = []
    for name, layer, shape in layers:
        found.append((prefix + name, layer, shape))
        found += _with_children(layer.children(shape), f"{prefix}{name}.")
    return found


def layout(every: Sequence[Placed]) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """The shapes of all parameters and of all statistics by name; nothing is allocated."""
    parameters: dict[str, Shape] = {}
    statistics: dict[str, Shape] = {}
    for name, layer, shape in every:
        parameters |= {f"{name}.{own}": size for own, size in layer.parameter_shapes(shape).items()}
        statistics |= {f"{name}.{own}": size for own, size in layer.statistic_shapes(shape).items()}
    return parameters, statistics


def two_or_more(logits: np.ndarray) -> np.ndarray:
    """Logits (N, C) of at least two classes: a single output z of no or yes becomes (-z/2, z/2), by softmax 1 - σ(z), σ(z).

    (0, z) would come to the same, but to the energy, a score of how clearly a class is seen, every sure "no" would look unsure.
    """
    return logits if logits.shape[1] > 1 else logits * np.array([-0.5, 0.5], logits.dtype)


def size_of(config: dict[str, Any]) -> tuple[int, int]:
    """How many parameters and statistics a network of this structure would have, found without making it."""
    every = every_layer(layers_from_config(config["layers"]), tuple(config["input_shape"]))
    parameters, statistics = layout(every)
    return count(parameters), count(statistics)


def _floating(dtype: np.typing.DTypeLike) -> np.dtype:
    """The type that a network computes in."""
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise UsageError(f"A network computes in float32 or float64, not in {np.dtype(dtype)}.")
    return np.dtype(dtype)


def _own(layer: Layer, parameters: Parameters) -> dict[str, np.ndarray]:
    """The views of one layer by its own names; those of layers inside it are theirs."""
    prefix = f"{layer.name}."
    return {
        name.removeprefix(prefix): view
        for name, view in parameters.items()
        if name.startswith(prefix) and "." not in name.removeprefix(prefix)
    }


def _within(layer: Layer, parameters: Parameters) -> int:
    """The number of parameters of a layer and those inside it."""
    return sum(view.size for name, view in parameters.items() if name.startswith(f"{layer.name}."))
