"""Splitting: holding images out of training, once for validation or k times for cross-validation.

Stratified means that each part has the same proportions of classes as the whole, up to rounding. The seed decides which image
goes into which part; the parts keep the order of the whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from handspun.checks import whole_number
from handspun.data.dataset import Dataset, Split
from handspun.errors import UsageError, unknown_name


def hold_out(split: Split, fraction_or_count: float, *, seed: int, stratified: bool = True) -> tuple[Split, Split]:
    """Hold out part of the images.

    Args:
        split: N labelled images.
        fraction_or_count: how many to hold out: a float between 0 and 1 is a fraction, rounded to whole images; an int is a
            number.
        seed: the same seed makes the same parts.
        stratified: whether the classes keep their proportions (by largest remainders) or images are drawn regardless of class.

    Returns:
        The rest and the held-out part; every image is in one of them, once.

    Raises:
        UsageError: one part would be empty, or there are no labels to stratify by.
    """
    _check_split(split)
    count = _held_out_count(len(split), fraction_or_count)
    rng = np.random.default_rng(whole_number("hold_out", "seed", seed, least=0))
    held = np.zeros(len(split), bool)  # (N,)
    if stratified:
        groups = _indices_by_class(split)
        for indices, quota in zip(groups, _quotas([len(g) for g in groups], count), strict=True):
            held[rng.permutation(indices)[:quota]] = True
    else:
        held[rng.permutation(len(split))[:count]] = True
    return split.subset(np.flatnonzero(~held)), split.subset(np.flatnonzero(held))


def k_fold(split: Split, k: int, *, seed: int) -> Iterator[tuple[Split, Split]]:
    """Yield k pairs of training and validation images, stratified; every image is in one validation part.

    The sizes of the folds differ by at most one image, and so do their numbers of images per class. Raises UsageError, at once,
    if ``k`` is not from 2 to the number of images, or there are no labels.
    """
    _check_split(split)
    if not 2 <= whole_number("k_fold", "k", k, least=0) <= len(split):
        raise UsageError(f"k must be from 2 to the number of images, {len(split)}, not {k}.")
    rng = np.random.default_rng(whole_number("k_fold", "seed", seed, least=0))
    fold = np.empty(len(split), np.intp)  # (N,), the fold whose validation part has the image
    dealt = 0
    for indices in _indices_by_class(split):
        # Dealt like cards. Each class continues where the last one ended, so that no fold gets all the odd cards.
        fold[rng.permutation(indices)] = (dealt + np.arange(len(indices))) % k
        dealt += len(indices)
    return ((split.subset(np.flatnonzero(fold != i)), split.subset(np.flatnonzero(fold == i))) for i in range(k))


def pool(dataset: Dataset) -> Split:
    """Training and then test images in one split. Raises UsageError if a part has no labels."""
    if not isinstance(dataset, Dataset):
        raise UsageError(f"Expected a Dataset, such as load_dataset gives, not {type(dataset).__name__}.")
    train, test = dataset.train, dataset.test
    if test is None:
        return train
    if train.labels is None or test.labels is None:
        raise UsageError(f"{dataset.name}: images without labels cannot be pooled.")
    labels = np.concatenate([train.labels, test.labels])
    labels = labels.astype(np.int64) if labels.dtype.kind == "f" else labels  # what int64 and uint64 have in common
    return Split(np.concatenate([train.images, test.images]), labels)


def choose_classes(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """Only the images of these classes, with labels from 0 in the order of ``names``. Raises UsageError for unknown names."""
    for name in names:
        if name not in dataset.classes:
            raise unknown_name(f"class of {dataset.name}", name, dataset.classes)
    new = np.full(len(dataset.classes), -1)
    new[[dataset.classes.index(name) for name in names]] = np.arange(len(names))

    def chosen(split: Split) -> Split:
        if split.labels is None:
            raise UsageError(f"{dataset.name}: images without labels cannot be chosen by class.")
        labels = new[split.labels]
        return Split(split.images[labels >= 0], labels[labels >= 0])

    test = None if dataset.test is None else chosen(dataset.test)
    return dataclasses.replace(dataset, train=chosen(dataset.train), test=test, classes=tuple(names))


def _check_split(split: Split) -> None:
    if not isinstance(split, Split):
        raise UsageError(f"Expected a Split, such as Split(images, labels), not {type(split).__name__}.")


def _held_out_count(total: int, fraction_or_count: float) -> int:
    if isinstance(fraction_or_count, float | np.floating):
        if not 0 < fraction_or_count < 1:
            raise UsageError(f"A fraction to hold out must lie between 0 and 1, not {fraction_or_count}.")
        count = round(total * float(fraction_or_count))
    else:
        count = whole_number("hold_out", "fraction_or_count", fraction_or_count, least=0)
    if not 0 < count < total:
        raise UsageError(f"Holding out {count} of {total} images leaves one part empty.")
    return count


def _indices_by_class(split: Split) -> list[np.ndarray]:
    if split.labels is None:
        raise UsageError("Images without labels cannot be split by class; use stratified=False.")
    return [np.flatnonzero(split.labels == label) for label in np.unique(split.labels)]


def _quotas(sizes: list[int], count: int) -> list[int]:
    """How many of ``count`` each class gets: whole shares first, then one more by largest remainder.

    Whole numbers keep float rounding out of it. If remainders are equal, the first class goes first.
    """
    total = sum(sizes)
    quotas = [size * count // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda i: -(sizes[i] * count % total))
    for i in by_remainder[: count - sum(quotas)]:
        quotas[i] += 1
    return quotas
