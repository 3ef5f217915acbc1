"""What is shown of one step of training is what a training does, in every number."""

import asyncio
import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse

import handspun
from handspun.app.lessons import steps as stepping, texts as lessons
from handspun.app.models.catalog import Model, Models
from handspun.app.transport.wire import RequestError, encode_array
from handspun.layers import (
    GELU,
    LAYERS,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    SpatialDropout,
    Tanh,
)
from handspun.networks.answers import Confidence, two_or_more
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD
from handspun.pictures.contract import Contract, PictureContract
from handspun.training.fit import fit

RNG = np.random.default_rng(8)
SEEN = RNG.integers(0, 256, (6, 6), np.uint8)
COLOURED = RNG.integers(0, 256, (5, 7, 3), np.uint8)


def filled(network, seed=4):
    """The network with parameters and statistics that are all different."""
    rng = np.random.default_rng(seed)
    network.parameters.vector[...] = rng.normal(0.0, 0.6, network.parameters.vector.size)
    network.statistics.vector[...] = rng.uniform(0.5, 2.0, network.statistics.vector.size)
    return network


def rows():
    """All layers for flat inputs."""
    inner = Residual([Dense(6, bias=False), LayerNorm(), GELU()])
    layers = [Flatten(), Dense(7), BatchNorm(), ReLU(), Dropout(0.5), inner, LeakyReLU(0.1), Dense(5), SiLU(), Dense(3)]
    return filled(Sequential(layers, (6, 6), dtype=np.float64))


def pictures():
    """All layers for pictures."""
    inner = Residual([Conv2D(4, 3, padding="same"), Sigmoid()])
    layers = [
        Conv2D(4, 3, bias=False, padding=1),
        BatchNorm(),
        SpatialDropout(0.5),
        MaxPool2D(2, stride=1),
        inner,
        Residual([Conv2D(3, 2, stride=2, padding="same"), Tanh()]),
        AvgPool2D(2, stride=1),
        GlobalAvgPool(),
        Dense(3),
    ]
    return filled(Sequential(layers, (3, 5, 7), dtype=np.float64))


def yes_or_no():
    return filled(Sequential([Flatten(), Dense(4), Tanh(), Dense(1)], (6, 6), dtype=np.float64))


CASES = {"rows": (rows, SEEN, 3), "pictures": (pictures, COLOURED, 3), "yes-or-no": (yes_or_no, SEEN, 2)}
every_case = pytest.mark.parametrize(("make", "seen", "classes"), CASES.values(), ids=CASES)


def step_through(network, seen, label=1, learning_rate=0.05):
    classes = network.classes or [f"class {i}" for i in range(max(network.output_shape[-1], 2))]
    return stepping.steps(network, classes, seen, label, learning_rate)


def array(value):
    return np.frombuffer(base64.b64decode(value["data"]), "<f4").reshape(value["shape"])


def arrays(step):
    """The arrays of a step by symbol; the parameter that a step of the last phase is about goes before it."""
    return {(f"{a['group']} {a['label']}" if "group" in a else a["symbol"]): array(a["array"]) for a in step["arrays"]}


def in_phase(found, phase):
    return [step for step in found["steps"] if step["phase"] == phase]


def loss_of(network, x, label):
    """The loss of a float64 batch of one, in inference mode."""
    z = network.forward(x, network.tape())
    loss = SigmoidBinaryCrossEntropy() if z.shape[1] == 1 else SoftmaxCrossEntropy()
    return loss(z, np.array([label]))[0]


def as_input(network, seen):
    x = seen / 255.0
    return np.ascontiguousarray(x.transpose(2, 0, 1) if x.ndim == 3 else x).reshape(1, *network.input_shape)


def close(found, expected):
    """Up to the rounding of float32, in which the page gets its numbers."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def seen_as(parameter):
    """Filters are shown as (O, C, kh, kw), in memory they are (O, kh, C, kw)."""
    return parameter.transpose(0, 2, 1, 3) if parameter.ndim == 4 else parameter


@every_case
def test_forward_shows_what_every_layer_made(make, seen, classes):
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
        np.testing.assert_array_equal(
            shown[layer][stepping.SYMBOLS[kind][0]], seen_as(parameter).astype(np.float32), err_msg=name
        )


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
        """Of the loss by each of these values of the network."""
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
        shown = backward[layer][f"d{stepping.SYMBOLS[kind][0]}"]
        np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(), err_msg=name)
    expected = slopes(x)[0]
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(backward[network.layers[0].name]["dx"], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    # Each layer hands on what the one above it gave; where an array of the way forward is shown again, it is the same.
    forward = {step["layer"]: arrays(step) for step in in_phase(found, "forward")}
    for below, above in zip(network.layers, network.layers[1:], strict=False):
        np.testing.assert_array_equal(backward[below.name]["dy"], backward[above.name]["dx"])
    for name, shown in backward.items():
        for symbol in ("x", "y", "W", "γ", "μ", "σ²"):
            if name is not None and symbol in shown:
                np.testing.assert_array_equal(shown[symbol], forward[name][symbol])


@every_case
def test_the_loss_is_minus_the_logarithm_of_the_right_probability(make, seen, classes):
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
def test_the_loss_of_a_sure_answer_is_no_rounding(units):
    """Before and after the step, in all the digits that float64 has of the network's float32 logits."""
    network = filled(Sequential([Flatten(), Dense(units)], (6, 6)))
    z = np.sort(two_or_more(network.logits(SEEN[None]))[0])
    network.parameters.vector[...] *= 11 / (z[-1] - z[-2])  # so sure is it then
    z = two_or_more(network.logits(SEEN[None]))[0].astype(np.float64)
    label = int(z.argmax())
    found = step_through(network, SEEN, label, 0.05)
    expected = np.log1p(np.exp(np.delete(z, label) - z[label]).sum())
    assert 0 < expected < 1e-3
    assert found["loss"] == pytest.approx(expected, rel=1e-9)
    assert found["loss_after"] < found["loss"]
    assert found["loss_after"] == pytest.approx(found["loss"], rel=0.1)
    assert f"Here L = {stepping._number(expected)}." in in_phase(found, "loss")[1]["explanation"]


