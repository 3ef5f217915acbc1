"""A training from the form of the page, from its settings to its model."""

import time

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import numpy as np
from run_client import SMALL, error_of, wait_for

from handspun.app.transport.wire import decode_array, encode_array
from handspun.data import load_dataset
from handspun.data.splits import hold_out
from handspun.networks.architectures import mlp
from handspun.recipes.run import Plan, prepare, train
from handspun.recipes.settings import Settings


def test_a_training_follows_its_settings_exactly(web, models):
    run = web.post("/api/runs", json=SMALL)
    assert run.status_code == 202
    done = wait_for(web, run.json()["id"], "done", "failed")
    settings = Settings.from_dict({**SMALL, "threads": 1})
    direct = train(Plan(settings, prepare(settings)))

    def plain(records):
        return [{name: value for name, value in record.items() if "second" not in name} for record in records]

    assert plain(done["history"]) == plain(direct.history.records)
    assert done["result"]["accuracy"] == direct.evaluation.accuracy
    kept = web.post(f"/api/runs/{done['id']}/keep").json()["model"]
    assert kept == "16-on-mnist-5k"
    network = models.get(kept).network
    np.testing.assert_array_equal(network.parameters.vector, direct.network.parameters.vector)
    assert (done["images"], done["parameters"], done["structure"]) == (3600, network.parameters.vector.size, "784-16-10")


def test_confusion_matrix_and_cells_show_validation_images(web):
    done = wait_for(web, web.post("/api/runs", json=SMALL).json()["id"], "done")
    confusion = np.array(done["confusion"])
    dataset = load_dataset("mnist-5k")
    _, held_out = hold_out(dataset.train, 0.1, seed=3)
    np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(held_out.labels, minlength=10))
    assert confusion.trace() / confusion.sum() == pytest.approx(done["history"][-1]["validation_accuracy"])
    wrong = confusion - np.diag(np.diag(confusion))
    true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    cell = web.get(f"/api/runs/{done['id']}/cell/{true}/{predicted}").json()
    assert cell["total"] == len(cell["images"]) == wrong.max()
    probabilities = [image["probability"] for image in cell["images"]]
    assert probabilities == sorted(probabilities, reverse=True)
    for image in cell["images"]:
        assert held_out.labels[image["index"]] == true
        pixels = decode_array(image["pixels"], "pixels", dtype="uint8")
        np.testing.assert_array_equal(pixels, held_out.images[image["index"]])
    diagonal = web.get(f"/api/runs/{done['id']}/cell/0/0").json()
    assert diagonal["total"] == confusion[0, 0]
    assert "0 to 9" in error_of(web.get(f"/api/runs/{done['id']}/cell/0/10"), 404)


def test_cells_with_absurd_numbers_are_not_found(web):
    run = web.post("/api/runs", json=SMALL).json()["id"]
    for cell in ("9" * 5000 + "/1", "1/x", "-1/0", "%C2%B2/1"):
        error_of(web.get(f"/api/runs/{run}/cell/{cell}"), 404)


def test_a_training_that_diverges_says_so(web):
    run = web.post("/api/runs", json={**SMALL, "optimizer": "sgd", "learning_rate": 1e30}).json()
    failed = wait_for(web, run["id"], "failed", "done")
    assert "diverged" in failed["error"]
    assert "Traceback" not in failed["error"]
    assert failed["result"] is None
    assert "nothing to keep" in error_of(web.post(f"/api/runs/{run['id']}/keep"), 409)


def test_drawings_can_be_trained_on(web):
    rng = np.random.default_rng(0)
    drawings = [
        {"pixels": encode_array(rng.integers(0, 256, (28, 28), np.uint8)), "label": int(label)} for label in np.arange(30) % 3
    ]
    alone = web.post("/api/runs", json={**SMALL, "data": "drawings", "drawings": drawings, "batch_size": 8}).json()
    assert wait_for(web, alone["id"], "done")["images"] == 27
    mixed = web.post("/api/runs", json={**SMALL, "data": "mnist-5k+drawings", "drawings": drawings}).json()
    assert wait_for(web, mixed["id"], "done")["images"] == 4030 - 403


def test_waiting_callbacks_do_not_count_as_training(blobs):
    from handspun.training import Callback, fit

    class Sleeper(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            time.sleep(0.05)

    history = fit(mlp(12, [4], 3), blobs, epochs=1, batch_size=30, callbacks=[Sleeper()])
    assert history["seconds"][0] < 0.05
    assert history["images_per_second"][0] > 90 / 0.05
