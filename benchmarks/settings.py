"""What the command line chose."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What all parts of the benchmark go by.

    Attributes:
        repeats: rounds.
        threads: processors and threads for everyone.
        quick: a trial of the benchmark itself: less work, and numbers that mean nothing.
    """

    repeats: int
    threads: int
    quick: bool = False

    def say(self, text: str) -> None:
        """Tell how far it is."""
        print(text, file=sys.stderr, flush=True)
