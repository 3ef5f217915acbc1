"""Your own layers and initializers in model files."""

from typing import TypeVar

from handspun.errors import UsageError
from handspun.layers import LAYERS, Layer
from handspun.layers.initializers import INITIALIZERS, Initializer

_Kind = TypeVar("_Kind", bound=type[Layer] | type[Initializer])


def register(kind: _Kind) -> _Kind:
    """Let model files name your own layer or initializer. Use it as a decorator.

    A model file contains no code, only the names of its layers' classes. So a program that loads the file must register the
    class first, as the program did that saved it.

        @handspun.register
        class Scale(handspun.Layer): ...

    Args:
        kind: a subclass of ``Layer`` or ``Initializer`` whose ``config`` returns its constructor's arguments. It replaces a
            class of the same name that was registered before.

    Returns:
        The class, unchanged.

    Raises:
        UsageError: ``kind`` is no such class, or has the name of one of handspun's own.
    """
    known: dict[str, type] | None = None
    if isinstance(kind, type):
        known = LAYERS if issubclass(kind, Layer) else INITIALIZERS if issubclass(kind, Initializer) else None
    if known is None:
        raise UsageError(f"Only a class of layers or initializers can be registered, got {kind!r}.")
    if kind.__name__ in known and known[kind.__name__].__module__.startswith("handspun."):
        raise UsageError(f"handspun already has a {kind.__name__}; give yours another name.")
    known[kind.__name__] = kind
    return kind
