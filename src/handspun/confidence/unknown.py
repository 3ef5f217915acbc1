"""Pictures that show none of ten digits: empty sheets, noise, scribbles, letters.

People point a camera at anything. The share of such pictures that a network takes for one of its classes is its false
acceptance rate, which ``evaluate_unknown`` measures. All pictures are drawn from fixed seeds, so the rates can be reproduced.
The same functions draw the pictures for ``exposure``, with other seeds and fonts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from handspun.errors import MissingExtraError, UsageError
from handspun.evaluation.metrics import wilson_interval
from handspun.networks.answers import EMPTY, KNOWN, Answers

#: Rows and columns of most pictures drawn here.
SIDE = 56

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#: Letters that a person may read as digits (0, 1, 2, 5, 6, 8, 9) outside of a word.
LOOKALIKES = "DOQoIlZzSsGbBgq"

#: Fonts that are included in Matplotlib: some for measuring, others for training a head.
MEASURED_FONTS = tuple(
    f"DejaVu{family}{style}.ttf"
    for family, slanted in (("Sans", "Oblique"), ("Serif", "Italic"), ("SansMono", "Oblique"))
    for style in ("", "-Bold", f"-{slanted}", f"-Bold{slanted}")
)
TEACHING_FONTS = (
    *(f"STIXGeneral{style}.ttf" for style in ("", "Bol", "Italic", "BolIta")),
    *(f"{name}10.ttf" for name in ("cmr", "cmb", "cmss", "cmtt", "cmmi")),
)


def draw_blank(count: int, rng: np.random.Generator) -> np.ndarray:
    """Empty sheets of any grey, (count, SIDE, SIDE) uint8: half of them even, half grainy and unevenly lit."""
    slope = np.linspace(-1.0, 1.0, SIDE)
    grey = rng.uniform(0, 255, (count, 1, 1))
    light = rng.uniform(-15, 15, (2, count, 1, 1))
    uneven = light[0] * slope[:, None] + light[1] * slope + rng.normal(0, 3.0, (count, SIDE, SIDE))  # (count, SIDE, SIDE)
    uneven[: count // 2] = 0.0
    return np.rint(np.clip(grey + uneven, 0, 255)).astype(np.uint8)


def draw_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """Independent pixels, (count, 28, 28) uint8."""
    return rng.integers(0, 256, (count, 28, 28), np.uint8)


def draw_clouds(count: int, rng: np.random.Generator) -> np.ndarray:
    """Soft spots, (count, 28, 28) uint8: noise of any contrast, smoothed by a Gaussian of σ from 0.3 to 3.5 pixels.

    The smoothing is a product of spectra; that of a Gaussian is exp(-2 π² σ² f²), with f in cycles per pixel.
    """
    spectrum = np.fft.rfft2(rng.normal(size=(count, 28, 28)))
    squares = np.fft.fftfreq(28)[:, None] ** 2 + np.fft.rfftfreq(28) ** 2  # (28, 15)
    sigma = rng.uniform(0.3, 3.5, (count, 1, 1))
    soft = np.fft.irfft2(spectrum * np.exp(-2 * (np.pi * sigma) ** 2 * squares), s=(28, 28))
    soft /= soft.std(axis=(1, 2), keepdims=True)
    values = rng.uniform(60, 140, (count, 1, 1)) * soft + rng.uniform(0, 130, (count, 1, 1))
    return np.clip(values, 0, 255).astype(np.uint8)


def draw_scribbles(count: int, rng: np.random.Generator) -> np.ndarray:
    """One to three strokes of a round pen, each along 5 to 12 random points, (count, SIDE, SIDE) uint8.

    The moving average of a polygon over the length of its sides is a quadratic B-spline: a curve without corners.
    """
    steps = 24  # per side of the polygon
    pixels = np.arange(SIDE)
    result = np.empty((count, SIDE, SIDE), np.uint8)
    for picture in result:
        radius = rng.uniform(1.2, 3.0)
        nearest = np.full((SIDE, SIDE), np.inf)  # squared distance to a stroke
        for _ in range(rng.integers(1, 4)):
            corners = rng.uniform(0.12 * SIDE, 0.88 * SIDE, (rng.integers(5, 13), 2))  # (m, 2)
            along = np.arange((len(corners) - 1) * steps + 1) / steps
            polygon = [np.interp(along, np.arange(len(corners)), axis) for axis in corners.T]
            rows, columns = (np.convolve(axis, np.full(steps, 1 / steps), "valid")[::2] for axis in polygon)  # (t,) each
            distance = (pixels[:, None] - rows)[:, None] ** 2 + (pixels[:, None] - columns)[None] ** 2  # (SIDE, SIDE, t)
            np.minimum(nearest, distance.min(axis=2), out=nearest)
        picture[...] = np.clip((radius + 0.5 - np.sqrt(nearest)) * 255, 0, 255)  # the edge of the pen is one pixel wide
    return result


def draw_letters(fonts: Sequence[str], letters: str = LETTERS) -> np.ndarray:
    """Each of ``letters`` in each font, dark on white, (fonts · letters, SIDE, SIDE) uint8, font after font.

    Raises:
        MissingExtraError: Pillow, which draws them, or Matplotlib, which has the fonts, is not installed.
    """
    try:
        from matplotlib import get_data_path
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise MissingExtraError("Drawing letters", "cli") from error
    folder = Path(get_data_path()) / "fonts" / "ttf"
    result = np.empty((len(fonts) * len(letters), SIDE, SIDE), np.uint8)
    for i, name in enumerate(fonts):
        font = ImageFont.truetype(str(folder / name), 40)
        for j, letter in enumerate(letters):
            sheet = Image.new("L", (SIDE, SIDE), 255)
            pen = ImageDraw.Draw(sheet)
            left, top, right, bottom = pen.textbbox((0, 0), letter, font)
            pen.text(((SIDE - left - right) / 2, (SIDE - top - bottom) / 2), letter, 0, font)
            result[i * len(letters) + j] = np.asarray(sheet)
    return result


@dataclass(frozen=True)
class Kind:
    """One kind of pictures that show none of a model's classes.

    Attributes:
        name: a word or two.
        what: how they are made.
        draw: draws them, always the same: (N, H, W) uint8.
    """

    name: str
    what: str
    draw: Callable[[], np.ndarray]


UNKNOWN = (
    Kind("blank", "empty sheets, half of them grainy and unevenly lit", lambda: draw_blank(200, np.random.default_rng(0))),
    Kind("noise", "each pixel by itself", lambda: draw_noise(1_000, np.random.default_rng(1))),
    Kind("scribbles", "one to three strokes that lead nowhere", lambda: draw_scribbles(1_000, np.random.default_rng(2))),
    Kind("letters", "A to Z and a to z in 12 DejaVu fonts", lambda: draw_letters(MEASURED_FONTS)),
    Kind(
        "other letters",
        f"those that look like no digit: without {LOOKALIKES}",
        lambda: draw_letters(MEASURED_FONTS, "".join(letter for letter in LETTERS if letter not in LOOKALIKES)),
    ),
)
"""All kinds, in the order in which they are shown."""


def kinds_for(classes: Sequence[str]) -> tuple[Kind, ...]:
    """The kinds of ``UNKNOWN`` that show none of ``classes``."""
    if set(classes) <= set("0123456789"):
        return UNKNOWN
    left_out = {"letters", "other letters"} if set(classes) & set(LETTERS) else {"other letters"}
    return tuple(kind for kind in UNKNOWN if kind.name not in left_out)


class Answerer(Protocol):
    """A network, or any other object with this method."""

    def answer(self, images: np.ndarray) -> Answers:
        """The answers for ``images`` (N, …)."""
        ...


@dataclass(frozen=True)
class Acceptance:
    """How often pictures of one kind were taken for one of the classes.

    Attributes:
        name: of the kind.
        what: how its pictures are made.
        images: the number of pictures.
        rate: the share with the verdict "known", from 0 to 1.
        interval: the 95 % interval of the rate (Wilson's).
        empty: the share with the verdict "empty".
    """

    name: str
    what: str
    images: int
    rate: float
    interval: tuple[float, float]
    empty: float

    def as_dict(self) -> dict[str, Any]:
        """As plain data, ready for JSON."""
        return {
            "name": self.name,
            "what": self.what,
            "images": self.images,
            "false_accept_rate": self.rate,
            "false_accept_rate_interval_95": list(self.interval),
            "empty_rate": self.empty,
        }


def evaluate_unknown(
    network: Answerer, prepare: Callable[[np.ndarray], np.ndarray], kinds: Sequence[Kind] = UNKNOWN
) -> tuple[Acceptance, ...]:
    """How often ``network`` takes pictures of each kind for one of its classes.

    Args:
        network: gives the answers.
        prepare: prepares the pictures for the network, usually its contract.
        kinds: the pictures to show it.

    Raises:
        UsageError: a kind without pictures; a ``prepare`` that is not a function.
        MissingExtraError: letters cannot be drawn.
    """
    if not callable(prepare):
        raise UsageError(f"prepare must be the network's contract or another function of pictures, got {prepare!r}.")
    return tuple(acceptance(kind.name, kind.what, network.answer(prepare(kind.draw()))) for kind in kinds)


def acceptance(name: str, what: str, answers: Answers) -> Acceptance:
    """The rates of one kind from the answers for its pictures. Raises UsageError if there are none."""
    images = len(answers.verdict)
    if not images:
        raise UsageError(f"{name}: there are no pictures to judge by.")
    accepted = int(np.count_nonzero(answers.verdict == KNOWN))
    empty = float(np.mean(answers.verdict == EMPTY))
    return Acceptance(name, what, images, accepted / images, wilson_interval(accepted, images), empty)
