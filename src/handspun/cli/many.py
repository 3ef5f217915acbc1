"""``handspun predict --many``: numbers of several digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from handspun.cli.console import out, print_json, probability
from handspun.cli.model_choice import class_names, none_of
from handspun.cli.picture_files import end_with, read_each
from handspun.cli.tables import table
from handspun.errors import UsageError
from handspun.networks.answers import KNOWN
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import Contract
from handspun.pictures.reading import read_pixels
from handspun.pictures.segmentation import Segment, segments


@dataclass(frozen=True, eq=False)
class Reading:
    """The digits in a picture."""

    image: str  # the name of the file
    digits: list[Segment]  # D of them, in reading order
    probabilities: np.ndarray  # (D, C), of each digit and class
    known: np.ndarray  # (D,) bool: False for a digit that shows none of the classes, if the model can tell
    classes: tuple[str, ...]  # their C names

    def class_of(self, i: int) -> str:
        """The most probable class of a digit."""
        return self.classes[int(self.probabilities[i].argmax())]

    @property
    def lines(self) -> list[str]:
        """The digits of each line of the picture."""
        lines = [""] * (self.digits[-1].line + 1 if self.digits else 0)
        for i, digit in enumerate(self.digits):
            lines[digit.line] += self.class_of(i)
        return lines

    def as_dict(self) -> dict[str, Any]:
        """As plain data; a box is left, top, right, bottom in pixels of the picture; right and bottom lie just outside it."""
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
        UsageError: the network was not trained on strokes, or the picture shows no writing.
        DataError: the file is missing, broken, too large or not an image.
    """
    if not isinstance(network.contract, Contract):
        raise UsageError("--many splits a picture into strokes: it needs a model of digits, such as mnist-cnn.")
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
    """Print the digits of each picture, and the probability of each."""
    readings, _, faults = read_each(paths, lambda path: read(path, network))
    if json:
        print_json({"model": str(model), "numbers": [reading.as_dict() for reading in readings], "errors": faults})
    for reading in () if json else readings:
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
