"""The data sets that a command is given, as a model takes them, with the labels to evaluate on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handspun.augment.views import check_pictures
from handspun.cli.model_choice import class_names
from handspun.data import Dataset, Split, load_dataset
from handspun.errors import UsageError
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import PictureContract
from handspun.pictures.inputs import check_images
from handspun.recipes.run import prepare
from handspun.recipes.settings import Settings


def load_for(network: Sequential, data: str) -> Dataset:
    """The data set of a name or path; pictures of a folder as the network takes them."""
    return load_dataset(data, contract=network.contract or _contract_of_size(network))


def _contract_of_size(network: Sequential) -> PictureContract | None:
    """For a network without a contract: scale pictures to its input size; None if its inputs are not pictures."""
    shape = network.input_shape
    if network.takes_pictures:
        shape = (*shape[1:], shape[0])
    if len(shape) < 2 or shape[2:] not in ((), (1,), (3,)):
        return None
    return PictureContract(shape[0], shape[1], colour=shape[2:] == (3,))


def fits(images: np.ndarray, network: Sequential, where: str, *, views: bool = False) -> None:
    """Raises UsageError, naming ``where`` they are from, for images that do not suit the network, or ``views`` of them."""
    try:
        check_images(images, network.input_shape)
        if views:
            check_pictures(images)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def labelled(data: str | None, header: dict[str, Any], network: Sequential) -> tuple[np.ndarray, np.ndarray, str]:
    """Images, labels, and their description, to evaluate a model on.

    Args:
        data: a name or path; None for the test images of the model's own training, split as they were then.
        header: of the model file.
        network: the model.

    Raises:
        UsageError: images without labels, or of classes that the model does not have.
    """
    if data is None:
        test, where, classes = _own_test_images(header, network)
    else:
        dataset = load_for(network, data)
        classes = dataset.classes
        if dataset.test is not None and dataset.test.labels is not None:
            test, where = dataset.test, f"the test images of {data}"
        else:
            test, where = dataset.train, f"the images of {data}"
    if test.labels is None:
        raise UsageError(f"{where} have no labels to compare with.")
    fits(test.images, network, where)
    return test.images, _as_counted_by(network, test.labels, classes, where), where


def _own_test_images(header: dict[str, Any], network: Sequential) -> tuple[Split, str, tuple[str, ...]]:
    training = header.get("training")
    if not isinstance(training, dict) or not isinstance(training.get("settings"), dict):
        raise UsageError("The model file does not say what it was trained on: name the data to evaluate on.")
    settings = Settings.from_dict(training["settings"], "the model file")
    if isinstance(contract := network.contract, PictureContract):  # of a folder; a model to compare with may take another size
        size = (contract.height, contract.width)
        mode = "rgb" if contract.colour else "grey"
        settings = settings.replace(picture_size=size, picture_fit=contract.fit, picture_mode=mode)
    material = prepare(settings)
    if material.test is None:
        raise UsageError(f"{settings.data} has no test images with labels: name the data to evaluate on.")
    return material.test, f"the test images of {settings.data}", material.classes


def _as_counted_by(network: Sequential, labels: np.ndarray, classes: Sequence[str], where: str) -> np.ndarray:
    """Labels (N,) that count ``classes``, as the network counts its own classes of the same names.

    If either has only numbers, not names, the numbers decide.
    """
    own = network.classes
    if own and set(classes) <= set(own):
        return np.array([own.index(name) for name in classes])[labels]
    if own and tuple(classes) != tuple(str(i) for i in range(len(classes))):
        raise UsageError(f"{where} show {_listed(classes)}; the model knows {_listed(own)}.")
    most = len(class_names(network))
    if len(labels) and int(labels.max()) >= most:
        raise UsageError(f"{where} have a label {int(labels.max())}; the model has classes 0 to {most - 1}.")
    return labels


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
