"""Recipes as data, the cuts of the data they ask for, training by them, and receipts."""

import dataclasses
import hashlib
import json
import math
from importlib.util import find_spec

import numpy as np
import pytest

from handspun import DataError, Dataset, ModelFileError, Split, UsageError, load, load_dataset
from handspun.augment import Augmentation
from handspun.evaluation.evaluate import evaluate, loss_and_accuracy
from handspun.layers import Conv2D, Dense
from handspun.layers.initializers import GlorotNormal, HeNormal
from handspun.networks.architectures import cnn, mlp, structure
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.recipes import Recipe, Settings, load_recipe, recipe_names
from handspun.recipes.reproduce import reproduce, write_receipt
from handspun.recipes.run import Material, prepare, saved_settings, train

trains = pytest.mark.skipif(find_spec("threadpoolctl") is None, reason="training by settings needs threadpoolctl")

DIGITS = tuple("0123456789")

#: The networks as they were published, units by layer; None where only part of them was.
PUBLISHED = {
    "minibatch-128-64": (784, 128, 64, 10),
    "full-batch-decay-128-64": (784, 128, 64, 10),
    "decay-128-128": (784, 128, 128, 10),
    "tiny-full-batch": (784, 10, 10),
}

#: A training of a moment.
TINY = Settings(hidden=(8,), epochs=1, train_images=600, optimizer="momentum", learning_rate=0.1)


def units(network):
    return (math.prod(network.input_shape), *(layer.units for layer in network.layers if hasattr(layer, "units")))


# Presets --------------------------------------------------------------------------------------------------------------


def test_there_is_a_default_recipe_and_every_name_is_sorted_once():
    names = recipe_names()
    assert {"default", *PUBLISHED} <= set(names)
    assert names == sorted(set(names))


@pytest.mark.parametrize("name", recipe_names())
def test_every_preset_is_whole_and_builds_its_network_and_all_else(name):
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
def test_every_preset_survives_the_way_through_json(name):
    settings = load_recipe(name).settings
    assert Settings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_the_published_cuts_of_the_data_are_kept():
    assert load_recipe("minibatch-128-64").settings.pool_test == 14_000
    assert load_recipe("tiny-full-batch").settings.pool_test == 28_000
    full = load_recipe("full-batch-decay-128-64").settings
    assert (full.pool_test, full.batch_size, full.epochs) == (None, 0, 300)
    assert round(60_000 * full.validation) == 1_000


def test_the_weights_of_a_scaled_normal_recipe_have_that_scale():
    settings = load_recipe("full-batch-decay-128-64").settings
    weight = settings.network((28, 28), DIGITS).layers[1].weight
    assert weight.std() == pytest.approx(settings.initializer_scale, rel=0.02)


# Settings -------------------------------------------------------------------------------------------------------------

EVERYTHING_ELSE = Settings(
    data="some/path.csv",
    pool_test=10,
    train_images=20,
    picture_size=(3, 4),
    picture_fit="pad",
    picture_mode="rgb",
    only=("a", "b"),
    channels=(4, 5),
    kernel_size=2,
    padding="valid",
    layers=({"kind": "Flatten"},),
    hidden=(3, 2, 1),
    activation="silu",
    norm="batch",
    initializer="ScaledNormal",
    initializer_scale=0.5,
    input_dropout=0.1,
    dropout=0.2,
    optimizer="nesterov",
    learning_rate=0.5,
    momentum=0.8,
    weight_decay=0.01,
    schedule={"name": "step", "rate": 0.5, "every": 3, "unit": "step", "warmup_steps": 4},
    epochs=7,
    batch_size=5,
    l1=0.1,
    l2=0.2,
    label_smoothing=0.3,
    clip_norm=1.5,
    average=0.9,
    validation=0.25,
    early_stopping=2,
    augment={"shift": 1.5, "flip": True},
    seed=12,
    threads=1,
    views=True,
)


