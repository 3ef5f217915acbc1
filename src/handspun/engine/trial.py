"""Which of two sets of workers is the faster one just now?

On a machine with other work to do a worker is set aside now and then, and all the others wait for it: two can then take several
times as long as one. As the result does not depend on who computes, the faster ones work, and the two are compared now and
then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from handspun.engine.workers import Workers

#: Workers are judged by so many seconds, and so many steps at least; when two are compared each has so many rounds of that.
WINDOW, STEPS, ROUNDS = 0.025, 3, 3

#: Seconds from one comparison to the next, at least and at most.
SHORT_HOLD, LONG_HOLD = 1.0, 8.0


class Trial:
    """Chooses who does the next step.

    Two sets are compared the more seldom the longer nothing has changed, and at once when the one at work falls behind what the
    other one took.

    Args:
        candidates: the two of them; the second begins.
        pace: the seconds an image that the first has taken so far.

    Attributes:
        workers: who is to do the next step.
    """

    def __init__(self, candidates: Sequence[Workers], pace: float) -> None:
        self._candidates = candidates
        self._paces = [pace, math.inf]  # seconds an image, when last compared
        self._usual = self._at = 1
        self._due = self._hold = SHORT_HOLD  # seconds until they are compared
        self._compared: list[list[float]] | None = None  # the paces of both, while they alternate
        self._seconds, self._images, self._steps = 0.0, 0, 0
        self.workers = candidates[1]

    def note(self, seconds: float, images: int) -> None:
        """Take in what a step took."""
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
        """Note the pace of the one that has just worked; after the last round the faster one goes on."""
        compared[self._at].append(pace)
        self._at = 1 - self._at
        if min(map(len, compared)) < ROUNDS:
            return
        self._paces = [sorted(paces)[ROUNDS // 2] for paces in compared]  # one bad moment says nothing, nor a good one
        self._compared = None
        best = int(self._paces[1] <= self._paces[0])
        self._hold = min(2.0 * self._hold, LONG_HOLD) if best == self._usual else SHORT_HOLD
        self._due = self._hold
        self._usual = self._at = best
