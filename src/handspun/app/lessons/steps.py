"""One training step on one drawing, operation by operation: forward, loss, backward, update.

Nothing is computed a second time for show. A copy of the network runs with a listener at each layer, which records what comes
in, what goes out, and which lines of source run.

The pass is in inference mode, because a single drawing is not a batch: batch normalisation uses its running averages, a fixed
scale and shift, and dropout drops nothing. So the gradient is that of the answer that the network gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from handspun.app.lessons.listening import Heard, Listener, source, traced
from handspun.app.lessons.texts import LESSONS, Texts, fields
from handspun.app.lessons.wording import number_text, percent_text, size_text
from handspun.app.models.catalog import Model
from handspun.app.models.pixels import picture_size
from handspun.app.transport.wire import (
    Frame,
    RequestError,
    encode_array,
    index_in,
    json_end_point,
    number_up_to,
    optional_name,
    refusing,
)
from handspun.engine.tape import Tape
from handspun.errors import UsageError
from handspun.layers import Layer
from handspun.networks.answers import Confidence, is_empty, two_or_more
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy, softmax
from handspun.optimization.optimizers import SGD
from handspun.pictures import inputs
from handspun.pictures.contract import Contract

#: The largest learning rate: far above any useful one.
MAX_LEARNING_RATE = 10.0

#: Parameters of the largest network that can be shown. Each is sent six times, as weight and as gradient.
MAX_PARAMETERS = 500_000

#: Symbol and name of a layer's parameters and statistics.
SYMBOLS = {
    "weight": ("W", "weights"),
    "bias": ("b", "bias"),
    "gamma": ("γ", "scale"),
    "beta": ("β", "shift"),
    "running_mean": ("μ", "running mean"),
    "running_variance": ("σ²", "running variance"),
}

#: For each loss, a part of each line that computes its value, and of each that computes its gradient.
LINES_OF_LOSS: dict[type[Loss], tuple[tuple[str, ...], tuple[str, ...]]] = {
    SigmoidBinaryCrossEntropy: (("losses = ",), ("return losses, ",)),
    SoftmaxCrossEntropy: (
        ("z = z - np.maximum.reduce(", "gradient = np.exp(z)", "total = ", "log_total = ", "losses = log_total"),
        ("gradient = np.exp(z)", "gradient /= total", "gradient.reshape(-1)[right] -= 1.0 - "),
    ),
}


def steps(network: Sequential, classes: Sequence[str], seen: np.ndarray, label: int, learning_rate: float) -> dict[str, Any]:
    """Everything that happens in one training step, by plain gradient descent, on one picture; the network is not changed.

    ``seen`` is the picture as the network's contract prepares it, uint8; ``label`` is the index of its class.

    Returns the arguments, ``picture_shape`` (rows and columns of the picture), the ``loss`` and the ``loss_after`` the update,
    the probability of the label ``before`` and ``after`` it (by the softmax that training uses, not calibrated), and ``steps``,
    each with phase, layer, title, formula, explanation, arrays and source.
    """
    listened, listener = network.copy(), Listener()
    listener.attach(listened)
    tape = listened.tape(input_gradient=True)
    x, read = traced(inputs.convert, seen[None], listened.batch(1))  # (1, *input_shape)
    z = listened.forward(x, tape)  # (1, C)
    loss_steps, loss, dz = _loss_steps(z, label, classes[label], network.confidence)
    listened.backward(dz, tape)
    forward = {heard.layer: heard for heard in listener.forward}
    update, updated = _update_step(network, tape, learning_rate)
    z_after = updated.logits(seen[None])  # (1, C)
    before, after = softmax(two_or_more(z))[0], softmax(two_or_more(z_after))[0]  # (C,)
    update["arrays"][:0] = [
        _array("p", "probabilities before", "output", before),
        _array("p", "probabilities after", "output", after),
    ]
    return {
        "classes": list(classes),
        "picture_shape": picture_size(network),
        "label": label,
        "learning_rate": learning_rate,
        "loss": loss,
        "loss_after": _loss_of(z_after)(z_after.astype(np.float64), np.array([label]))[0],
        "before": float(before[label]),
        "after": float(after[label]),
        "steps": [
            _input_step(network, seen, x[0], read),
            *(_forward_step(heard) for heard in listener.forward),
            *loss_steps,
            *(_backward_step(heard, forward[heard.layer]) for heard in listener.backward),
            update,
        ],
    }


def _input_step(network: Sequential, seen: np.ndarray, x: np.ndarray, ran: frozenset[int]) -> dict[str, Any]:
    # For a model of strokes 0 is the background, whatever colours the page draws in; in a photo 0 is black.
    of_strokes = isinstance(network.contract, Contract)
    ends = "0 where there is no ink to 255 for full ink" if of_strokes else "0 for black to 255 for white"
    return {
        "phase": "input",
        "layer": None,
        "title": "The drawing as numbers",
        "formula": "x = pixels / 255",
        "explanation": f"The network sees {size_text(seen.shape)} {'values' if seen.ndim == 3 else 'pixels'}. Their bytes, "
        f"{ends}, become numbers from 0 to 1.",
        "arrays": [_array("x", "pixels", "output", x)],
        "source": source(inputs.convert, ("np.multiply(images", "np.copyto("), ran),
    }


def _loss_steps(
    z: np.ndarray, label: int, name: str, confidence: Confidence | None
) -> tuple[list[dict[str, Any]], float, np.ndarray]:
    """From the logits z (1, C) to the loss, and back to dz (1, C): the steps, the loss, dz.

    ``confidence`` is the network's; with it, Draw shows another probability than training uses.
    """
    single = z.shape[1] == 1
    loss = _loss_of(z)
    at_work = loss._elements if isinstance(loss, SigmoidBinaryCrossEntropy) else loss.per_sample
    logits = two_or_more(z)
    p, p_ran = traced(softmax, logits)  # (1, C), at least 2
    # In float64: float32 leaves two digits of a confident answer's loss, too few to show what a step changes.
    (value, dz), ran = traced(loss.__call__, z.astype(np.float64), np.array([label]), of=at_work)
    t = np.zeros_like(p[0])  # (C,)
    t[label] = 1.0
    target = np.array([float(label)]) if single else t
    forward, backward = LINES_OF_LOSS[type(loss)]
    calibrated = ""
    if confidence is not None:
        shown = percent_text(confidence.probabilities(logits)[0, label], 1)
        calibrated = (
            " Draw, which calibrates it, first divides the outputs by the model's temperature, "
            f"T = {confidence.temperature:.3g}, and shows {shown}."
        )
    found = [
        {
            "phase": "loss",
            "title": "Softmax",
            "formula": "p_k = e^z_k / Σ_j e^z_j",
            "explanation": ("With one output z, the two classes have the logits 0 and z. " if single else "")
            + f"The outputs become probabilities: all positive, together 1. For {name} it is {percent_text(p[0, label])}."
            + calibrated,
            "arrays": [_array("z", "logits", "input", logits[0]), _array("p", "probabilities", "output", p[0])],
            "source": source(softmax, ("p = np.exp(", "p /= np.add.reduce("), p_ran),
        },
        {
            "phase": "loss",
            "title": "Cross-entropy",
            "formula": "L = -Σ_k t_k log p_k = -log p_t",
            "explanation": f"How wrong is that? The right answer t is {name}. The loss is minus the logarithm of its "
            "probability: 0 if the network is certain of it, and larger the less likely it seemed. "
            f"Here L = {number_text(value)}.",
            "arrays": [
                _array("p", "probabilities", "input", p[0]),
                _array("t", "right answer", "input", t),
                _array("L", "loss", "output", np.array([value])),
            ],
            "source": source(at_work, forward, ran),
        },
        {
            "phase": "backward",
            "title": "Where the gradient begins",
            "formula": "dz = p - t" + (",   p = 1 / (1 + e^-z)" if single else ""),
            "explanation": "How does the loss change with each logit? The derivative of softmax and cross-entropy together is "
            "simply what the network said minus what was right: positive where it said too much.",
            "arrays": [
                _array("p", "probabilities", "input", p[0, -len(target) :]),
                _array("t", "right answer", "input", target),
                _array("dz", "gradient with respect to the logits", "gradient", dz[0]),
            ],
            "source": source(at_work, backward, ran),
        },
    ]
    return [{"layer": None, **step} for step in found], value, dz.astype(z.dtype)


def _loss_of(z: np.ndarray) -> SigmoidBinaryCrossEntropy | SoftmaxCrossEntropy:
    """The loss for logits z (1, C); one output means yes or no."""
    return SigmoidBinaryCrossEntropy() if z.shape[1] == 1 else SoftmaxCrossEntropy()


def _forward_step(heard: Heard) -> dict[str, Any]:
    layer = heard.layer
    arrays = [_array("x", "input", "input", heard.given), *_kept(layer), _array("y", "output", "output", heard.result)]
    return _layer_step("forward", heard, heard, LESSONS[type(layer)].forward, arrays)


def _backward_step(heard: Heard, forward: Heard) -> dict[str, Any]:
    layer = heard.layer
    texts = LESSONS[type(layer)].backward
    there = [_array("x", "input", "input", forward.given), *_kept(layer), _array("y", "output", "input", forward.result)]
    arrays = [
        _array("dy", "gradient with respect to the output", "input", heard.given),
        *(array for array in there if array["symbol"] in texts.reads),
        *(
            _array(f"d{SYMBOLS[name][0]}", f"gradient with respect to the {SYMBOLS[name][1]}", "gradient", gradient)
            for name, gradient in heard.gradients.items()
        ),
        _array("dx", "gradient with respect to the input", "gradient", heard.result),
    ]
    return _layer_step("backward", heard, forward, texts, arrays)


def _layer_step(phase: str, heard: Heard, forward: Heard, texts: Texts, arrays: list[dict[str, Any]]) -> dict[str, Any]:
    layer = heard.layer
    filled = fields(layer, forward.given.shape, forward.result.shape)
    return {
        "phase": phase,
        "layer": layer.name,
        "title": LESSONS[type(layer)].title,
        "formula": texts.formula.format(**filled),
        "explanation": texts.explanation.format(**filled),
        "arrays": arrays,
        "source": source(getattr(type(layer), phase), texts.lines, heard.ran),
    }


def _update_step(network: Sequential, tape: Tape, learning_rate: float) -> tuple[dict[str, Any], Sequential]:
    """The update by plain gradient descent, and the updated copy of the network."""
    updated = network.copy()
    optimizer = SGD(learning_rate)
    optimizer.start(updated.parameters.vector)
    _, ran = traced(optimizer.step, updated.parameters.vector, tape.gradient.vector, of=optimizer._update)
    step = {
        "phase": "update",
        "layer": None,
        "title": "One step of gradient descent",
        "formula": "θ ← θ - η · dθ",
        "explanation": f"Every parameter moves against its gradient, by the learning rate η = {learning_rate:g}. Then the same "
        "drawing goes through the network once more.",
        "arrays": _changes(network, tape, updated),
        "source": source(optimizer._update, ("np.multiply(g, rate", "p -= scratch"), ran),
    }
    return step, updated


def _changes(network: Sequential, tape: Tape, updated: Sequential) -> list[dict[str, Any]]:
    """Every parameter before the update, its gradient, and it after the update, with the parameter's name as "group"."""
    found = []
    for name, before in network.parameters.items():
        symbol = SYMBOLS[name.rpartition(".")[2]][0]
        for array in (
            _array(symbol, "before", "parameter", before),
            _array(f"d{symbol}", "gradient", "gradient", tape.gradient[name]),
            _array(symbol, "after", "output", updated.parameters[name]),
        ):
            found.append({**array, "group": name})
    return found


