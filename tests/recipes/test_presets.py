"""The included recipes are complete, and say what was published."""

import json
import math

import numpy as np
import pytest

from handspun.recipes import Settings, load_recipe, recipe_names

DIGITS = tuple("0123456789")

#: The networks as they were published, units by layer; None where only part of them was.
PUBLISHED = {
    "minibatch-128-64": (784, 128, 64, 10),
    "full-batch-decay-128-64": (784, 128, 64, 10),
    "decay-128-128": (784, 128, 128, 10),
    "tiny-full-batch": (784, 10, 10),
}


def units(network):
    return (math.prod(network.input_shape), *(layer.units for layer in network.layers if hasattr(layer, "units")))


def test_recipe_names_are_sorted_and_include_the_default():
    names = recipe_names()
    assert {"default", *PUBLISHED} <= set(names)
    assert names == sorted(set(names))


@pytest.mark.parametrize("name", recipe_names())
def test_every_preset_is_complete_and_builds_its_network(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.claim is None or 0.5 < recipe.claim < 1
    assert recipe.claim_source in ("published", "target")
    if recipe.claim_source == "published":
        assert recipe.claim is not None
        assert recipe.published
    settings = recipe.settings
    shape = (32, 32, 3) if settings.data == "cifar10" else (28, 28)
    network = settings.network(shape, settings.only or DIGITS)
    if not settings.layers:
        assert units(network) == (784, *settings.hidden, 10)
    assert units(network) == PUBLISHED.get(name, units(network))
    assert np.isfinite(network.logits(np.zeros((2, *shape), np.uint8))).all()
    arguments = settings.fit_arguments()
    assert arguments["optimizer"].learning_rate == settings.learning_rate
    assert settings.epochs_for(60_000) >= 1


@pytest.mark.parametrize("name", recipe_names())
def test_every_preset_survives_json(name):
    settings = load_recipe(name).settings
    assert Settings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_the_published_splits_are_kept():
    assert load_recipe("minibatch-128-64").settings.pool_test == 14_000
    assert load_recipe("tiny-full-batch").settings.pool_test == 28_000
    full = load_recipe("full-batch-decay-128-64").settings
    assert (full.pool_test, full.batch_size, full.epochs) == (None, 0, 300)
    assert round(60_000 * full.validation) == 1_000


def test_the_weights_of_a_scaled_normal_recipe_have_that_scale():
    settings = load_recipe("full-batch-decay-128-64").settings
    weight = settings.network((28, 28), DIGITS).layers[1].weight
    assert weight.std() == pytest.approx(settings.initializer_scale, rel=0.02)
