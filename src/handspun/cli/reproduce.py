"""``handspun reproduce``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from handspun.cli.console import JsonOption, ThreadsOption, messages, out, percent, print_json, quoted
from handspun.cli.progress import ShowProgress
from handspun.errors import UsageError
from handspun.files.writing import make_folder
from handspun.recipes import load_recipe
from handspun.recipes.reproduce import reproduce as run_recipe, write_receipt
from handspun.recipes.run import Result


def reproduce(
    name: Annotated[str, typer.Argument(help="A recipe's name or TOML file; see `handspun recipes`.")],
    seeds: Annotated[int, typer.Option(help="How many seeds: 0, 1, 2, …")] = 5,
    folder: Annotated[Path, typer.Option("--out", help="Folder of receipts/NAME.json and results.md.")] = Path("docs"),
    data: Annotated[
        str | None, typer.Option(help="Other data than the recipe's: a name or a path, for the same images in another form.")
    ] = None,
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
    make_folder(folder / "receipts")  # what cannot be written is said before the trainings, not after
    if not json:
        messages.print(f"{recipe.name}: {recipe.title}", soft_wrap=True)

    def tell(seed: int, accuracy: float, result: Result) -> None:
        if not json:
            messages.print(f"seed {seed}: {percent(accuracy)} in {result.seconds:.1f} s")

    receipt = run_recipe(recipe, range(seeds), callbacks=lambda: [ShowProgress(quiet=True)], after_each=tell)
    receipt["command"] += "".join(f" --{name} {quoted(Path(str(value)))}" for name, value in changes.items())
    path, table = write_receipt(receipt, folder)
    if json:
        print_json(receipt)
        return
    spread = " (one seed)"
    if receipt["interval_95"] is not None:
        low, high = receipt["interval_95"]
        spread = f" ± {100 * receipt['standard_deviation']:.2f} (s.d. over {seeds} seeds; "
        spread += f"95 % interval {100 * low:.2f} to {percent(high)})"
    out.print(f"mean {percent(receipt['mean'])}{spread}, {receipt['seconds_mean']:.1f} s a run")
    if receipt["claim"] is not None:
        verdict = "met" if receipt["met"] else "not met"
        out.print(f"{receipt['claim_source']}: {percent(receipt['claim'])}: {verdict}")
    out.print(f"Receipt: {path}; table: {table}", soft_wrap=True)