@every_case
def test_the_softmax_says_what_draw_makes_of_it(make, seen, classes):
    """Draw divides the logits by the temperature; what training sees is not calibrated."""
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
def test_the_update_is_one_of_plain_descent(make, seen, classes):
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


def test_training_itself_makes_the_same_step():
    layers = [Conv2D(3, 3), MaxPool2D(2), Tanh(), Flatten(), Dense(4), ReLU(), Dense(3)]  # alike in training and inference
    network = filled(Sequential(layers, (1, 6, 6), dtype=np.float64))
    trained = network.copy()
    fit(trained, (SEEN[None], np.array([2])), optimizer=SGD(0.03), batch_size=1, epochs=1)
    shown = arrays(step_through(network, SEEN, 2, 0.03)["steps"][-1])
    assert not np.array_equal(trained.parameters.vector, network.parameters.vector)
    for name, parameter in trained.parameters.items():
        close(shown[f"{name} after"], seen_as(parameter))


def test_the_model_stays_as_it_is():
    network = rows()
    before = network.parameters.vector.copy(), network.statistics.vector.copy()
    step_through(network, SEEN)
    np.testing.assert_array_equal(network.parameters.vector, before[0])
    np.testing.assert_array_equal(network.statistics.vector, before[1])
    assert all("forward" not in vars(layer) for layer in network.layers)


# Words and source -------------------------------------------------------------------------------------------------------


def test_every_kind_of_layer_has_a_lesson():
    assert set(lessons.LESSONS) == set(LAYERS.values())


def test_dropout_of_channels_says_so_and_both_say_what_becomes_of_the_rest():
    said = {kind: lessons.LESSONS[kind].forward.explanation.format(layer=kind(0.3)) for kind in (Dropout, SpatialDropout)}
    assert "a share of 0.3 of the values would be set to zero" in said[Dropout]
    assert "a share of 0.3 of the channels, each as a whole, would be set to zero" in said[SpatialDropout]
    assert all("multiplied by 1/(1 - 0.3)" in text for text in said.values())


@pytest.mark.parametrize("kind", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_every_line_that_works_is_in_the_source(kind, direction):
    texts = getattr(lessons.LESSONS[kind], direction)
    everything = stepping.source(getattr(kind, direction), (), frozenset())["lines"]
    for part in texts.lines:
        assert any(part in line for line in everything), part


@pytest.mark.parametrize("kind", stepping.LINES_OF_LOSS)
def test_every_line_that_makes_a_loss_is_in_the_source(kind):
    everything = Path(handspun.optimization.losses.__file__).read_text(encoding="utf-8").splitlines()
    for part in [part for parts in stepping.LINES_OF_LOSS[kind] for part in parts]:
        assert any(part in line for line in everything), part


@every_case
def test_source_is_that_of_the_file_and_only_lines_that_ran_are_marked(make, seen, classes):
    package = Path(handspun.__file__).parent.parent
    for step in step_through(make(), seen)["steps"]:
        source = step["source"]
        first = source["first_line"]
        lines = (package / source["file"]).read_text(encoding="utf-8").splitlines()[first - 1 :][: len(source["lines"])]
        assert [line.strip() for line in source["lines"]] == [line.strip() for line in lines]
        assert source["highlight"], step["title"]
        assert all(first < number < first + len(lines) for number in source["highlight"])
        marked = " ".join(lines[number - first] for number in source["highlight"])
        assert "tape.training" not in marked
        assert not re.search(r"\{|\}", step["formula"] + step["explanation"])
        assert step["arrays"]


def marked(network, layer, phase="forward", seen=SEEN):
    (step,) = [step for step in in_phase(step_through(network, seen), phase) if step["layer"] == layer]
    source = step["source"]
    return [source["lines"][number - source["first_line"]].strip() for number in source["highlight"]]


def test_what_did_not_run_is_not_marked():
    network = rows()
    assert marked(network, "dropout1") == ["return x"]
    assert marked(network, "dropout1", "backward") == ["return dy"]
    assert any("y += self.bias" in line for line in marked(network, "dense1"))
    assert not any("y += self.bias" in line for line in marked(network, "residual1.dense1"))
    assert any("self.running_mean" in line for line in marked(network, "batchnorm1"))


NUMBERS = {0: "0", 1.6072e-5: "1.6·10⁻⁵", 0.00012: "0.00012", 0.00963: "0.00963", 0.1: "0.100", 2.302585: "2.30", 123.4: "123"}
NUMBERS |= {4567.8: "4568", 2.5e7: "2.5·10⁷"}


@pytest.mark.parametrize(("value", "text"), NUMBERS.items())
def test_numbers_in_sentences_are_written_as_the_page_writes_them(value, text):
    assert stepping._number(value) == text


@pytest.mark.parametrize(
    ("contract", "ends"),
    [(Contract(), "0 where there is no ink to 255 for full ink"), (PictureContract(6, 6), "0 for black to 255 for white")],
)
def test_bytes_are_ink_to_a_model_of_strokes_and_light_to_others(contract, ends):
    network = yes_or_no()
    network.contract = contract
    assert f"Their bytes, {ends}, become numbers" in step_through(network, SEEN)["steps"][0]["explanation"]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.5, "50.00 %"), (0.00006, "0.01 %"), (0.00004, "less than 0.01 %"), (0.9999, "99.99 %"), (0.99996, "more than 99.99 %")],
)
def test_a_probability_is_never_said_to_be_what_it_is_not(share, text):
    assert stepping._percent(share) == text