def test_settings_are_the_same_after_a_round_trip():
    default, other = Settings(), EVERYTHING_ELSE
    for field in dataclasses.fields(Settings):
        assert getattr(default, field.name) != getattr(other, field.name), "the case changes every setting"
    for settings in (default, other):
        assert Settings.from_dict(settings.as_dict()) == settings
        assert Settings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_every_setting_reaches_the_parts_of_a_training():
    network = EVERYTHING_ELSE.replace(layers=(), channels=()).network((4, 4), ("a", "b"))
    kinds = [type(layer).__name__ for layer in network.layers]
    hidden = ["Dense", "BatchNorm", "SiLU", "Dropout"]
    assert kinds == ["Flatten", "Dropout", *3 * hidden, "Dense"]
    assert [layer.rate for layer in network.layers if type(layer).__name__ == "Dropout"] == [0.1, 0.2, 0.2, 0.2]
    assert network.classes == ("a", "b")
    arguments = EVERYTHING_ELSE.fit_arguments()
    optimizer = {"name": "Nesterov", "learning_rate": 0.5, "momentum": 0.8, "weight_decay": 0.01}
    assert arguments["optimizer"].config() == optimizer
    assert arguments["schedule"].config() == EVERYTHING_ELSE.schedule
    assert (arguments["batch_size"], arguments["seed"]) == (5, 12)
    assert arguments["loss"].label_smoothing == 0.3
    assert (arguments["penalty"].l1, arguments["penalty"].l2) == (0.1, 0.2)
    assert arguments["average"].decay == 0.9
    assert arguments["clip"].limit == 1.5
    assert arguments["augment"] == Augmentation(shift=1.5, flip=True)
    assert arguments["threads"] == 1


def test_convolutions_of_the_settings_come_before_the_hidden_layers():
    network = EVERYTHING_ELSE.replace(layers=()).network((12, 10, 3), ("a", "b"))
    block = ["Conv2D", "BatchNorm", "MaxPool2D", "SiLU"]
    hidden = ["Dense", "BatchNorm", "SiLU", "Dropout"]
    assert [type(layer).__name__ for layer in network.layers] == ["Dropout", *2 * block, "Flatten", *3 * hidden, "Dense"]
    first, second = (layer for layer in network.layers if isinstance(layer, Conv2D))
    assert (first.filters, second.filters, first.kernel_size, second.padding) == (4, 5, (2, 2), "valid")
    assert network.input_shape == (3, 12, 10)
    assert structure(network) == "12x10x3-4C2-MP2-5C2-MP2-3-2-1-2"


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "sigmoid", "tanh", "gelu", "silu"])
@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("channels", [(), (4, 5)], ids=["mlp", "cnn"])
def test_settings_and_functions_build_the_same_network(activation, norm, channels):
    more = {"activation": activation, "norm": norm, "dropout": 0.2, "seed": 3, "classes": DIGITS}
    if channels:
        shape, filters = (12, 10), {"channels": channels, "kernel_size": 3, "padding": "same"}
        built = cnn(shape, 10, hidden_layers=[7, 6], **filters, **more)
    else:
        shape, filters = (30,), {}
        built = mlp(30, [7, 6], 10, **more)
    of_settings = {name: value for name, value in more.items() if name != "classes"}
    network = Settings(hidden=(7, 6), **filters, **of_settings).network(shape, DIGITS)
    assert network.config() == built.config()
    assert network.parameters.vector.tobytes() == built.parameters.vector.tobytes()
    kind = GlorotNormal if activation in ("sigmoid", "tanh") else HeNormal
    weights = [layer for layer in built.layers if isinstance(layer, (Conv2D, Dense))]
    assert {type(layer.initializer) for layer in weights} == {kind}
    assert all(layer.has_bias for layer in weights)


