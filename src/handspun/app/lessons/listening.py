"""Listening to a network's layers while they run: what comes in, what goes out, and which lines of source run."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import handspun
from handspun.engine.tape import Tape
from handspun.layers import Layer, Residual
from handspun.networks.sequential import Sequential


@dataclass(frozen=True)
class Heard:
    """One call of a layer's forward or backward, without the batch axis."""

    layer: Layer
    given: np.ndarray
    result: np.ndarray
    gradients: dict[str, np.ndarray]  # of the layer's own parameters, after a backward
    ran: frozenset[int]  # the numbers of the lines


@dataclass
class Listener:
    """Records every forward and backward of a network's layers; those inside a ``Residual`` come before the block itself."""

    forward: list[Heard] = field(default_factory=list)
    backward: list[Heard] = field(default_factory=list)

    def attach(self, network: Sequential) -> None:
        """Listen to a network from now on. Its layers keep the listener, so it should be a copy made for this."""
        for layer in _with_inner(network.layers):
            vars(layer)["forward"] = _listening(layer, layer.forward, self.forward)
            vars(layer)["backward"] = _listening(layer, layer.backward, self.backward)


def _with_inner(layers: Iterable[Layer]) -> Iterator[Layer]:
    """All layers, also those inside residual blocks."""
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from _with_inner(layer.layers if layer.projection is None else (*layer.layers, layer.projection))


def _listening(
    layer: Layer, method: Callable[..., np.ndarray | None], heard: list[Heard]
) -> Callable[[np.ndarray, Tape], np.ndarray]:
    def call(given: np.ndarray, tape: Tape) -> np.ndarray:
        result, ran = traced(method, given, tape)
        assert result is not None  # the tape asks for the gradient with respect to the input
        # Copies: the arrays are the tape's, and later layers may overwrite them.
        gradients = {name: gradient.copy() for name, gradient in tape[layer].gradient.items()}
        heard.append(Heard(layer, given[0].copy(), result[0].copy(), gradients, ran))
        return result

    return call


def traced(function: Callable[..., Any], *arguments: Any, of: Callable[..., Any] | None = None) -> tuple[Any, frozenset[int]]:
    """The result of a call, and the numbers of the lines that ran: in ``of``, which it calls, or in ``function`` itself."""
    code, ran = inspect.unwrap(of or function).__code__, set()

    def follow(frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            ran.add(frame.f_lineno)
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        result = function(*arguments)
    finally:
        sys.settrace(before)
    return result, frozenset(ran)


def source(function: Callable[..., Any], working: Iterable[str], ran: frozenset[int]) -> dict[str, Any]:
    """The source of a function or method, for JSON.

    A line is highlighted if its number is in ``ran`` and a part of its text is in ``working``: the lines that did the work.
    """
    lines, first = inspect.getsourcelines(function)
    path = Path(inspect.getfile(function)).relative_to(Path(handspun.__file__).parent.parent)
    return {
        "file": path.as_posix(),
        "first_line": first,
        "lines": textwrap.dedent("".join(lines)).splitlines(),
        "highlight": [i for i, line in enumerate(lines, first) if i in ran and any(part in line for part in working)],
    }
