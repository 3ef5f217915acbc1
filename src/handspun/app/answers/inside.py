"""What happens inside a network while it looks at one picture.

Three questions, each answered by the network's own passes:

- ``layer_values``: what is the output of every layer?
- ``saliency``: which pixels speak for a class, and which against it? The gradient of the class's logit with respect to the
  pixels (Simonyan, Vedaldi and Zisserman 2014, arXiv:1312.6034).
- ``focus``: what does one unit look for, what feeds it, and what does it feed?

A *unit* is one value of a flat layer or one channel of feature maps, counted from 0. A unit of the input is a pixel, counted
row by row. ``seen`` is always one picture as the network's contract prepares it, uint8, (H, W) or (H, W, C).

Only ``Dense``, ``Conv2D`` and ``Residual`` mix units. All other layers (activations, pooling, dropout, flatten, and
``BatchNorm`` in inference) pass each unit on by itself: unit 5 of a ReLU looks for what unit 5 of the mixing layer below looks
for. ``LayerNorm`` is treated like them, although its mean and standard deviation depend on all units.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from handspun.app.models.pixels import over_pixels, picture_size, place_of_pixel, size_of_input
from handspun.app.transport.wire import RequestError, encode_array, index_in, whole_number
from handspun.engine.tape import Tape
from handspun.layers import Conv2D, Dense, Flatten, Residual
from handspun.networks.sequential import Sequential
from handspun.pictures import inputs

#: The name of what comes before the first layer.
INPUT = "input"

#: The layers whose units combine several others.
MIXING = (Dense, Conv2D, Residual)

#: How many of a layer's most important units are named.
STRONGEST = 16


def layer_values(network: Sequential, seen: np.ndarray) -> list[dict[str, Any]]:
    """Name, kind and output of each layer, first to last. An output is (units,) or (channels, rows, columns)."""
    outputs = network.activations(seen[None])  # each (1, …)
    return [
        {"name": layer.name, "kind": type(layer).__name__, "values": encode_array(outputs[layer.name][0])}
        for layer in network.layers
    ]


def saliency(network: Sequential, seen: np.ndarray, class_index: int) -> dict[str, Any]:
    """The derivative of a class's logit by pixel (0 to 1), (H, W) for JSON, summed over the colours.

    Where it is positive, more ink speaks for the class. A network with a single output z (yes or no) has the logit z for yes
    and -z for no. Raises RequestError if there is no such class.
    """
    index_in(max(network.output_shape[-1], 2), class_index, "The class")
    outputs, tape = _passed(network, seen)
    single = network.output_shape[-1] == 1
    dz = np.zeros_like(outputs[-1])  # (1, C)
    dz[0, 0 if single else class_index] = -1.0 if single and class_index == 0 else 1.0
    dx = network.backward(dz, tape)
    assert dx is not None
    return encode_array(over_pixels(dx[0], network))


def focus(network: Sequential, seen: np.ndarray, layer: str, unit: int) -> dict[str, Any]:
    """One unit of ``layer`` (a name, or "input"), and the units that matter most to it.

    Below it, in the mixing layer that it comes from: z = Σ_j w_j a_j + b sums over the values a_j that reach that layer, and
    unit j contributes its part of the sum. A channel is judged by the mean over its map. For ``Dense`` and ``Conv2D`` alike
    the part is a_j · ∂z/∂a_j, which is w_j a_j since z is linear; for a ``Residual``, which is not linear, it is the first term
    of Taylor's series.

    Above it, in the next mixing layer: what each unit would lose if the value of this one were 0. If only linear layers are in
    between this is w a again; an activation or a norm in between is applied as it is.

    Returns ``weights`` and ``bias`` (see ``weights``), ``value`` (of a channel the mean), and ``incoming`` and ``outgoing``,
    each a list of units with their contributions, the strongest first. Raises RequestError if there is no such layer or unit.
    """
    found = weights(network, layer, unit)
    place = _place(network, layer)
    outputs, tape = _passed(network, seen)
    return {
        **found,
        "value": float(outputs[place][0][_cell(network, place, unit)].mean()),
        "incoming": _incoming(network, outputs, tape, place, unit),
        "outgoing": _outgoing(network, outputs, place, unit),
    }


def weights(network: Sequential, layer: str, unit: int) -> dict[str, Any]:
    """What a unit looks for: its weights in the mixing layer that it comes from, as an image.

    Returns ``weights`` in the shape of what the layer looks at: (H, W) over pixels, summed over the colours, which is how the
    unit responds to a grey picture; (C, H, W) over feature maps; (C, kh, kw) of a filter; (n,) over a flat layer; None if there
    is no mixing layer below, or a residual block. ``bias`` is a number, or None if there is none. Raises RequestError if there
    is no such layer or unit.
    """
    place = _place(network, layer)
    index_in(_units(network, place), unit, f"The unit of {layer}")
    image, bias = None, None
    source = _source(network, place)
    if source is not None:
        maker = network.layers[source - 1]
        own = _same_unit(network, unit, place, source)
        if isinstance(maker, Dense):
            below = _below(network, source)
            image = maker.weight[:, own].reshape(network.shapes[below])
            if below == 0 and picture_size(network):
                image = over_pixels(image, network)
            elif image.ndim == 3 and len(image) == 1:
                image = image[0]  # one channel is a plane
        elif isinstance(maker, Conv2D):
            image = maker.weight[own].transpose(1, 0, 2)  # (C/groups, kh, kw)
        if isinstance(maker, (Dense, Conv2D)) and maker.has_bias:
            bias = float(maker.bias[own])
    return {"layer": layer, "unit": unit, "weights": None if image is None else encode_array(image), "bias": bias}


# A place is a number: 0 is the input, i the output of layer i (counted from 1). -----------------------------------------------


def _place(network: Sequential, layer: str) -> int:
    """The place of a layer by its name."""
    names = [INPUT, *(each.name for each in network.layers)]
    if layer not in names:
        raise RequestError(400, f'The network has no layer "{layer}". Its layers: {", ".join(names)}.')
    return names.index(layer)


def _source(network: Sequential, place: int) -> int | None:
    """The place of the mixing layer that the units at ``place`` come from."""
    return next((i for i in range(place, 0, -1) if isinstance(network.layers[i - 1], MIXING)), None)


def _below(network: Sequential, place: int) -> int:
    """The place that feeds the layer at ``place``; a ``Flatten`` in between only changes the shape, and is skipped."""
    below = place - 1
    while below > 0 and isinstance(network.layers[below - 1], Flatten):
        below -= 1
    return below


def _passed(network: Sequential, seen: np.ndarray) -> tuple[list[np.ndarray], Tape]:
    """A forward pass in inference mode: the values at every place, each (1, …), and the tape for the way back."""
    tape = network.tape(input_gradient=True)
    outputs = [inputs.convert(seen[None], out=network.batch(1))]
    for layer in network.layers:
        outputs.append(layer.forward(outputs[-1], tape))
    return outputs, tape


def _units(network: Sequential, place: int) -> int:
    """The number of units at a place: pixels of the input, channels of maps, otherwise all values."""
    shape = network.shapes[place]
    if place == 0:
        return math.prod(size_of_input(network))
    return shape[0] if len(shape) == 3 else math.prod(shape)


def _cell(network: Sequential, place: int, unit: int) -> tuple[Any, ...]:
    """The index of a unit's values in the array at a place."""
    if place == 0:
        return place_of_pixel(unit, network)
    shape = network.shapes[place]
    return (unit,) if len(shape) == 3 else tuple(int(i) for i in np.unravel_index(unit, shape))


