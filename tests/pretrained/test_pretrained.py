"""The included models: small, complete, as good as their cards say, and used by the command line."""

import functools
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from handspun import UsageError, load_dataset, load_pretrained
from handspun.confidence.unknown import evaluate_unknown
from handspun.evaluation.evaluate import evaluate
from handspun.evaluation.messy import evaluate_messy
from handspun.pretrained import DEFAULT, load_pretrained_with_header, model_card, pretrained_names

MNIST = Path(os.environ.get("HANDSPUN_DATA_DIR", "/nonexistent")) / "mnist"
needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason="HANDSPUN_DATA_DIR holds no full MNIST")
every_model = pytest.mark.parametrize("name", ["mnist-cnn", "mnist-mlp"])


@functools.cache
def evaluated(name):
    """The model, its header, and its evaluation on MNIST's test images."""
    network, header = load_pretrained_with_header(name)
    test = load_dataset("mnist").test
    return network, header, evaluate(network, test.images, test.labels)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("mnist-5k").test


def test_the_included_models_are_small():
    assert pretrained_names() == ["mnist-cnn", "mnist-mlp"]
    assert DEFAULT in pretrained_names()
    folder = files("handspun.pretrained")
    assert sum(len((folder / f"{name}.npz").read_bytes()) for name in pretrained_names()) <= 1_500_000


@every_model
def test_a_model_reads_digits_and_has_class_names(name, digits):
    network = load_pretrained(name)
    assert network.classes == tuple("0123456789")
    # These digits are of MNIST's training file, on which the models were trained.
    assert np.mean(network.predict(digits.images) == digits.labels) > 0.99


def test_the_mlp_has_its_well_known_layers():
    units = [layer.units for layer in load_pretrained("mnist-mlp").layers if hasattr(layer, "units")]
    assert units == [128, 64, 10]


def test_an_unknown_model_gets_a_suggestion():
    with pytest.raises(UsageError, match=r'Unknown model "mnist-cn"; did you mean "mnist-cnn"\?'):
        load_pretrained("mnist-cn")
    with pytest.raises(UsageError, match="Unknown model"):
        model_card("cnn")


@every_model
@needs_mnist
def test_accuracy_agrees_with_file_and_card(name):
    network, header, evaluation = evaluated(name)
    test = load_dataset("mnist").test
    assert evaluation.accuracy == pytest.approx(header["training"]["test_accuracy"], abs=2e-4)  # two images: BLAS may round
    assert f"{header['training']['test_accuracy']:.2%}" in model_card(name)
    messy = evaluate_messy(network, test.images[::5], test.labels[::5], network.contract)
    assert messy.mean >= 0.97
    assert messy.mean == pytest.approx(header["training"]["messy_accuracy"], abs=0.01)


@every_model
def test_distorted_digits_are_read_too(name, digits):
    network = load_pretrained(name)
    assert evaluate_messy(network, digits.images, digits.labels, network.contract).mean >= 0.97


@every_model
def test_a_digit_anywhere_on_a_sheet_of_any_colour_is_read(name, digits):
    network = load_pretrained(name)
    assert network.contract is not None
    image_module = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(7)
    right = 0
    for i in range(0, 1000, 4):
        height, width = ((280, 280), (600, 1000))[i % 8 // 4]
        side = int(rng.integers(12, 201))
        digit = np.asarray(image_module.fromarray(digits.images[i]).resize((side, side), image_module.Resampling.BILINEAR))
        sheet = np.zeros((height, width), np.uint8)
        row, column = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        sheet[row : row + side, column : column + side] = digit
        if rng.random() < 0.5:
            sheet = 255 - sheet
        right += network.predict(network.contract(sheet[None]))[0] == digits.labels[i]
    assert right / 250 >= 0.97


@every_model
@needs_mnist
def test_the_unknown_rate_and_calibration_are_as_stated(name):
    network, header, result = evaluated(name)
    assert network.confidence is not None
    assert network.confidence.false_reject_rate == 0.01
    # Two standard deviations of 1 %, of the 6,000 digits that gave the threshold and of these 10,000 together.
    assert result.unknown_rate == pytest.approx(0.01, abs=0.0033)
    assert result.unknown_rate == pytest.approx(header["training"]["unknown_rate"], abs=5e-4)
    assert result.reliability.error < 0.003


#: The shares of other things that each model may take for digits: a little more than its card says.
ACCEPTED = {
    "mnist-cnn": {"blank": 0.01, "noise": 0.0, "scribbles": 0.15, "letters": 0.30, "other letters": 0.07},
    "mnist-mlp": {"blank": 0.01, "noise": 0.0, "scribbles": 0.18, "letters": 0.37, "other letters": 0.16},
}


@every_model
def test_few_other_pictures_are_mistaken_for_digits(name):
    pytest.importorskip("PIL")
    pytest.importorskip("matplotlib")
    network = load_pretrained(name)
    assert network.contract is not None
    for kind in evaluate_unknown(network, network.contract):
        assert kind.rate <= ACCEPTED[name][kind.name], kind.name
        assert f"| {kind.name} | {kind.what} | {kind.images:,} |" in model_card(name)


@every_model
def test_the_card_is_complete(name):
    card = model_card(name)
    for part in (
        f"# {name}",
        "**Data**",
        "SHA-256",
        "**Recipe**",
        "**Accuracy**",
        "95 % interval",
        "**Trust**",
        "**Not a digit**",
        "Known weaknesses",
        "inverted",
        "photos",
    ):
        assert part in card


# On the command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def handspun(capsys, monkeypatch):
    pytest.importorskip("typer")
    pytest.importorskip("threadpoolctl")
    from handspun.cli import main

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["handspun", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        return (code, *capsys.readouterr())

    return run


def test_models_lists_all_and_shows_a_card(handspun):
    code, out, _ = handspun("models")
    assert code == 0
    assert "mnist-cnn" in out
    assert "784-128-64-10" in out
    assert handspun("models", "mnist-mlp")[1].strip() == model_card("mnist-mlp").strip()


def test_predict_uses_the_default_model(handspun, digits, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    import json

    paths = []
    for label in (3, 7):
        sheet = np.full((200, 300), 240, np.uint8)
        digit = digits.images[np.flatnonzero(digits.labels == label)[0]]
        sheet[120:176, 20:76] -= np.kron(digit // 2, np.ones((2, 2), np.uint8))
        paths.append(tmp_path / f"{label}.png")
        image_module.fromarray(sheet).save(paths[-1])
    code, out, _ = handspun("predict", *paths, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["model"] == "mnist-cnn"
    assert [one["class"] for one in answer["predictions"]] == ["3", "7"]
    code, out, _ = handspun("predict", "mnist-mlp", *paths, "--json")
    assert json.loads(out)["model"] == "mnist-mlp"
    assert [one["class"] for one in json.loads(out)["predictions"]] == ["3", "7"]


def test_included_models_can_be_evaluated_and_compared_by_name(handspun):
    import json

    code, out, _ = handspun("evaluate", "mnist-cnn", "mnist-5k", "--json")
    assert code == 0
    assert json.loads(out)["accuracy"] > 0.99
    assert handspun("compare", "mnist-cnn", "mnist-mlp", "mnist-5k")[0] == 0
