"""ONNX's own test data, run by handspun: one node of ONNX becomes one layer, loss or optimizer.

The tests are those of ``onnx.backend.test`` whose model is a single node of an operator in ``ADAPTERS``. Their data are
float32; handspun computes with the same values in float64.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from judging import NotExpressibleError, Pairs, run_layer, run_loss
from onnx import helper, numpy_helper

import handspun as hs

#: The kinds of ``onnx.backend.test``: nodes, and single-node models that were converted from PyTorch.
KINDS = ("node", "pytorch-converted", "pytorch-operator", "simple")

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Sample:
    """A test of ONNX: its node, the version of the operators, and the arrays of its first data set.

    Attributes:
        inputs: by position; an input that is left out is None.
        expected: the outputs, by position.
    """

    name: str
    operator: str
    attributes: dict[str, Any]
    version: int
    inputs: list[np.ndarray | None]
    expected: Arrays

    def get(self, attribute: str, default: Any = None) -> Any:
        """An attribute of the node, or ``default``."""
        return self.attributes.get(attribute, default)

    def input(self, position: int) -> np.ndarray | None:
        """An input, floats as float64, or None where it is left out."""
        value = self.inputs[position] if position < len(self.inputs) else None
        return value.astype(np.float64) if value is not None and value.dtype.kind == "f" else value


def samples() -> Iterator[Sample]:
    """All tests that concern handspun, in ONNX's order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the import computes the data of all tests, some with overflow
        from onnx.backend.test.loader import load_model_tests

        tests = [test for kind in KINDS for test in load_model_tests(kind=kind)]
    for test in tests:
        model = test.model or onnx.load(Path(test.model_dir) / "model.onnx")
        node = model.graph.node[0]
        if len(model.graph.node) > 1 or node.op_type not in ADAPTERS:
            continue
        inputs, expected = _arrays(test, model)
        yield Sample(
            test.name,
            node.op_type,
            {a.name: helper.get_attribute_value(a) for a in node.attribute},
            max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1),
            [inputs.get(name) for name in node.input],
            expected,
        )


def _arrays(test: Any, model: onnx.ModelProto) -> tuple[dict[str, np.ndarray], Arrays]:
    """Inputs by name, weights of the model included, and outputs of the first data set."""
    inputs = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    names = [value.name for value in model.graph.input]
    if test.data_sets:
        given, expected = test.data_sets[0]
    else:
        folder = Path(test.model_dir) / "test_data_set_0"
        given, expected = ([_tensor(path) for path in _numbered(folder, what)] for what in ("input", "output"))
    return inputs | dict(zip(names, map(np.asarray, given), strict=False)), [np.asarray(array) for array in expected]


