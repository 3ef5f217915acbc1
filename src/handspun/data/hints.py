"""What the user says about the data, in place of what would be guessed."""

from __future__ import annotations

from dataclasses import dataclass

from handspun.errors import UsageError, unknown_name

POLARITIES = ("light-on-dark", "dark-on-light", "each")
ORIENTATIONS = ("upright", "transposed")

#: The value of ``range`` that leaves numbers as they are.
AS_STORED = "as-stored"


@dataclass(frozen=True)
class Hints:
    """Each attribute replaces one guess; None leaves it to ``understanding``.

    Attributes:
        label: the column (name, or number from 0; negative from the end) or array of the labels; "none" for no labels.
        index: the column (name or number) that numbers the rows and is no pixel.
        range: what the stored numbers mean: (black, white), such as (0, 1) or (0, 16); "as-stored" for numbers that are no
            pixels.
        polarity: what the images are: "light-on-dark", "dark-on-light", or "each" if each has its own. Networks see light on
            dark.
        orientation: how the images are stored: "upright", or "transposed" with columns first.
        classes: the names of the labels, in order.
        size: (height, width) of images that are stored as rows of numbers.

    Raises:
        UsageError: on construction, for an invalid value.
    """

    label: str | int | None = None
    index: str | int | None = None
    range: tuple[float, float] | str | None = None
    polarity: str | None = None
    orientation: str | None = None
    classes: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("polarity", self.polarity, POLARITIES),
            ("orientation", self.orientation, ORIENTATIONS),
        ):
            if value is not None and value not in known:
                raise unknown_name(name, str(value), known)
        if self.range is not None and self.range != AS_STORED:
            ends = self.range
            try:
                black, white = (float(end) for end in ends)
            except (TypeError, ValueError):
                raise UsageError(f'range is (black, white), such as (0, 16), or "{AS_STORED}"; got {ends!r}.') from None
            if not (abs(black) < 1e9 and abs(white) < 1e9 and black != white):
                raise UsageError(f"range must be two different finite numbers, black and white; got {black:g}, {white:g}.")
            object.__setattr__(self, "range", (black, white))
        if self.classes is not None:
            names = tuple(self.classes)
            if isinstance(self.classes, str) or len(set(names)) != len(names) or not all(isinstance(n, str) for n in names):
                raise UsageError(f'classes must be different names, such as ("cat", "dog"), got {self.classes!r}.')
            object.__setattr__(self, "classes", names)