def test_layers_of_the_settings_are_all_but_the_last():
    tables = (
        {"kind": "Conv2D", "filters": 6, "kernel_size": [3, 1], "padding": "same", "stride": 2},
        {"kind": "Residual", "layers": [{"kind": "Conv2D", "filters": 6, "kernel_size": 1}, {"kind": "ReLU"}]},
        {"kind": "GlobalAvgPool"},
    )
    network = Settings(layers=tables).network((8, 8), DIGITS)
    assert structure(network) == "8x8-6C3x1-R(6C1)-GAP-10"
    assert network.input_shape == (1, 8, 8)
    inner = {"kind": "Residual", "layers": [{"kind": "Dense", "units": 5}]}
    flat = Settings(layers=(inner,)).network((8, 8), DIGITS)
    assert [type(layer).__name__ for layer in flat.layers] == ["Flatten", "Residual", "Dense"]
    dense = Settings(layers=({"kind": "Dense", "units": 7},)).network((8, 8), DIGITS)
    assert structure(dense) == "64-7-10"
    assert dense.input_shape == (8, 8)


@pytest.mark.parametrize(
    "tables",
    [
        [{"kind": "GlobalAvgPool"}],
        [{"kind": "SpatialDropout", "rate": 0.2}, {"kind": "Flatten"}],
        [{"kind": "Residual", "layers": [{"kind": "Conv2D", "filters": 3, "kernel_size": 1}]}, {"kind": "Flatten"}],
    ],
    ids=["globalavgpool", "spatial-dropout", "residual"],
)
def test_layers_that_work_on_pictures_get_pictures(tables):
    network = Settings(layers=tuple(tables)).network((6, 4, 3), DIGITS)
    assert [type(layer).__name__ for layer in network.layers] == [*(table["kind"] for table in tables), "Dense"]
    assert network.input_shape == (3, 6, 4)
    assert network.takes_pictures


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"layers": ({"kind": "Conv3D"},)}, 'Unknown layer "Conv3D"; did you mean "Conv2D"?'),
        ({"layers": ({"kind": "Conv2D", "filters": 3},)}, "layers: Conv2D: .*kernel_size"),
        ({"layers": ({"kind": "Conv2D", "filters": 3, "kernel_size": 3, "strides": 2},)}, "layers: Conv2D: .*strides"),
        ({"layers": ({"filters": 3},)}, "layers: .*the kind is missing"),
        ({"layers": ({"kind": "Conv2D", "filters": 3, "kernel_size": 9},)}, "does not fit into a picture of 8 x 8"),
        ({"channels": (4, 4, 4, 4)}, "does not fit into a picture of 1 x 1"),
        ({"channels": (0,)}, "filters must be a whole number above 0"),
        ({"channels": (4,), "padding": "some"}, 'padding must be "same", "valid"'),
        ({"channels": (4,), "norm": "layer"}, "LayerNorm takes flat inputs"),
    ],
)
def test_a_convolutional_network_that_cannot_be_built_is_refused(settings, says):
    with pytest.raises(UsageError, match=says):
        Settings(**settings).network((8, 8), DIGITS)


def test_convolutions_on_rows_of_numbers_are_refused():
    with pytest.raises(UsageError, match="Convolutions need pictures, but the images of mnist-5k are rows of 64 numbers"):
        Settings(channels=(4,)).network((64,), DIGITS)


def test_only_some_classes_are_chosen_and_numbered_in_the_order_of_their_names():
    material = prepare(Settings(only=("7", "2"), validation=0.0))
    everything = prepare(Settings(validation=0.0))
    assert material.classes == ("7", "2")
    assert (len(material.train), len(material.test)) == (800, 200)
    chosen = everything.train.images[everything.train.labels == 7]
    np.testing.assert_array_equal(material.train.images[material.train.labels == 0], chosen)
    with pytest.raises(UsageError, match='Unknown class of mnist-5k "ten"'):
        prepare(Settings(only=("1", "ten")))


