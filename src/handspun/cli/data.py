"""``handspun data``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handspun.cli.console import JsonOption, messages, out, print_json, table
from handspun.data import cache_folder, dataset_names, describe, load_dataset
from handspun.data import fetch as fetch_dataset
from handspun.errors import UsageError

app = typer.Typer(help="Data sets: what there is, where it lies, fetching and looking at it.", no_args_is_help=True)


@app.command("list")
def list_datasets(json: JsonOption = False) -> None:
    """All data sets that are known by name.

    Example: handspun data list
    """
    found = [describe(name) for name in dataset_names()]
    if json:
        print_json({"cache": str(cache_folder()), "datasets": found})
        return
    rows = table("name", "images", "size", "state", "what it is")
    rows.columns[4].justify = "left"
    for entry in found:
        images = f"{entry['train_count']:,} + {entry['test_count']:,}"
        size = f"{entry['size'] / 1e6:.1f} MB" if entry["size"] else ""
        rows.add_row(entry["name"], images, size, entry["state"], entry["description"])
    out.print(rows)
    out.print(f"\nDownloads lie in {cache_folder()}", soft_wrap=True)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `handspun data list`.")],
    json: JsonOption = False,
) -> None:
    """Download what is missing of a data set, and verify all of it.

    Example: handspun data fetch mnist
    """
    where = fetch_dataset(name, progress=None if json or not messages.is_terminal else True)
    if json:
        print_json({"name": name, "path": str(where), **{"state": describe(name)["state"]}})
    else:
        out.print(f"{name} is complete and verified: {where}", soft_wrap=True)


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A name from `handspun data list`, or a path.")],
    picture: Annotated[Path | None, typer.Option(help="Draw samples of each class into this PNG file.")] = None,
    json: JsonOption = False,
) -> None:
    """What a data set holds, where it lies and whether it is what was published; a picture of samples.

    Example: handspun data info mnist-5k --picture samples.png
    """
    facts = describe(name) if name in dataset_names() else _describe_path(name)
    if picture is not None:
        from handspun import plots
        from handspun.recipes.pictures import as_pictures

        dataset = load_dataset(name)
        images, labels = as_pictures(dataset.train.images), dataset.train.labels
        if images is None or labels is None:
            raise UsageError(f"{name} has no images with labels that can be drawn.")
        plots.save(plots.sample_grid(images, labels, dataset.classes), picture)
        facts["picture"] = str(picture)
    if json:
        print_json(facts)
        return
    rows = table("", "")
    rows.show_header = False
    rows.columns[1].justify = "left"
    for key, value in facts.items():
        if key == "files":
            for file in value:
                rows.add_row(file["name"], file["fault"] or f"{file['state']}  {file['path'] or ''}")
        else:
            rows.add_row(key.replace("_", " "), _words(value))
    out.print(rows)


def _describe_path(path: str) -> dict:
    dataset = load_dataset(path)
    return {
        "name": dataset.name,
        "image_shape": list(dataset.image_shape),
        "classes": list(dataset.classes),
        "train_count": len(dataset.train),
        "test_count": 0 if dataset.test is None else len(dataset.test),
        "source": dataset.source,
        "license": dataset.license,
        "sha256": dataset.train.content_hash,
    }


def _words(value: object) -> str:
    if isinstance(value, list):
        return (" × " if all(isinstance(item, int) for item in value) else ", ").join(str(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
