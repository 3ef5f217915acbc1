"""Layers and initializers of one's own in model files."""

from __future__ import annotations

from typing import TypeVar

from handspun.errors import UsageError
from handspun.layers import LAYERS, Layer
from handspun.layers.initializers import INITIALIZERS, Initializer

_Kind = TypeVar("_Kind", bound=type[Layer] | type[Initializer])


def register(kind: _Kind) -> _Kind:
    """Let model files name a class of one's own, a layer or an initializer; to be put above it as a decorator.

    A file never brings code along: it names the kinds of its layers, and loading makes them from the classes that are known by
    then. So a program that loads such a file registers the class first, as the one did that saved it.

        @handspun.register
        class Scale(handspun.Layer): ...

    Args:
        kind: a subclass of ``Layer`` or ``Initializer`` whose ``config`` gives the arguments of its constructor. One that is
            registered again under the same name takes the place of the one before.

    Returns:
        The class, unchanged.

    Raises:
        UsageError: no such class, or the name of one of handspun's own.
    """
    known: dict[str, type] | None = None
    if isinstance(kind, type):
        known = LAYERS if issubclass(kind, Layer) else INITIALIZERS if issubclass(kind, Initializer) else None
    if known is None:
        raise UsageError(f"Only a class of layers or initializers can be registered, got {kind!r}.")
    if kind.__name__ in known and known[kind.__name__].__module__.startswith("handspun."):
        raise UsageError(f"handspun has a {kind.__name__} of its own; call yours otherwise.")
    known[kind.__name__] = kind
    return kind
