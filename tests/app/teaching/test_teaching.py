"""A taught model knows what it was taught and forgets little; the original is not changed."""

import time

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from handspun.app.models.catalog import Model, shipped_models
from handspun.app.runs.run import Run
from handspun.app.teaching.drawings import encode_drawings
from handspun.app.teaching.teach import carry_over, check_teachable, mix, teach
from handspun.app.transport.wire import RequestError
from handspun.data import Split, load_dataset
from handspun.networks.answers import Confidence
from handspun.networks.architectures import mlp
from handspun.pictures.contract import Contract, PictureContract
from handspun.pretrained import load_pretrained

DIGITS = load_dataset("mnist-5k")
NAMES = tuple("0123456789")


def wrong_answers(network, count):
    """Digits that ``network`` gets wrong: held-out ones, upside down if it makes no mistakes."""
    for images in (DIGITS.test.images, DIGITS.test.images[:, ::-1, ::-1]):
        wrong = np.flatnonzero(network.predict(images) != DIGITS.test.labels)
        if len(wrong) >= count:
            return Split(np.ascontiguousarray(images[wrong[:count]]), DIGITS.test.labels[wrong[:count]])
    raise AssertionError("there are no mistakes to learn from")


@pytest.fixture(scope="module")
def taught():
    """mnist-mlp, three drawings that it gets wrong, and the outcome of two seconds of teaching."""
    model = Model("mnist-mlp", load_pretrained("mnist-mlp"), "shipped")
    before = model.network.parameters.vector.copy()
    drawings = wrong_answers(model.network, 3)
    run = Run("teach", {}, "mnist-mlp-taught")
    outcome = teach(run, model, drawings, 2.0)
    return model, before, drawings, run, outcome


def test_a_taught_model_knows_its_drawings_and_forgets_little(taught):
    model, _, drawings, _, outcome = taught
    assert outcome.result["old"]["drawings"] == 0.0
    assert outcome.result["new"]["drawings"] == 1.0
    np.testing.assert_array_equal(outcome.network.predict(drawings.images), drawings.labels)
    held_out = DIGITS.test
    before, after = ((net.predict(held_out.images) == held_out.labels).mean() for net in (model.network, outcome.network))
    assert outcome.result["old"]["held_out"] == pytest.approx(before)
    assert outcome.result["new"]["held_out"] == outcome.result["accuracy"] == pytest.approx(after)
    assert after > before - 0.02
    assert outcome.result["images"] == len(held_out) == 1000


def test_the_answers_are_those_of_both_models(taught):
    model, _, drawings, _, outcome = taught
    for which, network in (("old", model.network), ("new", outcome.network)):
        probabilities = network.answer(drawings.images).probabilities
        told = outcome.result["answers"]
        assert [answer["label"] for answer in told] == drawings.labels.tolist()
        assert [answer[which]["class"] for answer in told] == probabilities.argmax(axis=1).tolist()
        np.testing.assert_allclose([answer[which]["probability"] for answer in told], probabilities.max(axis=1), rtol=1e-6)


def test_the_original_is_not_changed_and_there_is_a_curve(taught):
    model, before, _, run, outcome = taught
    np.testing.assert_array_equal(model.network.parameters.vector, before)
    assert not np.array_equal(outcome.network.parameters.vector, before)
    state = run.state()
    assert len(state["trace"]) > 3
    assert state["progress"]["seconds"] < 4
    assert state["history"][-1]["validation_accuracy"] == pytest.approx(outcome.result["accuracy"])
    assert outcome.training["taught"] == {"model": "mnist-mlp", "drawings": 3}
    assert "test_accuracy" not in outcome.training  # the included models know these digits, so this is no test


