"""``handspun data``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from handspun.cli.console import JsonOption, messages, out, print_json, table
from handspun.data import Dataset, cache_folder, dataset_names, describe, fetch as fetch_dataset, load_dataset
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
    size: Annotated[
        str | None, typer.Option(help="Of a folder of pictures: 32 or 32x48 (height x width); by default the most common.")
    ] = None,
    fit: Annotated[str | None, typer.Option(help="Of a folder of pictures: resize, or pad to keep their proportions.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="Of a folder of pictures: grey, rgb or strokes; by default as they are.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """What a data set holds, where it lies and whether it is what was published; a picture of samples.

    Example: handspun data info mnist-5k --picture samples.png
    """
    options = {"size": None if size is None else picture_size(size), "fit": fit, "mode": mode}
    known = name in dataset_names()
    # A known one is loaded only where its images are asked for: its files may be missing, and that is worth describing.
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
    for note in () if dataset is None else dataset.notes:
        messages.print(f"Note: {note}", soft_wrap=True)
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
        elif key == "size":
            rows.add_row(key, f"{value:,} bytes" if value else "nothing of it is here")
        elif key != "notes":  # they were said on their own
            rows.add_row(key.replace("_", " "), _words(value))
    out.print(rows)


def picture_size(text: str) -> tuple[int, int]:
    """Height and width from "32" or "32x48".

    Raises:
        UsageError: the text says neither.
    """
    match = re.fullmatch(r"\s*(\d{1,9})(?:\s*[xX×]\s*(\d{1,9}))?\s*", text)
    if not match:
        raise UsageError(f'A size is a number of pixels such as 32, or height x width such as 32x48; got "{text}".')
    return int(match[1]), int(match[2] or match[1])


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
