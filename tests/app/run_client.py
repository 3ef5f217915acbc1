"""Runs as a client of the server sees them, and runs without a server."""

import json
import time

from handspun.app.models.catalog import Model, Models
from handspun.app.runs.run import Outcome, Run
from handspun.networks.architectures import mlp

SMALL = {"data": "mnist-5k", "hidden": [16], "epochs": 2, "seed": 3}
LONG = {**SMALL, "epochs": 200}


def wait_for(client, name, *states, seconds=60):
    """The run, as soon as it is in one of the states."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run = client.get(f"/api/runs/{name}").json()
        if run["state"] in states:
            return run
        time.sleep(0.02)
    raise AssertionError(f"the run is {run['state']}, not {states}: {run['error']}")


def events_of(client, name):
    """All events of a run, (name, data), until the server ends the stream."""
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


def finished_run(kind="train", name="trained", network=None):
    """A run that is over, with a small network."""
    run = Run(kind, {}, name)
    network = network or mlp(4, [3], 2)
    run.execute(lambda run: Outcome(network, {"accuracy": 0.5}, {"data": "none", "test_accuracy": 0.5}))
    return run


def one_model():
    return Models([Model("first", mlp(4, [3], 2), "shipped")])