def test_models_trained_on_the_held_out_digits_are_named(taught):
    """They are training images of MNIST, which the included models, and models taught from them, know."""
    shipped, drawings = next(model for model in shipped_models() if model.name == "mnist-mlp"), taught[2]
    note = "mnist-5k is a part of the training images of mnist, on which {} was trained."
    outcome = teach(Run("teach", {}, "once"), shipped, drawings, 0.1)
    assert outcome.result["seen"].startswith(note.format("mnist-mlp"))
    again = teach(Run("teach", {}, "twice"), Model("once", outcome.network, "taught", outcome.training), drawings, 0.1)
    assert again.result["seen"].startswith(note.format("once"))
    # Nothing is claimed about a model whose training is unknown.
    assert taught[4].result["seen"] is None
    assert taught[4].result["data"] == "mnist-5k"


@pytest.mark.parametrize(("count", "times"), [(1, 150), (3, 148), (10, 44), (500, 1), (1000, 1)])
def test_drawings_are_one_image_in_ten(count, times):
    drawings = Split(np.full((count, 28, 28), 7, np.uint8), np.full(count, 5))
    mixed = mix(drawings, DIGITS.train)
    assert len(mixed) == 4000 + count * times
    np.testing.assert_array_equal(mixed.images[:4000], DIGITS.train.images)
    assert (mixed.images[4000:] == 7).all()
    assert (mixed.labels[4000:] == 5).all()


def test_the_threshold_moves_with_the_network():
    network = load_pretrained("mnist-mlp")
    old = Confidence(temperature=1.5, threshold=1e6, false_reject_rate=0.01)
    new = carry_over(old, network, DIGITS.test)
    network.confidence = new
    assert new.temperature == 1.5
    assert (network.answer(DIGITS.test.images).verdict == "unknown").sum() == 10


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Model("pets", mlp(784, [4], 2, classes=("cat", "dog")), "file"), "cat, dog"),
        (Model("small", mlp(64, [4], 10, classes=NAMES), "file"), "does not take light 28 x 28 digits"),
    ],
)
def test_models_of_other_things_are_refused(model, words):
    with pytest.raises(RequestError, match=words):
        check_teachable(model)


def test_only_models_of_light_digits_on_black_can_be_taught():
    network = mlp(784, [4], 10, classes=NAMES)
    check_teachable(Model("plain", network, "file"))
    network.contract = Contract()
    check_teachable(Model("plain", network, "file"))
    network.contract = PictureContract(28, 28, colour=False)
    with pytest.raises(RequestError, match="does not take light 28 x 28 digits"):
        check_teachable(Model("plain", network, "file"))


def test_a_client_teaches_a_model_and_keeps_it(web, models, taught):
    drawings = encode_drawings(taught[2])
    run = web.post("/api/teach", json={"model": "mnist-mlp", "drawings": drawings, "seconds": 1.0})
    assert run.status_code == 202
    name = run.json()["id"]
    end = time.monotonic() + 60
    while (state := web.get(f"/api/runs/{name}").json())["state"] not in ("done", "failed"):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert state["kind"] == "teach"
    assert state["state"] == "done", state["error"]
    kept = web.post(f"/api/runs/{name}/keep").json()["model"]
    assert kept == "mnist-mlp-taught"
    assert models.get(kept).origin == "taught"
    np.testing.assert_array_equal(models.get("mnist-mlp").network.parameters.vector, taught[1])


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"model": "nobody"}, 404, "nobody"),
        ({"model": 7}, 400, "must be a name"),
        ({"drawings": []}, 400, "drawings"),
        ({"drawings": None}, 400, "drawings"),
        ({"seconds": 0}, 400, "seconds"),
        ({"seconds": 3600}, 400, "seconds"),
        ({"seconds": "8"}, 400, "seconds"),
        ({"seconds": True}, 400, "seconds"),
    ],
)
def test_invalid_requests_to_teach_are_refused(web, taught, changes, status, words):
    body = {"model": "mnist-mlp", "drawings": encode_drawings(taught[2]), **changes}
    response = web.post("/api/teach", json=body)
    assert response.status_code == status
    assert words in response.json()["error"]
