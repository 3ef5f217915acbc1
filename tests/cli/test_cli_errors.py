"""Wrong options and recipes end in one clear line and exit code 2, and nothing is written."""

import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hidden", "0"], "units must be a whole number above 0, got 0"),
        (["--hidden=-1"], '--hidden takes whole numbers separated by commas, such as 128,64; got "-1"'),
        (["--hidden", "12;3"], "--hidden takes whole numbers"),
        (["--hidden", "99999999999"], "hidden = 99999999999: such a network does not fit into memory"),
        (["--hidden", "9" * 30], "does not fit into memory"),
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--batch-size=-1"], "batch_size must be 0 .all images. or more, got -1"),
        (["--validation", "1"], "validation is a share from 0 up to 1"),
        (["--validation", "nan"], "validation is a share from 0 up to 1"),
        (["--validation", "0.9999"], "validation = 0.9999 of the images of .*: Holding out 60 of 60 images"),
        (["--lr", "nan"], "learning_rate must be a finite number that is not negative, got nan"),
        (["--lr", "inf"], "learning_rate must be a finite number"),
        (["--lr=-1"], "learning_rate must be a finite number that is not negative, got -1"),
        (["--lr", "0"], "learning_rate must be above 0"),
        (["--label-smoothing", "1"], "label_smoothing must be a number from 0.0 up to .not including. 1.0, got 1.0"),
        (["--dropout", "1"], "rate must be a number from 0.0 up to .not including. 1.0, got 1.0"),
        (["--dropout", "nan"], "rate must be a number"),
        (["--l2", "inf"], "l2 must be a finite number"),
        (["--l2=-1"], "l2 must be a finite number that is not negative"),
        (["--seed=-1"], "seed must be a whole number that is not negative, got -1"),
        (["--decay=-1"], "decay must be finite and not negative"),
        (["--decay", "0.1", "--schedule", "cosine"], "--decay belongs to the schedule inverse-time, not to cosine"),
        (["--schedule", "inverse-time"], "needs --decay"),
        (["--schedule", "cosin"], 'Unknown schedule "cosin"; did you mean "cosine"?'),
        (["--activation", "rellu"], 'Unknown activation "rellu"; did you mean "relu"?'),
        (["--optimizer", "adamm"], 'Unknown optimizer "adamm"; did you mean "adam"?'),
        (["--norm", "bach"], 'Unknown norm "bach"; did you mean "batch"?'),
        (["--recipe", "minibatch"], 'Unknown recipe "minibatch"; did you mean "minibatch-128-64"?'),
        (["--recipe", "nosuch.toml"], "Cannot read the recipe nosuch.toml: No such file"),
        (["--augment", "spin=3"], 'Unknown setting in --augment: "spin"'),
        (["--augment", "shift=far"], "--augment: Augmentation: shift must be"),
        (["--augment", "shift=2;rotation"], "--augment takes settings separated by commas"),
        (["--early-stopping", "0"], "early_stopping must be at least 1, got 0"),
        (["--early-stopping", "1", "--validation", "0"], "early_stopping watches the validation loss"),
        (["--budget", "0s"], "--budget takes a time above 0 such as 60s, 10m or 1h"),
        (["--budget", "soon"], '--budget takes a time .*; got "soon"'),
        (["--budget", "1s", "--epochs", "3"], "give one of --budget and --epochs"),
    ],
)
def test_an_invalid_option_is_refused(options, says, refused, small_set):
    refused("train", small_set("data.npz"), "--no-pictures", *options, code=2, says=says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "mnst-5k"], 'Unknown dataset "mnst-5k"; did you mean "mnist-5k"?'),
        (["data", "fetch", "fashon-mnist"], 'Unknown dataset "fashon-mnist"; did you mean "fashion-mnist"?'),
        (["data", "info", "mnst"], 'Unknown dataset "mnst"; did you mean "mnist"?'),
        (["recipes", "defalt"], 'Unknown recipe "defalt"; did you mean "default"?'),
        (["reproduce", "defalt"], 'Unknown recipe "defalt"; did you mean "default"?'),
        (["reproduce", "default", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["check", "--loss", "softmax-cross"], 'Unknown loss "softmax-cross"; did you mean "softmax-cross-entropy"?'),
        (["check", "--activation", "rely"], 'Unknown activation "rely"; did you mean "relu"?'),
        (["check", "--tolerance", "nan"], "--tolerance must be above 0, got nan"),
        (["check", "--seed=-1"], "seed must be a whole number that is not negative"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(arguments, says, refused, here):
    refused(*arguments, code=2, says=says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[settings]\nhiden = [3]\n", 'Unknown setting in mine.toml: "hiden"; did you mean "hidden"?'),
        ("[settings]\nhidden = 3\n", "mine.toml: hidden = 3 is not of the type tuple"),
        ("[settings]\nlearning_rate = 'big'\n", "mine.toml: learning_rate = 'big' is not of the type float"),
        ("[settings]\nepochs = true\n", "mine.toml: epochs = True is not of the type int"),
        ("[settings]\nepochs = 1.5\n", "mine.toml: epochs = 1.5 is not of the type int"),
        ("[settings]\nschedule = 'cosine'\n", "mine.toml: schedule = 'cosine' is not of the type Mapping"),
        (
            "[settings]\nschedule = { name = 'step', evry = 3 }\n",
            'Unknown setting of the schedule step "evry"; did you mean',
        ),
        ("[settings]\ninitializer = 'HeNorml'\n", 'Unknown initializer "HeNorml"; did you mean "HeNormal"?'),
        ("[settings]\ninitializer_scale = 0.1\n", 'initializer_scale is only for the initializer "ScaledNormal"'),
        ("[settings]\nmomentum = 0.9\n", 'The optimizer "adam" has no momentum setting'),
        ("titel = 'x'\n[settings]\n", 'Unknown entry in mine.toml: "titel"; did you mean "title"?'),
        ("title = 3\n[settings]\n", "mine.toml: title = 3 is not of the type str"),
        ("title = 'x'\n", r"mine.toml: the table \[settings\] is missing"),
        ("[settings\n", "mine.toml is not TOML: .*line 1"),
        ("[settings]\npool_test = 60\n", "data.npz has 60 images, too few for pool_test = 60"),
        ("[settings]\ntrain_images = 61\n", "data.npz has 60 images, too few for train_images = 61"),
    ],
)
def test_a_mistake_in_a_recipe_file_names_the_entry(text, says, refused, small_set):
    data = small_set("data.npz")
    data.with_name("mine.toml").write_text(text)
    refused("train", "data.npz", "--recipe", "mine.toml", "--no-pictures", code=2, says=says)


def test_a_recipe_file_that_is_not_text_is_refused(refused, here):
    (here / "mine.toml").write_bytes(b"\xff\xfe\x00")
    refused("train", "--recipe", "mine.toml", code=2, says="Cannot read the recipe mine.toml")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bogus"], "No such command 'bogus'. See handspun --help"),
        (["train", "--bogus"], "No such option: --bogus .* See handspun train --help"),
        (["train", "--epochs", "x"], "Invalid value for '--epochs': .* See handspun train --help"),
        (
            ["train", "--threads", "0"],
            "Invalid value for '--threads': .* greater than or equal to 1. See handspun train --help",
        ),
        (["train", "--threads=-1"], "Invalid value for '--threads'"),
        (["evaluate"], "Missing argument 'MODEL'. See handspun evaluate --help"),
        (["data", "info"], "Missing argument 'NAME'. See handspun data info --help"),
        (["serve", "--port", "65536"], "Invalid value for '--port'"),
        (["check", "--batch-size", "0"], "Invalid value for '--batch-size'"),
    ],
)
def test_unparsable_arguments_give_one_line_that_leads_to_help(arguments, says, refused, here):
    assert refused(*arguments, code=2, says=says).err.count("\n") == 1


def test_without_a_command_the_help_is_printed(handspun):
    outcome = handspun()
    assert outcome.code == 2
    assert "train" in outcome.out + outcome.err
    assert "Error" not in outcome.out + outcome.err
