"""Where results and messages go, and how numbers are written.

Results go to standard output; progress and messages go to standard error, so that a pipe gets only results.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

# Without a terminal there is no width to fit into; 120 columns keep a table whole.
# No markup: names of files and classes may contain brackets and colons.
out = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 120)
messages = Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(value, indent=2))


def note(text: str | None) -> None:
    """Print a message that is not part of the result."""
    if text:
        messages.print(f"Note: {text}", soft_wrap=True)


def quoted(path: Path) -> str:
    """A path as the shells of this system take it in a command."""
    if sys.platform == "win32":  # its shells know no single quotes, and every path has a backslash
        return subprocess.list2cmdline([str(path)])
    return shlex.quote(str(path))


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return f"{100 * share:.2f} %"


def interval(bounds: Sequence[float]) -> str:
    """An interval of shares as percentages."""
    low, high = bounds
    return f"{100 * low:.2f} to {percent(high)}"


def probability(share: float) -> str:
    """The probability of a class as a percentage: a softmax is never certain, though rounding may say so."""
    if share < 0.00005:
        return "<0.01 %"
    return ">99.99 %" if share >= 0.99995 else percent(share)


def accuracy_line(accuracy: float, bounds: Sequence[float], images: int) -> str:
    """An accuracy with its 95 % interval and the number of images."""
    return f"{percent(accuracy)}  (95 % interval {interval(bounds)}, {images:,} images)"
