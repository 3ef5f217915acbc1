"""One step of training on one drawing, operation by operation: forward, loss, backward, update.

Nothing is computed a second time for show. The network's own layers run, on a copy, with a listener at each that writes down
what came in, what went out, and which lines of its source ran.

The pass is one in inference mode, for a single drawing is no batch: batch normalisation uses its running averages, which makes
it a fixed scale and shift, and dropout drops nothing. So the gradient is that of the very answer that the network gives.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import handspun
from handspun.app.lessons.texts import LESSONS, fields, size_text
from handspun.app.models.catalog import Model
from handspun.app.models.pixels import picture_size
from handspun.app.models.preprocessing import bring_to_model, picture_of
from handspun.app.transport.wire import Frame, RequestError, encode_array, read_json
from handspun.engine.tape import Tape
from handspun.errors import UsageError
from handspun.layers import Layer, Residual
from handspun.networks.answers import Confidence, is_empty, two_or_more
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy, softmax
from handspun.optimization.optimizers import SGD
from handspun.pictures import inputs
from handspun.pictures.contract import Contract

#: The largest learning rate: far beyond what any training takes.
MOST_LEARNING_RATE = 10.0

#: The parameters of the largest network that is stepped through. Each goes over the line six times, as weight and as gradient.
MOST_PARAMETERS = 500_000

#: From signs to those of an exponent.
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

#: Symbol and name of what a layer keeps.
SYMBOLS = {
    "weight": ("W", "weights"),
    "bias": ("b", "bias"),
    "gamma": ("γ", "scale"),
    "beta": ("β", "shift"),
    "running_mean": ("μ", "running mean"),
    "running_variance": ("σ²", "running variance"),
}


@dataclass(frozen=True)
class Heard:
    """One call of a layer, without the batch of one.

    Attributes:
        layer: whose forward or backward it was.
        given: what came in.
        result: what went out.
        gradients: by the layer's own parameters, after a backward.
        ran: the numbers of the lines that ran.
    """

    layer: Layer
    given: np.ndarray
    result: np.ndarray
    gradients: dict[str, np.ndarray]
    ran: frozenset[int]


@dataclass
class Listener:
    """Hears every forward and backward of a network's layers, those inside a ``Residual`` before the block itself."""

    forward: list[Heard] = field(default_factory=list)
    backward: list[Heard] = field(default_factory=list)

    def attach(self, network: Sequential) -> None:
        """Listen to a network from now on; its layers keep the listener, so it should be a copy made for this."""
        for layer in _with_inner(network.layers):
            vars(layer)["forward"] = self._heard(layer, layer.forward, self.forward)
            vars(layer)["backward"] = self._heard(layer, layer.backward, self.backward)

    @staticmethod
    def _heard(layer: Layer, method: Callable[..., np.ndarray | None], heard: list[Heard]) -> Callable[..., np.ndarray | None]:
        def listening(given: np.ndarray, tape: Tape) -> np.ndarray | None:
            result, ran = traced(method, given, tape)
            assert result is not None  # the tape asks for the gradient by the input
            # Copies: the arrays are the tape's, and the next layers may write over them.
            gradients = {name: gradient.copy() for name, gradient in tape[layer].gradient.items()}
            heard.append(Heard(layer, given[0].copy(), result[0].copy(), gradients, ran))
            return result

        return listening


def _with_inner(layers: Iterable[Layer]) -> Iterator[Layer]:
    """All layers, also those inside residual blocks."""
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from _with_inner(layer.layers if layer.projection is None else (*layer.layers, layer.projection))


