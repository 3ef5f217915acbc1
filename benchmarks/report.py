"""The results as a page of Markdown, and as a plot."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Results = dict[str, Any]

INTRODUCTION = """\
# Benchmarks

Time and memory of handspun compared with its peers. This page is written by `python -m benchmarks` (`make bench`); do
not edit it.

Contenders run side by side, each in its own process. In every round each has one turn, every second round in reverse
order. Figures are the median of all rounds, with the minimum and maximum in brackets. A ratio is computed in each
round, and its median is given, so a machine that slows down for a while slows down both sides of it: compare ratios,
not times. All contenders may use the same processors and the same number of threads.
"""


def write(parts: dict[str, Any]) -> str:
    """The page for all parts that have results."""
    sections = [INTRODUCTION]
    for name, section in SECTIONS.items():
        if name in parts:
            sections.append(f"{section(parts[name]['results'])}\n\n{_provenance(parts[name])}\n")
    lines = "\n".join(sections).split("\n")
    return "\n".join(line if line.startswith("|") else _wrap(line) for line in lines)


def _wrap(line: str) -> str:
    return textwrap.fill(line, 120, break_long_words=False, break_on_hyphens=False)


def draw(results: Results, path: Path) -> None:
    """The bars of the first table (batch 64, SGD), if handspun's plots are installed."""
    try:
        from handspun import plots
    except ImportError:
        return
    table = results["tables"][0]
    rows = [row for row in table["rows"] if row["name"] != "floor"]
    figure = plots.speed_bars(
        [row["label"] for row in rows],
        [row["median"] for row in rows],
        ratios=[1.0 if row["name"] == "handspun" else row["ratio"]["median"] for row in rows],
        highlight="handspun",
        heading=f"An epoch of MNIST, {_job(table)}",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    plots.save(figure, path)


def _speed(results: Results) -> str:
    text = [
        "## Speed",
        "",
        f"Seconds per epoch of {results['images']:,} images ({results['data']}), 784-128-64-10 with ReLU. Only training "
        f"counts, in turns of {results['epochs']} epochs, after one epoch to warm up. The data are in memory, in the form that "
        "suits each contender best (handspun: the bytes as stored); all but the textbook loop compute in float32. handspun "
        "starts each turn afresh, with the process that shares its work, and records loss, accuracy and gradient norm of each "
        "epoch; the loops for PyTorch and JAX and the textbook loop record nothing. PyTorch has its fused optimizers. The "
        "floor is the time of the matrix products alone, by NumPy, each whole and with all threads; the textbook loop and "
        "handspun use the same BLAS. The accuracy on the training images after the last round shows that all contenders did "
        "the work.",
        "",
        "![Seconds per epoch by contender, batch 64, SGD](images/speed.png)",
    ]
    for table in results["tables"]:
        body = [
            (
                _bold(row["label"], row["name"]),
                _seconds(row),
                "1" if row["name"] == "handspun" else _spread(row["ratio"], "{:.2f}"),
                "–" if row["accuracy"] is None else f"{row['accuracy']:.1%}",
            )
            for row in sorted(table["rows"], key=lambda row: row["median"])
        ]
        text += ["", f"### {_job(table)}", "", *_table(("", "s per epoch", "× handspun", "accuracy"), body)]
        floor = next(row["ratio"] for row in table["rows"] if row["name"] == "floor")
        text += ["", f"handspun / floor: {1 / floor['median']:.2f} ({1 / floor['max']:.2f}–{1 / floor['min']:.2f})."]
    if results["left_out"]:
        text += ["", f"Not installed, so left out: {', '.join(results['left_out'])}."]
    return "\n".join(text)


def _to_accuracy(results: Results) -> str:
    body = [
        (
            _bold(row["label"], row["name"]),
            _seconds(row, "{:.1f}"),
            "1" if row["name"] == "handspun" else _spread(row["ratio"], "{:.1f}"),
            _spread(row["accuracy"], "{:.2%}"),
            f"{row['reached']} of {results['rounds']}",
        )
        for row in results["rows"]
    ]
    return "\n".join(
        [
            "## Time to an accuracy",
            "",
            f"Seconds of training until {results['target']:.2%} of 14,000 test images are right, with the network "
            "784-128-64-10 and the other 56,000 of MNIST's images for training. The textbook loop (batch 64, SGD 0.05, "
            "float64) is evaluated after each epoch, which does not count, and stops as soon as it reaches the accuracy. "
            "handspun runs its recipe to the end. Each round has a different seed.",
            "",
            *_table(("", "s of training", "× handspun", "test accuracy", "reached"), body),
        ]
    )


def _scaling(results: Results) -> str:
    body = [(f"{row['images']:,}", _seconds(row), f"{row['median'] / row['images'] * 1e6:.2f}") for row in results["rows"]]
    line = results["line"]
    return "\n".join(
        [
            "## Scaling",
            "",
            f"Seconds per epoch of handspun by number of images ({_job(results)}; a part of MNIST, or MNIST repeated).",
            "",
            *_table(("images", "s per epoch", "ms per 1,000 images"), body),
            "",
            f"The line through the medians: {line['intercept'] * 1e3:.1f} ms + {line['slope'] * 1e6:.2f} ms per 1,000 "
            f"images, R² = {line['r_squared']:.5f}.",
            "",
            "Peak memory of a process that loads MNIST and trains on it for this many epochs:",
            "",
            *_table(("epochs", "peak, MB"), [(str(row["epochs"]), f"{row['megabytes']:.1f}") for row in results["memory"]]),
        ]
    )


def _memory(results: Results) -> str:
    body = [
        (
            _bold(row["label"], row["name"]),
            _spread(row, "{:.0f}"),
            "1" if row["name"] == "handspun" else _spread(row["ratio"], "{:.2f}"),
        )
        for row in results["rows"]
    ]
    ours = next(row for row in results["rows"] if row["name"] == "handspun")
    imports = results["imports"]
    return "\n".join(
        [
            "## Memory",
            "",
            f"Peak memory of a process that loads MNIST with `handspun.load_dataset` and trains one epoch "
            f"({_job(results)}), including interpreter, libraries and data. For handspun it includes the process that shares "
            "its work, so shared memory counts twice. PyTorch and scikit-learn hold the images as float32, as usual; a second "
            "variant of PyTorch converts bytes batch by batch, as handspun does.",
            "",
            *_table(("", "peak, MB", "× handspun"), body),
            "",
            f"Goal: at most {results['goal']:.0f} MB for handspun: {_verdict(ours['max'] <= results['goal'])}.",
            "",
            "## Import",
            "",
            f"The import statement alone, in fresh processes, {imports['rounds']} rounds.",
            "",
            *_table(("", "ms"), [(f"`import {row['name']}`", _spread(_times(row, 1e3), "{:.0f}")) for row in imports["rows"]]),
            "",
            f"handspun / NumPy: {_spread(imports['ratio'], '{:.2f}')}. "
            f"Goal: a median of at most {imports['goal']}: {_verdict(imports['ratio']['median'] <= imports['goal'])}.",
        ]
    )


def _start(results: Results) -> str:
    body = [
        (
            _bold(row["label"], row["name"]),
            _spread(_times(row, 1e3), "{:.0f}"),
            "1" if row["name"] == "handspun" else _spread(row["ratio"], "{:.1f}"),
        )
        for row in results["rows"]
    ]
    return "\n".join(
        [
            "## Start",
            "",
            "From the start of a process to the first prediction of a 784-128-64-10 network loaded from its file: handspun's "
            "model file, PyTorch's state_dict with `weights_only=True`, scikit-learn's classifier with joblib. "
            f"{results['rounds']} rounds of fresh processes, with files and libraries in the system's cache.",
            "",
            *_table(("", "ms", "× handspun"), body),
        ]
    )


def _server(results: Results) -> str:
    body = [
        (
            f"{row['clients']} client{'s' if row['clients'] > 1 else ''}",
            _spread(row["per_second"], "{:.0f}"),
            _spread(row["median_ms"], "{:.1f}"),
            _spread(row["p99_ms"], "{:.1f}"),
        )
        for row in results["rows"]
    ]
    soak = results["soak"]
    answers = f"{sum(soak['answers'].values()):,} answers"
    failures = sum(count for status, count in soak["answers"].items() if status.startswith("5"))
    wrong = ", ".join(f"{count} × {text}" for text, count in soak["wrong"].items()) or "none"
    return "\n".join(
        [
            "## Server",
            "",
            f"`handspun serve` with {results['model']}: over its own connection, each client sends a drawing of 280 × 280 "
            "pixels as a PNG file, waits for the answer and sends the next. Clients and server share the processors.",
            "",
            *_table(("", "requests per second", "median, ms", "99th percentile, ms"), body),
            "",
            f"{soak['seconds'] / 60:.0f} minutes of random valid and invalid requests from {soak['clients']} clients "
            "(pictures, arrays, broken files, aborted uploads, unknown models, foreign hosts, bodies that are too large): "
            f"{answers}, {failures} of them 5xx; answers with a wrong status: {wrong}. "
            f"Memory: {soak['settled_mb']:.0f} MB once settled, {soak['end_mb']:.0f} MB at the end, at most "
            f"{soak['peak_mb']:.0f} MB.",
        ]
    )


def _page(results: Results) -> str:
    body = [
        (row["model"], _spread(row["median_ms"], "{:.0f}"), _spread(row["p95_ms"], "{:.0f}"), f"{row['answers']:,}")
        for row in results["rows"]
    ]
    worst = max(row["p95_ms"]["median"] for row in results["rows"])
    return "\n".join(
        [
            "## Page",
            "",
            "Milliseconds from a pen movement to the screen frame that shows its answer, measured in the browser "
            f"({results['browser']}) while {results['digits']} recorded digits are drawn with {results['rate']:.0f} movements "
            f"per second; browser and server share the processors. Goal: {results['aim_ms']} ms for 95 of 100, "
            f"{_verdict(worst <= results['aim_ms'])}.",
            "",
            *_table(("", "median", "95th percentile", "answers"), body),
        ]
    )


def _convolution(results: Results) -> str:
    text = [
        "## Convolutions",
        "",
        f"1→16 5×5, max-pool, 16→32 5×5, max-pool, 512-128-10, ReLU, Adam: seconds per epoch of {results['epoch']:,} images of "
        f"MNIST, from turns of {results['images']:,} images. Only training counts, after one turn to warm up. handspun has the "
        "bytes as stored, and records loss, accuracy and gradient norm; PyTorch has float32 in memory, batches by index, and "
        f"the fused Adam. The floor is the time of the matrix products alone, {results['gigaflops']:.0f} GFLOP per epoch, by "
        "NumPy, each whole and with all threads; handspun splits its products so that BLAS packs nothing, which can take less "
        "time.",
    ]
    for table in results["tables"]:
        body = [
            (
                _bold(row["label"], row["name"]),
                _seconds(row, "{:.2f}"),
                "1" if row["name"] == "handspun" else _spread(row["ratio"], "{:.2f}"),
                "–" if row["accuracy"] is None else f"{row['accuracy']:.1%}",
            )
            for row in sorted(table["rows"], key=lambda row: row["median"])
        ]
        text += ["", f"### Batch {table['batch_size']}", "", *_table(("", "s per epoch", "× handspun", "accuracy"), body)]
        floor = next(row["ratio"] for row in table["rows"] if row["name"] == "floor")
        text += ["", f"handspun / floor: {1 / floor['median']:.2f} ({1 / floor['max']:.2f}–{1 / floor['min']:.2f})."]
    for title, rows, factor, unit, form in (
        (f"Inference of {results['inferred']:,} images", results["inference"], 1.0, "s", "{:.3f}"),
        (f"One image at a time, median of {results['calls']} calls", results["single"], 1e6, "µs", "{:.0f}"),
        ("Peak memory of loading MNIST and training an epoch, batch 64", results["memory"], 1.0, "MB", "{:.0f}"),
    ):
        body = [
            (
                _bold(row["label"], row["name"]),
                _spread(_times(row, factor), form),
                "1" if row["name"] == "handspun" else _spread(row["ratio"], "{:.2f}"),
            )
            for row in sorted(rows, key=lambda row: row["median"])
        ]
        text += ["", f"### {title}", "", *_table(("", unit, "× handspun"), body)]
    if results["fast"]:
        body = [
            (
                _bold(row["label"], row["name"]),
                _seconds(row, "{:.1f}"),
                "1" if row["name"] == "handspun" else _spread(row["ratio"], "{:.2f}"),
                _spread(row["accuracy"], "{:.2%}"),
            )
            for row in results["fast"]["rows"]
        ]
        text += ["", f"### The whole recipe {results['fast']['recipe']}", ""]
        text += _table(("", "s of training", "× handspun", "test accuracy"), body)
    text += ["", "In both, inference turns bytes into probabilities."]
    if results["left_out"]:
        text += ["", f"Not installed, so left out: {', '.join(results['left_out'])}."]
    return "\n".join(text)


SECTIONS: dict[str, Callable[[Results], str]] = {
    "speed": _speed,
    "convolution": _convolution,
    "to_accuracy": _to_accuracy,
    "scaling": _scaling,
    "memory": _memory,
    "start": _start,
    "server": _server,
    "page": _page,
}


def _provenance(part: Results) -> str:
    machine = part["machine"]
    return (
        f"Measured {part['date']} by `{part['command']}` on {machine['processor']}, {machine['memory']} of memory, "
        f"{machine['system']}; {machine['versions']}. Settings in the environment: {machine['settings']}."
    )


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in body]


def _job(results: Results) -> str:
    return f"batch {results['batch_size']}, {'Adam' if results['optimizer'] == 'adam' else 'SGD'}"


def _bold(label: str, name: str) -> str:
    return f"**{label}**" if name == "handspun" else label


def _seconds(row: Results, form: str = "{:.3f}") -> str:
    return _spread(row, form)


def _spread(values: Results, form: str) -> str:
    median, low, high = (form.format(values[key]) for key in ("median", "min", "max"))
    return median if low == high else f"{median} ({low}–{high})"


def _times(values: Results, factor: float) -> Results:
    return {key: values[key] * factor for key in ("median", "min", "max")}


def _verdict(met: bool) -> str:
    return "met" if met else "missed"
