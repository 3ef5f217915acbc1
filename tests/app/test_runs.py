"""Trainings from the page: watched, steered, kept; one at a time, and nothing but what is offered."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

pytest.importorskip("PIL")

import httpx
from PIL import Image

from handspun.app.models.catalog import Model, Models
from handspun.app.runs.registry import MOST_RUNS, Runs
from handspun.app.runs.run import MOST_POINTS, Outcome, Run, first_layer
from handspun.app.trainings.datasets import Datasets
from handspun.app.trainings.options import read_settings
from handspun.app.transport.events import MOST_WAITING, PROGRESS, WHOLE, Feed, Listener
from handspun.app.transport.wire import RequestError, decode_array, encode_array
from handspun.data import load_dataset
from handspun.data.splits import hold_out
from handspun.errors import OutputError
from handspun.networks.architectures import cnn, mlp
from handspun.networks.modelfile import load, save
from handspun.recipes.run import Plan, prepare, train
from handspun.recipes.settings import Settings

SMALL = {"data": "mnist-5k", "hidden": [16], "epochs": 2, "seed": 3}
LONG = {**SMALL, "epochs": 200}


@pytest.fixture
def web(page_address):
    with httpx.Client(base_url=page_address, timeout=30) as client:
        yield client
        for run in client.get("/api/runs").json()["runs"]:
            if run["state"] not in ("done", "stopped", "failed"):
                client.post(f"/api/runs/{run['id']}/stop")
                wait_for(client, run["id"], "stopped", "failed", "done")


def wait_for(client, name, *states, seconds=60):
    """The run once it is in one of the states."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run = client.get(f"/api/runs/{name}").json()
        if run["state"] in states:
            return run
        time.sleep(0.02)
    raise AssertionError(f"the run is {run['state']}, not {states}: {run['error']}")