def _same_unit(network: Sequential, unit: int, place: int, below: int) -> int:
    """The unit of the mixing layer below that arrives as ``unit``: flattened maps have several values per channel."""
    return unit * _units(network, below) // _units(network, place)


def _by_unit(values: np.ndarray, network: Sequential, place: int) -> np.ndarray:
    """The sum over all values of each unit of an array at a place, (units,)."""
    if place == 0:
        return over_pixels(values, network).reshape(-1)
    return values.sum(axis=(1, 2)) if values.ndim == 3 else values.reshape(-1)


def _incoming(network: Sequential, outputs: list[np.ndarray], tape: Tape, place: int, unit: int) -> list[dict[str, Any]]:
    source = _source(network, place)
    if source is None:
        return []
    y, x = outputs[source], outputs[source - 1]  # (1, …)
    dy, cell = np.zeros_like(y), (0, *_cell(network, source, _same_unit(network, unit, place, source)))
    dy[cell] = 1.0 / dy[cell].size  # a channel counts by the mean of its map
    dx = network.layers[source - 1].backward(dy, tape)
    assert dx is not None
    below = _below(network, source)
    contributions = (dx * x).reshape(outputs[below].shape)[0]
    return _strongest(network, below, _by_unit(contributions, network, below))


def _outgoing(network: Sequential, outputs: list[np.ndarray], place: int, unit: int) -> list[dict[str, Any]]:
    above = next((i for i in range(place + 1, len(outputs)) if isinstance(network.layers[i - 1], MIXING)), None)
    if above is None:
        return []
    without = outputs[place].copy(order="K")
    without[0][_cell(network, place, unit)] = 0.0
    tape = network.tape()  # a new one: the arrays of the other tape are still read
    for layer in network.layers[place:above]:
        without = layer.forward(without, tape)
    lost = (outputs[above] - without)[0]
    return _strongest(network, above, _by_unit(lost, network, above) / lost[0].size)  # of a channel the mean


def _strongest(network: Sequential, place: int, contributions: np.ndarray) -> list[dict[str, Any]]:
    """The units at a place with the largest absolute contributions (units,), the largest first, without those of 0."""
    name = network.layers[place - 1].name if place else INPUT
    order = np.argsort(-np.abs(contributions), kind="stable")[:STRONGEST]
    return [
        {"layer": name, "unit": int(unit), "contribution": float(contributions[unit])} for unit in order if contributions[unit]
    ]


def _weights(request: Request) -> JSONResponse:
    model = request.app.state.models.get(request.path_params["name"])
    layer, text = request.query_params.get("layer", ""), request.query_params.get("unit", "")
    unit = whole_number(text)
    if unit is None:
        raise RequestError(400, f'unit must be a whole number, as in ?layer={layer or "dense1"}&unit=5; got "{text}".')
    return JSONResponse(weights(model.network, layer, unit))


routes = [Route("/api/models/{name}/weights", _weights)]
