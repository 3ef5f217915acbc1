"""What evaluate, predict, compare, check, data, recipes and reproduce answer, beside the library's own figures."""

import json
import os
import shutil

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")

from handspun import evaluate, load, mean_over_views
from handspun.evaluation.metrics import mcnemar
from handspun.networks.modelfile import save
from handspun.pretrained import load_pretrained_with_header


@pytest.fixture(scope="module")
def network(trained):
    return load(trained / "model.npz")


def test_evaluate_gives_the_figures_of_the_library(handspun, trained, network, digits):
    said = handspun("evaluate", trained, "--json").json
    expected = evaluate(network, digits.test.images, digits.test.labels)
    assert said["data"] == "the test images of mnist-5k"
    assert said["images"] == 1000
    assert said["accuracy"] == expected.accuracy == np.mean(network.predict(digits.test.images) == digits.test.labels)
    assert said["accuracy_interval_95"] == list(expected.interval)
    assert said["loss"] == pytest.approx(expected.loss)
    assert said["confusion"] == expected.confusion.tolist()
    for number, (name, scores) in enumerate(said["classes"].items()):
        assert name == str(number)
        hits = expected.confusion[number, number]
        assert scores["precision"] == pytest.approx(hits / expected.confusion[:, number].sum())
        assert scores["recall"] == pytest.approx(hits / expected.confusion[number].sum())
        assert scores["images"] == 100


def test_evaluate_prints_accuracy_scores_and_confusion_matrix(handspun, trained, network, digits):
    outcome = handspun("evaluate", trained)
    accuracy = np.mean(network.predict(digits.test.images) == digits.test.labels)
    assert outcome.code == 0
    assert f"accuracy  {100 * accuracy:.2f} %  (95 % interval" in outcome.out
    assert "precision" in outcome.out
    assert "true \\ predicted" in outcome.out


def test_evaluate_with_nine_views_gives_the_figures_of_the_library(handspun, trained, network, digits):
    expected = evaluate(network, digits.test.images, digits.test.labels, views=True)
    said = handspun("evaluate", trained, "--views", "--json").json
    assert (said["accuracy"], said["views"]) == (expected.accuracy, 9)
    assert said["loss"] == pytest.approx(expected.loss)
    outcome = handspun("evaluate", trained, "--views")
    assert "on the test images of mnist-5k, nine views of each" in outcome.out
    assert f"accuracy  {100 * expected.accuracy:.2f} %" in outcome.out


def test_predict_with_nine_views_gives_their_mean(handspun, trained, network, digits):
    said = handspun("predict", trained, "--data", "mnist-5k", "--index", "3,4", "--views", "--json").json
    expected = mean_over_views(network.predict_proba, digits.test.images[3:5])
    for prediction, p in zip(said["predictions"], expected, strict=True):
        assert list(prediction["probabilities"].values()) == pytest.approx(p.tolist())
        assert prediction["class"] == str(p.argmax())
    assert handspun("predict", "--many", "some.png", "--views").code == 2


def test_views_need_pictures_and_exclude_messy(handspun, trained, here):
    np.savez(here / "rows.npz", x=np.zeros((4, 784), np.uint8), y=np.arange(4))
    outcome = handspun("evaluate", trained, "rows.npz", "--views")
    assert outcome.code == 2
    assert "the images of rows.npz: The mean over views takes uint8 pictures" in outcome.err
    outcome = handspun("evaluate", trained, "--views", "--messy")
    assert outcome.code == 2
    assert "use --views without them" in outcome.err


def test_evaluate_takes_a_model_file_as_well_as_a_run_folder(handspun, trained):
    of_folder, of_file = (
        handspun("evaluate", trained, "--json").json,
        handspun("evaluate", trained / "model.npz", "--json").json,
    )
    assert {**of_file, "model": of_folder["model"]} == of_folder


