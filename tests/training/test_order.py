"""The order in which training shows the images, and how they are divided into batches."""

import itertools

import pytest
from small_trainings import orders


def test_each_epoch_shows_every_image_once_in_a_new_order():
    epochs = [list(itertools.chain(*batches)) for batches in orders()]
    for order in epochs:
        assert sorted(order) == list(range(23))
        assert order != list(range(23))
    assert len({tuple(order) for order in epochs}) == 3


def test_only_the_last_batch_is_smaller_than_requested():
    assert [[len(batch) for batch in epoch] for epoch in orders()] == [[5, 5, 5, 5, 3]] * 3
    assert [[len(batch) for batch in epoch] for epoch in orders(count=4, batch_size=1)] == [[1] * 4] * 3
    assert [[len(batch) for batch in epoch] for epoch in orders(batch_size=100)] == [[23]] * 3


def test_the_order_depends_only_on_the_seed():
    assert orders(seed=1) == orders(seed=1) != orders(seed=2)


def test_without_shuffling_the_order_is_that_of_the_data():
    assert [list(itertools.chain(*batches)) for batches in orders(shuffle=False)] == [list(range(23))] * 3


def test_shuffling_separates_the_images_of_a_batch():
    """Shuffling moves images between batches, not only batches: neighbours meet as often as strangers."""
    together = 0
    for seed in range(40):
        for batches in orders(count=20, batch_size=5, epochs=1, seed=seed):
            together += sum(0 in batch and 1 in batch for batch in batches)
    assert together / 40 == pytest.approx(4 / 19, abs=0.2)
