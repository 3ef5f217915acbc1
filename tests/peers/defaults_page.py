"""The page ``docs/defaults.md``, made of the signatures of handspun and of ``peer_defaults.py``.

``python tests/peers/defaults_page.py`` writes it.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, NamedTuple

from peer_defaults import FIXED, PEERS, REASONS, REQUIRED, Theirs

import handspun as hs

PAGE = Path(__file__).parents[2] / "docs" / "defaults.md"


class Row(NamedTuple):
    """A line of the table."""

    name: str
    argument: str
    default: Any
    peer: str
    theirs: Theirs

    @property
    def key(self) -> tuple[str, str, str]:
        """What ``REASONS`` has it under."""
        return self.name, self.argument, self.peer.partition(".")[0]

    @property
    def same(self) -> bool:
        """Whether both have the same default."""
        return self.default == self.theirs.value


def own_defaults(name: str) -> dict[str, Any]:
    """Each argument of a class of handspun with its default."""
    signature = inspect.signature(getattr(hs, name))
    own = {n: REQUIRED if p.default is p.empty else p.default for n, p in signature.parameters.items()}
    if "initializer" in own:
        own["initializer"] = type(hs.Dense(1).initializer).__name__  # what None stands for
    return own


def rows() -> list[Row]:
    """The whole table."""
    found = []
    for name, peers in PEERS.items():
        own = own_defaults(name) | {argument: value for (owner, argument), value in FIXED.items() if owner == name}
        found += [
            Row(name, argument, own[argument], peer, theirs)
            for argument in own
            for peer, arguments in peers.items()
            for theirs in [arguments.get(argument)]
            if theirs is not None
        ]
    return found


def page() -> str:
    """The text of ``docs/defaults.md``."""
    titles = ("handspun", "argument", "default", "peer", "its argument", "its default", "the same?")
    lines = [INTRODUCTION, "| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for row in rows():
        theirs = row.theirs
        cells = [row.name, row.argument, _text(row.default), row.peer, theirs.argument, _text(theirs.default)]
        cells.append("same" if row.same else f"no: {REASONS.get(row.key, '?')}")
        lines.append("| " + " | ".join(f"`{c}`" if i in (0, 3) else c for i, c in enumerate(cells)) + " |")
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else repr(value)


INTRODUCTION = """\
# Defaults beside those of the peers

Each default of a layer, loss, optimizer, schedule, penalty, clip, average, initializer or callback of handspun, beside the
default of the class it is named after. `python tests/peers/defaults_page.py` writes this page, and the tests compare it with
the code; do not edit it.

- PyTorch's defaults are those of version 2.13. The tests read them from the package where it is installed.
- Keras's are those of version 3.15.1 ([documentation](https://keras.io/api/)), TensorFlow's those of
  [version 2](https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage).
- What has no argument is in brackets.
- A default that is only written in another way is the same: `(2, 2)` and 2, a divisor of 25 and a factor of 0.04.

The tests also compare values. Schedules give the factors of their peers at every step, except OneCycle: PyTorch's reaches the
highest rate, and the lowest, one step earlier.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