def traced(function: Callable[..., Any], *arguments: Any, of: Callable[..., Any] | None = None) -> tuple[Any, frozenset[int]]:
    """The result of a call, and the numbers of the lines that ran: of ``of``, which it calls, or of ``function`` itself."""
    code, ran = _code(of or function), set()

    def follow(frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            ran.add(frame.f_lineno)
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        result = function(*arguments)
    finally:
        sys.settrace(before)
    return result, frozenset(ran)


def _code(function: Callable[..., Any]) -> CodeType:
    return getattr(function, "__func__", function).__code__  # a method's function, or the function


def source(function: Callable[..., Any], working: Iterable[str], ran: frozenset[int]) -> dict[str, Any]:
    """The source of a function for JSON.

    Args:
        function: or method.
        working: a part of each line that does the work.
        ran: the numbers of the lines that ran; only those are highlighted.
    """
    lines, first = inspect.getsourcelines(function)
    path = Path(inspect.getfile(function)).relative_to(Path(handspun.__file__).parent.parent)
    numbered = [(number, line) for number, line in enumerate(lines, first) if any(part in line for part in working)]
    return {
        "file": path.as_posix(),
        "first_line": first,
        "lines": textwrap.dedent("".join(lines)).splitlines(),
        "highlight": [number for number, _ in numbered if number in ran],
    }


# The steps --------------------------------------------------------------------------------------------------------------


def steps(network: Sequential, classes: Sequence[str], seen: np.ndarray, label: int, learning_rate: float) -> dict[str, Any]:
    """Everything that happens in one step of training on one picture.

    Args:
        network: any network; it stays as it is.
        classes: what its outputs stand for.
        seen: one picture as the network's contract makes it, uint8.
        label: the index of the right class.
        learning_rate: of the update by plain gradient descent.

    Returns:
        For JSON: ``classes``, ``picture_shape`` (rows and columns of the picture), ``label``, ``learning_rate``, the ``loss``
        and the ``loss_after`` the update, the probability of the label ``before`` and ``after`` it (by the softmax that
        training sees, not calibrated), and ``steps``, each with phase, layer, title, formula, explanation, arrays and source.
    """
    listened, listener = network.copy(), Listener()
    listener.attach(listened)
    tape = listened.tape(input_gradient=True)
    x, read = traced(inputs.convert, seen[None], listened.batch(1))  # (1, *input_shape)
    # To a model of strokes 0 is the ground, whatever colours the page draws in; a photo's bytes are as dark as they look.
    of_strokes = isinstance(network.contract, Contract)
    ends = "0 where there is no ink to 255 for full ink" if of_strokes else "0 for black to 255 for white"
    first = _step(
        "input",
        None,
        "The drawing as numbers",
        "x = pixels / 255",
        f"The network sees {size_text(seen.shape)} {'values' if seen.ndim == 3 else 'pixels'}. Their bytes, {ends}, become "
        "numbers from 0 to 1.",
        [_array("x", "pixels", "output", x[0])],
        source(inputs.convert, ("np.multiply(images", "np.copyto("), read),
    )
    z = listened.forward(x, tape)  # (1, C)
    of_loss, value, dz = _loss_steps(z, label, classes[label], network.confidence)
    listened.backward(dz, tape)
    forward = {heard.layer: heard for heard in listener.forward}

    updated = network.copy()
    optimizer = SGD(learning_rate)
    optimizer.start(updated.parameters.vector)
    _, ran = traced(optimizer.step, updated.parameters.vector, tape.gradient.vector, of=optimizer._update)
    fresh = updated.logits(seen[None])  # (1, C)
    before, after = softmax(two_or_more(z))[0], softmax(two_or_more(fresh))[0]  # (C,)
    last = _step(
        "update",
        None,
        "One step of gradient descent",
        "θ ← θ - η · dθ",
        f"Every parameter moves against its gradient, by the learning rate η = {learning_rate:g}. Then the same drawing goes "
        "through the network once more.",
        [
            _array("p", "probabilities before", "output", before),
            _array("p", "probabilities after", "output", after),
            *_changes(network, tape, updated),
        ],
        source(optimizer._update, ("np.multiply(g, rate", "p -= scratch"), ran),
    )
    return {
        "classes": list(classes),
        "picture_shape": picture_size(network),
        "label": label,
        "learning_rate": learning_rate,
        "loss": value,
        "loss_after": _loss_of(fresh)(_exact(fresh), np.array([label]))[0],
        "before": float(before[label]),
        "after": float(after[label]),
        "steps": [
            first,
            *(_forward_step(heard) for heard in listener.forward),
            *of_loss,
            *(_backward_step(heard, forward[heard.layer]) for heard in listener.backward),
            last,
        ],
    }


#: Of each loss, a part of each line that makes its value, and that makes its gradient.
LINES_OF_LOSS: dict[type[Loss], tuple[tuple[str, ...], tuple[str, ...]]] = {
    SigmoidBinaryCrossEntropy: (("losses = ",), ("return losses, ",)),
    SoftmaxCrossEntropy: (
        ("z = z - np.maximum.reduce(", "gradient = np.exp(z)", "total = ", "log_total = ", "losses = log_total"),
        ("gradient = np.exp(z)", "gradient /= total", "gradient.reshape(-1)[right] -= 1.0 - "),
    ),
}


def _loss_steps(
    z: np.ndarray, label: int, name: str, confidence: Confidence | None
) -> tuple[list[dict[str, Any]], float, np.ndarray]:
    """From the logits z (1, C) to probabilities and the loss, and back to dz (1, C); the loss and dz are returned as well.

    ``confidence`` is the network's, by which Draw shows another probability than training sees.
    """
    single = z.shape[1] == 1
    loss = _loss_of(z)
    at_work = loss._elements if isinstance(loss, SigmoidBinaryCrossEntropy) else loss.__call__
    logits = two_or_more(z)
    p, p_ran = traced(softmax, logits)  # (1, C), at least 2
    (value, dz), ran = traced(loss.__call__, _exact(z), np.array([label]), of=at_work)
    t = np.zeros_like(p[0])  # (C,)
    t[label] = 1.0
    forward, backward = LINES_OF_LOSS[type(loss)]
    if single:
        formula = "dz = p - t,   p = 1 / (1 + e^-z)"
        target = np.array([float(label)])
        sigmoid = "With one output z its two classes have the logits 0 and z. "
    else:
        formula = "dz = p - t"
        target, sigmoid = t, ""
    calibrated = ""
    if confidence is not None:
        shown = _percent(confidence.probabilities(logits)[0, label], 1)
        calibrated = (
            " Draw, which calibrates it, first divides the outputs by the model's temperature, "
            f"T = {confidence.temperature:.3g}, and shows {shown}."
        )
    found = [
        _step(
            "loss",
            None,
            "Softmax",
            "p_k = e^z_k / Σ_j e^z_j",
            f"{sigmoid}The outputs become probabilities: all positive, together 1. For {name} it is {_percent(p[0, label])}."
            f"{calibrated}",
            [_array("z", "logits", "input", logits[0]), _array("p", "probabilities", "output", p[0])],
            source(softmax, ("p = np.exp(", "p /= np.add.reduce("), p_ran),
        ),
        _step(
            "loss",
            None,
            "Cross-entropy",
            "L = -Σ_k t_k log p_k = -log p_t",
            f"How wrong is that? The right answer t is {name}, and the loss is the logarithm of its probability, with the sign "
            f"turned: 0 for certainty, larger the less likely it seemed. Here L = {_number(value)}.",
            [
                _array("p", "probabilities", "input", p[0]),
                _array("t", "right answer", "input", t),
                _array("L", "loss", "output", np.array([value])),
            ],
            source(at_work, forward, ran),
        ),
        _step(
            "backward",
            None,
            "Where the gradient begins",
            formula,
            "How does the loss change with each logit? The derivative of softmax and cross-entropy together is simply what the "
            "network said minus what was right: positive where it said too much.",
            [
                _array("p", "probabilities", "input", p[0, -len(target) :]),
                _array("t", "right answer", "input", target),
                _array("dz", "gradient by the logits", "gradient", dz[0]),
            ],
            source(at_work, backward, ran),
        ),
    ]
    return found, value, dz.astype(z.dtype)


def _loss_of(z: np.ndarray) -> SigmoidBinaryCrossEntropy | SoftmaxCrossEntropy:
    """The loss of logits z (1, C): one output says yes or no."""
    return SigmoidBinaryCrossEntropy() if z.shape[1] == 1 else SoftmaxCrossEntropy()


def _exact(z: np.ndarray) -> np.ndarray:
    """Logits in float64: float32 keeps two digits of the loss of a sure answer, too few to see what a step changes."""
    return z.astype(np.float64)


def _forward_step(heard: Heard) -> dict[str, Any]:
    layer, lesson = heard.layer, LESSONS[type(heard.layer)]
    texts = fields(layer, heard.given.shape, heard.result.shape)
    return _step(
        "forward",
        layer.name,
        lesson.title,
        lesson.forward.formula.format(**texts),
        lesson.forward.explanation.format(**texts),
        [_array("x", "input", "input", heard.given), *_kept(layer), _array("y", "output", "output", heard.result)],
        source(type(layer).forward, lesson.forward.lines, heard.ran),
    )


def _backward_step(heard: Heard, forward: Heard) -> dict[str, Any]:
    layer, lesson = heard.layer, LESSONS[type(heard.layer)]
    texts = fields(layer, forward.given.shape, forward.result.shape)
    there = [_array("x", "input", "input", forward.given), *_kept(layer), _array("y", "output", "input", forward.result)]
    gradients = [
        _array(f"d{SYMBOLS[name][0]}", f"gradient by the {SYMBOLS[name][1]}", "gradient", gradient)
        for name, gradient in heard.gradients.items()
    ]
    return _step(
        "backward",
        layer.name,
        lesson.title,
        lesson.backward.formula.format(**texts),
        lesson.backward.explanation.format(**texts),
        [
            _array("dy", "gradient by the output", "input", heard.given),
            *(array for array in there if array["symbol"] in lesson.backward.reads),
            *gradients,
            _array("dx", "gradient by the input", "gradient", heard.result),
        ],
        source(type(layer).backward, lesson.backward.lines, heard.ran),
    )


def _kept(layer: Layer) -> list[dict[str, Any]]:
    """The layer's parameters and statistics."""
    own = vars(layer)
    return [_array(symbol, label, "parameter", own[name]) for name, (symbol, label) in SYMBOLS.items() if name in own]


def _changes(network: Sequential, tape: Tape, updated: Sequential) -> list[dict[str, Any]]:
    """Every parameter before the update, its gradient, and it afterwards: three arrays with the parameter's name as "group"."""
    found = []
    for name, before in network.parameters.items():
        symbol = SYMBOLS[name.rpartition(".")[2]][0]
        for prefix, what, role, array in (
            ("", "before", "parameter", before),
            ("d", "gradient", "gradient", tape.gradient[name]),
            ("", "after", "output", updated.parameters[name]),
        ):
            found.append({**_array(f"{prefix}{symbol}", what, role, array), "group": name})
    return found


def _array(symbol: str, label: str, role: str, array: np.ndarray) -> dict[str, Any]:
    if array.ndim == 4:  # filters: (O, kh, C, kw) in memory, (O, C, kh, kw) to the eye
        array = array.transpose(0, 2, 1, 3)
    return {"symbol": symbol, "label": label, "role": role, "array": encode_array(array)}


def _step(
    phase: str,
    layer: str | None,
    title: str,
    formula: str,
    explanation: str,
    arrays: list[dict[str, Any]],
    code: dict[str, Any],
) -> dict[str, Any]:
    return {
        "phase": phase,
        "layer": layer,
        "title": title,
        "formula": formula,
        "explanation": explanation,
        "arrays": arrays,
        "source": code,
    }


def _percent(share: float, digits: int = 2) -> str:
    """A probability in a sentence, which never says 0 or 100 % of what is neither; so many ``digits`` follow the point."""
    least = 10**-digits  # in per cent
    if 100 * share < least / 2:
        return f"less than {least:.{digits}f} %"
    return f"more than {100 - least:.{digits}f} %" if 100 * share > 100 - least / 2 else f"{100 * share:.{digits}f} %"


def _number(value: float) -> str:
    """A number that is not negative in a sentence, as the page writes it (``short`` in heatmap.js): 0.163, 1.6·10⁻⁵."""
    if value != 0 and not 1e-4 <= value < 1e5:
        factor, power = f"{value:.1e}".split("e")
        return f"{factor}·10{str(int(power)).translate(RAISED)}"
    if value == 0 or value >= 1000:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".") if value >= 0.01 else f"{value:.5f}".rstrip("0")


