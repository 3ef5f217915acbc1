"""What Step shows of a training step is what training computes, in every number."""

import asyncio
import json

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import httpx
import numpy as np
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from step_cases import CASES, COLOURED, SEEN, array, arrays, filled, in_phase, pictures, rows, step_through

from handspun.app.lessons import steps, wording
from handspun.app.models.catalog import Model, Models
from handspun.app.transport.wire import RequestError, encode_array
from handspun.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Tanh
from handspun.networks.answers import Confidence, two_or_more
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD
from handspun.pictures.contract import Contract
from handspun.training.fit import fit

every_case = pytest.mark.parametrize(("make", "seen", "classes"), CASES.values(), ids=CASES)


def loss_of(network, x, label):
    """The loss of a float64 batch of one, in inference mode."""
    z = network.forward(x, network.tape())
    loss = SigmoidBinaryCrossEntropy() if z.shape[1] == 1 else SoftmaxCrossEntropy()
    return loss(z, np.array([label]))[0]


def as_input(network, seen):
    x = seen / 255.0
    return np.ascontiguousarray(x.transpose(2, 0, 1) if x.ndim == 3 else x).reshape(1, *network.input_shape)


def close(found, expected):
    """Equal up to the rounding of float32, in which the page gets its numbers."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def seen_as(parameter):
    """Filters are shown as (O, C, kh, kw), and stored as (O, kh, C, kw)."""
    return parameter.transpose(0, 2, 1, 3) if parameter.ndim == 4 else parameter


@every_case
def test_forward_shows_the_output_of_every_layer(make, seen, classes):
    network = make()
    found = step_through(network, seen)
    outputs = network.activations(seen[None])
    shown = {step["layer"]: arrays(step) for step in in_phase(found, "forward")}
    x = as_input(network, seen)[0]
    close(arrays(found["steps"][0])["x"], x)
    for layer in network.layers:
        close(shown[layer.name]["x"], x)
        x = outputs[layer.name][0]
        close(shown[layer.name]["y"], x)
    for name, parameter in network.parameters.items():
        layer, _, kind = name.rpartition(".")
        np.testing.assert_array_equal(shown[layer][steps.SYMBOLS[kind][0]], seen_as(parameter).astype(np.float32), err_msg=name)


def test_layers_inside_a_block_come_before_its_sum():
    network = pictures()
    found = step_through(network, COLOURED)
    forward, backward = ([step["layer"] for step in in_phase(found, phase)] for phase in ("forward", "backward"))
    first, second = network.layers[4], network.layers[5]
    inside = ["residual2.conv2d1", "residual2.tanh1", "residual2.projection", "residual2"]
    at = forward.index("residual2.conv2d1")
    assert forward[at : at + 4] == inside
    assert backward[0] is None  # the loss
    assert backward[backward.index("residual2.tanh1") :][:4] == [inside[1], inside[0], inside[2], inside[3]]
    assert backward[-1] == "conv2d1"
    shown = {step["layer"]: arrays(step) for step in in_phase(found, "forward")}
    close(shown["residual1"]["y"], shown["residual1.sigmoid1"]["y"] + shown["residual1"]["x"])
    close(shown["residual2"]["y"], shown["residual2.tanh1"]["y"] + shown["residual2.projection"]["y"])
    assert first.projection is None
    assert second.projection is not None


@every_case
@pytest.mark.parametrize("label", [0, 1])
def test_gradients_are_the_slopes_of_the_loss(make, seen, classes, label):
    network, h = make(), 1e-6
    found = step_through(network, seen, label)
    x = as_input(network, seen)

    def slopes(values):
        """The slopes of the loss with respect to each of these values."""
        result, flat = np.empty(values.size), values.reshape(-1)
        for i in range(values.size):
            before = flat[i]
            flat[i] = before + h
            above = loss_of(network, x, label)
            flat[i] = before - h
            result[i] = (above - loss_of(network, x, label)) / (2 * h)
            flat[i] = before
        return result.reshape(values.shape)

    backward = {step["layer"]: arrays(step) for step in in_phase(found, "backward")}
    for name, parameter in network.parameters.items():
        layer, _, kind = name.rpartition(".")
        expected = seen_as(slopes(parameter))
        shown = backward[layer][f"d{steps.SYMBOLS[kind][0]}"]
        np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(), err_msg=name)
    expected = slopes(x)[0]
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(backward[network.layers[0].name]["dx"], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    # Each layer receives what the layer above returned; arrays of the forward pass that are shown again are the same.
    forward = {step["layer"]: arrays(step) for step in in_phase(found, "forward")}
    for below, above in zip(network.layers, network.layers[1:], strict=False):
        np.testing.assert_array_equal(backward[below.name]["dy"], backward[above.name]["dx"])
    for name, shown in backward.items():
        for symbol in ("x", "y", "W", "γ", "μ", "σ²"):
            if name is not None and symbol in shown:
                np.testing.assert_array_equal(shown[symbol], forward[name][symbol])


@every_case
def test_the_loss_is_minus_the_log_of_the_right_probability(make, seen, classes):
    network = make()
    found = step_through(network, seen, 1)
    p = network.predict_proba(seen[None])[0]
    softmax, entropy = in_phase(found, "loss")
    close(arrays(softmax)["p"], p)
    close(arrays(entropy)["L"], [-np.log(p[1])])
    np.testing.assert_array_equal(arrays(entropy)["t"], np.eye(classes)[1])
    assert found["loss"] == pytest.approx(-np.log(p[1]))
    assert found["before"] == pytest.approx(p[1])
    begin = arrays(in_phase(found, "backward")[0])
    close(begin["dz"], begin["p"] - begin["t"])


@pytest.mark.parametrize("units", [1, 3])
def test_the_loss_of_a_confident_answer_is_exact(units):
    """Before and after the step, in float64 from the network's float32 logits."""
    network = filled(Sequential([Flatten(), Dense(units)], (6, 6)))
    z = np.sort(two_or_more(network.logits(SEEN[None]))[0])
    network.parameters.vector[...] *= 11 / (z[-1] - z[-2])  # the margin of the best logit
    z = two_or_more(network.logits(SEEN[None]))[0].astype(np.float64)
    label = int(z.argmax())
    found = step_through(network, SEEN, label, 0.05)
    expected = np.log1p(np.exp(np.delete(z, label) - z[label]).sum())
    assert 0 < expected < 1e-3
    assert found["loss"] == pytest.approx(expected, rel=1e-9)
    assert found["loss_after"] < found["loss"]
    assert found["loss_after"] == pytest.approx(found["loss"], rel=0.1)
    assert f"Here L = {wording.number_text(expected)}." in in_phase(found, "loss")[1]["explanation"]


