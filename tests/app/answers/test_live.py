"""The live stream: the newest frame is answered, with what the page asked for."""

import base64
import json
import logging
import socket
import struct

import numpy as np
import pytest
from serving import serving
from strokes import drawings, render
from websockets.sync.client import connect

from handspun.app.models.catalog import Model, Models, shipped_models
from handspun.app.runs.registry import Runs
from handspun.app.server import make_app
from handspun.networks.architectures import cnn
from handspun.pictures.contract import PictureContract


def frame(pixels, sequence=1, kind=0, *, width=None, zeros=b"\0\0\0"):
    height, own_width = pixels.shape[:2]
    return struct.pack("<IHHB", sequence, width or own_width, height, kind) + zeros + pixels.tobytes()


def values(array):
    kind = {"uint8": np.uint8, "float32": np.dtype("<f4")}[array["dtype"]]
    return np.frombuffer(base64.b64decode(array["data"]), kind).reshape(array["shape"])


@pytest.fixture(scope="module")
def known():
    """The included models, one for colour pictures, and one without a contract."""
    colour = cnn((3, 16, 16), 2, channels=[4], kernel_size=3, classes=["plane", "bird"])
    colour.contract = PictureContract(16, 16)
    mute = cnn((1, 9, 9), 2, channels=[4], kernel_size=3)
    return Models([*shipped_models(), Model("colour", colour, "file"), Model("mute", mute, "file")])


@pytest.fixture(scope="module")
def url(known, tmp_path_factory):
    with serving(make_app(known, Runs(known, folder=tmp_path_factory.mktemp("kept")))) as address:
        yield address.replace("http", "ws") + "/api/live"


@pytest.fixture
def stream(url):
    with connect(url) as opened:
        yield opened


def ask(stream, message=None, **settings):
    """The answer to a message, after settings if there are any."""
    if settings:
        stream.send(json.dumps({"type": "settings", **settings}))
    if message is not None:
        stream.send(message)
    return json.loads(stream.recv(timeout=20))


SEVEN = next(drawing for drawing in drawings() if drawing["digit"] == 7)