def _numbered(folder: Path, what: str) -> list[Path]:
    return sorted(folder.glob(f"{what}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))


def _tensor(path: Path) -> np.ndarray:
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def compare(sample: Sample) -> Pairs:
    """What handspun computes for the sample, beside what ONNX expects.

    Some nodes have more outputs, which handspun does not show: the places of the largest values, a mean and 1/σ.
    """
    for position, ours in enumerate(ADAPTERS[sample.operator](sample)):
        theirs = sample.expected[position]
        yield f"output {position}", np.asarray(ours).reshape(theirs.shape), theirs


# Layers ----------------------------------------------------------------------------------------------------------------


def _picture(x: np.ndarray) -> np.ndarray:
    """(N, C, W) as pictures of one row; (N, C, H, W) as it is."""
    if x.ndim == 5:
        raise NotExpressibleError("three-dimensional convolution or pooling")
    return x if x.ndim == 4 else x[:, :, None, :]


def _two(values: Any, default: int, one: int = 1) -> tuple[int, int]:
    """An attribute for rows and columns; one dimension is that of columns, with ``one`` for the row."""
    values = [default] * 2 if values is None else list(values)
    return (one, values[0]) if len(values) == 1 else (values[0], values[1])


def _padding(sample: Sample) -> Any:
    """ONNX's padding as handspun has it: "same", or two numbers."""
    automatic = sample.get("auto_pad", b"NOTSET").decode()
    if automatic == "SAME_LOWER":
        raise NotExpressibleError("padding that puts the odd zero before the picture")
    if automatic == "SAME_UPPER":
        return "same"
    pads = list(sample.get("pads", [0, 0, 0, 0])) if automatic == "NOTSET" else [0, 0, 0, 0]
    pads = [0, pads[0], 0, pads[1]] if len(pads) == 2 else pads
    if pads[:2] != pads[2:]:
        raise NotExpressibleError("padding that differs at the two ends")
    return (pads[0], pads[1])


def _conv(sample: Sample) -> Arrays:
    x, weight, bias = sample.input(0), sample.input(1), sample.input(2)
    pictures, filters = _picture(x), _picture(weight)
    layer = hs.Conv2D(
        len(weight),
        filters.shape[2:],
        stride=_two(sample.get("strides"), 1),
        padding=_padding(sample),
        dilation=_two(sample.get("dilations"), 1),
        groups=sample.get("group", 1),
        bias=bias is not None,
    )
    parameters = {"weight": filters.transpose(0, 2, 1, 3)} | ({} if bias is None else {"bias": bias})
    return [run_layer(layer, pictures, parameters).y]


def _pool(sample: Sample) -> Arrays:
    pictures, size = _picture(sample.input(0)), _two(sample.get("kernel_shape"), 1)
    padding, stride = _padding(sample), _two(sample.get("strides"), 1)
    if _two(sample.get("dilations"), 1) != (1, 1):
        raise NotExpressibleError("pooling with dilation")
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(pictures.shape[2:], size, stride, strict=True)]
        if any(total % 2 for total in totals):
            raise NotExpressibleError("padding that differs at the two ends")
        padding = (totals[0] // 2, totals[1] // 2)
    if sample.get("ceil_mode", 0) and any(
        (n + 2 * p - k) % s for n, k, s, p in zip(pictures.shape[2:], size, stride, padding, strict=True)
    ):
        raise NotExpressibleError("windows that reach over the edge (ceil_mode)")
    if any(2 * p > k for p, k in zip(padding, size, strict=True)):
        raise NotExpressibleError("padding of more than half a window")
    if sample.operator == "MaxPool":
        return [run_layer(hs.MaxPool2D(size, stride=stride, padding=padding), pictures).y]
    if any(padding) and not sample.get("count_include_pad", 0):
        raise NotExpressibleError("means that do not count the padding")
    return [run_layer(hs.AvgPool2D(size, stride=stride, padding=padding), pictures).y]


def _global_average(sample: Sample) -> Arrays:
    return [run_layer(hs.GlobalAvgPool(), _picture(sample.input(0))).y]


def _dense(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> Arrays:
    if x.ndim < 2 or weight.ndim != 2:
        raise NotExpressibleError("a product of vectors or of batches of matrices")
    parameters = {"weight": weight} | ({} if bias is None else {"bias": bias})
    layer = hs.Dense(weight.shape[1], bias=bias is not None)
    return [run_layer(layer, x.reshape(-1, x.shape[-1]), parameters).y]


def _gemm(sample: Sample) -> Arrays:
    a, b, c = sample.input(0), sample.input(1), sample.input(2)
    if c is not None and c.ndim == 2 and len(c) > 1:
        raise NotExpressibleError("a bias that differs from row to row")
    weight = sample.get("alpha", 1.0) * (b.T if sample.get("transB") else b)
    bias = None if c is None else sample.get("beta", 1.0) * np.broadcast_to(c.reshape(-1), weight.shape[1:])
    return _dense(a.T if sample.get("transA") else a, weight, bias)


def _batch_norm(sample: Sample) -> Arrays:
    x, gamma, beta, mean, variance = (sample.input(i) for i in range(5))
    layer = hs.BatchNorm(momentum=1.0 - sample.get("momentum", 0.9), epsilon=sample.get("epsilon", 1e-5))
    training = bool(sample.get("training_mode", 0))
    rows = x.reshape(*x.shape[:2], 1, -1) if x.ndim > 2 else x
    statistics = {"running_mean": mean, "running_variance": variance}
    done = run_layer(layer, rows, {"gamma": gamma, "beta": beta}, statistics=statistics, training=training)
    return [done.y, done.statistics["running_mean"], done.statistics["running_variance"]] if training else [done.y]


def _layer_norm(sample: Sample) -> Arrays:
    x, axis = sample.input(0), sample.get("axis", -1)
    size = math.prod(x.shape[axis:])
    parameters = {"gamma": sample.input(1).reshape(-1), "beta": sample.input(2).reshape(-1)}
    return [run_layer(hs.LayerNorm(sample.get("epsilon", 1e-5)), x.reshape(-1, size), parameters).y]


def _elementwise(make: Callable[[Sample], hs.Layer]) -> Callable[[Sample], Arrays]:
    return lambda sample: [run_layer(make(sample), sample.input(0).reshape(1, -1)).y]


def _leaky_relu(sample: Sample) -> hs.Layer:
    return hs.LeakyReLU(sample.get("alpha", 0.01))


def _swish(sample: Sample) -> hs.Layer:
    if sample.get("alpha", 1.0) != 1.0:
        raise NotExpressibleError("a factor within the swish")
    return hs.SiLU()


def _flatten(sample: Sample) -> Arrays:
    x = sample.input(0)
    if x.ndim < 2:
        raise NotExpressibleError("inputs that are single numbers")
    if sample.get("axis", 1) not in (1, 1 - x.ndim):
        raise NotExpressibleError("flattening across the batch")
    return [run_layer(hs.Flatten(), x).y]


def _dropout(sample: Sample) -> Arrays:
    ratio = sample.input(1) if sample.version >= 12 else sample.get("ratio", 0.5)
    ratio = 0.5 if ratio is None else float(ratio)
    training = sample.input(2) is not None and bool(sample.input(2))
    if training and ratio:
        raise NotExpressibleError("random numbers of another generator")
    x = sample.input(0)
    y = run_layer(hs.Dropout(ratio), x.reshape(1, -1), training=training).y
    return [y, np.ones_like(x)][: len(sample.expected)]  # the mask of a dropout that drops nothing


# Softmax and losses ----------------------------------------------------------------------------------------------------


def _rows(x: np.ndarray, axis: int) -> np.ndarray:
    """The values along ``axis`` as rows (N, C)."""
    return np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])


def _along(sample: Sample, of_rows: Callable[[np.ndarray], np.ndarray]) -> Arrays:
    """``of_rows`` (N, C) along the axis of a softmax; until version 13 along all axes from there on."""
    x = sample.input(0)
    if sample.version < 13:
        return [of_rows(x.reshape(math.prod(x.shape[: sample.get("axis", 1)]), -1))]
    moved = np.moveaxis(x, sample.get("axis", -1), -1)
    return [np.moveaxis(of_rows(moved.reshape(-1, moved.shape[-1])).reshape(moved.shape), -1, sample.get("axis", -1))]


def _log_softmax(z: np.ndarray) -> np.ndarray:
    """Log p_c is what the cross-entropy with the target c is, but for its sign."""
    targets = np.arange(z.shape[1])
    loss = hs.SoftmaxCrossEntropy()
    return np.stack([-run_loss(loss, np.tile(row, (len(targets), 1)), targets, "none")[0] for row in z])


def _cross_entropy(sample: Sample) -> Arrays:
    x, labels, weight = sample.input(0), sample.input(1), sample.input(2)
    z, targets = _rows(x, 1), labels.reshape(-1).astype(np.intp)
    counted = targets != sample.get("ignore_index", -1)  # -1 is no class, so that all count
    loss = hs.SoftmaxCrossEntropy(class_weight=weight)
    reduction = sample.get("reduction", b"mean").decode()
    value, _ = run_loss(loss, z, np.where(counted, targets, 0), reduction, counted.astype(np.float64))
    if len(sample.expected) == 1:
        return [value]
    return [value, np.moveaxis(_log_softmax(z).reshape(np.moveaxis(x, 1, -1).shape), -1, 1)]


def _likelihood(sample: Sample) -> Arrays:
    if not np.allclose(np.exp(sample.input(0)).sum(axis=1), 1.0):
        raise NotExpressibleError("a negative log-likelihood of inputs that are no log-probabilities")
    return _cross_entropy(sample)


# Optimizers ------------------------------------------------------------------------------------------------------------


def _step(optimizer: hs.Optimizer, sample: Sample, x: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray]) -> Arrays:
    """Parameters after one step from a given state, and the state then."""
    x, g, everything = x.copy(), g.copy(), [slice(0, x.size)]
    optimizer.start(x, everything)
    for name, values in state.items():
        optimizer.state[name][...] = values
    steps = int(sample.input(1))
    optimizer.steps = steps - 1 if steps else 10**9  # ONNX corrects no bias at T = 0: nor does Adam after very many steps
    hs.Penalty(l2=sample.get("norm_coefficient", 0.0))(x, everything, g)
    optimizer.step(x, g)
    return [x, *optimizer.state.values()]


