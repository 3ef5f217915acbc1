from __future__ import annotations

import numpy as np
import pytest

from fuzzing import given, settings, st
from handspun.data import Dataset, Split, hold_out, k_fold, pool
from handspun.errors import UsageError


def numbered(labels) -> Split:
    """Images that each hold their own index."""
    labels = np.asarray(labels)
    return Split(np.arange(len(labels), dtype=np.float64)[:, None], labels)


def indices(split: Split) -> list[int]:
    return split.images[:, 0].astype(int).tolist()


SIXTY = numbered(np.repeat([0, 1, 2], [30, 20, 10]))


def test_proportions_are_kept_exactly():
    rest, held = hold_out(SIXTY, 0.2, seed=0)
    assert np.bincount(held.labels).tolist() == [6, 4, 2]
    assert np.bincount(rest.labels).tolist() == [24, 16, 8]
    assert np.bincount(hold_out(SIXTY, 7, seed=0)[1].labels).tolist() == [4, 2, 1]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=60),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
    st.booleans(),
)
def test_every_image_is_in_one_part_and_quotas_are_right(labels, share, seed, stratified):
    split = numbered(labels)
    count = min(max(round(share * len(labels)), 1), len(labels) - 1)
    rest, held = hold_out(split, count, seed=seed, stratified=stratified)
    assert len(held) == count
    assert sorted(indices(rest) + indices(held)) == list(range(len(labels)))
    assert [labels[i] for i in indices(held)] == held.labels.tolist()
    if stratified:
        exact = np.bincount(labels, minlength=5) * count / len(labels)
        assert (abs(np.bincount(held.labels, minlength=5) - exact) < 1).all()


def test_the_seed_decides_the_parts():
    first, again, other = (indices(hold_out(SIXTY, 0.2, seed=seed)[1]) for seed in (0, 0, 1))
    assert first == again != other
    assert first == sorted(first)


def test_numpy_floats_are_fractions():
    assert len(hold_out(SIXTY, np.float32(0.5), seed=0)[1]) == 30


@pytest.mark.parametrize("amount", [0, 60, -1, 0.0, 1.0, 1.5, 0.001, float("nan")])
def test_invalid_amounts_are_refused(amount):
    with pytest.raises(UsageError, match=r"between 0 and 1|leaves one part empty|must be a whole number from 0"):
        hold_out(SIXTY, amount, seed=0)


def test_stratified_splits_need_labels():
    split = Split(SIXTY.images)
    assert len(hold_out(split, 0.5, seed=0, stratified=False)[1]) == 30
    with pytest.raises(UsageError, match="stratified=False"):
        hold_out(split, 0.5, seed=0)
    with pytest.raises(UsageError, match="cannot be split by class"):
        k_fold(split, 2, seed=0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=40), st.integers(2, 7), st.integers(0, 9))
def test_folds_hold_every_image_once(labels, k, seed):
    split = numbered(labels)
    if k > len(labels):
        with pytest.raises(UsageError, match="k must be"):
            k_fold(split, k, seed=seed)
        return
    folds = list(k_fold(split, k, seed=seed))
    assert len(folds) == k
    assert sorted(i for _, validation in folds for i in indices(validation)) == list(range(len(labels)))
    for train, validation in folds:
        assert sorted(indices(train) + indices(validation)) == list(range(len(labels)))
    sizes = [len(validation) for _, validation in folds]
    assert max(sizes) - min(sizes) <= 1
    by_class = np.array([np.bincount(validation.labels, minlength=5) for _, validation in folds])
    assert (by_class.max(axis=0) - by_class.min(axis=0) <= 1).all()
    again = [indices(validation) for _, validation in k_fold(split, k, seed=seed)]
    assert again == [indices(validation) for _, validation in folds]


def test_folds_depend_on_the_seed():
    first, other = ([indices(v) for _, v in k_fold(SIXTY, 3, seed=seed)] for seed in (0, 1))
    assert first != other


def test_one_fold_is_refused():
    with pytest.raises(UsageError, match="k must be from 2"):
        k_fold(SIXTY, 1, seed=0)


def test_pool_joins_training_and_test():
    def toy(train, test):
        return Dataset("toy", train, test, ("a", "b", "c"), "", "")

    train, test = hold_out(SIXTY, 0.25, seed=0)
    both = pool(toy(train, test))
    assert indices(both) == indices(train) + indices(test)
    assert both.labels is not None
    assert both.labels.tolist() == [*train.labels.tolist(), *test.labels.tolist()]
    assert pool(toy(train, None)) is train
    with pytest.raises(UsageError, match="cannot be pooled"):
        pool(toy(train, Split(test.images)))


@pytest.mark.parametrize("cut", [lambda pair: k_fold(pair, 2, seed=0), lambda pair: hold_out(pair, 0.5, seed=0)])
def test_a_pair_of_arrays_is_not_a_split(cut):
    with pytest.raises(UsageError, match=r"Expected a Split, such as Split\(images, labels\), not tuple"):
        next(iter(cut((np.zeros((4, 2)), np.zeros(4, int)))))


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None, True, 1j])
def test_seeds_that_are_not_whole_numbers_are_refused(seed):
    split = numbered([0, 0, 1, 1])
    with pytest.raises(UsageError, match="hold_out: seed must be a whole number"):
        hold_out(split, 2, seed=seed)
    with pytest.raises(UsageError, match="k_fold: seed must be a whole number"):
        k_fold(split, 2, seed=seed)


@pytest.mark.parametrize("amount", ["2", None, True, 2 + 0j, [1]])
def test_amounts_that_are_not_numbers_are_refused(amount):
    with pytest.raises(UsageError, match="fraction_or_count must be a whole number"):
        hold_out(numbered([0, 0, 1, 1]), amount, seed=0)
    with pytest.raises(UsageError, match="k_fold: k must be a whole number"):
        k_fold(numbered([0, 0, 1, 1]), amount, seed=0)
    with pytest.raises(UsageError, match="k_fold: k must be a whole number"):
        k_fold(numbered([0, 0, 1, 1]), 2.5, seed=0)


def test_pooled_labels_of_different_types_stay_whole_numbers():
    images = np.zeros((2, 3), np.uint8)
    data = Dataset("d", Split(images, np.array([0, 1], np.uint64)), Split(images, np.array([1, 0])), ("a", "b"), "", "")
    pooled = pool(data)
    assert pooled.labels.dtype.kind == "i"
    assert pooled.labels.tolist() == [0, 1, 1, 0]
    with pytest.raises(UsageError, match="Expected a Dataset"):
        pool((images, images))