def test_a_drawing_gets_the_librarys_answer(stream, known):
    ink = render(SEVEN)
    answer = ask(stream, frame(ink, 41))
    network = known.get().network
    seen = network.contract(ink[None])
    expected = network.answer(seen)
    assert (answer["type"], answer["sequence"], answer["model"]) == ("answer", 41, "mnist-cnn")
    assert (answer["class"], answer["verdict"]) == (7, "known")
    assert answer["classes"] == [str(i) for i in range(10)]
    np.testing.assert_allclose(answer["probabilities"], expected.probabilities[0], rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(values(answer["seen"]), seen[0])
    assert not {"stages", "layers", "saliency", "focus"} & answer.keys()


def test_an_empty_sheet_gets_no_prediction(stream):
    answer = ask(stream, frame(np.zeros((280, 280), np.uint8)))
    assert (answer["verdict"], answer["class"], answer["probabilities"]) == ("empty", None, None)


def test_the_stages_are_sent_when_asked_for(stream, known):
    ink = render(SEVEN)
    answer = ask(stream, frame(ink), model="mnist-cnn", want={"stages": True})
    stages = answer["stages"]
    top, bottom = np.flatnonzero(ink.any(axis=1))[[0, -1]]
    left, right = np.flatnonzero(ink.any(axis=0))[[0, -1]]
    np.testing.assert_allclose(stages["box"], [top, left, bottom + 1, right + 1], atol=2)
    assert max(values(stages["scaled"]).shape) in (20, 21)
    np.testing.assert_array_equal(values(answer["seen"]), known.get().network.contract(ink[None])[0])


def test_the_inside_is_sent_when_asked_for(stream, known):
    network = known.get("mnist-mlp").network
    ink = render(SEVEN)
    want = {"layers": True, "saliency": 7, "focus": {"layer": "dense1", "unit": 5}}
    answer = ask(stream, frame(ink), model="mnist-mlp", want=want)
    outputs = network.activations(network.contract(ink[None]))
    assert [layer["name"] for layer in answer["layers"]][-1] == "dense3"
    for layer in answer["layers"]:
        np.testing.assert_allclose(values(layer["values"]).ravel(), outputs[layer["name"]].ravel(), rtol=1e-5, atol=1e-6)
    assert values(answer["saliency"]).shape == (28, 28)
    assert answer["focus"]["value"] == pytest.approx(float(outputs["dense1"][0, 5]), rel=1e-5)


def test_only_the_newest_of_many_frames_must_be_answered(stream):
    ink = render(SEVEN)
    for sequence in range(1, 301):
        stream.send(frame(ink, sequence))
    answered = []
    while not answered or answered[-1] != 300:
        answered.append(json.loads(stream.recv(timeout=20))["sequence"])
    assert answered == sorted(answered)
    assert len(answered) < 300


def test_a_model_of_pictures_reads_colour_and_ink(stream, known):
    picture = np.random.default_rng(5).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    answer = ask(stream, frame(picture, kind=1), model="colour", want={"stages": True})
    network = known.get("colour").network
    seen = network.contract(picture[None])
    np.testing.assert_array_equal(values(answer["seen"]), seen[0])
    np.testing.assert_allclose(answer["probabilities"], network.predict_proba(seen)[0], rtol=1e-5)
    assert answer["classes"] == ["plane", "bird"]
    ink = ask(stream, frame(render(SEVEN)))
    assert values(ink["seen"]).max() > 200, "ink is dark on white paper"
    assert values(ink["seen"])[0, 0].tolist() == [255, 255, 255]


INK = np.full((4, 4), 9, np.uint8)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"short", "at least 12 bytes"),
        (frame(INK)[:-1], "takes 16 bytes"),
        (frame(INK) + b"x", "takes 16 bytes"),
        (frame(INK, width=0xFFFF), "from 1 to 2048"),
        (frame(INK, kind=7), "kind 0 (ink) or 1"),
        (frame(INK, kind=1), "takes 48 bytes"),
        ("{", "not JSON"),
        ("[]", "settings"),
        (json.dumps({"type": "settings", "model": "x" * 5000}), "at most 4,096 characters"),
        ('{"type": "settings", "model": 7}', "model must be a name"),
        ('{"type": "settings", "want": []}', "want must be an object"),
        ('{"type": "settings", "want": {"saliency": "seven"}}', "index of a class"),
        ('{"type": "settings", "want": {"focus": {"layer": 1}}}', "focus must have"),
    ],
)
def test_an_invalid_message_gets_a_sentence_and_the_stream_goes_on(stream, message, says):
    answer = ask(stream, message)
    assert answer["type"] == "error"
    assert says in answer["message"]
    assert ask(stream, frame(render(SEVEN), 2))["sequence"] == 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": "nobody"}, 'no model "nobody"'),
        ({"model": "mute"}, "does not say how pictures"),
        ({"want": {"saliency": 10}}, "10"),
        ({"want": {"saliency": -1}}, "-1"),
        ({"want": {"focus": {"layer": "dense9", "unit": 0}}}, "dense9"),
        ({"want": {"focus": {"layer": "dense1", "unit": 4000}}}, "4000"),
    ],
)
def test_invalid_settings_get_a_sentence(stream, settings, says):
    answer = ask(stream, frame(render(SEVEN)), **settings)
    assert answer["type"] == "error"
    assert says in answer["message"]


def test_a_bug_gets_a_sentence_and_the_stream_goes_on(stream, monkeypatch, caplog):
    """Also a RuntimeError, which a closed socket raises too."""

    def defective(*args):
        raise RuntimeError("made for this test")

    with monkeypatch.context() as patch:
        patch.setattr("handspun.app.answers.live._look_inside", defective)
        answer = ask(stream, frame(render(SEVEN)))
    assert answer["type"] == "error"
    assert "bug" in answer["message"]
    assert "made for this test" in caplog.text
    assert ask(stream, frame(render(SEVEN), 2))["class"] == 7


def test_a_page_that_disconnects_does_not_affect_others(url):
    for _ in range(10):
        with connect(url) as page:
            for sequence in range(20):
                page.send(frame(render(SEVEN), sequence))
            page.socket.close()  # without a goodbye
    with connect(url) as page:
        assert ask(page, frame(render(SEVEN)))["class"] == 7


def test_errors_for_a_disconnected_page_are_not_logged(url, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    message = b"\x81\x83\0\0\0\0bad"
    for number in (100, 20_000):
        for _ in range(5):
            with connect(url) as page:
                page.socket.sendall(message * number)
                page.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset
                page.socket.close()
    with connect(url) as page:
        assert ask(page, frame(render(SEVEN)))["class"] == 7
    # The client's own library may find its socket closed while it reads, and says so.
    assert [record.getMessage() for record in caplog.records if record.name != "websockets.client"] == []
