"""``handspun reproduce``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from handspun.cli.console import interval, messages, out, percent, print_json, quoted
from handspun.cli.options import JsonOption, ThreadsOption, argument, option
from handspun.cli.progress import ShowProgress
from handspun.errors import UsageError
from handspun.files.writing import make_folder
from handspun.recipes import load_recipe
from handspun.recipes.reproduce import reproduce as run_recipe, write_receipt
from handspun.recipes.run import Result


def reproduce(
    name: Annotated[str, argument("A recipe's name or TOML file; see `handspun recipes`.", "NAME")],
    seeds: Annotated[int, option("How many seeds: 0, 1, 2, …")] = 5,
    folder: Annotated[Path, option("Folder for NAME.json and results.md.", "--out")] = Path("receipts"),
    update_docs: Annotated[bool, option("For maintainers: write to docs of this checkout instead.", "--update-docs")] = False,
    data: Annotated[str | None, option("The same images in another form: a name or a path.")] = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Train by a recipe with several seeds, and write a receipt: mean, spread, interval, time, versions, claim met or not.

    Example: handspun reproduce minibatch-128-64 --seeds 5
    """
    if seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {seeds}.")
    recipe = load_recipe(name)
    changes = {name: value for name, value in (("data", data), ("threads", threads)) if value is not None}
    recipe = dataclasses.replace(recipe, settings=recipe.settings.replace(**changes))
    table = folder / "results.md"
    if update_docs:
        folder, table = Path("docs/receipts"), Path("docs/results.md")
        if not folder.is_dir():
            raise UsageError(f"--update-docs writes to {folder}, which is not here: run it in a checkout of handspun.")
    make_folder(folder)  # reports a folder that cannot be written before the trainings, not after
    if not json:
        messages.print(f"{recipe.name}: {recipe.title}", soft_wrap=True)

    def tell(seed: int, accuracy: float, result: Result) -> None:
        if not json:
            messages.print(f"seed {seed}: {percent(accuracy)} in {result.seconds:.1f} s")

    receipt = run_recipe(recipe, range(seeds), callbacks=lambda: [ShowProgress(quiet=True)], after_each=tell)
    receipt["command"] += "".join(f" --{name} {quoted(Path(str(value)))}" for name, value in changes.items())
    path = write_receipt(receipt, folder, table)
    if json:
        print_json(receipt)
        return
    out.print(f"mean {percent(receipt['mean'])}{_spread(receipt)}, {receipt['seconds_mean']:.1f} s a run")
    if receipt["claim"] is not None:
        verdict = "met" if receipt["met"] else "not met"
        out.print(f"{receipt['claim_source']}: {percent(receipt['claim'])}: {verdict}")
    out.print(f"Receipt: {path}; table: {table}", soft_wrap=True)


def _spread(receipt: dict[str, Any]) -> str:
    if receipt["interval_95"] is None:
        return " (one seed)"
    deviation, seeds = 100 * receipt["standard_deviation"], len(receipt["seeds"])
    return f" ± {deviation:.2f} (s.d. over {seeds} seeds; 95 % interval {interval(receipt['interval_95'])})"
