"""What Inside shows of a network is what its passes compute."""

import asyncio
import base64

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse

from handspun.app.answers import inside
from handspun.app.models.catalog import Model, Models
from handspun.app.transport.wire import RequestError
from handspun.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MaxPool2D,
    ReLU,
    Residual,
    Tanh,
)
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import PictureContract

RNG = np.random.default_rng(5)
SEEN = RNG.integers(0, 256, (6, 6), np.uint8)
COLOURED = RNG.integers(0, 256, (6, 6, 3), np.uint8)


def filled(network, seed=3):
    """The network, with parameters and statistics that are all different."""
    rng = np.random.default_rng(seed)
    network.parameters.vector[...] = rng.normal(0.0, 0.7, network.parameters.vector.size)
    network.statistics.vector[...] = rng.uniform(0.5, 2.0, network.statistics.vector.size)
    return network


def mlp(outputs=3):
    layers = [Flatten(), Dense(7), BatchNorm(), ReLU(), Dropout(), Dense(5), LayerNorm(), Tanh(), Dense(outputs)]
    return filled(Sequential(layers, (6, 6), dtype=np.float64))


def cnn(channels=1):
    layers = [
        Conv2D(4, 3, bias=False),
        BatchNorm(),
        Tanh(),
        Conv2D(6, (3, 2), padding="same", stride=(1, 2)),
        MaxPool2D(2, stride=1),
        ReLU(),
        Flatten(),
        Dense(8),
        Tanh(),
        Dense(3),
    ]
    return filled(Sequential(layers, (channels, 6, 6), dtype=np.float64))


def residual():
    block = Residual([Conv2D(4, 3, padding="same"), BatchNorm(), Tanh()])
    layers = [AvgPool2D(2), block, GlobalAvgPool(), Residual([Dense(5), Tanh()]), Dense(3)]
    return filled(Sequential(layers, (1, 6, 6), dtype=np.float64))


NETWORKS = {"mlp": (mlp, SEEN), "cnn": (cnn, SEEN), "coloured": (lambda: cnn(3), COLOURED), "residual": (residual, SEEN)}
every_network = pytest.mark.parametrize(("make", "seen"), NETWORKS.values(), ids=NETWORKS)


def array(value):
    kind = {"float32": "<f4", "uint8": "u1"}[value["dtype"]]
    return np.frombuffer(base64.b64decode(value["data"]), kind).reshape(value["shape"])


def as_input(network, seen):
    """A picture (H, W[, C]) as a float64 batch of one input."""
    x = seen / 255.0
    return (x.transpose(2, 0, 1) if x.ndim == 3 else x).reshape(1, *network.input_shape)


def all_outputs(network, x):
    """The input and the output of each layer, by name."""
    tape, found = network.tape(), {"input": x}
    for layer in network.layers:
        x = layer.forward(x, tape)
        found[layer.name] = x.copy()
    return found


@every_network
def test_layer_values_are_the_outputs_of_the_layers(make, seen):
    network = make()
    outputs = all_outputs(network, as_input(network, seen))
    values = inside.layer_values(network, seen)
    assert [(layer["name"], layer["kind"]) for layer in values] == [(la.name, type(la).__name__) for la in network.layers]
    for layer in values:
        np.testing.assert_array_equal(array(layer["values"]), outputs[layer["name"]][0].astype(np.float32))


