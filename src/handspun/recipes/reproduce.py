"""Recipes run with several seeds, receipts of their results, and the table of all receipts."""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from handspun.augment.views import check_pictures
from handspun.errors import DataError, UsageError
from handspun.evaluation.evaluate import evaluate
from handspun.files.writing import write_text
from handspun.recipes.recipe import Recipe
from handspun.recipes.run import Plan, Result, environment, prepare, train, write_json
from handspun.training import Callback

#: The 97.5 % quantile of Student's t distribution by degrees of freedom, for the 95 % interval of a mean of few runs.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145)

#: The same quantile of the normal distribution.
_NORMAL = 1.959964

_TABLE_HEAD = """\
# Results

Every figure is the mean over the seeds with its standard deviation, on images that training never saw; settings
were chosen on parts of the training data only. The command in each row reproduces it; the full receipts are in
[{where}]({link}).

| recipe | what was published, or aimed at | to reach | reached (mean ± s.d.) | 95 % interval of the mean | seeds \
| met | s a run | command |
|---|---|---|---|---|---|---|---|---|
"""


def reproduce(
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    callbacks: Callable[[], Sequence[Callback]] = tuple,
    after_each: Callable[[int, float, Result], None] | None = None,
) -> dict[str, Any]:
    """Train ``recipe`` once with each seed, and return the receipt.

    Args:
        recipe: what to train.
        seeds: a seed decides initial weights, order, dropout and the split of the data.
        callbacks: makes the callbacks of each training.
        after_each: is called with each seed, its accuracy and its result.

    Returns:
        The receipt: settings, accuracies, mean, standard deviation, 95 % interval of the mean (Student's t), seconds of each
        training, hash of the training images, versions, the claim and whether the mean meets it.

    Raises:
        UsageError: no seeds, or a recipe without test images.
    """
    if not seeds:
        raise UsageError("At least one seed is needed.")
    accuracies: list[float] = []
    of_one_view: list[float] = []  # if the recipe scores the mean answer over several views
    seconds: list[float] = []
    epochs: list[int] = []
    facts: dict[str, Any] = {}
    for seed in seeds:
        settings = recipe.settings.replace(seed=seed)
        material = prepare(settings)
        if material.test is None:
            raise UsageError(f"{recipe.name}: {settings.data} has no test images with labels to evaluate on.")
        if settings.views:
            check_pictures(material.test.images)
        result = train(Plan(settings, material), callbacks=callbacks())
        assert result.evaluation is not None
        accuracy = result.evaluation.accuracy
        if settings.views:
            assert material.test.labels is not None
            of_one_view.append(accuracy)
            accuracy = evaluate(result.network, material.test.images, material.test.labels, views=True).accuracy
        accuracies.append(accuracy)
        seconds.append(result.seconds)
        epochs.append(len(result.history.records))
        facts = facts or {
            "test_images": len(material.test),
            "parameters": int(result.network.parameters.vector.size),
            "data_sha256": material.train.content_hash,
        }
        if after_each:
            after_each(seed, accuracy, result)
    mean = fmean(accuracies)
    deviation: float | None = None
    interval: list[float] | None = None
    if degrees := len(accuracies) - 1:  # one run has no spread
        deviation = stdev(accuracies)
        margin = _student(degrees) * deviation / math.sqrt(len(accuracies))
        interval = [mean - margin, mean + margin]
    return {
        "recipe": recipe.name,
        "title": recipe.title,
        "settings": recipe.settings.as_dict(),
        "published": recipe.published,
        "found": recipe.found,
        "claim": recipe.claim,
        "claim_source": recipe.claim_source,
        "met": None if recipe.claim is None else mean >= recipe.claim,
        "seeds": list(seeds),
        "accuracies": accuracies,
        **({"accuracies_of_one_view": of_one_view} if of_one_view else {}),
        "mean": mean,
        "standard_deviation": deviation,
        "interval_95": interval,
        "seconds": seconds,
        "seconds_mean": fmean(seconds),
        "epochs": epochs,
        **facts,
        "environment": environment(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"handspun reproduce {recipe.name} --seeds {len(seeds)}",
    }


def write_receipt(receipt: dict[str, Any], folder: Path, table: Path) -> Path:
    """Write the receipt to ``folder``, and the table of all receipts there to the file ``table``; returns the receipt's path.

    Raises:
        DataError: another file in ``folder`` is not a receipt.
        OutputError: a file cannot be written.
    """
    path = folder / f"{receipt['recipe']}.json"
    write_json(path, receipt)
    write_text(table, _table(folder, os.path.relpath(folder, table.parent)))
    return path


def _student(degrees: int) -> float:
    """The 97.5 % quantile of Student's t; beyond the table by its expansion (Abramowitz and Stegun 26.7.5)."""
    if degrees <= len(_STUDENT):
        return _STUDENT[degrees - 1]
    z = _NORMAL
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def _table(folder: Path, link: str) -> str:
    """All receipts in ``folder`` as Markdown; ``link`` is the link from the table to that folder."""
    entries: list[tuple[bool, str, str, str]] = []  # for each receipt: published claims first, name, row, what was found
    for path in sorted(folder.glob("*.json")):
        try:
            receipt = json.loads(path.read_text("utf-8"))
            entries.append((receipt["claim_source"] != "published", receipt["recipe"], _row(receipt), receipt["found"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not a receipt ({error!r}). Delete it and reproduce that recipe again.") from error
    entries.sort()
    notes = [f"- **{name}**: {found}" for _, name, _, found in entries if found]
    if notes:
        notes = ["", "## What was not published, or had to be chosen", "", *notes]
    lines = [*(row for _, _, row, _ in entries), *notes]
    return _TABLE_HEAD.format(where="receipts" if link != "." else "this folder", link=link) + "\n".join(lines) + "\n"


def _row(receipt: dict[str, Any]) -> str:
    claim, interval, spread = receipt["claim"], receipt["interval_95"], receipt["standard_deviation"]
    reached = f"**{100 * receipt['mean']:.2f} %**" + ("" if spread is None else f" ± {100 * spread:.2f}")
    if accuracies := receipt.get("accuracies_of_one_view"):
        reached += f" (of one view {100 * fmean(accuracies):.2f} %)"
    cells = (
        f"`{receipt['recipe']}`",
        receipt["published"] or receipt["title"],
        "" if claim is None else f"{100 * claim:.2f} % ({receipt['claim_source']})",
        reached,
        "" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %",
        str(len(receipt["seeds"])),
        {None: "", True: "yes", False: "no"}[receipt["met"]],
        f"{receipt['seconds_mean']:.1f}",
        f"`{receipt['command']}`",
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
