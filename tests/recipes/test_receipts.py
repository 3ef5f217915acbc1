"""Recipes run with several seeds, their receipts, and the table of all receipts."""

import dataclasses
import json
from importlib.util import find_spec

import numpy as np
import pytest

from handspun import DataError, Split, UsageError
from handspun.evaluation.evaluate import evaluate
from handspun.recipes import Recipe, Settings
from handspun.recipes.reproduce import reproduce, write_receipt
from handspun.recipes.run import Material, Plan, prepare, train

trains = pytest.mark.skipif(find_spec("threadpoolctl") is None, reason="training by settings needs threadpoolctl")

#: A training of a moment.
TINY = Settings(hidden=(8,), epochs=1, train_images=600, optimizer="momentum", learning_rate=0.1)


@trains
def test_a_receipt_holds_the_accuracies_their_mean_spread_and_interval(tmp_path):
    recipe = Recipe("tiny", "a tiny one", TINY, claim=0.5, claim_source="published", published="so", found="nothing")
    told = []
    receipt = reproduce(recipe, (0, 1), after_each=lambda seed, accuracy, result: told.append((seed, accuracy)))
    accuracies = []
    for seed in (0, 1):
        settings = TINY.replace(seed=seed)
        accuracies.append(train(Plan(settings, prepare(settings))).evaluation.accuracy)
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

    table = tmp_path / "docs" / "results.md"
    path = write_receipt(receipt, tmp_path / "docs" / "receipts", table)
    assert path == tmp_path / "docs" / "receipts" / "tiny.json"
    assert json.loads(path.read_text()) == receipt
    assert "the full receipts are in\n[receipts](receipts)." in table.read_text()
    row = next(line for line in table.read_text().splitlines() if line.startswith("| `tiny`"))
    assert f"**{100 * receipt['mean']:.2f} %** ± {100 * receipt['standard_deviation']:.2f}" in row
    assert "| 50.00 % (published) |" in row
    assert "`handspun reproduce tiny --seeds 2`" in row
    assert row.count("|") == 10
    assert "- **tiny**: nothing" in table.read_text()


def table_of(made, folder):
    """The text of the table beside the receipts in ``folder``, with ``made`` among them."""
    write_receipt(made, folder, folder / "results.md")
    return (folder / "results.md").read_text()


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
def test_the_interval_is_students_t_for_any_number_of_seeds(runs, quantile, monkeypatch):
    accuracies = np.random.default_rng(runs).uniform(0.9, 1, runs)
    fake(monkeypatch, accuracies)
    made = reproduce(Recipe("tiny", "", TINY), range(runs))
    half = quantile * np.std(accuracies, ddof=1) / np.sqrt(runs)
    assert made["interval_95"][1] - made["mean"] == pytest.approx(half, rel=1e-3)
    assert made["mean"] - made["interval_95"][0] == pytest.approx(half, rel=1e-3)


@trains
def test_a_receipt_of_several_views_also_reports_one_view(tmp_path):
    settings = dataclasses.replace(TINY, views=True)
    several, results = Recipe("tiny", "", settings), []
    made = reproduce(several, (0, 1), after_each=lambda seed, accuracy, result: results.append(result))
    test = results[0].material.test
    assert made["accuracies"] == [evaluate(r.network, test.images, test.labels, views=True).accuracy for r in results]
    assert made["accuracies_of_one_view"] == [evaluate(r.network, test.images, test.labels).accuracy for r in results]
    assert made["accuracies"] != made["accuracies_of_one_view"]
    mean = 100 * np.mean(made["accuracies_of_one_view"])
    assert f"(of one view {mean:.2f} %)" in table_of(made, tmp_path)


def test_several_views_of_flat_rows_are_refused(tmp_path, monkeypatch):
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
    assert "**90.00 %** |" in table_of(made, tmp_path)
    with pytest.raises(UsageError, match="At least one seed"):
        reproduce(Recipe("tiny", "", TINY), ())


def test_a_recipe_without_test_images_cannot_be_reproduced(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((20, 2, 2), np.uint8), y=np.arange(20) % 2)
    recipe = Recipe("mine", "", Settings(data=str(tmp_path / "data.npz")))
    with pytest.raises(UsageError, match="has no test images with labels to evaluate on"):
        reproduce(recipe, (0,))


def test_the_table_lists_published_claims_first_and_escapes_bars(tmp_path):
    for made in (receipt("b"), receipt("a"), receipt("z", claim=0.5, claim_source="published", published="x|y", met=True)):
        table = table_of(made, tmp_path)
    assert "the full receipts are in\n[this folder](.)." in table
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["z", "a", "b"]
    assert all(row.count("|") == 10 for row in rows)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "3", '{"claim_source": "target", "recipe": "x"}'])
def test_a_file_that_is_not_a_receipt_is_named(content, tmp_path):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(DataError, match=r"other\.json is not a receipt"):
        table_of(receipt(), tmp_path)
