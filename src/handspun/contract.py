"""From a person's picture to what a network was trained on.

MNIST's digits were all made alike: light strokes on black, the longer side of the digit 20 pixels, its centre of mass in the
middle of 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998, Proc. IEEE 86(11), section III.A). A network that learned from them
expects that of every picture, and what a person draws somewhere on a sheet is none of it. A contract writes down what is
expected, as data that goes into the model file, and brings any picture to it: ``Contract`` for strokes, ``PictureContract`` for
photos and other pictures that are only scaled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from handspun.errors import MissingExtraError, UsageError, unknown_name
from handspun.memory import pieces
from handspun.normalize import neighbourhoods, normalize_polarity_and_contrast

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

FITS = ("resize", "pad")

#: The weights of red, green and blue in grey: Rec. ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)

#: Ink is what has this share of white, in the pixel itself and, for the most part, around it: the grain of a photo has not.
INK, AROUND = 0.25, 0.2


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
            result[piece] = self._apply(normalize_polarity_and_contrast(to_grey(images[piece])))
        return result

    def _apply(self, grey: np.ndarray) -> np.ndarray:
        """The same for light strokes on black, (n, H, W)."""
        result = np.zeros((len(grey), self.side, self.side), np.uint8)
        ink = _ink(grey)  # (n, H, W)
        top, bottom = _extent(np.any(ink, axis=2))  # (n,) each
        left, right = _extent(np.any(ink, axis=1))
        longer = np.maximum(bottom - top, right - left)
        some = longer > 0
        row, column = _centre_of_mass(np.where(ink, grey, 0))
        middle = self.side // 2
        placed = np.maximum(np.abs(row - middle), np.abs(column - middle)) <= self.tolerance
        if grey.shape[1:] == (self.side, self.side):
            fits = some & placed & (np.abs(longer - self.box) <= self.tolerance)
            result[fits] = grey[fits]
        else:
            fits = np.zeros(len(grey), bool)
        for i in np.flatnonzero(some & ~fits):
            scale = longer[i] / self.box
            # Only the strokes: what grain there is elsewhere stays behind.
            rows, columns = slice(top[i], bottom[i]), slice(left[i], right[i])
            down = _resampling(self.side, middle, row[i] - top[i], scale, bottom[i] - top[i])  # (side, h)
            across = _resampling(self.side, middle, column[i] - left[i], scale, right[i] - left[i])  # (side, w)
            resized = down @ grey[i, rows, columns].astype(np.float32) @ across.T
            result[i] = np.rint(np.clip(resized * (255.0 / max(resized.max(), 1.0)), 0, 255))
        return result


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
    grey = images[..., :3].astype(np.float32) @ np.asarray(LUMA, np.float32)
    if channels == 4:
        opaque = images[..., 3] / np.float32(255)
        grey = 255 + (grey - 255) * opaque
    return np.rint(grey).astype(np.uint8)


def _ink(grey: np.ndarray) -> np.ndarray:
    """Where there are strokes, (n, H, W) bool: bright pixels with bright surroundings of 3 x 3."""
    return (grey >= INK * 255) & (neighbourhoods(grey) >= AROUND * 9 * 255)


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


def _resampling(size: int, middle: float, centre: float, scale: float, inputs: int) -> np.ndarray:
    """The matrix (size, inputs) that makes ``inputs`` values along one axis into ``size``.

    Output i lies at input centre + (i - middle) · scale. It is the mean of the inputs around, weighted by a triangle that
    reaches to the next outputs when shrinking and to the next inputs when enlarging: interpolation without aliasing.
    """
    place = centre + (np.arange(size) - middle) * scale  # (size,)
    reach = max(scale, 1.0)
    distance = np.abs(np.arange(inputs) - place[:, None])  # (size, inputs)
    return (np.maximum(0.0, 1.0 - distance / reach) / reach).astype(np.float32)
