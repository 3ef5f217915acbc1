"""``handspun data``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from handspun.cli.console import messages, note, out, print_json
from handspun.cli.options import FitOption, JsonOption, ModeOption, SizeOption, argument, option
from handspun.cli.tables import table
from handspun.cli.values import picture_size
from handspun.data import Dataset, cache_folder, dataset_names, describe, fetch as fetch_dataset, load_dataset
from handspun.errors import UsageError

app = typer.Typer(help="Data sets: list them, download them, look at them.", no_args_is_help=True)


@app.command("list")
def list_datasets(json: JsonOption = False) -> None:
    """The data sets that have a name.

    Example: handspun data list
    """
    found = [describe(name) for name in dataset_names()]
    if json:
        print_json({"cache": str(cache_folder()), "datasets": found})
        return
    rows = table("name", "images", "size", "state", "what it is", words=True)
    for entry in found:
        images = f"{entry['train_count']:,} + {entry['test_count']:,}"
        size = f"{entry['size'] / 1e6:.1f} MB" if entry["size"] else ""
        rows.add_row(entry["name"], images, size, entry["state"], entry["description"])
    out.print(rows)
    out.print(f"\nDownloads are in {cache_folder()}", soft_wrap=True)


@app.command()
def fetch(
    name: Annotated[str, argument("A name from `handspun data list`.", "NAME")],
    json: JsonOption = False,
) -> None:
    """Download the missing files of a data set, and verify all of them.

    Example: handspun data fetch mnist
    """
    where = fetch_dataset(name, progress=None if json or not messages.is_terminal else True)
    if json:
        print_json({"name": name, "path": str(where), "state": describe(name)["state"]})
    else:
        out.print(f"{name} is complete and verified: {where}", soft_wrap=True)


@app.command()
def info(
    name: Annotated[str, argument("A name from `handspun data list`, or a path.", "NAME")],
    picture: Annotated[Path | None, option("Draw samples of each class into this PNG file.")] = None,
    size: SizeOption = None,
    fit: FitOption = None,
    mode: ModeOption = None,
    json: JsonOption = False,
) -> None:
    """What a data set holds, where its files are, and whether they are as published; also draws samples.

    Example: handspun data info mnist-5k --picture samples.png
    """
    options = {"size": None if size is None else picture_size(size), "fit": fit, "mode": mode}
    known = name in dataset_names()
    # A named data set is loaded only if its images are needed: its files may be missing, and the description says so.
    wanted = picture is not None or not known or any(options.values())
    dataset = load_dataset(name, **options) if wanted else None
    facts = _describe(dataset) if dataset is not None and not known else describe(name)
    if dataset is not None and picture is not None:
        from handspun import plots
        from handspun.recipes.plots import as_pictures

        images, labels = as_pictures(dataset.train.images), dataset.train.labels
        if images is None or labels is None:
            raise UsageError(f"{name} has no images with labels that can be drawn.")
        plots.save(plots.sample_grid(images, labels, dataset.classes), picture)
        facts["picture"] = str(picture)
    for text in () if dataset is None else dataset.notes:
        note(text)
    if json:
        print_json(facts)
        return
    rows = table("", "", words=True)
    rows.show_header = False
    for key, value in facts.items():
        if key == "files":
            for file in value:
                rows.add_row(file["name"], file["fault"] or f"{file['state']}  {file['path'] or ''}")
        elif key == "size":
            rows.add_row(key, f"{value:,} bytes" if value else "not downloaded")
        elif key != "notes":  # printed above
            rows.add_row(key.replace("_", " "), _words(value))
    out.print(rows)


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "image_shape": list(dataset.image_shape),
        "classes": list(dataset.classes),
        "train_count": len(dataset.train),
        "test_count": 0 if dataset.test is None else len(dataset.test),
        "source": dataset.source,
        "license": dataset.license,
        "sha256": dataset.train.content_hash,
        "notes": list(dataset.notes),
    }


def _words(value: object) -> str:
    if isinstance(value, list):
        return (" × " if all(isinstance(item, int) for item in value) else ", ").join(str(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