def test_a_batch_size_of_zero_is_the_full_batch_and_the_parts_left_out_are_none():
    arguments = Settings(batch_size=0).fit_arguments()
    assert [arguments[name] for name in ("batch_size", "penalty", "clip", "average")] == [None] * 4


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "sigmoid", "tanh", "gelu", "silu"])
def test_first_weights_suit_the_activation_unless_the_recipe_says_otherwise(activation):
    glorot = activation in ("sigmoid", "tanh")
    variance = 2 / (900 + 400) if glorot else 2 / 900
    weight = Settings(hidden=(400,), activation=activation).network((900,), DIGITS).layers[0].weight
    assert weight.var() == pytest.approx(variance, rel=0.03)


def test_the_seed_decides_the_weights():
    first, same, other = (Settings(seed=seed).network((9,), DIGITS).parameters.vector for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"hiden": [3]}, 'Unknown setting in here: "hiden"; did you mean "hidden"?'),
        ({"hidden": 3}, "here: hidden = 3 is not of the type tuple"),
        ({"hidden": [3, True]}, "here: hidden = .3, True. is not of the type tuple"),
        ({"hidden": [1.5]}, "is not of the type tuple"),
        ({"epochs": 1.0}, "here: epochs = 1.0 is not of the type int"),
        ({"epochs": True}, "is not of the type int"),
        ({"seed": None}, "here: seed = None is not of the type int"),
        ({"learning_rate": "1"}, "here: learning_rate = '1' is not of the type float"),
        ({"activation": 1}, "is not of the type str"),
        ({"schedule": {"nome": "step"}}, "is not of the type Mapping"),
        ({"schedule": {"name": 3}}, "is not of the type Mapping"),
        ({"data": None}, "is not of the type str"),
        ({"only": [1, 2]}, "is not of the type tuple.str"),
        ({"layers": ["Conv2D"]}, "is not of the type tuple.Mapping"),
        ({"augment": 3}, "augment = 3 is not of the type Mapping"),
    ],
)
def test_plain_data_of_a_wrong_name_or_type_is_refused_and_named(values, says):
    with pytest.raises(UsageError, match=says):
        Settings.from_dict(values, "here")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"learning_rate": -1.0}, "learning_rate must be a finite number that is not negative"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number"),
        ({"l1": math.inf}, "l1 must be a finite number"),
        ({"validation": 1.0}, "validation is a share from 0 up to 1"),
        ({"validation": -0.1}, "validation is a share from 0 up to 1"),
        ({"batch_size": -1}, "batch_size must be 0"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"seed": -1}, "seed must be a whole number that is not negative"),
        ({"early_stopping": 3, "validation": 0.0}, "early_stopping watches the validation loss"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"train_images": -3}, "train_images must be at least 1, got -3"),
        ({"pool_test": 0}, "pool_test must be at least 1, got 0"),
        ({"early_stopping": 0}, "early_stopping must be at least 1, got 0"),
        ({"norm": "batch", "batch_size": 1}, "has nothing to compare a single image with"),
        ({"momentum": 0.9, "optimizer": "adam"}, 'The optimizer "adam" has no momentum setting'),
        ({"only": ("a",)}, "leaves one class"),
        ({"picture_size": (3,)}, "picture_size is height and width"),
        ({"initializer_scale": 0.1}, "initializer_scale belongs to the initializer"),
        ({"initializer_scale": 0.1, "initializer": "HeNormal"}, "initializer_scale belongs to the initializer"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(values, says):
    with pytest.raises(UsageError, match=says):
        Settings(**values)
    with pytest.raises(UsageError, match=says):
        Settings.from_dict(values)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(activation="rellu"), 'Unknown activation "rellu"; did you mean "relu"?'),
        (Settings(norm="bach"), 'Unknown norm "bach"; did you mean "batch"?'),
        (Settings(initializer="HeNorml"), 'Unknown initializer "HeNorml"; did you mean "HeNormal"?'),
        (Settings(dropout=1.0), "rate must be a number from 0.0 up to"),
        (Settings(hidden=(0,)), "units must be a whole number above 0"),
        (Settings(hidden=(10**12, 10**12)), "hidden = 1000000000000,1000000000000: such a network does not fit"),
        (Settings(hidden=(10**40,)), "such a network does not fit into the memory"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(settings, says):
    with pytest.raises(UsageError, match=says):
        settings.network((784,), DIGITS)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(optimizer="adamm"), 'Unknown optimizer "adamm"; did you mean "adam"?'),
        (Settings(schedule={"name": "cosin"}), 'Unknown schedule "cosin"; did you mean "cosine"?'),
        (Settings(schedule={"name": "step", "evry": 2}), 'Unknown setting of the schedule step "evry"'),
        (Settings(learning_rate=0.0), "learning_rate must be above 0"),
        (Settings(label_smoothing=1.0), "label_smoothing must be a number"),
    ],
)
def test_parts_that_cannot_be_built_are_refused(settings, says):
    with pytest.raises(UsageError, match=says):
        settings.fit_arguments()