def _kept(layer: Layer) -> list[dict[str, Any]]:
    """The layer's parameters and statistics."""
    own = vars(layer)
    return [_array(symbol, label, "parameter", own[name]) for name, (symbol, label) in SYMBOLS.items() if name in own]


def _array(symbol: str, label: str, role: str, array: np.ndarray) -> dict[str, Any]:
    if array.ndim == 4:  # filters are (O, kh, C, kw) in memory, and shown as (O, C, kh, kw)
        array = array.transpose(0, 2, 1, 3)
    return {"symbol": symbol, "label": label, "role": role, "array": encode_array(array)}


def _answer(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    model: Model = request.app.state.models.get(optional_name(body.get("model"), "model"))
    label = index_in(len(model.classes), body.get("label"), "label")
    learning_rate = number_up_to(MAX_LEARNING_RATE, body.get("learning_rate", 0.1), "learning_rate")
    size = model.network.parameters.vector.size
    if size > MAX_PARAMETERS:
        raise RequestError(400, f"{model.name} has {size:,} parameters; at most {MAX_PARAMETERS:,} can be shown.")
    seen = model.preprocess(model.picture_of(Frame.from_json(body.get("picture"))))
    if is_empty(seen[None])[0]:
        raise RequestError(400, "The sheet is empty. Draw something first.")
    with refusing(UsageError):
        return steps(model.network, model.classes, seen, label, learning_rate)


routes = [Route("/api/step", json_end_point(_answer), methods=["POST"])]
