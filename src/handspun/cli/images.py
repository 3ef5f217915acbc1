"""Which images a command means."""

from __future__ import annotations

from typing import Any

import numpy as np

from handspun.data import Dataset, load_dataset
from handspun.errors import UsageError
from handspun.inputs import check_shape
from handspun.network import Sequential
from handspun.recipes.run import prepare
from handspun.recipes.settings import Settings


def class_names(network: Sequential) -> tuple[str, ...]:
    """What the outputs stand for; their numbers where a model has no names."""
    return network.classes or tuple(str(i) for i in range(max(network.output_shape[-1], 2)))


def none_of(classes: tuple[str, ...]) -> str:
    """What a picture of none of the classes is called."""
    return "not a digit" if all(name in tuple("0123456789") for name in classes) else "none of the classes"


def load_for(network: Sequential, data: str) -> Dataset:
    """The data set of a name or path; a folder of pictures in the size and the colours that the network takes."""
    shape = network.input_shape
    if network.takes_pictures:
        shape = shape[1:] if shape[0] == 1 else (*shape[1:], shape[0])
    return load_dataset(data, image_shape=shape if len(shape) > 1 else None)


def fits(images: np.ndarray, network: Sequential, where: str) -> None:
    """UsageError, naming ``where`` they are from, for images of another size than the network's."""
    try:
        check_shape(images, network.input_shape)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def labelled(data: str | None, header: dict[str, Any], network: Sequential) -> tuple[np.ndarray, np.ndarray, str]:
    """Images, labels, and what they are in words, to judge a model on.

    Args:
        data: a name or path; None for the test images of the model's own training, cut as they were then.
        header: of the model file.
        network: the model.

    Raises:
        UsageError: images without labels, or labels that the model has no classes for.
    """
    if data is None:
        training = header.get("training")
        if not isinstance(training, dict) or not isinstance(training.get("settings"), dict):
            raise UsageError("The model file does not say what it was trained on: name the data to evaluate on.")
        settings = Settings.from_dict(training["settings"], "the model file")
        test, where = prepare(settings).test, f"the test images of {settings.data}"
        if test is None:
            raise UsageError(f"{settings.data} has no test images with labels: name the data to evaluate on.")
    else:
        dataset = load_for(network, data)
        if dataset.test is not None and dataset.test.labels is not None:
            test, where = dataset.test, f"the test images of {data}"
        else:
            test, where = dataset.train, f"the images of {data}"
    if test.labels is None:
        raise UsageError(f"{where} have no labels to compare with.")
    fits(test.images, network, where)
    classes = len(class_names(network))
    if len(test.labels) and int(test.labels.max()) >= classes:
        raise UsageError(f"{where} have a label {int(test.labels.max())}; the model has classes 0 to {classes - 1}.")
    return test.images, test.labels, where
