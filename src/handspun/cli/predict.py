"""``handspun predict``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from csv import writer
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from rich.text import Text

from handspun.cli import many as several
from handspun.cli.console import messages, out, print_json, probability
from handspun.cli.datasets import fits, load_for
from handspun.cli.model_choice import class_names, names_a_model, none_of, open_model
from handspun.cli.options import JsonOption, ViewsOption, argument, option
from handspun.cli.picture_files import end_with, picture_files, read_each
from handspun.cli.tables import table
from handspun.cli.values import whole_numbers
from handspun.data import read_table
from handspun.errors import UsageError
from handspun.files.writing import write_text
from handspun.networks.answers import EMPTY, Answers
from handspun.networks.sequential import Sequential
from handspun.pictures.decoding import SUFFIXES
from handspun.pictures.reading import read_picture, read_pixels
from handspun.pretrained import DEFAULT


def predict(
    model_and_images: Annotated[
        list[Path] | None,
        argument(f"A model (file, run folder or name; by default {DEFAULT}), then image files or folders.", "MODEL | IMAGE"),
    ] = None,
    data: Annotated[str | None, option("Predict images of this dataset (its test images, if any).")] = None,
    index: Annotated[str | None, option("With --data: which images, from 0, such as 5,17.")] = None,
    csv: Annotated[Path | None, option("Predict all images of a CSV file with columns pixel0, pixel1, …")] = None,
    out_file: Annotated[Path | None, option("With --csv: write ImageId,Label here, as Kaggle expects.", "--out")] = None,
    many: Annotated[bool, option("Read all digits of each image file, line by line.", "--many")] = False,
    views: ViewsOption = False,
    json: JsonOption = False,
) -> None:
    """Class and probability of each image.

    A picture may be dark on light or light on dark, of any size, with one digit anywhere in it. The model also says if a
    picture is empty or shows none of its classes.

    Example: handspun predict seven.png
    """
    images = list(model_and_images or [])
    model = images.pop(0) if images and names_a_model(images[0]) else Path(DEFAULT)
    if images and not images[0].exists() and images[0].suffix.lower() not in SUFFIXES:
        raise UsageError(f"There is no model, picture or folder {images[0]}.")
    network, _ = open_model(model)
    if sum(source is not None for source in (images or None, data, csv)) != 1:
        raise UsageError("Name image files, a dataset with --data, or a table with --csv: exactly one of them.")
    if (index is not None) and data is None:
        raise UsageError("--index chooses images of a dataset: name it with --data.")
    if out_file is not None and csv is None:
        raise UsageError("--out writes the answers for a table: name it with --csv.")
    if many:
        if not images:
            raise UsageError("--many reads the digits in image files: name them.")
        if views:
            raise UsageError("--many looks at each digit once: use it without --views.")
        several.answer(picture_files(images), network, model, json=json)
        return
    true: np.ndarray | None = None
    faults: list[str] = []
    if csv is not None:
        split = read_table(csv)
        pixels, true = split.images, split.labels
        fits(pixels, network, str(csv), views=views)
        names = [str(i) for i in range(1, len(pixels) + 1)]
    elif data is not None:
        dataset = load_for(network, data)
        split = dataset.test or dataset.train
        fits(split.images, network, data, views=views)
        chosen = _indices(index, len(split))
        pixels, names = split.images[chosen], [f"{data} {i}" for i in chosen]
        true = None if split.labels is None else split.labels[chosen]
    else:
        read, good, faults = read_each(picture_files(images), lambda path: _pixels(path, network))
        if not read:
            end_with(faults)
        pixels, names = np.stack(read), [str(path) for path in good]
    answers = network.answer(pixels, views=views)
    classes = class_names(network)
    if out_file is not None:
        # A table needs an answer for each image: an empty one, for which no class is probable, gets the first class.
        write_text(out_file, _submission([classes[label] for label in answers.probabilities.argmax(axis=1)]))
        messages.print(f"Wrote {len(names):,} answers to {out_file}.", soft_wrap=True)
    labels = None if true is None else [classes[label] if label < len(classes) else str(label) for label in true]
    if json:
        found = [{"image": name, **_as_dict(answers, i, classes)} for i, name in enumerate(names)]
        for answer, label in zip(found, labels or (), strict=labels is not None):
            answer["true"] = label
        print_json({"model": str(model), "predictions": found, "errors": faults})
    elif out_file is None:
        rows = table("image", "class", "probability", "next", *(("true",) if labels else ()))
        for i, name in enumerate(names):
            row = [name, *_in_words(answers, i, classes)]
            if labels is not None and true is not None:
                row.append(labels[i] if true[i] == answers.predicted[i] else Text(f"{labels[i]} ✗", "red"))
            rows.add_row(*row)
        out.print(rows)
    end_with(faults)


def _as_dict(answers: Answers, i: int, classes: tuple[str, ...]) -> dict[str, Any]:
    """Answer ``i`` as plain data. An unknown picture has the class it resembles most; an empty one has none."""
    verdict, best = str(answers.verdict[i]), answers.predicted[i]
    if verdict == EMPTY:
        return {"verdict": verdict, "class": None, "probability": None, "probabilities": None}
    return {
        "verdict": verdict,
        "class": classes[best],
        "probability": float(answers.probabilities[i, best]),
        "probabilities": dict(zip(classes, answers.probabilities[i].tolist(), strict=True)),
    }


def _in_words(answers: Answers, i: int, classes: tuple[str, ...]) -> list[str | Text]:
    """Class, probability and second most probable class of answer ``i``."""
    probabilities = answers.probabilities[i]  # (C,)
    best, second = (int(c) for c in np.argsort(-probabilities, kind="stable")[:2])
    match answers.verdict[i]:
        case "empty":
            return [Text("empty", "bold yellow"), "", ""]
        case "unknown":
            return [Text(none_of(classes), "bold yellow"), "", f"most like {classes[best]}"]
        case _:
            sure, less_sure = (probability(float(probabilities[c])) for c in (best, second))
            return [Text(classes[best], "bold"), sure, f"{classes[second]} {less_sure}"]


def _pixels(path: Path, network: Sequential) -> np.ndarray:
    """An image file as the network takes it: by its contract, or inverted, scaled and padded if it has none."""
    if network.contract is None:
        return read_picture(path, network.input_shape)
    (pixels,) = network.contract(read_pixels(path)[None])
    return pixels


def _submission(answers: Sequence[str]) -> str:
    """The answers as CSV in Kaggle's form, counted from 1."""
    text = io.StringIO()
    rows = writer(text, lineterminator="\n")
    rows.writerow(("ImageId", "Label"))
    rows.writerows(enumerate(answers, start=1))
    return text.getvalue()


def _indices(text: str | None, size: int) -> list[int]:
    """Numbers such as "5,17" as indices into a dataset of ``size`` images; the first ten by default."""
    if text is None:
        return list(range(min(10, size)))
    chosen = whole_numbers("--index", text, "5,17")
    if not chosen:
        raise UsageError("--index takes whole numbers separated by commas, such as 5,17; got none.")
    if max(chosen) >= size:
        raise UsageError(f"--index {max(chosen)} is out of range: there are {size:,} images, from 0 to {size - 1:,}.")
    return list(chosen)