@pytest.mark.parametrize(
    ("images", "epochs"),
    [(1, 50), (3_200, 50), (3_201, 50), (3_600, 45), (16_000, 10), (16_001, 10), (60_000, 10), (10_000_000, 10)],
)
def test_small_sets_are_gone_through_more_often(images, epochs):
    assert Settings().epochs_for(images) == epochs
    assert Settings(epochs=3).epochs_for(images) == 3


# Cuts -----------------------------------------------------------------------------------------------------------------


def hashes(split):
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in split.images]


@pytest.fixture(scope="module")
def everything():
    """Hash to label of all images that come with handspun; no two of them are alike."""
    dataset = load_dataset("mnist-5k")
    found = dict(zip(hashes(dataset.train), dataset.train.labels.tolist(), strict=True))
    found |= zip(hashes(dataset.test), dataset.test.labels.tolist(), strict=True)
    assert len(found) == 5000
    return found


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        (Settings(), (3600, 400, 1000)),
        (Settings(validation=0.0), (4000, 0, 1000)),
        (Settings(pool_test=1234), (3389, 377, 1234)),
        (Settings(pool_test=1234, validation=0.0), (3766, 0, 1234)),
        (Settings(pool_test=2000, train_images=500, validation=0.2), (400, 100, 2000)),
        (Settings(train_images=1000, validation=0.0), (1000, 0, 1000)),
        (Settings(train_images=4000, validation=0.0), (4000, 0, 1000)),
    ],
)
def test_cuts_have_their_sizes_and_share_no_image_and_keep_labels(settings, sizes, everything):
    material = prepare(settings)
    parts = [part for part in (material.train, material.validation, material.test) if part is not None]
    assert tuple(map(len, parts)) == tuple(size for size in sizes if size)
    seen = [name for part in parts for name in hashes(part)]
    assert len(set(seen)) == len(seen), "no image is in two parts"
    labels = np.concatenate([part.labels for part in parts])
    assert [everything[name] for name in seen] == labels.tolist()
    for part in parts:
        counts = np.bincount(part.labels, minlength=10)
        assert counts.max() - counts.min() <= 2, "stratified"
    assert material.classes == DIGITS
    assert material.image_shape == (28, 28)


def test_the_seed_decides_the_cut():
    settings = Settings(pool_test=1000)
    first, same, other = (prepare(settings.replace(seed=seed)) for seed in (3, 3, 4))
    for part in ("train", "validation", "test"):
        assert getattr(first, part).content_hash == getattr(same, part).content_hash
        assert getattr(first, part).content_hash != getattr(other, part).content_hash


def test_without_pooling_the_test_images_are_those_that_were_published():
    for seed in (0, 1):
        assert prepare(Settings(seed=seed)).test.content_hash == load_dataset("mnist-5k").test.content_hash