@every_case
def test_the_lesson_on_softmax_names_the_probability_that_draw_shows(make, seen, classes):
    """Draw divides the logits by the temperature; training does not."""
    network = make()
    plain = in_phase(step_through(network, seen, 1), "loss")[0]
    network.confidence = Confidence(2.5, 0.0, 0.01)
    shown = 100 * network.answer(seen[None]).probabilities[0, 1]
    found = in_phase(step_through(network, seen, 1), "loss")[0]
    assert "temperature" not in plain["explanation"]
    added = (
        f" Draw, which calibrates it, first divides the outputs by the model's temperature, T = 2.5, and shows {shown:.1f} %."
    )
    assert found["explanation"] == plain["explanation"] + added
    assert arrays(found)["p"].tolist() == arrays(plain)["p"].tolist()


@every_case
def test_the_update_is_plain_gradient_descent(make, seen, classes):
    network = make()
    found = step_through(network, seen, 1, 0.05)
    last = found["steps"][-1]
    shown = arrays(last)
    updated = network.copy()
    for name, parameter in network.parameters.items():
        np.testing.assert_array_equal(shown[f"{name} before"], seen_as(parameter).astype(np.float32))
        close(shown[f"{name} after"], shown[f"{name} before"] - 0.05 * shown[f"{name} gradient"])
        filters = shown[f"{name} after"]
        updated.parameters[name][...] = seen_as(filters)  # the axes are swapped back
    p = updated.predict_proba(seen[None])[0, 1]
    assert found["after"] == pytest.approx(p, rel=1e-4)
    assert found["after"] > found["before"]
    assert last["phase"] == "update"
    probabilities = [array(a["array"]) for a in last["arrays"] if a["symbol"] == "p"]
    assert [float(p[1]) for p in probabilities] == pytest.approx([found["before"], found["after"]])