@every_network
@pytest.mark.parametrize("class_index", [0, 2])
def test_saliency_is_the_slope_of_the_logit(make, seen, class_index):
    network, h = make(), 1e-6
    x = as_input(network, seen)
    expected = np.empty(x.size)
    for i in range(x.size):
        logits = []
        for step in (h, -h):
            moved = x.copy()
            moved.reshape(-1)[i] += step
            logits.append(network.logits(moved)[0, class_index])
        expected[i] = (logits[0] - logits[1]) / (2 * h)
    expected = expected.reshape(-1, 6, 6).sum(axis=0)  # over the colours
    found = array(inside.saliency(network, seen, class_index))
    assert found.shape == (6, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_with_one_output_no_is_the_opposite_of_yes():
    network = mlp(outputs=1)
    yes, no = (array(inside.saliency(network, SEEN, index)) for index in (1, 0))
    moved = as_input(network, SEEN)
    moved[0, 2, 3] += 1e-6
    slope = (network.logits(moved) - network.logits(as_input(network, SEEN)))[0, 0] / 1e-6
    assert yes[2, 3] == pytest.approx(slope, rel=1e-4)
    np.testing.assert_array_equal(no, -yes)


@pytest.mark.parametrize("class_index", [-1, 3, "1", 1.0, True, None])
def test_saliency_of_an_unknown_class_is_refused(class_index):
    with pytest.raises(RequestError, match="from 0 to 2"):
        inside.saliency(mlp(), SEEN, class_index)


def contributions(found):
    return {each["unit"]: each["contribution"] for each in found}


def test_contributions_to_a_dense_unit_add_up_to_its_sum(monkeypatch):
    monkeypatch.setattr(inside, "STRONGEST", 100)  # all of them
    network = mlp()
    outputs = all_outputs(network, as_input(network, SEEN))
    for name, below, maker in [
        ("dense1", "input", network.layers[1]),
        ("relu1", "input", network.layers[1]),
        ("dense2", "dropout1", network.layers[5]),
        ("tanh1", "dropout1", network.layers[5]),
        ("dense3", "tanh1", network.layers[8]),
    ]:
        found = inside.focus(network, SEEN, name, 2)
        parts = maker.weight[:, 2] * outputs[below].reshape(-1)
        assert {each["layer"] for each in found["incoming"]} == {below}
        assert contributions(found["incoming"]) == pytest.approx({i: part for i, part in enumerate(parts) if part})
        sizes = [abs(each["contribution"]) for each in found["incoming"]]
        assert sizes == sorted(sizes, reverse=True)
        assert found["bias"] == pytest.approx(maker.bias[2])
        assert found["value"] == pytest.approx(outputs[name][0, 2])
        assert sum(parts) + found["bias"] == pytest.approx(outputs[maker.name][0, 2])


def test_contributions_to_a_channel_add_up_to_its_mean(monkeypatch):
    monkeypatch.setattr(inside, "STRONGEST", 1000)
    network = cnn()
    outputs = all_outputs(network, as_input(network, SEEN))
    second = network.layers[3]
    for name in ("conv2d2", "maxpool2d1", "relu1"):
        found = inside.focus(network, SEEN, name, 4)
        assert found["value"] == pytest.approx(outputs[name][0, 4].mean())
        assert {each["layer"] for each in found["incoming"]} == {"tanh1"}
        total = sum(contributions(found["incoming"]).values()) + second.bias[4]
        assert total == pytest.approx(outputs["conv2d2"][0, 4].mean())
    # Each contribution by itself: the filter over that channel alone.
    for channel, part in contributions(inside.focus(network, SEEN, "conv2d2", 4)["incoming"]).items():
        alone = np.zeros_like(outputs["tanh1"])
        alone[0, channel] = outputs["tanh1"][0, channel]
        assert part == pytest.approx(second.forward(alone, network.tape())[0, 4].mean() - second.bias[4])
    # Every pixel contributes.
    found = contributions(inside.focus(network, SEEN, "batchnorm1", 1)["incoming"])
    assert len(found) == np.count_nonzero(SEEN)
    assert sum(found.values()) == pytest.approx(outputs["conv2d1"][0, 1].mean())
    # A value of flattened maps comes from its channel, a dense unit from the channels before the flattening.
    assert inside.focus(network, SEEN, "flatten1", 14)["incoming"] == inside.focus(network, SEEN, "relu1", 4)["incoming"]
    found = contributions(inside.focus(network, SEEN, "dense1", 3)["incoming"])
    parts = (network.layers[7].weight[:, 3] * outputs["flatten1"][0]).reshape(6, -1).sum(axis=1)
    assert found == pytest.approx({i: part for i, part in enumerate(parts) if part})


def test_coloured_pixels_contribute_with_all_their_colours(monkeypatch):
    monkeypatch.setattr(inside, "STRONGEST", 1000)
    network = cnn(3)
    found = inside.focus(network, COLOURED, "conv2d1", 2)
    assert sum(contributions(found["incoming"]).values()) == pytest.approx(
        all_outputs(network, as_input(network, COLOURED))["conv2d1"][0, 2].mean()
    )
    assert max(contributions(found["incoming"])) < 36
    grey = as_input(network, COLOURED)
    without = grey.copy()
    without[0, :, 3, 4] = 0.0
    first = network.layers[0]
    lost = (first.forward(grey, network.tape()) - first.forward(without, network.tape()))[0].mean(axis=(1, 2))
    outgoing = contributions(inside.focus(network, COLOURED, "input", 3 * 6 + 4)["outgoing"])
    assert outgoing == pytest.approx(dict(enumerate(lost)))


def flat_rows():
    network = filled(Sequential([Dense(4), Tanh(), Dense(3)], (5 * 7 * 3,), dtype=np.float64))
    network.contract = PictureContract(5, 7)
    return network


@pytest.mark.parametrize(
    "make",
    [lambda: filled(Sequential([Flatten(), Dense(4), Tanh(), Dense(3)], (5, 7, 3), dtype=np.float64)), flat_rows],
    ids=["picture", "row"],
)
def test_without_convolutions_a_pixels_colours_are_adjacent(make, monkeypatch):
    monkeypatch.setattr(inside, "STRONGEST", 1000)
    network, seen = make(), RNG.integers(1, 256, (5, 7, 3), np.uint8)
    first = next(layer for layer in network.layers if isinstance(layer, Dense))
    weight = first.weight.reshape(5, 7, 3, 4)
    np.testing.assert_allclose(array(inside.weights(network, first.name, 2)["weights"]), weight[..., 2].sum(axis=2), rtol=1e-6)
    parts = (weight[..., 2] * seen / 255).sum(axis=2)
    assert contributions(inside.focus(network, seen, first.name, 2)["incoming"]) == pytest.approx(dict(enumerate(parts.flat)))
    pixel = inside.focus(network, seen, "input", 2 * 7 + 6)
    assert pixel["value"] == pytest.approx(seen[2, 6].mean() / 255)
    assert contributions(pixel["outgoing"]) == pytest.approx(dict(enumerate(seen[2, 6] / 255 @ weight[2, 6])))
    slope = np.empty((5, 7))
    for row, column in np.ndindex(5, 7):
        more, less = ((seen / 255.0).reshape(1, *network.input_shape) for _ in range(2))
        more.reshape(5, 7, 3)[row, column] += 1e-6
        less.reshape(5, 7, 3)[row, column] -= 1e-6
        slope[row, column] = (network.logits(more) - network.logits(less))[0, 1] / 2e-6
    np.testing.assert_allclose(array(inside.saliency(network, seen, 1)), slope, rtol=1e-5, atol=1e-8)
    with pytest.raises(RequestError, match="from 0 to 34"):
        inside.focus(network, seen, "input", 35)
    assert Model("colours", network, "file").as_dict()["picture_shape"] == (5, 7)


@pytest.mark.parametrize(("name", "unit"), [("dropout1", 1), ("tanh1", 4)])
def test_a_unit_contributes_its_value_times_the_weights(name, unit):
    network = mlp()
    outputs = all_outputs(network, as_input(network, SEEN))
    above = network.layers[5 if name == "dropout1" else 8]
    outputs[name][0, unit] = 0.37 if not outputs[name][0, unit] else outputs[name][0, unit]
    found = inside.focus(network, SEEN, name, unit)["outgoing"]
    assert {each["layer"] for each in found} == {above.name}
    assert contributions(found) == pytest.approx(dict(enumerate(above.weight[unit] * outputs[name][0, unit])))


def test_a_channel_contributes_what_would_be_lost_without_it():
    network = cnn()
    outputs = all_outputs(network, as_input(network, SEEN))
    without = outputs["conv2d2"].copy()
    without[0, 1] = 0.0
    tape, x = network.tape(), without
    for layer in network.layers[4:8]:  # pooling, activation, flatten, dense
        x = layer.forward(x, tape)
    found = inside.focus(network, SEEN, "conv2d2", 1)["outgoing"]
    expected = outputs["dense1"][0] - x[0]
    assert contributions(found) == pytest.approx({i: part for i, part in enumerate(expected) if part})
    assert inside.focus(network, SEEN, "dense2", 1)["outgoing"] == []


def test_contributions_through_a_residual_block_are_its_slopes():
    network, h = residual(), 1e-6
    outputs = all_outputs(network, as_input(network, SEEN))
    found = inside.focus(network, SEEN, "residual2", 3)
    block = network.layers[3]
    for unit, part in contributions(found["incoming"]).items():
        moved = outputs["globalavgpool1"].copy()
        moved[0, unit] += h
        slope = (block.forward(moved, network.tape())[0, 3] - outputs["residual2"][0, 3]) / h
        assert part == pytest.approx(slope * outputs["globalavgpool1"][0, unit], rel=1e-4)
    assert len(found["incoming"]) == 4
    assert found["weights"] is None
    assert found["bias"] is None
    assert {each["layer"] for each in found["outgoing"]} == {"dense1"}


@pytest.mark.parametrize(
    ("make", "layer", "unit", "expected"),
    [
        (mlp, "dense1", 5, lambda n: n.layers[1].weight[:, 5].reshape(6, 6)),
        (mlp, "relu1", 5, lambda n: n.layers[1].weight[:, 5].reshape(6, 6)),
        (mlp, "dense2", 0, lambda n: n.layers[5].weight[:, 0]),
        (cnn, "conv2d1", 3, lambda n: n.layers[0].weight[3].transpose(1, 0, 2)),
        (cnn, "relu1", 5, lambda n: n.layers[3].weight[5].transpose(1, 0, 2)),
        (cnn, "dense1", 7, lambda n: n.layers[7].weight[:, 7].reshape(6, 3, 1)),
        (cnn, "flatten1", 11, lambda n: n.layers[3].weight[3].transpose(1, 0, 2)),
    ],
)
def test_weights_have_the_shape_of_their_input(make, layer, unit, expected):
    network = make()
    found = inside.weights(network, layer, unit)
    np.testing.assert_array_equal(array(found["weights"]), expected(network).astype(np.float32))


def test_flat_inputs_that_fill_a_square_are_shown_as_one():
    network = filled(Sequential([Dense(4)], (36,)))
    assert inside.weights(network, "dense1", 1)["weights"]["shape"] == [6, 6]
    assert inside.weights(filled(Sequential([Dense(4)], (35,))), "dense1", 1)["weights"]["shape"] == [35]


def test_the_input_has_no_weights():
    found = inside.focus(mlp(), SEEN, "input", 13)
    assert (found["weights"], found["bias"], found["incoming"]) == (None, None, [])
    assert found["value"] == pytest.approx(SEEN.reshape(-1)[13] / 255)


@pytest.mark.parametrize(
    ("layer", "unit", "message"),
    [
        ("dense9", 0, 'no layer "dense9". Its layers: input, flatten1, dense1'),
        ("dense1", 7, "from 0 to 6"),
        ("dense1", -1, "from 0 to 6"),
        ("dense1", True, "from 0 to 6"),
        ("dense1", "2", "from 0 to 6"),
        ("input", 36, "from 0 to 35"),
    ],
)
def test_unknown_layers_and_units_are_refused(layer, unit, message):
    with pytest.raises(RequestError, match=message) as caught:
        inside.focus(mlp(), SEEN, layer, unit)
    assert caught.value.status_code == 400


def test_the_network_is_not_changed():
    network = cnn()
    before = network.parameters.vector.copy(), network.statistics.vector.copy()
    inside.layer_values(network, SEEN)
    inside.saliency(network, SEEN, 1)
    inside.focus(network, SEEN, "relu1", 1)
    np.testing.assert_array_equal(network.parameters.vector, before[0])
    np.testing.assert_array_equal(network.statistics.vector, before[1])


def get(models, *paths):
    """The response of the end point to each path."""

    async def refused(request, error):
        return JSONResponse({"error": error.detail}, error.status_code)

    app = Starlette(routes=inside.routes, exception_handlers={RequestError: refused})
    app.state.models = models

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(ask())


def test_the_end_point_for_weights():
    network = mlp()
    models = Models([Model("small", network, "file")])
    path = "/api/models/small/weights"
    (answer,) = get(models, f"{path}?layer=dense1&unit=5")
    assert answer.status_code == 200
    assert answer.json() == inside.weights(network, "dense1", 5)
    queries = ("layer=dense1", "layer=dense1&unit=7", "layer=dense1&unit=-1", "layer=dense1&unit=٣", "layer=x&unit=1")
    for refused in get(models, path, *[f"{path}?{query}" for query in queries]):
        assert refused.status_code == 400
        assert refused.json()["error"]
    assert [each.status_code for each in get(models, "/api/models/other/weights?layer=dense1&unit=5")] == [404]
