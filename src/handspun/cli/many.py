"""``handspun predict --many``: the number that the digits of a picture make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from handspun.cli.classes import class_names, none_of
from handspun.cli.console import out, print_json, probability, table
from handspun.cli.pictures import end_with, read_each
from handspun.errors import UsageError
from handspun.networks.answers import KNOWN
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import Contract
from handspun.pictures.reading import read_pixels
from handspun.pictures.segmentation import Segment, segments


@dataclass(frozen=True, eq=False)
class Reading:
    """What a picture of several digits says.

    Attributes:
        image: the name of the file.
        digits: in the order of reading, D of them.
        probabilities: (D, C) of each digit and class.
        known: (D,) bool, which digits show one of the classes, as far as the model has learned to tell.
        classes: their C names.
    """

    image: str
    digits: list[Segment]
    probabilities: np.ndarray
    known: np.ndarray
    classes: tuple[str, ...]

    def class_of(self, i: int) -> str:
        """The most probable class of a digit."""
        return self.classes[int(self.probabilities[i].argmax())]

    @property
    def lines(self) -> list[str]:
        """What each line of the picture says."""
        lines = [""] * (self.digits[-1].line + 1 if self.digits else 0)
        for i, digit in enumerate(self.digits):
            lines[digit.line] += self.class_of(i)
        return lines

    def as_dict(self) -> dict[str, Any]:
        """As plain data; a box is left, top, right, bottom in pixels of the picture, the latter two just outside of it."""
        return {
            "image": self.image,
            "text": "\n".join(self.lines),
            "digits": [
                {
                    "verdict": "known" if self.known[i] else "unknown",
                    "class": self.class_of(i),
                    "probability": float(self.probabilities[i].max()),
                    "line": digit.line,
                    "box": [digit.columns[0], digit.rows[0], digit.columns[1], digit.rows[1]],
                    "probabilities": dict(zip(self.classes, self.probabilities[i].tolist(), strict=True)),
                }
                for i, digit in enumerate(self.digits)
            ],
        }


def read(path: Path, network: Sequential) -> Reading:
    """The digits of an image file.

    Raises:
        UsageError: the network was not trained on strokes, or what the picture shows is no writing.
        DataError: the file is missing, broken, too large or no image.
    """
    if not isinstance(network.contract, Contract):
        raise UsageError("--many takes a picture apart into strokes: it needs a model of digits, such as mnist-cnn.")
    classes = class_names(network)
    try:
        digits = segments(read_pixels(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    if not digits:
        return Reading(str(path), [], np.zeros((0, len(classes))), np.zeros(0, bool), classes)
    pixels = np.stack([network.contract(digit.picture[None])[0] for digit in digits])  # (D, side, side)
    answers = network.answer(pixels)
    return Reading(str(path), digits, answers.probabilities, answers.verdict == KNOWN, classes)


def answer(paths: Sequence[Path], network: Sequential, model: Path, *, json: bool) -> None:
    """Print what pictures of several digits say, and how sure each digit is."""
    readings, _, faults = read_each(paths, lambda path: read(path, network))
    if json:
        print_json({"model": str(model), "numbers": [reading.as_dict() for reading in readings], "errors": faults})
        end_with(faults)
        return
    for reading in readings:
        said = Text("  ").append(" / ".join(reading.lines), "bold") if reading.digits else Text("  no digits found", "yellow")
        out.print(Text(reading.image).append_text(said), soft_wrap=True)
        if not reading.digits:
            continue
        rows = table("  digit", "probability", "left", "top", "right", "bottom")
        for i, digit in enumerate(reading.digits):
            corners = (digit.columns[0], digit.rows[0], digit.columns[1], digit.rows[1])
            sure = probability(float(reading.probabilities[i].max()))
            doubt = Text("" if reading.known[i] else f" ({none_of(reading.classes)})", "yellow")
            rows.add_row(Text(f"  {reading.class_of(i)}", "bold").append_text(doubt), sure, *map(str, corners))
        out.print(rows)
    end_with(faults)
