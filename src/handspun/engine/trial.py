"""Chooses the faster of two sets of workers while they work.

If the machine is busy, the system sometimes pauses a worker, and all others wait for it: two workers can then take several
times as long as one. The result does not depend on which set computes it, so the faster set works, and the two are compared
from time to time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from handspun.engine.workers import Workers

#: A measurement lasts at least this many seconds and steps; a comparison makes this many measurements of each set.
WINDOW, STEPS, ROUNDS = 0.025, 3, 3

#: Seconds from one comparison to the next, at least and at most.
SHORT_HOLD, LONG_HOLD = 1.0, 8.0


class Trial:
    """Chooses the workers for the next step.

    The longer one set stays the faster one, the more rarely the two are compared. They are compared at once when the working
    set becomes slower than the other one was.

    Args:
        candidates: the two sets; the second starts.
        pace: the seconds per image of the first so far.

    Attributes:
        workers: the set for the next step.
    """

    def __init__(self, candidates: Sequence[Workers], pace: float) -> None:
        self._candidates = candidates
        self._paces = [pace, math.inf]  # seconds per image in the last comparison
        self._usual = self._at = 1
        self._due = self._hold = SHORT_HOLD  # seconds until the next comparison
        self._compared: list[list[float]] | None = None  # the paces of both, while they alternate
        self._seconds, self._images, self._steps = 0.0, 0, 0
        self.workers = candidates[1]

    def note(self, seconds: float, images: int) -> None:
        """Note how long a step took."""
        self._seconds += seconds
        self._images += images
        self._steps += 1
        if self._seconds < WINDOW or self._steps < STEPS:
            return
        pace = self._seconds / self._images
        self._due -= self._seconds
        self._seconds, self._images, self._steps = 0.0, 0, 0
        if self._compared:
            self._compare(self._compared, pace)
        elif self._due <= 0.0 or pace > self._paces[1 - self._at]:
            self._compared = [[], []]
            self._at = 1 - self._at
        self.workers = self._candidates[self._at]

    def _compare(self, compared: list[list[float]], pace: float) -> None:
        """Note the pace of the set that has just worked; after the last round the faster one continues."""
        compared[self._at].append(pace)
        self._at = 1 - self._at
        if min(map(len, compared)) < ROUNDS:
            return
        self._paces = [sorted(paces)[ROUNDS // 2] for paces in compared]  # medians: single outliers do not count
        self._compared = None
        best = int(self._paces[1] <= self._paces[0])
        self._hold = min(2.0 * self._hold, LONG_HOLD) if best == self._usual else SHORT_HOLD
        self._due = self._hold
        self._usual = self._at = best
