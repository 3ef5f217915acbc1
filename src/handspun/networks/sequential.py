"""A network: a sequence of layers, and one flat vector with all their parameters."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from handspun.augment.views import mean_over_views
from handspun.checks import in_a_row, plain_array
from handspun.engine.memory import aligned_empty, by_images
from handspun.engine.parameters import Parameters, Shape
from handspun.engine.tape import Frame, Outcome, Tape
from handspun.errors import UsageError
from handspun.layers import Layer, layers_from_config
from handspun.networks.answers import Answers, Confidence, answers, is_empty, two_or_more
from handspun.networks.drawing import drawing, table
from handspun.networks.inference import PICTURES_A_CHUNK, ROWS_A_CHUNK, class_logits, infer
from handspun.networks.layout import array_shapes, every_layer, own_views, size_within
from handspun.optimization.losses import softmax
from handspun.pictures import inputs
from handspun.pictures.contract import AnyContract, contract_as_dict, contract_from_dict


class Sequential:
    """Layers applied one after the other. A pass changes nothing in the network: what it writes goes to a ``Tape``.

    Args:
        layers: the layers, first to last; none of them may be part of another network.
        input_shape: the shape of one input, without the batch: (784,) or (28, 28).
        seed: the seed of the initial weights; None leaves all parameters zero, to be filled from a file.
        dtype: ``float32``, or ``float64`` if exactness matters more than speed.
        classes: the names of the outputs, in order.
        contract: how pictures are to be prepared for the network, which does not apply it; the model file keeps it.

    Attributes:
        shapes: the shape of one input, then that of one output of each layer.
        output_shape: the shape of one output of the network.
        feature_count: the number of values that reach the last layer for one input.
        confidence: calibrates the answers and lets the network say that it does not know; None, or the result of
            ``fit_confidence``. The model file keeps it.
        parameters: all parameters: a vector with views "dense1.weight" and so on; ``layer.weight`` is the same memory.
        statistics: what is kept but not trained (running averages of batch normalisation), in the same form.
        decayed: the parts of the vector that penalties and weight decay act on.
        takes_pictures: whether inputs are pictures (C, H, W) for convolutions or poolings.
        chunk_size: the number of images that go through the network at once; larger batches are cut.

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
        outputs = [layer.output_shape(shape) for _, layer, shape in every if layer in self.layers]
        self.shapes: list[Shape] = [self.input_shape, *outputs]
        self.output_shape: Shape = outputs[-1]
        self.feature_count = math.prod(self.shapes[-2])
        self.classes = None if classes is None else tuple(str(name) for name in classes)
        if self.classes is not None and len(self.classes) != max(self.output_shape[-1], 2):
            raise UsageError(f"{len(self.classes)} classes were given for {self.output_shape[-1]} outputs.")
        parameter_shapes, statistic_shapes = array_shapes(every)
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
        self.takes_pictures = len(self.input_shape) == 3 and any(layer.works_on_pictures for layer in self._every)
        self.chunk_size = PICTURES_A_CHUNK if self.takes_pictures else ROWS_A_CHUNK
        self._lowest = next((i for i, layer in enumerate(self.layers) if size_within(layer, self.parameters)), 0)

    def _bind(self) -> None:
        for layer in self._every:
            layer.bind(own_views(layer, self.parameters) | own_views(layer, self.statistics))

    def keep_parameters_in(self, vector: np.ndarray) -> None:
        """Copy all parameters into ``vector`` (size,), and use it as their memory from now on."""
        vector[...] = self.parameters.vector
        self.parameters = Parameters(self.parameters.shapes, self.dtype, vector)
        self._bind()

    # One pass ------------------------------------------------------------------------------------------------------

    def tape(self, *, training: bool = False, rng: np.random.Generator | None = None, input_gradient: bool = False) -> Tape:
        """A new tape for passes through this network.

        Args:
            training: whether these are training passes: with a gradient, dropout and batch statistics.
            rng: the generator for random layers.
            input_gradient: whether ``backward`` returns the gradient with respect to the input; implies a gradient.
        """
        gradient = self.parameters.zeros_like() if training or input_gradient else None
        outcome = self.outcome(gradient, self.statistics.zeros_like())
        spared = () if input_gradient else self.layers[: self._lowest + 1]  # nothing below them is trained
        frames = {
            layer: Frame(*views, self.dtype, needs_input_gradient=layer not in spared) for layer, views in outcome.views.items()
        }
        return Tape(frames, outcome, training=training, rng=rng)

    def outcome(self, gradient: Parameters | None, statistics: Parameters) -> Outcome:
        """Memory for the gradient and statistics of a pass: see ``Tape.write_to``."""
        named = gradient or Parameters({})
        return Outcome(
            gradient, statistics, {layer: (own_views(layer, named), own_views(layer, statistics)) for layer in self._every}
        )

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        """Outputs (N, *output_shape) for x (N, *input_shape) of the network's dtype. Valid until the tape's next pass."""
        with np.errstate(under="ignore"):  # values below the smallest normal number are as good as zero
            for layer in self.layers:
                x = layer.forward(x, tape)
        return x

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray | None:
        """Fill ``tape.gradient`` from dy, the gradient with respect to the outputs, after ``forward`` with the same tape.

        Returns:
            The gradient with respect to the input, if the tape asks for it.
        """
        dx: np.ndarray | None = dy
        with np.errstate(under="ignore"):
            for layer in reversed(self.layers):
                assert dx is not None
                dx = layer.backward(dx, tape)
                if dx is None or not tape[layer].needs_input_gradient:
                    return None
        return dx

    def update_statistics(self, seen: Parameters) -> None:
        """Update the running averages from ``tape.statistics`` of a step's pass, or from the mean over its passes."""
        if self.statistics:
            for layer in self._every:
                layer.update_statistics(own_views(layer, seen))

    # Prediction ----------------------------------------------------------------------------------------------------

    def batch(self, size: int) -> np.ndarray:
        """Memory for ``size`` inputs, (size, *input_shape), in the order that suits the layers best."""
        if self.takes_pictures:
            channels, height, width = self.input_shape
            return by_images(aligned_empty((height, channels, width, size), self.dtype))
        return aligned_empty((size, *self.input_shape), self.dtype)

    def logits(self, images: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The outputs of the last layer for ``images`` (N, …), in inference mode; shape (N, *output_shape).

        Args:
            images: uint8 pixels (0 to 255 become 0 to 1), or floats, which are not scaled; each has ``input_shape`` or
                another shape with as many values.
            threads: the number of threads for networks of pictures; None for one per processor, or for one if threadpoolctl
                (extra "cli") is missing. The result does not depend on it.

        Raises:
            UsageError: images of another size or type.
        """
        return infer(self, images, threads)[1]

    def features_and_logits(self, images: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The inputs (N, D) and the outputs (N, *output_shape) of the last layer; otherwise like ``logits``."""
        return infer(self, images, threads, keep_features=True)

    @np.errstate(all="ignore")
    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities (N, C), the softmax of the logits; for a single output, those of "no" and "yes" (N, 2).

        Raises:
            UsageError: images of another size or type; images or weights that are not finite or so large that the logits are
                not; a network whose outputs are not one number per class.
        """
        return softmax(two_or_more(class_logits(self, images)[1]))

    @np.errstate(all="ignore")
    def answer(self, images: np.ndarray, *, views: bool = False) -> Answers:
        """Class, calibrated probabilities and verdict for each of ``images`` (N, …), prepared by the contract.

            answers = network.answer(network.contract(pictures))
            answers.verdict[0]        # "known", "unknown" (none of the classes) or "empty" (nothing in the picture)
            answers.predicted[0]      # the most probable class, also of an unknown picture; -1 for an empty one
            answers.probabilities[0]  # (C,), calibrated

        Without ``confidence`` the probabilities are the plain softmax, and every picture that is not empty is "known".

        Args:
            images: (N, …).
            views: average the probabilities over nine views of each picture (``augment.views``). They are not calibrated
                then: calibration is for single views, whose mean is less sure of itself.

        Raises:
            UsageError: as ``predict_proba``; with ``views``, also images that are not uint8 pictures.
        """
        images = plain_array("images", images)  # checked by the next line
        features, logits = class_logits(self, images, keep_features=True)
        logits = two_or_more(logits)

        def probabilities_of(view: np.ndarray) -> np.ndarray:
            return softmax(logits) if view is images else self.predict_proba(view)  # the images are the first view

        probabilities = mean_over_views(probabilities_of, images) if views else None
        return answers(features, logits, is_empty(images), self.confidence, probabilities)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The index of the most probable class of each image, (N,). Raises UsageError as ``predict_proba`` does."""
        _, logits = class_logits(self, images)
        return logits.argmax(axis=1) if logits.shape[1] > 1 else (logits[:, 0] > 0.0).astype(np.intp)

    @np.errstate(all="ignore")
    def activations(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The output (N, …) of each layer by its name, in inference mode, for a few ``images`` (N, …); memory holds all of it.

        Raises:
            UsageError: images of another size or type.
        """
        images = plain_array("images", images)
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
        """An independent network with the same structure and weights, in another precision if ``dtype`` is given."""
        twin = copy.deepcopy(self)
        if dtype is not None:
            twin.dtype = _floating(dtype)
            twin.parameters = self.parameters.astype(twin.dtype)
            twin.statistics = self.statistics.astype(twin.dtype)
            twin._bind()
        return twin

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bind()  # the layers came with copies of their views

    def outline(self) -> list[tuple[Layer, Shape, int]]:
        """Each layer with its output shape and its number of parameters."""
        sizes = (size_within(layer, self.parameters) for layer in self.layers)
        return list(zip(self.layers, self.shapes[1:], sizes, strict=True))

    def summary(self) -> str:
        """A table of the layers: name, kind, output shape, parameters, bytes; and the totals. ``print(network)`` shows it."""
        return table(self)

    __str__ = summary

    def __repr__(self) -> str:
        inner = [repr(layer) for layer in self.layers]
        if len(inner) > 5:
            inner[2:-1] = [f"… {len(inner) - 3} layers …"]
        return f"Sequential([{', '.join(inner)}], input_shape={self.input_shape})"

    def _repr_html_(self) -> str:
        """A drawing of the layers, which notebooks show."""
        return drawing(self)


def _floating(dtype: np.typing.DTypeLike) -> np.dtype:
    """The type that a network computes in."""
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise UsageError(f"A network computes in float32 or float64, not in {np.dtype(dtype)}.")
    return np.dtype(dtype)