def dataset(labels, test_labels=None):
    def split(labels):
        return Split(np.zeros((len(labels), 2, 2), np.uint8), np.asarray(labels))

    return Dataset("mine", split(labels), None if test_labels is None else split(test_labels), ("a", "b"), "", "")


@pytest.mark.parametrize(
    ("settings", "given", "says"),
    [
        (Settings(pool_test=10), dataset([0, 1] * 5), "mnist-5k has 10 images, too few for pool_test = 10"),
        (Settings(train_images=11), dataset([0, 1] * 5), "too few for train_images = 11"),
        (Settings(), dataset([0, 1]), "validation = 0.1 of the images of mnist-5k: Holding out 0 of 2 images"),
        (Settings(), dataset([1, 1, 1]), r"All images of mnist-5k are of one class \(b\)"),
    ],
)
def test_data_that_are_too_few_are_refused(settings, given, says):
    with pytest.raises(UsageError, match=says):
        prepare(settings, given)


def test_test_images_without_labels_are_left_out():
    train = Split(np.zeros((20, 2, 2), np.uint8), np.arange(20) % 2)
    given = Dataset("mine", train, Split(np.zeros((5, 2, 2), np.uint8)), ("a", "b"), "", "")
    assert prepare(Settings(), given).test is None
    with pytest.raises(UsageError, match="no labels"):
        prepare(Settings(), Dataset("mine", Split(train.images), None, ("a", "b"), "", ""))


# Training -------------------------------------------------------------------------------------------------------------


@trains
def test_a_training_evaluates_its_network_and_keeps_what_made_it(tmp_path):
    material = prepare(TINY)
    result = train(TINY, material, folder=tmp_path / "run")
    predicted = result.network.predict(material.test.images)
    assert result.evaluation.accuracy == np.mean(predicted == material.test.labels)
    np.testing.assert_array_equal(load(tmp_path / "run" / "model.npz").parameters.vector, result.network.parameters.vector)
    assert saved_settings(tmp_path / "run") == (TINY, None)
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["accuracy"] == result.evaluation.accuracy


@trains
def test_a_training_without_a_folder_gives_the_same_network_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = train(TINY, prepare(TINY), folder=tmp_path / "run").network.parameters.vector
    loose = train(TINY, prepare(TINY)).network.parameters.vector
    np.testing.assert_array_equal(kept, loose)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@trains
@pytest.mark.parametrize("change", [{"optimizer": "adamm", "momentum": None}, {"schedule": {"name": "nosuch"}}])
def test_settings_that_cannot_be_are_refused_before_anything_is_written(change, tmp_path):
    settings = TINY.replace(**change)
    with pytest.raises(UsageError):
        train(settings, prepare(settings), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@trains
def test_a_budget_is_kept_and_ends_with_the_best_weights():
    # A learning rate that is too high: the validation loss goes up and down, and the last epoch is rarely the best.
    settings = Settings(hidden=(16,), optimizer="adam", learning_rate=0.03, train_images=1000)
    material = prepare(settings)
    result = train(settings, material, budget=0.6)
    assert 0.02 < result.seconds < 1.2
    losses = result.history["validation_loss"]
    assert len(losses) > 1
    loss, _ = loss_and_accuracy(
        result.network, material.validation.images, material.validation.labels.astype(np.intp), SoftmaxCrossEntropy()
    )
    assert loss == pytest.approx(min(losses), rel=1e-5)
    assert result.settings.epochs >= len(losses)


@trains
def test_the_smallest_budget_still_gives_a_network():
    result = train(TINY, prepare(TINY), budget=1e-6)
    assert len(result.history.records) == 1
    assert result.evaluation is not None


@trains
def test_a_run_resumes_with_its_saved_settings_and_budget(tmp_path):
    train(TINY, prepare(TINY), budget=0.3, folder=tmp_path)
    settings, budget = saved_settings(tmp_path)
    assert budget == 0.3
    assert settings.replace(epochs=1) == TINY


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"settings": 3, "budget": null}', '{"settings": {}, "budget": {}}'])
def test_a_configuration_that_cannot_be_understood_is_named(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match=r"config\.json cannot be understood"):
        saved_settings(tmp_path)


