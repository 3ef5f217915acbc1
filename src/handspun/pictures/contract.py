"""From a person's picture to what a network was trained on.

MNIST's digits were all made alike: light strokes on black, the longer side of the digit 20 pixels, its centre of mass in the
middle of 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998, Proc. IEEE 86(11), section III.A). A network that learned from them
expects that of every picture, and what a person draws somewhere on a sheet is none of it. A contract writes down what is
expected, as data that goes into the model file, and brings any picture to it: ``Contract`` for strokes, ``PictureContract`` for
photos and other pictures that are only scaled.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from handspun.engine.memory import pieces
from handspun.errors import MissingExtraError, UsageError, unknown_name
from handspun.pictures.normalize import neighbourhoods, normalize_polarity_and_contrast
from handspun.pictures.paper import even_out, is_lined, is_uneven

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

FITS = ("resize", "pad")

#: The weights of red, green and blue in grey: Rec. ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)

#: Ink is what has this share of white, in the pixel itself and, for the most part, around it: the grain of a photo has not.
INK, AROUND = 0.25, 0.2


#: A picture of more pixels is made smaller first: a photo of 12 million takes a tenth of the time, and its strokes stay wide.
MOST_PIXELS = 2_000_000


@dataclass(frozen=True)
class Contract:
    """What pictures of strokes are brought to.

    Attributes:
        side: rows and columns of the result.
        box: the longer side of the strokes in it, in pixels.
        tolerance: strokes whose longer side and whose centre of mass are right up to so many pixels stay exactly as they are.
    """

    side: int = 28
    box: int = 20
    tolerance: float = 1.0

    def __post_init__(self) -> None:
        """UsageError for what cannot be meant."""
        if not (type(self.side) is int and type(self.box) is int and 1 <= self.box <= self.side <= 4096):
            raise UsageError(f"Contract: box and side must be whole numbers, 1 <= box <= side, got {self.box}, {self.side}.")
        if not isinstance(self.tolerance, (int, float)) or not 0 <= self.tolerance <= self.side:
            raise UsageError(f"Contract: tolerance must be a number of pixels that is not negative, got {self.tolerance!r}.")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Bring pictures to the contract, each by itself. A picture without any ink becomes an empty one.

        Args:
            images: (N, H, W) or (N, H, W, C) with 1, 3 or 4 channels, uint8, dark on light or light on dark; they stay as they
                are.

        Returns:
            (N, side, side) uint8, light strokes on black.

        Raises:
            UsageError: other images.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape[1:]:
            raise UsageError(f"Expected pictures (N, H, W) or (N, H, W, C) of uint8, got {images.dtype} {images.shape}.")
        result = np.zeros((len(images), self.side, self.side), np.uint8)
        at_once = max(1, 500_000 // (images.shape[1] * images.shape[2]))  # so that what is needed in between stays small
        for piece in pieces(len(images), at_once):
            ink = to_ink(reduced(to_grey(images[piece]))[0])  # (n, H, W)
            result[piece] = self.render(ink, find_strokes(ink))
        return result

    def stages(self, picture: np.ndarray) -> Stages:
        """What happens to one picture on its way, step by step.

        All but ``scaled`` is what a call computes, by the same code. A call scales and moves the strokes at once, for each
        scaling blurs a little; ``scaled`` is made for the eye, which sees the one and then the other.

        Args:
            picture: (H, W) or (H, W, C) as for a call.

        Returns:
            The steps; ``image`` is what a call gives.

        Raises:
            UsageError: another picture.
        """
        grey, factor = reduced(to_grey(check_picture(picture)[None]))  # (1, H, W)
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
        """Which of pictures of a shape (n, H, W) have size and place right already, (n,) bool."""
        if shape[1:] != (self.side, self.side):
            return np.zeros(shape[0], bool)
        middle = self.side // 2
        placed = np.maximum(np.abs(strokes.row - middle), np.abs(strokes.column - middle)) <= self.tolerance
        return (strokes.longer > 0) & placed & (np.abs(strokes.longer - self.box) <= self.tolerance)

    def render(self, ink: np.ndarray, strokes: Strokes) -> np.ndarray:
        """Light strokes on black (n, H, W), and where in them they are, to (n, side, side) uint8."""
        result = np.zeros((len(ink), self.side, self.side), np.uint8)
        fits = self._fits(ink.shape, strokes)
        if fits.any():
            result[fits] = ink[fits]
        square, middle = (self.side, self.side), (self.side // 2, self.side // 2)
        for i in np.flatnonzero((strokes.longer > 0) & ~fits):
            rows, columns = strokes.box(i)
            row, column = strokes.centre(i)
            # Only the strokes: what grain there is elsewhere stays behind.
            crop = ink[i, rows, columns]  # (h, w)
            result[i] = _resized(crop, square, middle, (row - rows.start, column - columns.start), max(crop.shape) / self.box)
        return result

    def _scaled(self, crop: np.ndarray) -> np.ndarray:
        """The strokes (h, w) brought to the size of the box and not yet moved: (rows, columns) uint8."""
        if crop.size == 0:
            return crop.copy()
        scale = max(crop.shape) / self.box
        size = max(round(crop.shape[0] / scale), 1), max(round(crop.shape[1] / scale), 1)
        return _resized(crop, size, _middle(size), _middle(crop.shape), scale)


@dataclass(frozen=True, eq=False)
class Stages:
    """One picture on its way through a ``Contract``; (H, W) is the picture's size, (side, side) that of the result.

    A picture of more than ``MOST_PIXELS`` is made smaller first, and (H, W) is what it has then.

    Attributes:
        grey: (H, W) uint8, its luminance, on white paper where it was transparent.
        ink: (H, W) uint8, light strokes on black.
        rows: from which row of the picture to before which one the strokes go; (0, 0) where there are none.
        columns: the same for its columns.
        centre: row and column of the strokes' centre of mass in the picture; (0, 0) where there are none.
        scaled: (h, w) uint8, the strokes alone, their longer side as long as the contract's box; (0, 0) without strokes.
            Strokes that are right already are as they were, up to the contract's tolerance from the size of the box.
        image: (side, side) uint8, the result: the strokes with their centre of mass in the middle.
        factor: so many pixels of the given picture, along each axis, were made one of these; 1 but for large pictures.
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


