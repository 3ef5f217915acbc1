"""Logs: CSV, JSON lines and TensorBoard, also of resumed trainings."""

import csv
import json
from pathlib import Path

import pytest
from resumed_trainings import TIMINGS

from handspun.errors import OutputError
from handspun.networks.architectures import mlp
from handspun.training import CSVLog, JSONLinesLog, TensorBoardLog
from handspun.training.fit import fit
from interrupting import Trouble


def test_logs_hold_the_values_of_the_history(blobs, tmp_path):
    logs = [CSVLog(tmp_path / "a" / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl")]
    history = fit(mlp(12, [], 3), blobs, epochs=3, batch_size=16, callbacks=logs)
    with (tmp_path / "a" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["validation_loss"] for row in rows] == ["", "", ""]
    for column in history:
        assert [float(row[column]) for row in rows] == history[column]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == history.records


def test_logs_end_lines_the_same_way_on_windows(blobs, tmp_path, monkeypatch):
    plain = Path.open

    def as_on_windows(self, mode="r", *arguments, newline=None, **options):
        if newline is None and "r" not in mode and "b" not in mode:
            newline = "\r\n"
        return plain(self, mode, *arguments, newline=newline, **options)

    monkeypatch.setattr(Path, "open", as_on_windows)
    logs = [CSVLog(tmp_path / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl")]
    fit(mlp(12, [], 3), blobs, epochs=3, callbacks=logs)
    for log, lines in zip(logs, (4, 3), strict=True):
        assert (log.path.read_bytes().count(b"\n"), log.path.read_bytes().count(b"\r")) == (lines, 0)


def test_a_log_that_cannot_be_written_says_so(blobs, tmp_path):
    with pytest.raises(OutputError, match="folder"):
        fit(mlp(12, [], 3), blobs, epochs=1, callbacks=[CSVLog(tmp_path)])


def test_json_lines_of_a_resumed_training_have_no_gap(blobs, tmp_path):
    def run(folder, trouble):
        logs = [trouble, JSONLinesLog(folder / "log.jsonl")]
        fit(mlp(12, [], 3), blobs, epochs=3, batch_size=16, callbacks=logs, checkpoint=folder / "run.npz")
        lines = (folder / "log.jsonl").read_text().splitlines()
        return [[pair for pair in json.loads(line).items() if pair[0] not in TIMINGS] for line in lines]

    whole = run(tmp_path / "whole", Trouble())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trouble(interrupt=("step", 15)))
    assert run(tmp_path, Trouble()) == whole


def test_the_tensorboard_log_holds_the_values_of_the_history(blobs, tmp_path, read_events):
    history = fit(mlp(12, [], 3), blobs, blobs, epochs=3, batch_size=16, callbacks=[TensorBoardLog(tmp_path)])
    expected = {(epoch, name): history[name][epoch - 1] for epoch in (1, 2, 3) for name in history.columns if name != "epoch"}
    events = [event for path in tmp_path.iterdir() for event in read_events(path)]
    found = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    assert found.keys() == expected.keys()
    for key, value in found.items():
        assert value == pytest.approx(expected[key], rel=1e-6)


def test_tensorboard_drops_the_epochs_that_are_trained_again(blobs, tmp_path, read_events):
    from tensorboardX.proto.event_pb2 import SessionLog

    def run(trouble):
        return fit(
            mlp(12, [], 3),
            blobs,
            epochs=4,
            batch_size=16,
            callbacks=[TensorBoardLog(tmp_path / "tb"), trouble],
            checkpoint=tmp_path / "run.npz",
            checkpoint_every=1e9,
        )

    with pytest.raises(KeyboardInterrupt):
        run(Trouble(interrupt=("step", 15)))
    (first,) = (tmp_path / "tb").iterdir()  # a file is named by the second: do not let the next one have the same name
    first.rename(first.with_name("events.out.tfevents.1.first"))
    history = run(Trouble())
    events = [event for path in sorted((tmp_path / "tb").iterdir()) for event in read_events(path)]
    starts = [event.step for event in events if event.session_log.status == SessionLog.START]
    assert starts[-1] == 3  # what an earlier run logged of epoch 3 and later is dropped
    losses = {event.step: v.simple_value for event in events for v in event.summary.value if v.tag == "loss"}
    assert losses == {epoch: pytest.approx(loss, rel=1e-6) for epoch, loss in enumerate(history["loss"], start=1)}