# The end point ----------------------------------------------------------------------------------------------------------


def _answer(model: Model, value: dict[str, Any]) -> dict[str, Any]:
    """The steps for the body of a request."""
    label, learning_rate = value.get("label"), value.get("learning_rate", 0.1)
    if type(label) is not int or not 0 <= label < len(model.classes):
        raise RequestError(400, f"label must be the index of a class, from 0 to {len(model.classes) - 1}.")
    if type(learning_rate) not in (int, float) or not 0 < learning_rate <= MOST_LEARNING_RATE:
        raise RequestError(400, f"learning_rate must be a number above 0 and at most {MOST_LEARNING_RATE:g}.")
    size = model.network.parameters.vector.size
    if size > MOST_PARAMETERS:
        raise RequestError(400, f"{model.name} has {size:,} parameters: more than {MOST_PARAMETERS:,} are too many to look at.")
    seen = bring_to_model(model, picture_of(model, Frame.from_json(value.get("picture"))))
    if is_empty(seen[None])[0]:
        raise RequestError(400, "There is nothing to step through on an empty sheet. Draw something first.")
    try:
        return steps(model.network, model.classes, seen, label, float(learning_rate))
    except UsageError as error:
        raise RequestError(400, str(error)) from error


async def _post(request: Request) -> JSONResponse:
    value = await read_json(request)
    name = value.get("model")
    if not (name is None or isinstance(name, str)):
        raise RequestError(400, "model must be the name of a model.")
    model = request.app.state.models.get(name)
    return JSONResponse(await run_in_threadpool(_answer, model, value))


routes = [Route("/api/step", _post, methods=["POST"])]