# Receipts -------------------------------------------------------------------------------------------------------------


@trains
def test_a_receipt_holds_the_accuracies_their_mean_spread_and_interval(tmp_path):
    recipe = Recipe("tiny", "a tiny one", TINY, claim=0.5, claim_source="published", published="so", found="nothing")
    told = []
    receipt = reproduce(recipe, (0, 1), after_each=lambda seed, accuracy, result: told.append((seed, accuracy)))
    accuracies = []
    for seed in (0, 1):
        settings = TINY.replace(seed=seed)
        accuracies.append(train(settings, prepare(settings)).evaluation.accuracy)
    assert told == list(enumerate(accuracies))
    assert receipt["accuracies"] == accuracies
    assert accuracies[0] != accuracies[1]
    assert receipt["mean"] == pytest.approx(np.mean(accuracies))
    assert receipt["standard_deviation"] == pytest.approx(np.std(accuracies, ddof=1))
    half = 12.7062 * np.std(accuracies, ddof=1) / np.sqrt(2)  # Student's t with one degree of freedom
    assert receipt["interval_95"] == pytest.approx([np.mean(accuracies) - half, np.mean(accuracies) + half], rel=1e-4)
    assert receipt["met"] is bool(np.mean(accuracies) >= 0.5)
    assert receipt["seeds"] == [0, 1]
    assert (receipt["test_images"], receipt["epochs"]) == (1000, [1, 1])
    assert receipt["parameters"] == 784 * 8 + 8 + 8 * 10 + 10
    assert receipt["data_sha256"] == prepare(TINY).train.content_hash
    assert Settings.from_dict(receipt["settings"]) == TINY
    assert len(receipt["seconds"]) == 2

    path, table = write_receipt(receipt, tmp_path / "docs")
    assert json.loads(path.read_text()) == receipt
    row = next(line for line in table.read_text().splitlines() if line.startswith("| `tiny`"))
    assert f"**{100 * receipt['mean']:.2f} %** ± {100 * receipt['standard_deviation']:.2f}" in row
    assert "| 50.00 % (published) |" in row
    assert "`handspun reproduce tiny --seeds 2`" in row
    assert row.count("|") == 10
    assert "- **tiny**: nothing" in table.read_text()


def receipt(name="one", **changes):
    plain = {
        "recipe": name,
        "title": "title",
        "found": "",
        "published": "",
        "claim": None,
        "claim_source": "target",
        "met": None,
        "seeds": [0],
        "mean": 0.9,
        "standard_deviation": None,
        "interval_95": None,
        "seconds_mean": 1.0,
        "command": "handspun reproduce",
    }
    return {**plain, **changes}


def fake(monkeypatch, accuracies):
    """Let trainings have these accuracies, one after the other, and take no time."""
    from types import SimpleNamespace

    from handspun.recipes import reproduce as module

    left = iter(accuracies)
    split = Split(np.zeros((4, 2, 2), np.uint8), np.arange(4) % 2)
    network = Settings(hidden=()).network((2, 2), ("a", "b"))
    monkeypatch.setattr(module, "prepare", lambda settings: Material(split, None, split, ("a", "b"), "mine"))
    monkeypatch.setattr(
        module,
        "train",
        lambda *_, **__: SimpleNamespace(
            evaluation=SimpleNamespace(accuracy=next(left)), seconds=1.0, history=SimpleNamespace(records=[1]), network=network
        ),
    )


