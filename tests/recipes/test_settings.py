"""Settings as data: round trips, the parts they become, and what they refuse."""

import dataclasses
import json
import math

import numpy as np
import pytest

from handspun import UsageError
from handspun.augment import Augmentation
from handspun.layers import Conv2D, Dense
from handspun.layers.initializers import GlorotNormal, HeNormal
from handspun.networks.architectures import cnn, mlp, structure
from handspun.recipes import Settings
from handspun.recipes.run import prepare

DIGITS = tuple("0123456789")


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


def test_convolutions_come_before_the_hidden_layers():
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


def test_layers_in_settings_are_all_but_the_last():
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


def test_chosen_classes_are_numbered_in_the_given_order():
    material = prepare(Settings(only=("7", "2"), validation=0.0))
    everything = prepare(Settings(validation=0.0))
    assert material.classes == ("7", "2")
    assert (len(material.train), len(material.test)) == (800, 200)
    chosen = everything.train.images[everything.train.labels == 7]
    np.testing.assert_array_equal(material.train.images[material.train.labels == 0], chosen)
    with pytest.raises(UsageError, match='Unknown class of mnist-5k "ten"'):
        prepare(Settings(only=("1", "ten")))


def test_batch_size_zero_is_the_full_batch():
    arguments = Settings(batch_size=0).fit_arguments()
    assert [arguments[name] for name in ("batch_size", "penalty", "clip", "average")] == [None] * 4


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "sigmoid", "tanh", "gelu", "silu"])
def test_initial_weights_suit_the_activation(activation):
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
def test_wrong_names_and_types_in_plain_data_are_named(values, says):
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
        ({"norm": "batch", "batch_size": 1}, "needs several images"),
        ({"momentum": 0.9, "optimizer": "adam"}, 'The optimizer "adam" has no momentum setting'),
        ({"only": ("a",)}, "leaves one class"),
        ({"picture_size": (3,)}, "picture_size is height and width"),
        ({"initializer_scale": 0.1}, "initializer_scale is only for the initializer"),
        ({"initializer_scale": 0.1, "initializer": "HeNormal"}, "initializer_scale is only for the initializer"),
    ],
)
def test_invalid_values_are_refused(values, says):
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
        (Settings(hidden=(10**40,)), "such a network does not fit into memory"),
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
def test_invalid_optimizers_schedules_and_losses_are_refused(settings, says):
    with pytest.raises(UsageError, match=says):
        settings.fit_arguments()


@pytest.mark.parametrize(
    ("images", "epochs"),
    [(1, 50), (3_200, 50), (3_201, 50), (3_600, 45), (16_000, 10), (16_001, 10), (60_000, 10), (10_000_000, 10)],
)
def test_small_data_sets_get_more_epochs(images, epochs):
    assert Settings().epochs_for(images) == epochs
    assert Settings(epochs=3).epochs_for(images) == 3