class Strokes(NamedTuple):
    """Where the strokes of n pictures are, in pixels, (n,) each; all 0 where there are none."""

    top: np.ndarray
    bottom: np.ndarray
    left: np.ndarray
    right: np.ndarray
    row: np.ndarray
    column: np.ndarray

    @property
    def longer(self) -> np.ndarray:
        """The longer side, (n,)."""
        return np.maximum(self.bottom - self.top, self.right - self.left)

    def box(self, index: int | np.intp) -> tuple[slice, slice]:
        """Rows and columns that the strokes of one picture take up."""
        return slice(int(self.top[index]), int(self.bottom[index])), slice(int(self.left[index]), int(self.right[index]))

    def centre(self, index: int | np.intp) -> tuple[float, float]:
        """Row and column of the centre of mass of the strokes of one picture."""
        return float(self.row[index]), float(self.column[index])


@dataclass(frozen=True)
class PictureContract:
    """What pictures of any kind are brought to: one size, in grey or in colour.

    Attributes:
        height: rows of the result.
        width: its columns.
        colour: whether it is RGB; grey otherwise.
        fit: "resize" scales each side as it must, "pad" scales both alike and fills the rest with the colour of the border.
    """

    height: int
    width: int
    colour: bool = True
    fit: str = "resize"

    def __post_init__(self) -> None:
        """UsageError for what cannot be meant."""
        if not all(type(side) is int and 1 <= side <= 10_000 for side in (self.height, self.width)):
            raise UsageError(f"PictureContract: height and width go from 1 to 10,000, got {self.height!r}, {self.width!r}.")
        if self.fit not in FITS:
            raise unknown_name("fit", str(self.fit), FITS)
        if not isinstance(self.colour, bool):
            raise UsageError(f"PictureContract: colour is true or false, got {self.colour!r}.")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Bring pictures to the contract, each by itself.

        Args:
            images: (N, H, W) or (N, H, W, 3), uint8; they stay as they are.

        Returns:
            (N, height, width) or (N, height, width, 3), uint8.

        Raises:
            UsageError: other images.
            MissingExtraError: Pillow, which scales them, is not installed.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape[1:] or images.shape[3:] not in ((), (3,)):
            raise UsageError(f"Expected pictures (N, H, W) or (N, H, W, 3) of uint8, got {images.dtype} {images.shape}.")
        try:
            from PIL import Image
        except ImportError as error:
            raise MissingExtraError("Scaling pictures", "cli") from error
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
    """As plain data, ready for JSON."""
    kind = next(name for name, own in KINDS.items() if isinstance(contract, own))
    return {"kind": kind, **dataclasses.asdict(contract)}


