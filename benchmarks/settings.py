"""The settings chosen on the command line."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The settings of all parts of the benchmark.

    Attributes:
        repeats: rounds.
        threads: processors and threads for each contender.
        quick: a test of the benchmark itself: less work, and meaningless numbers.
    """

    repeats: int
    threads: int
    quick: bool = False

    def say(self, text: str) -> None:
        """Report progress."""
        print(text, file=sys.stderr, flush=True)