def test_evaluate_draws_the_confusion_matrix(handspun, trained, here):
    pytest.importorskip("matplotlib")
    assert handspun("evaluate", trained, "--picture", "matrix.png").code == 0
    assert (here / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_uses_the_split_of_the_models_training(handspun, here, digits):
    (here / "cut.toml").write_text("[settings]\npool_test = 700\nhidden = [4]\nepochs = 1\nseed = 9\n")
    trained = handspun("train", "--recipe", "cut.toml", "--out", "run", "--no-pictures", "--json").json["evaluation"]
    judged = handspun("evaluate", "run", "--json").json
    assert trained["images"] == 700
    assert {name: judged[name] for name in trained} == trained


def test_a_model_trained_on_the_images_gets_a_note(handspun, trained, digits):
    """The included models were trained on all of MNIST's training images, of which mnist-5k is a part."""
    note = "mnist-5k is a part of the training images of mnist, on which mnist-mlp was trained."
    assert note in handspun("evaluate", "mnist-mlp", "mnist-5k").err.replace("\n", " ")
    compared = handspun("compare", trained, "mnist-mlp").err.replace("\n", " ")
    assert note in compared
    assert compared.count("Note:") == 1
    assert "Note" not in handspun("evaluate", trained).err


def test_a_taught_model_keeps_the_record_of_its_first_training(handspun, here):
    network, header = load_pretrained_with_header("mnist-mlp")
    save(network, here / "taught.npz", training={"taught": {"model": "mnist-mlp", "drawings": 3}, "before": header["training"]})
    assert "on which taught.npz was trained" in handspun("evaluate", "taught.npz", "mnist-5k").err.replace("\n", " ")


def test_compare_counts_and_p_value_are_those_of_numpy(handspun, trained, linear, network, digits):
    images, labels = digits.test.images, digits.test.labels
    right_a, right_b = network.predict(images) == labels, load(linear / "model.npz").predict(images) == labels
    said = handspun("compare", trained, linear, "--json").json
    assert said["only_a"] == int(np.sum(right_a & ~right_b))
    assert said["only_b"] == int(np.sum(~right_a & right_b))
    assert said["p"] == mcnemar(said["only_a"], said["only_b"]) < 0.05
    assert (said["a"]["accuracy"], said["b"]["accuracy"]) == (right_a.mean(), right_b.mean())
    assert said["a_is"] == "better"
    assert handspun("compare", linear, trained, "--json").json["a_is"] == "worse"


def test_compare_says_better_worse_or_cannot_tell(handspun, trained, linear):
    assert f"{trained} is better than {linear}." in handspun("compare", trained, linear).out.splitlines()
    assert f"{linear} is worse than {trained}." in handspun("compare", linear, trained).out.splitlines()
    assert "Cannot tell which is better" in handspun("compare", trained, trained).out


def test_compare_does_not_break_long_paths(handspun, trained, linear, digits, here):
    long = here / ("a long name " * 9 + "here") / "model.npz"
    long.parent.mkdir()
    shutil.copy(trained / "model.npz", long)
    np.savez(long.parent / "data.npz", images=digits.test.images, labels=digits.test.labels)
    lines = handspun("compare", long, linear, long.parent / "data.npz").out.splitlines()
    assert len(lines) == 5
    assert str(long.parent / "data.npz") in lines[0]
    assert lines[3].startswith(f"Right where the other is wrong: {long} ")
    assert lines[4] == f"{long} is better than {linear}."


def test_predict_shows_class_probability_and_truth(handspun, trained, network, digits):
    said = handspun("predict", trained, "--data", "mnist-5k", "--index", "5,17,5", "--json").json["predictions"]
    probabilities = network.answer(digits.test.images[[5, 17, 5]]).probabilities
    for answer, index, row in zip(said, (5, 17, 5), probabilities, strict=True):
        assert answer["image"] == f"mnist-5k {index}"
        assert answer["class"] == str(row.argmax())
        assert answer["probability"] == pytest.approx(row.max(), rel=1e-5)
        assert list(answer["probabilities"].values()) == pytest.approx(row.tolist(), rel=1e-4, abs=1e-9)
        assert answer["true"] == str(digits.test.labels[index])
    lines = handspun("predict", trained, "--data", "mnist-5k").out.splitlines()
    assert len(lines) == 11, "a head, and the first ten images"


def test_predict_recognises_empty_pictures_and_non_digits(handspun, trained, network, digits, here):
    image_module = pytest.importorskip("PIL.Image")
    assert network.confidence is not None, "it was found on the validation images"
    (doubted, *_) = np.flatnonzero(network.answer(digits.test.images).verdict == "unknown")
    image_module.fromarray(digits.test.images[doubted]).save("doubted.png")
    image_module.fromarray(np.full((40, 50), 230, np.uint8)).save("sheet.png")
    like, sheet = handspun("predict", trained, "doubted.png", "sheet.png", "--json").json["predictions"]
    assert like["verdict"] == "unknown"
    assert like["class"] == str(network.predict(digits.test.images[doubted][None])[0])
    assert (sheet["verdict"], sheet["class"], sheet["probability"]) == ("empty", None, None)
    _, first, second = handspun("predict", trained, "doubted.png", "sheet.png").out.splitlines()
    assert "not a digit" in first
    assert f"most like {like['class']}" in first
    assert "empty" in second
    assert "%" not in first + second


def test_evaluate_reports_calibration_and_the_unknown_rate(handspun, trained, network, digits, here):
    said = handspun("evaluate", trained, "--json").json
    expected = evaluate(network, digits.test.images, digits.test.labels)
    assert said["calibration_error"] == expected.reliability.error
    assert said["plain_calibration_error"] == expected.plain_reliability.error
    assert said["unknown_rate"] == expected.unknown_rate
    assert np.mean(network.answer(digits.test.images).verdict == "unknown") == expected.unknown_rate
    outcome = handspun("evaluate", trained, "--trust", "trust.png")
    assert f"off by {100 * expected.reliability.error:.2f} % on average" in outcome.out
    assert expected.unknown_rate is not None
    assert f"{100 * expected.unknown_rate:.2f} % called unknown" in outcome.out
    assert (here / "trust.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_unknown_shows_each_kind_of_picture(handspun, trained, network, small_set):
    pytest.importorskip("PIL")
    from handspun.confidence.unknown import evaluate_unknown

    others = small_set("others.npz")
    said = handspun("evaluate", trained, "--unknown", "--others", others, "--json").json["unknown"]
    expected = evaluate_unknown(network, network.contract)
    assert said[:-1] == [kind.as_dict() for kind in expected]
    verdicts = network.answer(network.contract(np.load(others)["x"])).verdict
    assert said[-1]["images"] == 60
    assert said[-1]["false_accept_rate"] == np.mean(verdicts == "known")
    shown = handspun("evaluate", trained, "--unknown")
    for kind in expected:
        (line,) = [line for line in shown.out.splitlines() if line.startswith(f"{kind.name} ")]
        assert f" {100 * kind.rate:.2f} %" in line
        assert f" {kind.images:,} " in line
    refused = handspun("evaluate", trained, "--others", others)
    assert refused.code != 0
    assert "--unknown" in refused.err


def write_kaggle(path, images):
    rows = [
        ",".join(f"pixel{i}" for i in range(784)),
        *(",".join(map(str, row)) for row in images.reshape(-1, 784).tolist()),
    ]
    path.write_text("\n".join(rows) + "\n")


def test_predict_writes_a_submission_for_kaggle(handspun, trained, network, digits, here):
    images = digits.test.images[::40]
    write_kaggle(here / "test.csv", images)
    outcome = handspun("predict", trained, "--csv", "test.csv", "--out", "sub/submission.csv")
    assert (outcome.code, outcome.out) == (0, "")
    expected = [f"{number},{label}" for number, label in enumerate(network.predict(images), start=1)]
    assert (here / "sub" / "submission.csv").read_text() == "\n".join(["ImageId,Label", *expected]) + "\n"
    both = handspun("predict", trained, "--csv", "test.csv", "--out", "again.csv", "--json")
    assert [answer["class"] for answer in both.json["predictions"]] == [row.split(",")[1] for row in expected]
    assert (here / "again.csv").exists()


def test_class_names_are_shown_unchanged_and_quoted_in_csv(handspun, small_set):
    names = ["a,b", "[red]x[/y]", 'say "ü"']
    data = small_set("named.npz", classes=np.array(names))
    assert handspun("train", data, "--epochs", 30, "--validation", 0, "--out", "run", "--no-pictures").code == 0
    shown = handspun("evaluate", "run", data)
    assert shown.code == 0, shown.err
    assert all(name in shown.out for name in names)
    assert all(name in handspun("data", "info", data).out for name in names)
    table = small_set("test.csv")
    assert handspun("predict", "run", "--data", data).code == 0
    assert handspun("predict", "run", "--csv", table, "--out", "sub.csv").code == 0
    import csv

    with (table.parent / "sub.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    images = np.load(data)["x"]
    assert rows[1:] == [[str(i), names[label]] for i, label in enumerate(load("run/model.npz").predict(images), start=1)]


def test_check_passes_right_gradients_and_shows_the_error(handspun, trained):
    said = handspun("check", "--hidden", "6,5", "--activation", "gelu", "--norm", "batch", "--elements", 4, "--json")
    assert said.code == 0
    assert said.json["passed"] is True
    assert 0 < said.json["worst"] < 1e-6
    assert {"dense1.weight", "dense1.bias", "dense3.weight", "dense3.bias"} < set(said.json["elementwise"])
    shown = handspun("check", trained, "--elements", 3)
    assert shown.code == 0
    assert "The gradients are right: the largest error is" in shown.out


def test_check_fails_a_wrong_gradient(handspun, monkeypatch):
    from handspun.layers import ReLU

    backward = ReLU.backward
    monkeypatch.setattr(ReLU, "backward", lambda self, dy, tape: backward(self, dy, tape) * 1.001)
    outcome = handspun("check", "--hidden", 6, "--elements", 4)
    assert outcome.code == 1
    assert "The gradients are WRONG" in outcome.out
    assert handspun("check", "--hidden", 6, "--elements", 4, "--json").json["passed"] is False


def test_data_list_shows_all_data_sets_and_their_state(handspun, monkeypatch, here):
    monkeypatch.setenv("HANDSPUN_DATA_DIR", str(here))
    said = handspun("data", "list", "--json").json
    assert said["cache"] == str(here)
    states = {entry["name"]: entry["state"] for entry in said["datasets"]}
    assert states == {"mnist-5k": "embedded", "mnist": "missing", "fashion-mnist": "missing", "cifar10": "missing"}
    shown = handspun("data", "list").out
    assert all(name in shown for name in states)


def test_data_info_describes_a_set_by_name_and_by_path(handspun, small_set, digits):
    said = handspun("data", "info", "mnist-5k", "--json").json
    assert (said["train_count"], said["test_count"], said["image_shape"]) == (4000, 1000, [28, 28])
    for name in ("a.npz", "b.csv", "folder"):
        said = handspun("data", "info", small_set(name), "--json").json
        assert (said["train_count"], said["test_count"], said["image_shape"]) == (60, 0, [6, 6])
        assert said["classes"] == ["0", "1", "2"]
    assert "4,000" in handspun("data", "info", "mnist-5k").out


def test_data_info_draws_samples(handspun, small_set):
    pytest.importorskip("matplotlib")
    for name, changes in (("a.npz", {}), ("flat.npz", {"images": np.zeros((60, 9), np.uint8)})):
        path = small_set(name, **changes)
        assert handspun("data", "info", path, "--picture", "samples.png").code == 0
        assert (path.parent / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_data_fetch_verifies_files_that_are_already_here(handspun):
    outcome = handspun("data", "fetch", "mnist-5k")
    assert outcome.code == 0
    assert outcome.out.startswith("mnist-5k is complete and verified:")
    assert handspun("data", "fetch", "mnist-5k", "--json").json["state"] == "embedded"


def test_recipes_lists_all_and_shows_one_in_full(handspun):
    said = handspun("recipes", "--json").json
    assert said["minibatch-128-64"]["claim"] == 0.9753
    shown = handspun("recipes").out
    assert all(name in shown for name in said)
    assert handspun("recipes", "minibatch-128-64", "--json").json == said["minibatch-128-64"]
    assert "97.53 %" in handspun("recipes", "minibatch-128-64").out
    lines = [line.strip() for line in handspun("recipes", "cifar10-cnn").out.splitlines()]
    residual = lines.index("Residual:")
    assert lines[residual + 1 : residual + 3] == ["Conv2D, filters 32, kernel_size 3, padding same, bias False", "BatchNorm"]
    assert "schedule       one-cycle, warmup 0.2" in lines


QUICK = 'title = "quick"\nclaim = 0.5\n[settings]\nhidden = []\nepochs = 1\ntrain_images = 400\n'


def test_reproduce_writes_a_receipt_and_a_table(handspun, here):
    (here / "quick.toml").write_text(QUICK)
    outcome = handspun("reproduce", "quick.toml", "--seeds", 2, "--out", "out", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert json.loads((here / "out" / "quick.json").read_text()) == outcome.json
    assert len(outcome.json["accuracies"]) == 2
    outcome = handspun("reproduce", "quick.toml", "--seeds", 1, "--out", "out")
    assert "(one seed)" in outcome.out
    assert "target: 50.00 %: " in outcome.out
    assert "seed 0: " in outcome.err
    assert "`quick`" in (here / "out" / "results.md").read_text()


def test_reproduce_leaves_the_docs_of_a_checkout_alone(handspun, here):
    (here / "quick.toml").write_text(QUICK)
    (here / "docs" / "receipts").mkdir(parents=True)
    (here / "docs" / "results.md").write_text("committed")
    outcome = handspun("reproduce", "quick.toml", "--seeds", 1)
    assert outcome.code == 0, outcome.err
    assert f"Receipt: receipts{os.sep}quick.json; table: receipts{os.sep}results.md" in outcome.out
    assert sorted(path.name for path in (here / "receipts").iterdir()) == ["quick.json", "results.md"]
    assert list((here / "docs" / "receipts").iterdir()) == []
    assert (here / "docs" / "results.md").read_text() == "committed"


def test_reproduce_updates_the_docs_only_on_request(handspun, here):
    (here / "quick.toml").write_text(QUICK)
    refused = handspun("reproduce", "quick.toml", "--update-docs")
    assert refused.code == 2
    assert "run it in a checkout of handspun" in refused.err
    (here / "docs" / "receipts").mkdir(parents=True)
    assert handspun("reproduce", "quick.toml", "--seeds", 1, "--update-docs").code == 0
    assert json.loads((here / "docs" / "receipts" / "quick.json").read_text())["recipe"] == "quick"
    assert "`quick`" in (here / "docs" / "results.md").read_text()
    assert not (here / "receipts").exists()


def test_help_names_every_command(handspun):
    outcome = handspun("--help")
    assert outcome.code == 0
    for command in ("train", "evaluate", "predict", "compare", "reproduce", "recipes", "check", "data"):
        assert command in outcome.out
        assert handspun(command, "--help").code == 0


@pytest.mark.parametrize("more", [(), ("--data", "mnist-5k"), ("seven.png",)])
def test_a_missing_model_is_an_error(more, handspun, here):
    outcome = handspun("predict", "runs/missing", *more)
    assert (outcome.code, outcome.out) == (2, "")
    assert "There is no model, picture or folder runs/missing." in outcome.err


def test_no_probability_is_rounded_to_a_certainty():
    from handspun.cli.console import probability

    shown = [probability(share) for share in (0.0, 1e-9, 0.00006, 0.5, 0.99994, 0.99996, 1.0)]
    assert shown == ["<0.01 %", "<0.01 %", "0.01 %", "50.00 %", "99.99 %", ">99.99 %", ">99.99 %"]