def _tensors(sample: Sample, each: int) -> list[Arrays]:
    """ONNX updates several tensors at once: all parameters come first, then all gradients, … ."""
    rest = [sample.input(i) for i in range(2, len(sample.inputs))]
    count = len(rest) // each
    return [[rest[kind * count + which] for kind in range(each)] for which in range(count)]


def _in_their_order(results: list[Arrays]) -> Arrays:
    return [values[kind] for kind in range(len(results[0])) for values in results]


def _adagrad(sample: Sample) -> Arrays:
    rate = float(sample.input(0)) / (1.0 + float(sample.input(1)) * sample.get("decay_factor", 0.0))
    results = []
    for x, g, squares in _tensors(sample, 3):
        optimizer = hs.Adagrad(rate, epsilon=sample.get("epsilon", 1e-6))
        results.append(_step(optimizer, sample, x, g, {"squares": squares}))
    return _in_their_order(results)


def _momentum(sample: Sample) -> Arrays:
    if int(sample.input(1)) and sample.get("beta", 1.0) != 1.0:
        raise NotExpressibleError("a velocity that takes in a part of the gradient")
    kind = hs.Nesterov if sample.get("mode") == b"nesterov" else hs.Momentum
    results = []
    for x, g, velocity in _tensors(sample, 3):
        optimizer = kind(float(sample.input(0)), momentum=sample.get("alpha"))
        results.append(_step(optimizer, sample, x, g, {"velocity": velocity}))
    return _in_their_order(results)


