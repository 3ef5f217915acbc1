"""What a command calls the classes of a model."""

from __future__ import annotations

from handspun.networks.sequential import Sequential


def class_names(network: Sequential) -> tuple[str, ...]:
    """What the outputs stand for; their numbers where a model has no names."""
    return network.classes or tuple(str(i) for i in range(max(network.output_shape[-1], 2)))


def none_of(classes: tuple[str, ...]) -> str:
    """What a picture of none of the classes is called."""
    return "not a digit" if all(name in tuple("0123456789") for name in classes) else "none of the classes"