@pytest.mark.parametrize(("share", "text"), [(0.5, "50.0 %"), (0.0004, "less than 0.1 %"), (0.9996, "more than 99.9 %")])
def test_a_probability_in_one_digit_keeps_to_that_as_well(share, text):
    assert stepping._percent(share, 1) == text


def test_formulae_say_what_this_layer_does():
    network = filled(Sequential([Conv2D(2, 3, stride=2, dilation=(1, 2), padding=1), Flatten(), Dense(2)], (1, 6, 6)))
    found = {(step["phase"], step["layer"]): step for step in step_through(network, SEEN)["steps"]}
    convolution = found["forward", "conv2d1"]
    assert convolution["formula"] == "y_o,r,s = Σ_c Σ_i Σ_j W_ocij x_c,2r+i-1,2s+2j-1 + b_o"
    assert "from 1 × 6 × 6 to 2 × 3 × 2" in convolution["explanation"]
    assert found["backward", "conv2d1"]["formula"].startswith("dW_ocij = Σ_r Σ_s dy_o,r,s x_c,2r+i-1,2s+2j-1\ndb_o = ")
    assert "groups" not in convolution["explanation"]
    assert found["forward", "dense1"]["formula"] == "y = x W + b\ny_k = Σ_j x_j W_jk + b_k"
    network = filled(Sequential([Conv2D(4, 3), Conv2D(6, 3, groups=2), Flatten(), Dense(2)], (1, 6, 6)))
    found = {(step["phase"], step["layer"]): step for step in step_through(network, SEEN)["steps"]}
    assert found["forward", "conv2d2"]["explanation"].endswith("in 2 groups: c counts the channels of the filter's own group.")
    network = filled(Sequential([Flatten(), Dense(2, bias=False)], (1, 6, 6)))
    found = {(step["phase"], step["layer"]): step for step in step_through(network, SEEN)["steps"]}
    assert found["forward", "dense1"]["formula"] == "y = x W\ny_k = Σ_j x_j W_jk"
    assert found["backward", "dense1"]["formula"] == "dW = xᵀ dy\ndx = dy Wᵀ"


# The end point ----------------------------------------------------------------------------------------------------------


def post(models, *bodies):
    """The responses of the module's end point to each body."""

    async def refused(request, error):
        return JSONResponse({"error": error.message}, error.status)

    app = Starlette(routes=stepping.routes, exception_handlers={RequestError: refused})
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
    assert found == json.loads(json.dumps(stepping.steps(network, ("no", "yes"), seen, 1, 0.01)))
    assert found["classes"] == ["no", "yes"]
    assert (found["label"], found["learning_rate"]) == (1, 0.01)


def test_a_network_too_large_to_look_at_is_refused(models, monkeypatch):
    monkeypatch.setattr(stepping, "MOST_PARAMETERS", 3149)  # one less than this one has
    (answer,) = post(models, body())
    assert answer.status_code == 400
    assert "3,150 parameters" in answer.json()["error"]


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"model": "other"}, 404, "no model"),
        ({"model": 3}, 400, "name of a model"),
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
def test_what_cannot_be_meant_is_refused(models, changes, status, message):
    (answer,) = post(models, body(**changes))
    assert answer.status_code == status
    assert message in answer.json()["error"]
