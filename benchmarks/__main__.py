"""Measure, and write docs/benchmarks.md and benchmarks/results.json: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Sequence

from benchmarks import convolution, memory, page, report, scaling, server, speed, start, to_accuracy
from benchmarks.data import UnavailableError
from benchmarks.harness import ROOT, WorkerError, limit_threads
from benchmarks.machine import describe_machine
from benchmarks.settings import Settings

PARTS = {
    "speed": speed.measure,
    "convolution": convolution.measure,
    "to_accuracy": to_accuracy.measure,
    "scaling": scaling.measure,
    "memory": memory.measure,
    "start": start.measure,
    "server": server.measure,
    "page": page.measure,
}

RESULTS = ROOT / "benchmarks" / "results.json"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "images" / "speed.png"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested parts; the others keep their results in results.json. Returns 1 if one failed."""
    options = parse(arguments)
    limit_threads(options.threads)
    settings = Settings(repeats=options.repeats, threads=options.threads, quick=options.quick)
    parts = {} if options.quick or not RESULTS.exists() else json.loads(RESULTS.read_text("utf-8"))
    failed = False
    for name in options.only:
        settings.say(f"{name} …")
        try:
            results = PARTS[name](settings)
        except UnavailableError as error:
            settings.say(f"{name} skipped: {error}.")
            continue
        except (WorkerError, RuntimeError) as error:
            settings.say(f"{name} failed: {error}")
            failed = True
            continue
        parts[name] = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "command": f"python -m benchmarks --only {name} --repeats {options.repeats} --threads {options.threads}",
            "machine": describe_machine(),
            "results": results,
        }
        if not options.quick:
            RESULTS.write_text(json.dumps(parts, indent=1, sort_keys=True) + "\n", "utf-8")
    document = report.write(parts)
    if options.quick:
        print(document)
        return int(failed)
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    DOCUMENT.write_text(document, "utf-8")
    if "speed" in parts:
        report.draw(parts["speed"]["results"], PICTURE)
    return int(failed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The checked options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(PARTS),
        metavar="PART,...",
        help=f"run only these parts of: {', '.join(PARTS)}",
    )
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each part (default: 5)")
    parser.add_argument(
        "--threads",
        type=int,
        default=min(2, os.cpu_count() or 1),
        help="processors and threads for each contender (default: 2)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="test the benchmark itself: little work; prints the report, writes nothing"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.only if name not in PARTS]:
        parser.error(f"unknown part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.repeats < 1 or options.threads < 1:
        parser.error("--repeats and --threads must be 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
