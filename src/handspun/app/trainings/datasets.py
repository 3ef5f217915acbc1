"""The data sets on offer: the included one, those in the cache, those given on the command line, and the page's drawings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handspun.app.models.catalog import free_name
from handspun.app.teaching.drawings import EMBEDDED, labels_of
from handspun.app.transport.wire import RequestError
from handspun.data import Dataset, Split, load_dataset
from handspun.data.cache import cache_folder, missing_files
from handspun.data.registry import REGISTRY
from handspun.errors import HandspunError
from handspun.files.writing import printable
from handspun.pictures.contract import Contract

#: The page's drawings alone, and mixed with the included digits.
DRAWINGS, MIXED = "drawings", f"{EMBEDDED}+drawings"


@dataclass(frozen=True)
class Offer:
    """A data set on offer, as described to the page."""

    name: str
    title: str  # what it is, in a few words
    images: int | None  # to train on; None for the page's drawings, which the page itself counts
    classes: tuple[str, ...]
    image_shape: tuple[int, ...]  # (H, W), (H, W, C) or (D,)
    given: bool = False  # on the command line


class Datasets:
    """The data sets on offer; ``more`` are names or paths of further ones, which ``load_dataset`` reads at once."""

    def __init__(self, more: Iterable[str | Path] = ()) -> None:
        self._given: dict[str, Dataset] = {}
        for name_or_path in more:
            dataset = load_dataset(name_or_path)
            if name_or_path not in REGISTRY:  # those are on offer anyway, once they are in the cache
                name = free_name(printable(dataset.name), {*REGISTRY, DRAWINGS, MIXED, *self._given})
                self._given[name] = dataclasses.replace(dataset, name=name, source=printable(dataset.source))

    def offers(self) -> list[Offer]:
        """All data sets on offer at this moment."""
        found = [
            Offer(entry.name, entry.description, entry.train_count, entry.classes, entry.image_shape)
            for entry in REGISTRY.values()
            if entry.embedded or _in_cache(entry.name)
        ]
        found += [
            Offer(name, f"given at the start: {dataset.source}", len(dataset.train), dataset.classes, dataset.image_shape, True)
            for name, dataset in self._given.items()
        ]
        digits, shape = REGISTRY[EMBEDDED].classes, REGISTRY[EMBEDDED].image_shape
        return [
            *found,
            Offer(DRAWINGS, "only the drawings in the tray", None, digits, shape),
            Offer(MIXED, "the included digits and the drawings in the tray", None, digits, shape),
        ]

    def find(self, name: str) -> Offer:
        """The offer with this name. Raises RequestError 400 if there is none."""
        offers = {offer.name: offer for offer in self.offers()}
        if name not in offers:
            raise RequestError(400, f'The data set "{name}" is not offered. There are: {", ".join(offers)}.')
        return offers[name]

    def load(self, name: str, drawings: Split | None = None) -> Dataset:
        """The data set of an offer, with ``drawings`` if it has any. Downloads nothing; raises what ``load_dataset`` raises."""
        if name in self._given:
            return self._given[name]
        if name not in (DRAWINGS, MIXED):
            return load_dataset(name, fetch=False)
        assert drawings is not None
        embedded = load_dataset(EMBEDDED)
        if name == MIXED:
            images = np.concatenate([embedded.train.images, drawings.images])
            labels = np.concatenate([labels_of(embedded.train), labels_of(drawings)])
            return dataclasses.replace(embedded, name=MIXED, train=Split(images, labels))
        return Dataset(DRAWINGS, drawings, None, embedded.classes, "drawn in the page", "the person's own", contract=Contract())


def _in_cache(name: str) -> bool:
    """Whether the cache has all files of a data set; loading verifies their contents."""
    try:
        return not missing_files(REGISTRY[name], cache_folder() / name)
    except HandspunError:  # there is no home folder
        return False
