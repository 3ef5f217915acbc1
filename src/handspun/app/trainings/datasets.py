"""The data sets that the page can choose from: embedded, at hand in the cache, given at the start, and its own drawings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handspun.app.models.catalog import free_name
from handspun.app.teaching.drawings import EMBEDDED
from handspun.app.transport.wire import RequestError
from handspun.data import Dataset, Split, load_dataset
from handspun.data.cache import cache_folder, missing_files
from handspun.data.registry import REGISTRY
from handspun.errors import HandspunError
from handspun.files.writing import printable
from handspun.pictures.contract import Contract

#: The drawings of the page alone, and among the embedded digits.
DRAWINGS, MIXED = "drawings", f"{EMBEDDED}+drawings"


@dataclass(frozen=True)
class Offer:
    """A data set that can be trained on, as the page is told of it.

    Attributes:
        name: by which it is asked for.
        title: what it is, in a few words.
        images: to train on; None where the page knows it, because they are its own drawings.
        classes: their names.
        image_shape: (H, W), (H, W, C) or (D,).
        given: whether it was named at the start.
    """

    name: str
    title: str
    images: int | None
    classes: tuple[str, ...]
    image_shape: tuple[int, ...]
    given: bool = False


class Datasets:
    """The data sets that the page can choose from: embedded, at hand in the cache, given at the start, and its drawings.

    Args:
        more: names or paths of further ones, read at once.

    Raises:
        DataError, UsageError, …: one of ``more`` is no data set; as ``load_dataset``.
    """

    def __init__(self, more: Iterable[str | Path] = ()) -> None:
        self._given: dict[str, Dataset] = {}
        for name_or_path in more:
            dataset = load_dataset(name_or_path)
            if name_or_path not in REGISTRY:  # these are offered as soon as they are at hand
                name = free_name(printable(dataset.name), {*REGISTRY, DRAWINGS, MIXED, *self._given})
                self._given[name] = dataclasses.replace(dataset, name=name, source=printable(dataset.source))

    def offers(self) -> list[Offer]:
        """All that there are now."""
        found = [
            Offer(entry.name, entry.description, entry.train_count, entry.classes, entry.image_shape)
            for entry in REGISTRY.values()
            if entry.embedded or _at_hand(entry.name)
        ]
        found += [
            Offer(name, f"given at the start: {dataset.source}", len(dataset.train), dataset.classes, dataset.image_shape, True)
            for name, dataset in self._given.items()
        ]
        digits, shape = REGISTRY[EMBEDDED].classes, REGISTRY[EMBEDDED].image_shape
        return [
            *found,
            Offer(DRAWINGS, "the drawings of the tray, and nothing else", None, digits, shape),
            Offer(MIXED, "the embedded digits and the drawings of the tray", None, digits, shape),
        ]

    def find(self, name: str) -> Offer:
        """The offer of this name; RequestError 400 where there is none."""
        offers = {offer.name: offer for offer in self.offers()}
        if name not in offers:
            raise RequestError(400, f'The data set "{name}" is not offered. There are: {", ".join(offers)}.')
        return offers[name]

    def load(self, name: str, drawings: Split | None = None) -> Dataset:
        """The data set of an offer, with the drawings where it is of drawings; nothing is fetched.

        Raises what ``load_dataset`` raises.
        """
        if name in self._given:
            return self._given[name]
        if name not in (DRAWINGS, MIXED):
            return load_dataset(name, fetch=False)
        assert drawings is not None
        embedded = load_dataset(EMBEDDED)
        if name == MIXED:
            assert drawings.labels is not None
            assert embedded.train.labels is not None
            images = np.concatenate([embedded.train.images, drawings.images])
            labels = np.concatenate([embedded.train.labels, drawings.labels])
            return dataclasses.replace(embedded, name=MIXED, train=Split(images, labels))
        return Dataset(DRAWINGS, drawings, None, embedded.classes, "drawn in the page", "the person's own", contract=Contract())


def _at_hand(name: str) -> bool:
    """Whether all files of a data set lie in the cache; what they hold is verified when they are loaded."""
    try:
        return not missing_files(REGISTRY[name], cache_folder() / name)
    except HandspunError:  # there is no home folder
        return False
