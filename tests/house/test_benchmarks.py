"""The benchmark's own logic: the turns, the ratios, the line, the page. What it measures is not tested here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from benchmarks import __main__ as command, report  # noqa: E402
from benchmarks.contenders import ENTRIES, Job, make  # noqa: E402
from benchmarks.data import UnavailableError, as_floats, training_images  # noqa: E402
from benchmarks.harness import WorkerError, WorkerProcess, alternate, ratios, run_fresh, spread  # noqa: E402
from benchmarks.scaling import fit_line  # noqa: E402
from benchmarks.textbook import TextbookNetwork  # noqa: E402

from handspun import SGD, SoftmaxCrossEntropy, mlp  # noqa: E402


def test_turns_alternate_and_every_second_round_is_reversed():
    calls: list[str] = []

    def turn(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    results = alternate({"a": lambda: turn("a"), "b": lambda: turn("b")}, rounds=3, rest=0.0)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert results == {"a": [1.0, 4.0, 5.0], "b": [2.0, 3.0, 6.0]}


def test_a_ratio_is_formed_round_by_round():
    # The second round was ten times as slow for both: that changes no ratio.
    assert ratios([2.0, 30.0, 4.0], [1.0, 10.0, 1.0]) == {"median": 3.0, "min": 2.0, "max": 4.0}
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}


def test_the_fitted_line_goes_through_exact_points():
    x = np.array([1.0, 2.0, 5.0])
    line = fit_line(x, 0.5 + 2.0 * x)
    assert line == pytest.approx({"slope": 2.0, "intercept": 0.5, "r_squared": 1.0})


def test_images_are_repeated_up_to_the_requested_size():
    images, labels = training_images("mnist-5k", 5_000)
    assert images.shape == (5_000, 784)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images[4_000:], images[:1_000])
    np.testing.assert_array_equal(labels[4_000:], labels[:1_000])
    floats = as_floats(images, np.float32)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, images / 255.0, rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_textbook_loop_does_the_work_of_handspun(optimizer: str):
    """Same weights, same batch, one step: the same parameters. So its time is the time of the same arithmetic."""
    from handspun import Adam

    rng = np.random.default_rng(0)
    x, labels = rng.random((8, 12)), rng.integers(0, 3, 8)
    textbook = TextbookNetwork([12, 7, 5, 3], rng)
    network = mlp(12, [7, 5], 3, dtype=np.float64)
    network.parameters.vector[...] = np.concatenate([array.ravel() for array in textbook.parameters()])

    textbook.epoch(x, np.eye(3)[labels], len(x), optimizer, 0.01)

    tape = network.tape(training=True)
    _, gradient = SoftmaxCrossEntropy()(network.forward(x, tape), labels)
    network.backward(gradient, tape)
    rule = Adam(0.01) if optimizer == "adam" else SGD(0.01)
    rule.start(network.parameters.vector)
    rule.step(network.parameters.vector, tape.gradient.vector)

    expected = np.concatenate([array.ravel() for array in textbook.parameters()])
    np.testing.assert_allclose(network.parameters.vector, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["handspun", "textbook", "handspun-pictures"])
def test_a_contender_learns(name: str):
    contender = make(name, *training_images("mnist-5k", 2_000), Job(batch_size=64, optimizer="adam", threads=1))
    contender.train(2)
    accuracy = contender.accuracy()
    assert accuracy is not None
    assert accuracy > 0.8


def test_the_floor_multiplies_and_learns_nothing():
    floor = make("floor", *training_images("mnist-5k", 100), Job(batch_size=64, optimizer="sgd", threads=1))
    floor.train(1)
    assert floor.accuracy() is None


def test_the_convolution_floor_has_the_flops_of_handspun():
    """Two floating-point operations for each weight and place, in y and dW of all layers and in dx of all but the first."""
    from benchmarks.contenders.floor import convolution_flops

    from handspun import Conv2D, Dense, cnn

    network = cnn((28, 28), 10)
    shape, expected = network.input_shape, 0
    for layer in network.layers:
        shape = layer.output_shape(shape)
        if isinstance(layer, (Conv2D, Dense)):
            places = shape[1] * shape[2] if isinstance(layer, Conv2D) else 1
            expected += 2 * layer.weight.size * places * (3 if expected else 2)
    assert convolution_flops() == expected


def test_convolutions_beside_pytorch_do_the_same_work():
    """From the same weights the same probabilities, in both orders in memory."""
    torch = pytest.importorskip("torch")
    images, labels = training_images("mnist-5k", 64)
    job = Job(batch_size=64, optimizer="adam", threads=1)
    ours = make("handspun-pictures", images, labels, job)
    for name in ("torch-pictures", "torch-channels-last"):
        theirs = make(name, images, labels, job)
        conv1, conv2, dense1, dense2 = (layer for layer in ours.network.layers if hasattr(layer, "weight"))
        own = [conv1.weight.transpose(0, 2, 1, 3), conv1.bias, conv2.weight.transpose(0, 2, 1, 3), conv2.bias]
        own += [dense1.weight.T, dense1.bias, dense2.weight.T, dense2.bias]
        with torch.no_grad():
            for parameter, value in zip(theirs.network.parameters(), own, strict=True):
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        np.testing.assert_allclose(theirs.probabilities(images), ours.probabilities(images), atol=2e-6)


def test_a_worker_answers_and_its_end_is_noticed():
    with WorkerProcess() as worker:
        worker.ask("prepare", name="floor", dataset="mnist-5k", images=100, batch_size=50, optimizer="sgd", threads=1)
        assert worker.ask("train", epochs=2) > 0.0
        assert worker.ask("accuracy") is None
        assert 10.0 < worker.ask("peak_memory") < 1_000.0
    with WorkerProcess() as worker, pytest.raises(WorkerError, match="no_such_command"):
        worker.ask("no_such_command")


def test_the_first_prediction_comes_from_a_model_file(tmp_path: Path):
    model = str(tmp_path / "model.npz")
    run_fresh(["-m", "benchmarks.write_model", "handspun", model])
    assert run_fresh(["-m", "benchmarks.first_prediction", "handspun", model]).strip().isdigit()


def test_a_part_that_cannot_run_keeps_its_last_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    def unavailable(settings):
        raise UnavailableError("there is no data")

    def fails(settings):
        raise WorkerError("it ended")

    folder = tmp_path / "docs"
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(command, "DOCUMENT", folder / "benchmarks.md")
    monkeypatch.setattr(command, "limit_threads", lambda threads: None)
    monkeypatch.setitem(command.PARTS, "start", lambda settings: START)
    assert command.main(["--only", "start", "--repeats", "3"]) == 0
    before = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert before["start"]["results"] == START

    monkeypatch.setitem(command.PARTS, "start", unavailable)
    assert command.main(["--only", "start"]) == 0
    assert "start skipped: there is no data." in capsys.readouterr().err
    assert json.loads((tmp_path / "results.json").read_text("utf-8")) == before

    monkeypatch.setitem(command.PARTS, "start", fails)
    assert command.main(["--only", "start"]) == 1
    assert "start failed: it ended" in capsys.readouterr().err
    assert json.loads((tmp_path / "results.json").read_text("utf-8")) == before

    page = (folder / "benchmarks.md").read_text("utf-8")
    assert "| **handspun** | 100 (90–120) | 1 |" in page
    assert "`python -m benchmarks --only start --repeats 3" in page


def test_quick_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(command, "DOCUMENT", tmp_path / "benchmarks.md")
    monkeypatch.setattr(command, "limit_threads", lambda threads: None)
    monkeypatch.setitem(command.PARTS, "start", lambda settings: START)
    assert command.main(["--quick", "--only", "start"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "## Start" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--only", "speed,nothing"], ["--repeats", "0"]])
def test_impossible_options_are_refused(arguments: list[str]):
    with pytest.raises(SystemExit):
        command.parse(arguments)


def test_the_page_has_its_tables():
    page = report.write({name: {"results": results, **PROVENANCE} for name, results in RESULTS.items()})
    for line in (
        "| **handspun** | 0.500 (0.400–0.600) | 1 | 95.0% |",
        "| PyTorch | 1.000 (0.900–1.100) | 2.00 (1.80–2.20) | 95.0% |",
        "handspun / floor: 2.00 (1.00–4.00).",
        "| 5,000 | 0.040 | 8.00 |",
        "| 20 | 120.0 |",
        "| **handspun** | 120 | 1 |",
        "Goal: at most 250 MB for handspun: met.",
        "handspun / NumPy: 1.40 (1.30–1.50). Goal: a median of at most 1.3: missed.",
        "| **handspun** | 3.0 | 1 | 97.60% | 5 of 5 |",
        "| **handspun** | 2.50 (2.40–2.70) | 1 | 98.0% |",
        "handspun / floor: 1.25 (1.00–2.00).",
        "| **handspun** | 0.150 (0.140–0.160) | 1 |",
        "| **handspun** | 80 (70–90) | 1 |",
        "| **handspun** | 112 | 1 |",
        "| **handspun** | 6.0 (5.5–6.5) | 1 | 99.12% |",
    ):
        assert line in page.split("\n"), line
    assert max(len(line) for line in page.split("\n") if not line.startswith("|")) <= 120


def test_every_contender_has_a_module():
    folder = Path(report.__file__).with_name("contenders")
    assert {entry.module for entry in ENTRIES.values()} == {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}


def exactly(value: float) -> dict[str, float]:
    return {"median": value, "min": value, "max": value}


def about(median: float, low: float, high: float) -> dict[str, float]:
    return {"median": median, "min": low, "max": high}


OURS = {"name": "handspun", "label": "handspun", "ratio": exactly(1.0)}
JOB = {"batch_size": 64, "optimizer": "sgd"}
START = {"rounds": 3, "rows": [{**OURS, **about(0.1, 0.09, 0.12)}]}
PROVENANCE = {
    "date": "2026-01-01",
    "command": "python -m benchmarks",
    "machine": dict.fromkeys(("processor", "memory", "system", "versions", "settings"), "any"),
}
RESULTS = {
    "convolution": {
        "images": 12_000,
        "epoch": 60_000,
        "gigaflops": 373.7,
        "left_out": [],
        "fast": {"recipe": "cnn-fast", "rows": [{**OURS, **about(6.0, 5.5, 6.5), "accuracy": exactly(0.9912)}]},
        "inferred": 10_000,
        "calls": 500,
        "tables": [
            {
                **JOB,
                "rows": [
                    {**OURS, **about(2.5, 2.4, 2.7), "accuracy": 0.98},
                    {"name": "floor", "label": "floor", "accuracy": None, "ratio": about(0.8, 0.5, 1.0), **exactly(2.0)},
                ],
            }
        ],
        "inference": [{**OURS, **about(0.15, 0.14, 0.16)}],
        "single": [{**OURS, **about(8e-5, 7e-5, 9e-5)}],
        "memory": [{**OURS, **exactly(112.0)}],
    },
    "speed": {
        "images": 60_000,
        "epochs": 3,
        "data": "MNIST",
        "left_out": [],
        "tables": [
            {
                **JOB,
                "rows": [
                    {**OURS, **about(0.5, 0.4, 0.6), "accuracy": 0.95},
                    {
                        "name": "torch",
                        "label": "PyTorch",
                        "accuracy": 0.95,
                        "ratio": about(2.0, 1.8, 2.2),
                        **about(1.0, 0.9, 1.1),
                    },
                    {
                        "name": "floor",
                        "label": "floor",
                        "accuracy": None,
                        "ratio": about(0.5, 0.25, 1.0),
                        **exactly(0.25),
                    },
                ],
            }
        ],
    },
    "to_accuracy": {
        "target": 0.9753,
        "rounds": 5,
        "rows": [{**OURS, **exactly(3.0), "accuracy": exactly(0.976), "reached": 5}],
    },
    "scaling": {
        **JOB,
        "rows": [{"images": 5_000, **exactly(0.04)}],
        "line": {"slope": 8e-6, "intercept": 0.0, "r_squared": 1.0},
        "memory": [{"epochs": 20, "megabytes": 120.0}],
    },
    "memory": {
        **JOB,
        "goal": 250.0,
        "rows": [{**OURS, **exactly(120.0)}],
        "imports": {
            "rounds": 15,
            "goal": 1.3,
            "ratio": about(1.4, 1.3, 1.5),
            "rows": [{"name": "handspun", **exactly(0.1)}],
        },
    },
    "start": START,
}