def contract_from_dict(values: Mapping[str, Any]) -> AnyContract:
    """The opposite; UsageError for a kind, a name or a value that cannot be."""
    settings = dict(values)
    kind = settings.pop("kind", None)
    if kind not in KINDS:
        raise unknown_name("kind of contract", str(kind), KINDS)
    names = [field.name for field in dataclasses.fields(KINDS[kind])]
    for name in settings:
        if name not in names:
            raise unknown_name("entry of the contract", name, names)
    return KINDS[kind](**settings)


def border_colour(pixels: np.ndarray) -> tuple[int, ...]:
    """The median along the border of pixels (H, W) or (H, W, C), of each channel."""
    channels = pixels.reshape(*pixels.shape[:2], -1)  # (H, W, C)
    border = np.concatenate([channels[0], channels[-1], channels[:, 0], channels[:, -1]])  # (2·(H + W), C)
    return tuple(np.median(border, axis=0).astype(int).tolist())


def pad_picture(picture: PillowImage, size: tuple[int, int], colour: tuple[int, ...]) -> PillowImage:
    """Scale a picture, both sides alike, until it just fits into ``size`` (H, W), centred on a ground of ``colour``."""
    from PIL import Image

    height, width = size
    scale = min(height / picture.height, width / picture.width)
    inner = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    sheet = Image.new(picture.mode, (width, height), colour if picture.mode == "RGB" else colour[0])
    sheet.paste(picture.resize(inner, Image.Resampling.LANCZOS), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return sheet


def check_picture(picture: np.ndarray) -> np.ndarray:
    """One picture (H, W) or (H, W, C) of uint8 as it is; UsageError for anything else."""
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape:
        raise UsageError(f"Expected one picture (H, W) or (H, W, C) of uint8, got {picture.dtype} {picture.shape}.")
    return picture


def to_grey(images: np.ndarray) -> np.ndarray:
    """Pictures (N, H, W[, C]) uint8 as (N, H, W): luminance of RGB; RGBA on white paper.

    Raises:
        UsageError: another number of channels.
    """
    if images.ndim == 3:
        return images
    channels = images.shape[3]
    if channels == 1:
        return images[..., 0]
    if channels not in (3, 4):
        raise UsageError(f"Pictures have 1, 3 or 4 channels (grey, RGB, RGBA), these have {channels}.")
    pixels = images.reshape(-1, channels)  # (n, C)
    result = np.empty(len(pixels), np.uint8)
    for piece in pieces(len(pixels), 50_000):  # as numbers a photo would take five times its own memory, and more time
        # Colour by colour: the last bit of a matrix product depends on where in the array a pixel lies, and on the processor.
        red, green, blue = (pixels[piece, colour] * np.float32(weight) for colour, weight in enumerate(LUMA))
        grey = red + green + blue
        if channels == 4:
            opaque = pixels[piece, 3] / np.float32(255)
            grey = 255 + (grey - 255) * opaque
        result[piece] = np.rint(grey)
    return result.reshape(images.shape[:3])


def reduced(grey: np.ndarray) -> tuple[np.ndarray, int]:
    """Pictures (n, H, W) uint8 of at most ``MOST_PIXELS`` each, (n, H // factor, W // factor), and the factor.

    Larger ones become the means of blocks of factor x factor pixels; up to factor - 1 rows and columns at the end are left out.
    """
    count, height, width = grey.shape
    factor = min(math.ceil(math.sqrt(height * width / MOST_PIXELS)), height, width)
    if factor <= 1:
        return grey, 1
    rows, columns = height // factor, width // factor
    total = np.zeros((count, rows, columns), np.float32)
    for i in range(factor):
        for j in range(factor):
            total += grey[:, i : rows * factor : factor, j : columns * factor : factor]
    return np.rint(total / factor**2).astype(np.uint8), factor


def to_ink(grey: np.ndarray) -> np.ndarray:
    """Pictures (n, H, W) uint8 as light strokes on black, (n, H, W) uint8, each by itself.

    What the ink is compared with is the one ground of the sheet; the ground around each place in uneven light or on lines.
    """
    photos = is_uneven(grey)  # (n,)
    ink = np.empty_like(grey)
    ink[~photos] = normalize_polarity_and_contrast(grey[~photos])
    photos[~photos] = is_lined(ink[~photos], find_ink(ink[~photos]))
    for i in np.flatnonzero(photos):
        ink[i] = even_out(grey[i])
    return ink


def find_strokes(ink: np.ndarray) -> Strokes:
    """Where the strokes are in light strokes on black (n, H, W)."""
    solid = find_ink(ink)  # (n, H, W)
    top, bottom = _extent(np.any(solid, axis=2))  # (n,) each
    left, right = _extent(np.any(solid, axis=1))
    return Strokes(top, bottom, left, right, *_centre_of_mass(np.where(solid, ink, 0)))


def find_ink(ink: np.ndarray) -> np.ndarray:
    """Where there are strokes, (n, H, W) bool: bright pixels with bright surroundings of 3 x 3."""
    return (ink >= INK * 255) & (neighbourhoods(ink) >= AROUND * 9 * 255)


def _extent(has_ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From which to before which place there is ink, (n,) each, for ``has_ink`` (n, size); both 0 where there is none."""
    first = has_ink.argmax(axis=1)
    last = has_ink.shape[1] - has_ink[:, ::-1].argmax(axis=1)
    return first, np.where(has_ink.any(axis=1), last, 0)


def _centre_of_mass(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the mean place, (n,) each, weighted by the values (n, H, W)."""
    rows, columns = grey.sum(axis=2, dtype=np.float64), grey.sum(axis=1, dtype=np.float64)
    mass = np.maximum(rows.sum(axis=1), 1.0)
    return rows @ np.arange(grey.shape[1]) / mass, columns @ np.arange(grey.shape[2]) / mass


def _middle(shape: tuple[int, ...]) -> tuple[float, float]:
    """The place in the middle of so many rows and columns."""
    return (shape[0] - 1) / 2, (shape[1] - 1) / 2


def _resized(
    crop: np.ndarray,
    size: tuple[int, int],
    middle: tuple[float, float],
    centre: tuple[float, float],
    scale: float,
) -> np.ndarray:
    """Strokes (h, w) on a sheet of another size, uint8, the brightest of them white.

    Args:
        crop: (h, w) light strokes on black.
        size: (rows, columns) of the sheet.
        middle: the place on the sheet where ``centre`` of the strokes goes.
        centre: that place among the strokes.
        scale: pixels of the strokes for each of the sheet.
    """
    down = _resampling(size[0], middle[0], centre[0], scale, crop.shape[0])  # (rows, h)
    across = _resampling(size[1], middle[1], centre[1], scale, crop.shape[1])  # (columns, w)
    resized = down @ crop.astype(np.float32) @ across.T  # (rows, columns)
    return np.rint(np.clip(resized * (255.0 / max(resized.max(), 1.0)), 0, 255)).astype(np.uint8)


def _resampling(size: int, middle: float, centre: float, scale: float, inputs: int) -> np.ndarray:
    """The matrix (size, inputs) that makes ``inputs`` values along one axis into ``size``.

    Output i lies at input centre + (i - middle) · scale. It is the mean of the inputs around, weighted by a triangle that
    reaches to the next outputs when shrinking and to the next inputs when enlarging: interpolation without aliasing.
    """
    place = centre + (np.arange(size) - middle) * scale  # (size,)
    reach = max(scale, 1.0)
    weights = _triangle(np.arange(inputs) - place[:, None], reach)  # (size, inputs)
    # The mean divides by what all weights come to, with those beyond the edge, where there is no ink. That is the reach only if
    # it is a whole number; else to divide by the reach would draw a comb into an even stroke.
    around = np.arange(-math.ceil(reach), math.ceil(reach) + 1)
    whole = _triangle(np.rint(place)[:, None] + around - place[:, None], reach).sum(axis=1)  # (size,)
    return (weights / whole[:, None]).astype(np.float32)


def _triangle(distance: np.ndarray, reach: float) -> np.ndarray:
    """1 at distance 0, falling to 0 at ``reach``."""
    return np.maximum(0.0, 1.0 - np.abs(distance) / reach)