def events_of(client, name):
    """All events of a run until the server ends the stream: (name, data)."""
    found = []
    with client.stream("GET", f"/api/runs/{name}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for block in "".join(response.iter_text()).split("\n\n"):
            if block.startswith("event: "):
                first, data = block.split("\ndata: ")
                found.append((first.removeprefix("event: "), json.loads(data)))
    return found


def error_of(response, status):
    assert response.status_code == status, response.text
    return response.json()["error"]


# A training, from its settings to its model ---------------------------------------------------------------------------


def test_a_training_is_the_one_that_its_settings_make(web, models):
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


def test_the_events_tell_the_whole_story(web):
    run = web.post("/api/runs", json={**SMALL, "epochs": 20}).json()
    events = events_of(web, run["id"])
    assert events[0][0] == WHOLE
    assert events[-1][0] == WHOLE
    assert events[-1][1]["state"] == "done"
    done = web.get(f"/api/runs/{run['id']}").json()
    assert events[-1][1] == done
    assert [record["epoch"] for record in done["history"]] == list(range(1, 21))
    assert "epoch" in [name for name, _ in events]
    history, confusion = [], None  # as who listens knows them; who is slow is told the whole again in between
    for name, data in events[:-1]:
        if name == WHOLE:
            history, confusion = data["history"], data["confusion"]
        elif name == "epoch":
            history, confusion = [*history, data["record"]], data["confusion"]
    assert history == done["history"]
    assert confusion == done["confusion"]
    # The curve ends where the training does, and its loss is that of the epoch's batches.
    epochs, seconds, loss, accuracy = done["trace"][-1]
    assert epochs == 20
    assert 0 < seconds < 60
    assert 0 < loss < 3
    assert 0 <= accuracy <= 1
    assert done["progress"]["step"] == done["progress"]["steps"] == 20 * 57
    assert done["progress"]["seconds_left"] == 0


def test_the_confusion_matrix_and_its_images_are_those_of_the_held_out_images(web):
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


def test_weights_are_pictures_of_the_first_layer():
    dense = mlp(12, [5], 3)
    assert first_layer(dense) is None  # 12 numbers are no picture
    network = Settings(hidden=(5,)).network((4, 3), ("a", "b"))
    weight = network.parameters["dense1.weight"]  # (12, 5)
    shown = decode_array(first_layer(network), "weights", dtype="float32", shape=(5, 4, 3))
    np.testing.assert_array_equal(shown[2], weight[:, 2].reshape(4, 3))
    coloured = Settings(hidden=(5,)).network((4, 3, 3), ("a", "b"))
    shown = decode_array(first_layer(coloured), "weights", dtype="float32", shape=(5, 4, 3))
    expected = coloured.parameters["dense1.weight"][:, 4].reshape(4, 3, 3).sum(axis=2)
    np.testing.assert_allclose(shown[4], expected, rtol=1e-6)
    filters = cnn((3, 8, 8), 4, channels=(6,), kernel_size=3, hidden_layers=())
    shown = decode_array(first_layer(filters), "weights", dtype="float32", shape=(6, 3, 3))
    np.testing.assert_allclose(shown[1], filters.parameters["conv2d1.weight"][1].sum(axis=1), rtol=1e-6)


# Steering -------------------------------------------------------------------------------------------------------------


def test_a_pause_stands_still_and_a_stop_ends_within_a_step(web):
    run = web.post("/api/runs", json=LONG).json()
    wait_for(web, run["id"], "training")
    time.sleep(0.5)
    web.post(f"/api/runs/{run['id']}/pause").raise_for_status()
    paused = wait_for(web, run["id"], "paused")
    time.sleep(0.4)
    still = web.get(f"/api/runs/{run['id']}").json()
    assert still == paused
    web.post(f"/api/runs/{run['id']}/resume").raise_for_status()
    time.sleep(0.5)
    going = web.get(f"/api/runs/{run['id']}").json()
    assert going["progress"]["step"] > paused["progress"]["step"]
    assert going["progress"]["seconds"] - paused["progress"]["seconds"] < 0.9  # the pause is no training
    assert web.post(f"/api/runs/{run['id']}/stop").json()["state"] == "stopping"
    stopped = wait_for(web, run["id"], "stopped", seconds=10)
    assert 0 < stopped["progress"]["step"] < 200 * 57
    assert stopped["result"]["accuracy"] > 0.5
    assert "stopped" in error_of(web.post(f"/api/runs/{run['id']}/pause"), 409)
    assert "stopped" in error_of(web.post(f"/api/runs/{run['id']}/stop"), 409)


def test_a_paused_training_can_be_stopped(web):
    run = web.post("/api/runs", json=LONG).json()
    wait_for(web, run["id"], "training")
    web.post(f"/api/runs/{run['id']}/pause").raise_for_status()
    wait_for(web, run["id"], "paused")
    web.post(f"/api/runs/{run['id']}/stop").raise_for_status()
    wait_for(web, run["id"], "stopped", seconds=10)


def test_a_second_training_is_refused_and_the_server_says_that_one_goes_on(web):
    run = web.post("/api/runs", json=LONG).json()
    assert web.get("/healthz").json()["training"] is True
    assert "Another training" in error_of(web.post("/api/runs", json=SMALL), 409)
    assert "goes on" in error_of(web.delete(f"/api/runs/{run['id']}"), 409)
    assert "not over" in error_of(web.post(f"/api/runs/{run['id']}/keep"), 409)
    assert "Stop it" in error_of(web.post(f"/api/runs/{run['id']}/discard"), 409)
    web.post(f"/api/runs/{run['id']}/stop")
    wait_for(web, run["id"], "stopped")
    assert web.get("/healthz").json()["training"] is False


def test_a_training_that_diverges_says_so(web):
    run = web.post("/api/runs", json={**SMALL, "optimizer": "sgd", "learning_rate": 1e30}).json()
    failed = wait_for(web, run["id"], "failed", "done")
    assert "diverged" in failed["error"]
    assert "Traceback" not in failed["error"]
    assert failed["result"] is None
    assert "nothing to keep" in error_of(web.post(f"/api/runs/{run['id']}/keep"), 409)


# What may be asked for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "/etc/passwd"}, "not offered"),
        ({"data": "../mnist_5k.npz"}, "not offered"),
        ({"data": "cifar10-of-nobody"}, "not offered"),
        ({"data": "drawings"}, "tray is empty"),
        ({"data": 7}, "data"),
        ({"picture_mode": "grey"}, "not for the page"),
        ({"threads": 64}, "not for the page"),
        ({"epochs": 100_000}, "1 to 200"),
        ({"epochs": None}, "1 to 200"),
        ({"batch_size": 0}, "1 to 1,024"),
        ({"hidden": [100_000, 100_000]}, "parameters"),
        ({"hidden": [8] * 30}, "layers"),
        ({"layers": [{"kind": "Dense", "units": 10**12}], "hidden": []}, "numbers an image"),
        (
            {"layers": [{"kind": "Conv2D", "filters": 256, "kernel_size": 3, "padding": "same"}] * 2 + [{"kind": "Flatten"}]},
            "multiplications",
        ),
        ({"layers": [{"kind": "Residual", "layers": []}]}, "no layer of the page"),
        ({"layers": [{"kind": "os.system"}]}, "no layer of the page"),
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
def test_what_cannot_be_meant_is_refused_with_a_sentence(web, changes, words):
    body = json.dumps({**SMALL, **changes})
    said = error_of(web.post("/api/runs", content=body, headers={"content-type": "application/json"}), 400)
    assert words in said
    assert len(said) < 600  # all that is known may be listed, and nothing more
    assert web.get("/healthz").json()["training"] is False


def test_a_training_with_half_a_character_in_its_settings_does_not_begin(web):
    """It would be told in no answer any more: neither its own state nor the list of all."""
    for text in (b'"\\ud800"', b'"\xed\xa0\x80"', b'"\\udc00\\ud800"'):
        for body in (b'{"hidden": [4], "epochs": 1, "only": [%s, "1"]}', b'{"activation": %s}', b"{%s: 1}"):
            answer = web.post("/api/runs", content=body % text, headers={"content-type": "application/json"})
            assert error_of(answer, 400) == "The body is not JSON."
    assert web.get("/api/runs").status_code == 200
    whole = b'{"activation": "\\ud83d\\ude00"}'  # a character of two halves
    said = error_of(web.post("/api/runs", content=whole, headers={"content-type": "application/json"}), 400)
    assert "\U0001f600" in said


def test_a_message_quotes_no_more_than_one_reads(web):
    body = {"drawings": [{"pixels": encode_array(np.zeros((28, 28), np.uint8)), "label": "x" * 10**6}]}
    assert len(error_of(web.post("/api/teach", json=body), 400)) < 1100


@pytest.mark.parametrize("number", ["1e999", "-1e999", "Infinity", "NaN"])
def test_a_number_without_end_is_refused(web, number):
    body = '{"augment": {"shift": ' + number + "}}"
    assert "finite" in error_of(web.post("/api/runs", content=body, headers={"content-type": "application/json"}), 400)


def test_a_cell_of_absurd_numbers(web):
    run = web.post("/api/runs", json=SMALL).json()["id"]
    for cell in ("9" * 5000 + "/1", "1/x", "-1/0", "%C2%B2/1"):
        error_of(web.get(f"/api/runs/{run}/cell/{cell}"), 404)


def test_the_network_of_settings_is_told_without_making_it(web):
    layers = [{"kind": "Conv2D", "filters": 4, "kernel_size": 3, "padding": "same"}, {"kind": "MaxPool2D"}, {"kind": "Flatten"}]
    told = web.post("/api/outline", json={"layers": layers, "hidden": []}).json()
    assert told["parameters"] == (9 + 1) * 4 + (4 * 14 * 14 + 1) * 10
    assert [row["output_shape"] for row in told["layers"]] == [[4, 28, 28], [4, 14, 14], [784], [10]]
    assert told["error"] is None
    none = web.post("/api/outline", json={"layers": layers[:2], "hidden": []}).json()
    assert "Flatten" in none["error"]
    assert none["layers"] == []


def test_every_preset_and_every_highest_value_can_be_trained(web):
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


def test_only_what_is_at_hand_is_offered(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(tmp_path))
    assert [offer.name for offer in Datasets().offers()] == ["mnist-5k", "drawings", "mnist-5k+drawings"]
    rng = np.random.default_rng(0)
    path = tmp_path / "own.npz"
    np.savez(path, images=rng.integers(0, 256, (40, 6, 5), np.uint8), labels=np.arange(40) % 4)
    given = Datasets([path])
    offer = given.find("own.npz")
    assert (offer.images, offer.image_shape, offer.classes) == (40, (6, 5), ("0", "1", "2", "3"))
    settings, _ = read_settings({"data": "own.npz"}, given)
    assert len(prepare(settings, given.load("own.npz")).train) == 36
    with pytest.raises(RequestError, match="not offered"):
        given.find(str(path))


def test_data_given_at_the_start_take_no_name_that_is_another_ones(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / "cifar10", tmp_path / "drawings", tmp_path / "own.npz", tmp_path / "more" / "own.npz"]
    for width, path in enumerate(paths, 5):
        for name in () if path.suffix else ("a", "b"):
            (path / name).mkdir(parents=True)
            for i in range(4):
                Image.fromarray(rng.integers(0, 256, (6, width), np.uint8)).save(path / name / f"{i}.png")
        if path.suffix:
            path.parent.mkdir(exist_ok=True)
            np.savez(path, images=rng.integers(0, 256, (8, 6, width), np.uint8), labels=np.arange(8) % 2)
    given = Datasets(paths)
    for width, name in enumerate(["cifar10-2", "drawings-2", "own.npz", "own.npz-2"], 5):
        assert given.find(name).image_shape == (6, width)
        assert given.load(name).train.images.shape[1:] == (6, width)
    assert "the drawings of the tray" in given.find("drawings").title


def test_drawings_can_be_trained_on(web):
    rng = np.random.default_rng(0)
    drawings = [
        {"pixels": encode_array(rng.integers(0, 256, (28, 28), np.uint8)), "label": int(label)} for label in np.arange(30) % 3
    ]
    alone = web.post("/api/runs", json={**SMALL, "data": "drawings", "drawings": drawings, "batch_size": 8}).json()
    assert wait_for(web, alone["id"], "done")["images"] == 27
    mixed = web.post("/api/runs", json={**SMALL, "data": "mnist-5k+drawings", "drawings": drawings}).json()
    assert wait_for(web, mixed["id"], "done")["images"] == 4030 - 403


# Keeping --------------------------------------------------------------------------------------------------------------


def finished_run(kind="train", name="trained", network=None):
    """A run that is over, with a small network."""
    run = Run(kind, {}, name)
    network = network or mlp(4, [3], 2)
    run.execute(lambda run: Outcome(network, {"accuracy": 0.5}, {"data": "none", "test_accuracy": 0.5}))
    return run


def one_model():
    return Models([Model("first", mlp(4, [3], 2), "shipped")])


def test_a_kept_model_is_in_the_list_and_in_a_file_and_takes_no_name_away(tmp_path):
    models = one_model()
    runs = Runs(models, folder=tmp_path / "kept")
    kept = runs.keep(finished_run(), "first")
    assert (kept.name, kept.origin) == ("first-2", "trained")
    (tmp_path / "kept" / "mine.npz").write_bytes(b"of somebody else")
    run = finished_run("teach", "mine")
    assert runs.keep(run).name == "mine-2"
    assert (tmp_path / "kept" / "mine.npz").read_bytes() == b"of somebody else"
    np.testing.assert_array_equal(
        load(tmp_path / "kept" / "mine-2.npz").parameters.vector, models.get("mine-2").network.parameters.vector
    )
    assert run.state()["model"] == "mine-2"
    with pytest.raises(RequestError, match="kept already"):
        runs.keep(run)
    with pytest.raises(RequestError, match="no longer be discarded"):
        runs.discard(run)


def test_a_name_is_taken_in_other_capitals_too(tmp_path):
    runs = Runs(one_model(), folder=tmp_path)
    (tmp_path / "digits.npz").write_bytes(b"of somebody else")
    names = [runs.keep(finished_run(), name).name for name in ("Digits", "DIGITS", "First")]
    assert names == ["Digits-2", "DIGITS-3", "First-2"]
    assert (tmp_path / "digits.npz").read_bytes() == b"of somebody else"


def test_two_servers_that_keep_at_the_same_moment_take_two_names(tmp_path, monkeypatch):
    ours, theirs = (Runs(one_model(), folder=tmp_path) for _ in range(2))
    names = []

    def save_second(*args, **options):
        monkeypatch.setattr("handspun.app.runs.registry.save", save)
        names.append(theirs.keep(finished_run(), "mine").name)  # between the choice of the name and the file
        save(*args, **options)

    monkeypatch.setattr("handspun.app.runs.registry.save", save_second)
    names.append(ours.keep(finished_run(), "mine").name)
    assert names == ["mine-2", "mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine-2.npz", "mine.npz"]
    for name, server in zip(names, (theirs, ours), strict=True):
        kept = load(tmp_path / f"{name}.npz").parameters.vector
        np.testing.assert_array_equal(kept, server.models.get(name).network.parameters.vector)


def test_a_model_that_cannot_be_written_leaves_its_name(tmp_path, monkeypatch):
    runs, run = Runs(one_model(), folder=tmp_path), finished_run()

    def fail(*args, **options):
        raise OutputError("No space left on device.")

    monkeypatch.setattr("handspun.app.runs.registry.save", fail)
    with pytest.raises(OutputError, match="No space"):
        runs.keep(run, "mine")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("handspun.app.runs.registry.save", save)
    assert runs.keep(run, "mine").name == "mine"


@pytest.mark.parametrize("name", ["", "../up", "/abs", ".hidden", "a/b", "a\\b", "x" * 61, "nul\0", "new\nline"])
def test_a_name_that_leads_elsewhere_is_refused(name, tmp_path):
    runs = Runs(one_model(), folder=tmp_path)
    with pytest.raises(RequestError, match="letters, digits"):
        runs.keep(finished_run(), name)
    assert list(tmp_path.iterdir()) == []


def test_nobody_waits_while_a_model_is_written(monkeypatch, tmp_path):
    runs, run = Runs(one_model(), folder=tmp_path), finished_run()
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr("handspun.app.runs.registry.save", lambda *args, **options: (begun.set(), go_on.wait(20)))
    keeping = threading.Thread(target=runs.keep, args=(run,))
    keeping.start()
    assert begun.wait(20)
    asked = threading.Thread(target=run.state)
    asked.start()
    asked.join(10)
    waited = asked.is_alive()
    go_on.set()
    keeping.join(20)
    assert not waited
    assert run.state()["decision"] == "kept"


def test_a_discarded_model_is_gone():
    runs = Runs(one_model())
    run = finished_run()
    runs.discard(run)
    assert run.state()["decision"] == "discarded"
    with pytest.raises(RequestError, match="nothing to keep"):
        runs.keep(run)


def test_old_trainings_make_room_for_new_ones():
    runs = Runs(one_model())
    made = []
    for _ in range(MOST_RUNS + 2):
        run = runs.start(Run("train", {}, "trained"), lambda run: Outcome(mlp(4, [3], 2), {}, {}))
        while not run.finished:
            time.sleep(0.001)
        made.append(run)
    assert runs.all() == made[:1:-1]
    with pytest.raises(RequestError, match="no such training"):
        runs.get(made[0].id)
    runs.forget(made[-1])
    assert runs.all() == made[-2:1:-1]


def test_a_defect_becomes_a_sentence_and_leaves_the_server_ready(caplog):
    runs = Runs(one_model())

    def defective(run):
        raise KeyError("of ours")

    run = runs.start(Run("train", {}, "trained"), defective)
    while not run.finished:
        time.sleep(0.001)
    assert run.state()["state"] == "failed"
    assert "defect" in run.state()["error"]
    assert "KeyError" in caplog.text
    assert not runs.training


@pytest.mark.parametrize("paused", [False, True])
def test_a_closing_server_ends_its_training(paused):
    runs = Runs(one_model())
    settings = Settings.from_dict({**LONG, "threads": 1})
    material = prepare(settings)
    from handspun.app.runs.run import Watcher

    def job(run):
        result = train(
            Plan(settings, material),
            callbacks=[Watcher(run)],
            announce=lambda network, _: run.begin(network, material.classes, 1, material.validation),
        )
        return Outcome(result.network, {}, {})

    run = runs.start(Run("train", {}, "trained"), job)
    while run.state()["state"] != "training":
        time.sleep(0.01)
    if paused:
        run.pause()
        while run.state()["state"] != "paused":
            time.sleep(0.01)
    began = time.monotonic()
    runs.close()
    assert time.monotonic() - began < 3
    assert "server was stopped" in run.state()["error"]
    with pytest.raises(RequestError, match="about to end"):
        runs.start(Run("train", {}, "trained"), job)


def in_a_loop(scene):
    """What a coroutine gives on an event loop of its own, in a thread of its own: this one's may belong to a browser."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(scene())).result()


# Events ---------------------------------------------------------------------------------------------------------------


def test_a_slow_listener_loses_progress_first_and_then_is_told_the_whole():
    async def scene():
        listener = Listener()
        listener.put("epoch", "1")
        for number in range(100):
            listener.put(PROGRESS, str(number))
        waiting = listener.take()
        assert len(waiting) <= MOST_WAITING
        assert waiting[0] == ("epoch", "1")
        assert waiting[-1] == (PROGRESS, "99")
        assert not listener.missed
        for number in range(MOST_WAITING + 1):
            listener.put("epoch", str(number))
        assert listener.missed
        listener.put(WHOLE, "all")  # which makes up for everything
        assert not listener.missed
        assert listener.take() == [(WHOLE, "all")]

    in_a_loop(scene)


class Counter(Feed):
    """A feed whose state is a number."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def state(self):
        return {"number": self.number}

    def count(self):
        with self.lock:
            self.number += 1
            self.publish("epoch", {"number": self.number})


def test_who_missed_something_is_told_the_state():
    async def scene():
        feed = Counter()
        stream = feed.stream()
        assert await anext(stream) == 'event: run\ndata: {"number": 0}\n\n'
        waits = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        worker = threading.Thread(target=lambda: [feed.count() for _ in range(50)])
        worker.start()
        worker.join()
        assert await waits == 'event: run\ndata: {"number": 50}\n\n'
        feed.count()
        assert await anext(stream) == 'event: epoch\ndata: {"number": 51}\n\n'
        feed.end()
        assert await anext(stream) == 'event: run\ndata: {"number": 51}\n\n'
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert [line async for line in feed.stream()] == ['event: run\ndata: {"number": 51}\n\n']

    in_a_loop(scene)


def test_a_listener_whose_loop_is_gone_harms_nobody():
    feed = Counter()

    async def listen():
        stream = feed.stream()
        await anext(stream)
        return stream  # never closed: it vanishes with its loop

    def vanish():
        loop = asyncio.new_event_loop()
        stream = loop.run_until_complete(listen())
        loop.close()
        return stream

    with ThreadPoolExecutor(1) as thread:
        stream = thread.submit(vanish).result()
    feed.count()
    feed.count()
    assert feed.number == 2
    in_a_loop(stream.aclose)


def test_many_listeners_hear_the_same(web):
    run = web.post("/api/runs", json={**SMALL, "epochs": 4}).json()
    heard = []

    def listen():
        with httpx.Client(base_url=web.base_url, timeout=30) as client:
            heard.append(events_of(client, run["id"]))

    listeners = [threading.Thread(target=listen) for _ in range(6)]
    for thread in listeners:
        thread.start()
    # One that comes and goes at once.
    with httpx.Client(base_url=web.base_url) as client, client.stream("GET", f"/api/runs/{run['id']}/events") as response:
        next(response.iter_text())
    for thread in listeners:
        thread.join(30)
    assert len(heard) == 6
    assert all(events[-1] == heard[0][-1] and events[-1][1]["state"] == "done" for events in heard)


def test_the_curve_stays_short_and_keeps_its_ends():
    run = Run("train", {}, "trained")
    for number in range(5 * MOST_POINTS):
        run.progressed({"step": number}, [float(number)])
    trace = [number for (number,) in run.state()["trace"]]
    assert len(trace) <= MOST_POINTS
    assert (trace[0], trace[-1]) == (0.0, 5.0 * MOST_POINTS - 1)
    assert trace == sorted(trace)


def test_what_callbacks_wait_for_is_no_training(blobs):
    from handspun.training import Callback, fit

    class Sleeper(Callback):
        watches_steps = True

        def on_step_end(self, trainer):
            time.sleep(0.05)

    history = fit(mlp(12, [4], 3), blobs, epochs=1, batch_size=30, callbacks=[Sleeper()])
    assert history["seconds"][0] < 0.05
    assert history["images_per_second"][0] > 90 / 0.05
