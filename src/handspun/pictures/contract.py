"""From a person's picture to the kind of picture that a network was trained on.

All digits of MNIST were made alike: light strokes on black, the longer side of the digit 20 pixels, its centre of mass in the
middle of 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998, Proc. IEEE 86(11), section III.A). A network that learned from them
expects the same of every picture, which a drawing somewhere on a sheet does not meet. A contract records what is expected, as
plain data that goes into the model file, and converts any picture to it: ``Contract`` is for strokes, ``PictureContract`` for
photos and other pictures that only need scaling.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from handspun.checks import byte_pictures, number_in, positive_integer
from handspun.engine.memory import chunks
from handspun.errors import UsageError, unknown_name
from handspun.pictures.decoding import require_pillow
from handspun.pictures.grey import reduced, to_grey
from handspun.pictures.normalize import normalize_polarity_and_contrast
from handspun.pictures.paper import even_out, is_lined, is_uneven
from handspun.pictures.scaling import border_colour, pad_picture, resized
from handspun.pictures.strokes import Strokes, find_ink, find_strokes

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

FITS = ("resize", "pad")


@dataclass(frozen=True)
class Contract:
    """What pictures of strokes are converted to.

    Attributes:
        side: rows and columns of the result.
        box: the longer side of the strokes in it, in pixels.
        tolerance: strokes are not changed at all if their longer side and their centre of mass are right up to this many
            pixels.
    """

    side: int = 28
    box: int = 20
    tolerance: float = 1.0

    def __post_init__(self) -> None:
        """Raise a UsageError for an invalid value."""
        for name in ("side", "box"):
            object.__setattr__(self, name, positive_integer("Contract", name, getattr(self, name)))
        if not self.box <= self.side <= 4096:
            raise UsageError(f"Contract: box and side must be whole numbers, 1 <= box <= side, got {self.box}, {self.side}.")
        number_in("Contract", "tolerance", self.tolerance, 0, self.side + 1)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Convert pictures to the contract, each by itself. A picture without ink becomes an empty one.

        Args:
            images: (N, H, W) or (N, H, W, C) with 1, 3 or 4 channels, uint8, dark on light or light on dark. They are not
                changed.

        Returns:
            (N, side, side) uint8, light strokes on black.

        Raises:
            UsageError: the images are not of that type and shape.
        """
        images = byte_pictures("A contract", images, channels=(1, 3, 4))
        result = np.zeros((len(images), self.side, self.side), np.uint8)
        at_once = max(1, 500_000 // (images.shape[1] * images.shape[2]))  # keeps the intermediate arrays small
        for chunk in chunks(len(images), at_once):
            ink = to_ink(reduced(to_grey(images[chunk]))[0])  # (n, H, W)
            result[chunk] = self.render(ink, find_strokes(ink))
        return result

    def stages(self, picture: np.ndarray) -> Stages:
        """What happens to one picture, step by step.

        A call computes the same steps by the same code, with one exception: it scales and moves the strokes at once, because
        each resampling blurs a little. ``scaled`` shows the strokes scaled, but not moved yet.

        Args:
            picture: (H, W) or (H, W, C), as for a call.

        Returns:
            The steps; ``image`` is the result of a call.

        Raises:
            UsageError: it is not such a picture.
        """
        picture = byte_pictures("A contract", picture, channels=(1, 3, 4), single=True)
        grey, factor = reduced(to_grey(picture[None]))  # (1, H, W)
        ink = to_ink(grey)  # (1, H, W)
        strokes = find_strokes(ink)
        (image,) = self.render(ink, strokes)
        rows, columns = strokes.box(0)
        crop = ink[0, rows, columns]  # (h, w)
        return Stages(
            grey=grey[0],
            ink=ink[0],
            rows=(rows.start, rows.stop),
            columns=(columns.start, columns.stop),
            centre=strokes.centre(0),
            scaled=crop.copy() if self._fits(ink.shape, strokes)[0] else self._scaled(crop),
            image=image,
            factor=factor,
        )

    def _fits(self, shape: tuple[int, ...], strokes: Strokes) -> np.ndarray:
        """Which of the pictures, of shape (n, H, W), have the right size and position already, (n,) bool."""
        if shape[1:] != (self.side, self.side):
            return np.zeros(shape[0], bool)
        middle = self.side // 2
        placed = np.maximum(np.abs(strokes.row - middle), np.abs(strokes.column - middle)) <= self.tolerance
        return (strokes.longer > 0) & placed & (np.abs(strokes.longer - self.box) <= self.tolerance)

    def render(self, ink: np.ndarray, strokes: Strokes) -> np.ndarray:
        """Convert light strokes on black (n, H, W), found at ``strokes``, to (n, side, side) uint8."""
        result = np.zeros((len(ink), self.side, self.side), np.uint8)
        fits = self._fits(ink.shape, strokes)
        if fits.any():
            result[fits] = ink[fits]
        square, middle = (self.side, self.side), (self.side // 2, self.side // 2)
        for i in np.flatnonzero((strokes.longer > 0) & ~fits):
            rows, columns = strokes.box(i)
            row, column = strokes.centre(i)
            crop = ink[i, rows, columns]  # (h, w): grain outside the strokes is left behind
            result[i] = resized(crop, square, middle, (row - rows.start, column - columns.start), max(crop.shape) / self.box)
        return result

    def _scaled(self, crop: np.ndarray) -> np.ndarray:
        """The strokes (h, w) scaled to the box and not moved yet: (rows, columns) uint8."""
        if crop.size == 0:
            return crop.copy()
        scale = max(crop.shape) / self.box
        size = max(round(crop.shape[0] / scale), 1), max(round(crop.shape[1] / scale), 1)
        middle, centre = (((shape[0] - 1) / 2, (shape[1] - 1) / 2) for shape in (size, crop.shape))
        return resized(crop, size, middle, centre, scale)


def to_ink(grey: np.ndarray) -> np.ndarray:
    """Pictures (n, H, W) uint8 as light strokes on black, (n, H, W) uint8, each by itself.

    Ink is compared with one ground for the whole sheet; on paper in uneven light or with lines, with the ground around each
    place.
    """
    photos = is_uneven(grey)  # (n,)
    ink = np.empty_like(grey)
    ink[~photos] = normalize_polarity_and_contrast(grey[~photos])
    photos[~photos] = is_lined(ink[~photos], find_ink(ink[~photos]))
    for i in np.flatnonzero(photos):
        ink[i] = even_out(grey[i])
    return ink


@dataclass(frozen=True, eq=False)
class Stages:
    """The steps of one picture through a ``Contract``; (H, W) is the size of the picture after it was reduced, if it was large.

    Attributes:
        grey: (H, W) uint8, its luminance, on white paper where it was transparent.
        ink: (H, W) uint8, light strokes on black.
        rows: the first row of the strokes and the row after the last; (0, 0) without strokes.
        columns: the same for columns.
        centre: row and column of the strokes' centre of mass in the picture; (0, 0) without strokes.
        scaled: (h, w) uint8, the strokes alone, their longer side as long as the contract's box; (0, 0) without strokes.
            Strokes within the contract's tolerance are not scaled.
        image: (side, side) uint8, the result: the strokes with their centre of mass in the middle.
        factor: how many pixels of the given picture, along each axis, became one; 1 except for large pictures.
    """

    grey: np.ndarray
    ink: np.ndarray
    rows: tuple[int, int]
    columns: tuple[int, int]
    centre: tuple[float, float]
    scaled: np.ndarray
    image: np.ndarray
    factor: int = 1

    @property
    def crop(self) -> np.ndarray:
        """The strokes alone, in the picture's own size: (bottom - top, right - left) uint8."""
        return self.ink[slice(*self.rows), slice(*self.columns)]


@dataclass(frozen=True)
class PictureContract:
    """What pictures of any kind are converted to: one size, in grey or in colour.

    Attributes:
        height: rows of the result.
        width: columns of the result.
        colour: whether it is RGB; otherwise grey.
        fit: "resize" stretches the picture to the size, "pad" keeps its proportions and fills the rest with the border's
            colour.
    """

    height: int
    width: int
    colour: bool = True
    fit: str = "resize"

    def __post_init__(self) -> None:
        """Raise a UsageError for an invalid value."""
        for name in ("height", "width"):
            object.__setattr__(self, name, positive_integer("PictureContract", name, getattr(self, name)))
        if max(self.height, self.width) > 10_000:
            raise UsageError(f"PictureContract: height and width go from 1 to 10,000, got {self.height!r}, {self.width!r}.")
        if self.fit not in FITS:
            raise unknown_name("fit", str(self.fit), FITS)
        if not isinstance(self.colour, bool):
            raise UsageError(f"PictureContract: colour must be true or false, got {self.colour!r}.")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Convert pictures to the contract, each by itself.

        Args:
            images: (N, H, W) or (N, H, W, 3), uint8. They are not changed.

        Returns:
            (N, height, width) or (N, height, width, 3), uint8.

        Raises:
            UsageError: the images are not of that type and shape.
            MissingExtraError: Pillow, which scales them, is not installed.
        """
        images = byte_pictures("A picture contract", images, channels=(3,))
        require_pillow("Scaling pictures")
        from PIL import Image

        result = np.empty((len(images), self.height, self.width, *((3,) if self.colour else ())), np.uint8)
        for i, pixels in enumerate(images):
            result[i] = self.scale(Image.fromarray(pixels))
        return result

    def scale(self, picture: PillowImage) -> np.ndarray:
        """The pixels (height, width) or (height, width, 3) of one picture."""
        from PIL import Image

        picture = picture.convert("RGB" if self.colour else "L")
        if picture.size == (self.width, self.height):
            return np.asarray(picture)
        if self.fit == "pad":
            return np.asarray(pad_picture(picture, (self.height, self.width), border_colour(np.asarray(picture))))
        return np.asarray(picture.resize((self.width, self.height), Image.Resampling.LANCZOS))


AnyContract = Contract | PictureContract
KINDS: dict[str, type[Contract] | type[PictureContract]] = {"strokes": Contract, "pictures": PictureContract}


def contract_as_dict(contract: AnyContract) -> dict[str, Any]:
    """The contract as plain data, ready for JSON."""
    kind = next(name for name, own in KINDS.items() if isinstance(contract, own))
    return {"kind": kind, **dataclasses.asdict(contract)}


def contract_from_dict(values: Mapping[str, Any]) -> AnyContract:
    """The contract that ``contract_as_dict`` described. Raises UsageError for an unknown kind or name, or an invalid value."""
    settings = dict(values)
    kind = settings.pop("kind", None)
    if kind not in KINDS:
        raise unknown_name("kind of contract", str(kind), KINDS)
    names = [field.name for field in dataclasses.fields(KINDS[kind])]
    for name in settings:
        if name not in names:
            raise unknown_name("entry of the contract", name, names)
    return KINDS[kind](**settings)
