"""Whether a model was trained on the images that it is evaluated on."""

from __future__ import annotations

from handspun.data.registry import REGISTRY


def learned_from(training: object) -> str | None:
    """The name or path of the data that a model was trained on, as its file says; None if it does not say.

    A model that was taught later (see ``handspun.app.teaching``) keeps the record of its first training.
    """
    while isinstance(training, dict):
        settings = training.get("settings")
        if isinstance(settings, dict):
            return settings.get("data")
        training = training.get("before")
    return None


def seen_before(name: str | None, training: object, model: object) -> str | None:
    """A sentence if the model was trained on these images; None if it was not, as far as known.

    Args:
        name: the dataset it is evaluated on.
        training: the training that its file records.
        model: its name for the sentence.
    """
    if name not in REGISTRY or REGISTRY[name].part_of is None or learned_from(training) != REGISTRY[name].part_of:
        return None
    return (
        f"{name} is a part of the training images of {REGISTRY[name].part_of}, on which {model} was trained. "
        "Expect slightly lower accuracy on new images."
    )