def _adam(sample: Sample) -> Arrays:
    if sample.get("norm_coefficient_post", 0.0):
        raise NotExpressibleError("a penalty after the step")
    beta1, beta2, steps = sample.get("alpha", 0.9), sample.get("beta", 0.999), int(sample.input(1))
    epsilon = sample.get("epsilon", 1e-6) / math.sqrt(1.0 - beta2**steps if steps else 1.0)  # ONNX adds it to √v, not to √v̂
    results = []
    for x, g, first, second in _tensors(sample, 4):
        optimizer = hs.Adam(float(sample.input(0)), beta1=beta1, beta2=beta2, epsilon=epsilon)
        state = {"first_moment": first / (1.0 - beta1), "second_moment": second / (1.0 - beta2)}
        x, first, second = _step(optimizer, sample, x, g, state)
        results.append([x, first * (1.0 - beta1), second * (1.0 - beta2)])
    return _in_their_order(results)


ADAPTERS: dict[str, Callable[[Sample], Arrays]] = {
    "Adagrad": _adagrad,
    "Adam": _adam,
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gelu": _elementwise(lambda _: hs.GELU()),
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _elementwise(_leaky_relu),
    "LogSoftmax": lambda sample: _along(sample, _log_softmax),
    "MatMul": lambda sample: _dense(sample.input(0), sample.input(1)),
    "MaxPool": _pool,
    "Momentum": _momentum,
    "NegativeLogLikelihoodLoss": _likelihood,
    "Relu": _elementwise(lambda _: hs.ReLU()),
    "Sigmoid": _elementwise(lambda _: hs.Sigmoid()),
    "Softmax": lambda sample: _along(sample, hs.softmax),
    "SoftmaxCrossEntropyLoss": _cross_entropy,
    "Swish": _elementwise(_swish),
    "Tanh": _elementwise(lambda _: hs.Tanh()),
}