@pytest.mark.parametrize(
    ("runs", "quantile"), [(2, 12.70620), (5, 2.776445), (15, 2.144787), (16, 2.131450), (31, 2.042272), (101, 1.983972)]
)
def test_the_interval_is_students_for_any_number_of_seeds(runs, quantile, monkeypatch):
    accuracies = np.random.default_rng(runs).uniform(0.9, 1, runs)
    fake(monkeypatch, accuracies)
    made = reproduce(Recipe("tiny", "", TINY), range(runs))
    half = quantile * np.std(accuracies, ddof=1) / np.sqrt(runs)
    assert made["interval_95"][1] - made["mean"] == pytest.approx(half, rel=1e-3)
    assert made["mean"] - made["interval_95"][0] == pytest.approx(half, rel=1e-3)


@trains
def test_the_receipt_of_several_views_says_what_one_gives(tmp_path):
    settings = dataclasses.replace(TINY, views=True)
    several, results = Recipe("tiny", "", settings), []
    made = reproduce(several, (0, 1), after_each=lambda seed, accuracy, result: results.append(result))
    test = results[0].material.test
    assert made["accuracies"] == [evaluate(r.network, test.images, test.labels, views=True).accuracy for r in results]
    assert made["accuracies_of_one_view"] == [evaluate(r.network, test.images, test.labels).accuracy for r in results]
    assert made["accuracies"] != made["accuracies_of_one_view"]
    mean = 100 * np.mean(made["accuracies_of_one_view"])
    assert f"(of one view {mean:.2f} %)" in write_receipt(made, tmp_path)[1].read_text()


def test_several_views_of_what_are_no_pictures_are_refused_before_the_training(tmp_path, monkeypatch):
    np.savez(
        tmp_path / "rows.npz",
        x_train=np.eye(8, dtype=np.uint8),
        y_train=np.arange(8) % 2,
        x_test=np.eye(8, dtype=np.uint8),
        y_test=np.arange(8) % 2,
    )
    monkeypatch.setattr("handspun.recipes.reproduce.train", None)
    with pytest.raises(UsageError, match="views takes uint8 pictures"):
        reproduce(Recipe("rows", "", Settings(data=str(tmp_path / "rows.npz"), validation=0.0, views=True)), (0,))


@pytest.mark.parametrize(("claim", "met"), [(None, None), (0.95, True), (0.9, True), (0.950001, False)])
def test_a_claim_is_met_by_the_mean_and_not_by_the_best(claim, met, monkeypatch):
    fake(monkeypatch, [0.9375, 0.9625])
    assert reproduce(Recipe("tiny", "", TINY, claim=claim), (0, 1))["met"] is met


def test_one_seed_has_no_spread_and_none_is_refused(monkeypatch, tmp_path):
    fake(monkeypatch, [0.9])
    made = reproduce(Recipe("tiny", "", TINY), (7,))
    assert (made["standard_deviation"], made["interval_95"], made["seeds"]) == (None, None, [7])
    assert "**90.00 %** |" in write_receipt(made, tmp_path)[1].read_text()
    with pytest.raises(UsageError, match="At least one seed"):
        reproduce(Recipe("tiny", "", TINY), ())


def test_a_recipe_without_test_images_cannot_be_reproduced(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((20, 2, 2), np.uint8), y=np.arange(20) % 2)
    recipe = Recipe("mine", "", Settings(data=str(tmp_path / "data.npz")))
    with pytest.raises(UsageError, match="has no test images with labels to judge by"):
        reproduce(recipe, (0,))


def test_the_table_lists_published_claims_first_and_escapes_bars(tmp_path):
    for made in (receipt("b"), receipt("a"), receipt("z", claim=0.5, claim_source="published", published="x|y", met=True)):
        _, table = write_receipt(made, tmp_path)
    rows = [line for line in table.read_text().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["z", "a", "b"]
    assert all(row.count("|") == 10 for row in rows)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "3", '{"claim_source": "target", "recipe": "x"}'])
def test_a_file_that_is_no_receipt_is_named(content, tmp_path):
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "other.json").write_text(content)
    with pytest.raises(DataError, match=r"other\.json is not a receipt"):
        write_receipt(receipt(), tmp_path)