def test_training_takes_the_same_step():
    layers = [Conv2D(3, 3), MaxPool2D(2), Tanh(), Flatten(), Dense(4), ReLU(), Dense(3)]  # alike in training and inference
    network = filled(Sequential(layers, (1, 6, 6), dtype=np.float64))
    trained = network.copy()
    fit(trained, (SEEN[None], np.array([2])), optimizer=SGD(0.03), batch_size=1, epochs=1)
    shown = arrays(step_through(network, SEEN, 2, 0.03)["steps"][-1])
    assert not np.array_equal(trained.parameters.vector, network.parameters.vector)
    for name, parameter in trained.parameters.items():
        close(shown[f"{name} after"], seen_as(parameter))


def test_the_model_is_not_changed():
    network = rows()
    before = network.parameters.vector.copy(), network.statistics.vector.copy()
    step_through(network, SEEN)
    np.testing.assert_array_equal(network.parameters.vector, before[0])
    np.testing.assert_array_equal(network.statistics.vector, before[1])
    assert all("forward" not in vars(layer) for layer in network.layers)


# The end point ----------------------------------------------------------------------------------------------------------


def post(models, *bodies):
    """The response of the end point to each body."""

    async def refused(request, error):
        return JSONResponse({"error": error.detail}, error.status_code)

    app = Starlette(routes=steps.routes, exception_handlers={RequestError: refused})
    app.state.models = models

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return [await client.post("/api/step", json=body) for body in bodies]

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def models():
    layers = [Flatten(), Dense(4), Tanh(), Dense(2)]
    network = filled(Sequential(layers, (28, 28), classes=("no", "yes"), contract=Contract()))
    return Models([Model("small", network, "file"), Model("without", filled(Sequential([Dense(2)], (36,))), "file")])


def picture(ink=255):
    pixels = np.zeros((40, 30), np.uint8)
    pixels[10:30, 12:16] = ink
    return {"width": 30, "height": 40, "kind": 0, "data": encode_array(pixels)["data"]}


def body(**changes):
    return {"model": "small", "picture": picture(), "label": 1, "learning_rate": 0.01} | changes


def test_the_end_point_steps_through_what_the_model_sees(models):
    (answer,) = post(models, body())
    assert answer.status_code == 200
    found, network = answer.json(), models.get("small").network
    frame = np.zeros((40, 30), np.uint8)
    frame[10:30, 12:16] = 255
    (seen,) = network.contract(frame[None])
    assert found == json.loads(json.dumps(steps.steps(network, ("no", "yes"), seen, 1, 0.01)))
    assert found["classes"] == ["no", "yes"]
    assert (found["label"], found["learning_rate"]) == (1, 0.01)


def test_a_network_too_large_to_show_is_refused(models, monkeypatch):
    monkeypatch.setattr(steps, "MAX_PARAMETERS", 3149)  # one less than this one has
    (answer,) = post(models, body())
    assert answer.status_code == 400
    assert "3,150 parameters" in answer.json()["error"]


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"model": "other"}, 404, "no model"),
        ({"model": 3}, 400, "must be a name"),
        ({"model": "without"}, 400, "does not say how pictures"),
        ({"label": 2}, 400, "from 0 to 1"),
        ({"label": -1}, 400, "from 0 to 1"),
        ({"label": "1"}, 400, "from 0 to 1"),
        ({"label": True}, 400, "from 0 to 1"),
        ({"learning_rate": 0}, 400, "learning_rate"),
        ({"learning_rate": -0.1}, 400, "learning_rate"),
        ({"learning_rate": 11}, 400, "learning_rate"),
        ({"learning_rate": "fast"}, 400, "learning_rate"),
        ({"picture": None}, 400, "picture must be"),
        ({"picture": picture(ink=0)}, 400, "Draw something first"),
    ],
)
def test_invalid_requests_are_refused(models, changes, status, message):
    (answer,) = post(models, body(**changes))
    assert answer.status_code == status
    assert message in answer.json()["error"]
