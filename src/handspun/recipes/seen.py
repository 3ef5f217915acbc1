"""Whether a model has learned from the very images that it is judged on."""

from __future__ import annotations

from handspun.data.registry import REGISTRY


def learned_from(training: object) -> str | None:
    """The name or path of the data that a model learned from, by what its file tells of its training; None where it does not.

    A model that was taught since (see ``handspun.app.teaching``) tells it of the one before.
    """
    while isinstance(training, dict):
        settings = training.get("settings")
        if isinstance(settings, dict):
            return settings.get("data")
        training = training.get("before")
    return None


def seen_before(name: str | None, training: object, model: object) -> str | None:
    """That a model learned from the very images that it is judged on, in a sentence; None where it did not, as far as is known.

    Args:
        name: of the dataset that it is judged on.
        training: what the model file tells of its training.
        model: what it is called.
    """
    if name not in REGISTRY or REGISTRY[name].part_of is None or learned_from(training) != REGISTRY[name].part_of:
        return None
    return (
        f"{name} is a part of the training images of {REGISTRY[name].part_of}, from which {model} has learned. "
        "It knows these images, and will do a little worse on new ones."
    )
