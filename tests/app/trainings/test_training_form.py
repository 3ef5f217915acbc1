"""What the form of the page offers, and what it refuses."""

import json

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import numpy as np
from run_client import SMALL, error_of

from handspun.app.transport.wire import encode_array


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "/etc/passwd"}, "not offered"),
        ({"data": "../mnist_5k.npz"}, "not offered"),
        ({"data": "cifar10-of-nobody"}, "not offered"),
        ({"data": "drawings"}, "tray is empty"),
        ({"data": 7}, "data"),
        ({"picture_mode": "grey"}, "page may not choose"),
        ({"threads": 64}, "page may not choose"),
        ({"epochs": 100_000}, "1 to 200"),
        ({"epochs": None}, "1 to 200"),
        ({"batch_size": 0}, "1 to 1,024"),
        ({"hidden": [100_000, 100_000]}, "parameters"),
        ({"hidden": [8] * 30}, "layers"),
        ({"layers": [{"kind": "Dense", "units": 10**12}], "hidden": []}, "outputs"),
        (
            {"layers": [{"kind": "Conv2D", "filters": 256, "kernel_size": 3, "padding": "same"}] * 2 + [{"kind": "Flatten"}]},
            "multiplications",
        ),
        ({"layers": [{"kind": "Residual", "layers": []}]}, "not a layer of the page"),
        ({"layers": [{"kind": "os.system"}]}, "not a layer of the page"),
        ({"layers": [{"kind": "Dense"}]}, "units"),
        ({"layers": [{"kind": "Dense", "units": "many"}]}, "units"),
        ({"layers": [{"kind": "MaxPool2D", "size": 2}]}, "flat"),
        ({"layers": "Dense"}, "layers"),
        ({"optimizer": "adan"}, "adam"),
        ({"schedule": {"name": "step", "steps": 3}}, "steps"),
        ({"augment": {"rotation": 90}}, "0 to 45"),
        ({"augment": {"spin": 1}}, "spin"),
        ({"augment": {"crop": 100_000}}, "crop"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"weight_decay": float("nan")}, "finite"),
        ({"units": 3}, "units"),
        ({"drawings": []}, "drawings"),
    ],
)
def test_invalid_settings_are_refused_with_a_sentence(web, changes, words):
    body = json.dumps({**SMALL, **changes})
    said = error_of(web.post("/api/runs", content=body, headers={"content-type": "application/json"}), 400)
    assert words in said
    assert len(said) < 600  # it may list all names, and no more
    assert web.get("/healthz").json()["training"] is False


def test_half_a_character_in_the_settings_is_refused(web):
    """No answer could contain it: neither the run's state nor the list of all runs."""
    for text in (b'"\\ud800"', b'"\xed\xa0\x80"', b'"\\udc00\\ud800"'):
        for body in (b'{"hidden": [4], "epochs": 1, "only": [%s, "1"]}', b'{"activation": %s}', b"{%s: 1}"):
            answer = web.post("/api/runs", content=body % text, headers={"content-type": "application/json"})
            assert error_of(answer, 400) == "The body is not JSON."
    assert web.get("/api/runs").status_code == 200
    whole = b'{"activation": "\\ud83d\\ude00"}'  # one character, from two halves
    said = error_of(web.post("/api/runs", content=whole, headers={"content-type": "application/json"}), 400)
    assert "\U0001f600" in said


def test_error_messages_quote_little(web):
    body = {"drawings": [{"pixels": encode_array(np.zeros((28, 28), np.uint8)), "label": "x" * 10**6}]}
    assert len(error_of(web.post("/api/teach", json=body), 400)) < 1100


@pytest.mark.parametrize("number", ["1e999", "-1e999", "Infinity", "NaN"])
def test_numbers_that_are_not_finite_are_refused(web, number):
    body = '{"augment": {"shift": ' + number + "}}"
    assert "finite" in error_of(web.post("/api/runs", content=body, headers={"content-type": "application/json"}), 400)


def test_the_outline_describes_a_network_without_making_it(web):
    layers = [{"kind": "Conv2D", "filters": 4, "kernel_size": 3, "padding": "same"}, {"kind": "MaxPool2D"}, {"kind": "Flatten"}]
    told = web.post("/api/outline", json={"layers": layers, "hidden": []}).json()
    assert told["parameters"] == (9 + 1) * 4 + (4 * 14 * 14 + 1) * 10
    assert [row["output_shape"] for row in told["layers"]] == [[4, 28, 28], [4, 14, 14], [784], [10]]
    assert told["error"] is None
    none = web.post("/api/outline", json={"layers": layers[:2], "hidden": []}).json()
    assert "Flatten" in none["error"]
    assert none["layers"] == []


def test_every_preset_and_every_highest_value_is_valid(web):
    options = web.get("/api/options").json()
    choices = [{**preset["settings"], "hidden": []} for preset in options["presets"]]
    choices += [{"augment": {entry["name"]: entry["high"]}} for entry in options["augmentations"]]
    choices += [{"optimizer": entry["name"], "learning_rate": entry["learning_rate"]} for entry in options["optimizers"]]
    choices += [{"schedule": schedule["settings"]} for schedule in options["schedules"]]
    for kind in options["layer_kinds"]:
        usual = {argument["name"]: argument["default"] for argument in kind["arguments"]}
        shaped = [{"kind": "Conv2D", "filters": 2, "kernel_size": 3}] if "Pool" in kind["kind"] else []
        after = [{"kind": "Flatten"}] if kind["kind"] in ("Conv2D", "MaxPool2D", "AvgPool2D") else []
        choices.append({"layers": [*shaped, {"kind": kind["kind"], **usual}, *after], "hidden": []})
    for choice in choices:
        told = web.post("/api/outline", json=choice).json()
        assert told["error"] is None, (choice, told)
        assert told["parameters"] > 0
