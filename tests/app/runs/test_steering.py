"""A run is paused, stopped and closed; one at a time, and the last ones are remembered."""

import time

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

import numpy as np
from run_client import LONG, SMALL, error_of, one_model, wait_for

from handspun.app.runs.registry import MAX_RUNS, Runs
from handspun.app.runs.run import MAX_POINTS, Outcome, Run, first_layer
from handspun.app.runs.watcher import Watcher
from handspun.app.transport.wire import RequestError, decode_array
from handspun.networks.architectures import cnn, mlp
from handspun.recipes.run import Plan, prepare, train
from handspun.recipes.settings import Settings


def test_pause_and_stop_take_effect_within_a_step(web):
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
    assert going["progress"]["seconds"] - paused["progress"]["seconds"] < 0.9  # a pause is no training
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


def test_a_second_training_is_refused_while_one_is_in_progress(web):
    run = web.post("/api/runs", json=LONG).json()
    assert web.get("/healthz").json()["training"] is True
    assert "Another training" in error_of(web.post("/api/runs", json=SMALL), 409)
    assert "in progress" in error_of(web.delete(f"/api/runs/{run['id']}"), 409)
    assert "not over" in error_of(web.post(f"/api/runs/{run['id']}/keep"), 409)
    assert "Stop it" in error_of(web.post(f"/api/runs/{run['id']}/discard"), 409)
    web.post(f"/api/runs/{run['id']}/stop")
    wait_for(web, run["id"], "stopped")
    assert web.get("/healthz").json()["training"] is False


@pytest.mark.parametrize("paused", [False, True])
def test_a_closing_server_ends_its_training(paused):
    runs = Runs(one_model())
    settings = Settings.from_dict({**LONG, "threads": 1})
    material = prepare(settings)

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


def test_a_bug_becomes_a_sentence_and_leaves_the_server_ready(caplog):
    runs = Runs(one_model())

    def defective(run):
        raise KeyError("of ours")

    run = runs.start(Run("train", {}, "trained"), defective)
    while not run.finished:
        time.sleep(0.001)
    assert run.state()["state"] == "failed"
    assert "bug" in run.state()["error"]
    assert "KeyError" in caplog.text
    assert not runs.training


def test_old_runs_make_room_for_new_ones():
    runs = Runs(one_model())
    made = []
    for _ in range(MAX_RUNS + 2):
        run = runs.start(Run("train", {}, "trained"), lambda run: Outcome(mlp(4, [3], 2), {}, {}))
        while not run.finished:
            time.sleep(0.001)
        made.append(run)
    assert runs.all() == made[:1:-1]
    with pytest.raises(RequestError, match="no such training"):
        runs.get(made[0].id)
    runs.forget(made[-1])
    assert runs.all() == made[-2:1:-1]


def test_the_curve_stays_short_and_keeps_its_ends():
    run = Run("train", {}, "trained")
    for number in range(5 * MAX_POINTS):
        run.progressed({"step": number}, [float(number)])
    trace = [number for (number,) in run.state()["trace"]]
    assert len(trace) <= MAX_POINTS
    assert (trace[0], trace[-1]) == (0.0, 5.0 * MAX_POINTS - 1)
    assert trace == sorted(trace)


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
