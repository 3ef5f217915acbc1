"""From an image file to pixels, optionally in the size and polarity that a network was trained on."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np

from handspun.errors import DataError, UsageError
from handspun.pictures.decoding import UnreadablePictureError, decode_picture, on_paper, quiet_pillow, require_pillow
from handspun.pictures.scaling import border_colour, pad_picture

#: Anything lighter than this is invisible on white paper.
INVISIBLE = 224


def read_picture(path: str | os.PathLike[str], shape: tuple[int, ...]) -> np.ndarray:
    """Read a PNG, JPEG or other image file as grey pixels (H, W) uint8, light strokes on black, as in MNIST.

    Transparent pixels become white paper, or black paper if light strokes would be invisible on white. A picture with a light
    border is inverted. A picture of another size is scaled, keeps its proportions, and is centred. ``shape`` is (H, W),
    (1, H, W), or (H·W,) of a square.

    Raises:
        DataError: the file is missing, broken, too large or not an image.
        UsageError: ``shape`` is not that of grey images.
        MissingExtraError: Pillow is not installed.
    """
    height, width = _grey_shape(shape)
    require_pillow("Reading pictures")
    from PIL import ImageOps

    try:
        with quiet_pillow():
            picture = decode_picture(path)
            grey = on_paper(picture, "white").convert("L")
    except UnreadablePictureError as error:
        raise DataError(f"{path} {error}.") from error
    if np.asarray(grey).min() >= INVISIBLE:
        grey = on_paper(picture, "black").convert("L")
    (ground,) = border_colour(np.asarray(grey))
    if ground > 127:
        grey, ground = ImageOps.invert(grey), 255 - ground
    if grey.size != (width, height):
        grey = pad_picture(grey, (height, width), (ground,))
    return np.asarray(grey)  # (H, W)


def read_pixels(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a PNG, JPEG or other image file unchanged, as input for a contract: (H, W) or (H, W, 3), uint8, upright.

    Transparent pixels become white paper, or black paper if light strokes would be invisible on white.

    Raises:
        DataError: the file is missing, broken, too large or not an image.
        MissingExtraError: Pillow is not installed.
    """
    require_pillow("Reading pictures")
    try:
        return decode_pixels(path)
    except UnreadablePictureError as error:
        raise DataError(f"{path} {error}.") from error


def decode_pixels(source: str | os.PathLike[str] | BinaryIO, *, most_pixels: int | None = None) -> np.ndarray:
    """The same as ``read_pixels``, also for an open file, and with another limit on the number of pixels.

    Raises UnreadablePictureError if it is not a picture, broken or too large, DataError if the file cannot be opened.
    """
    with quiet_pillow():
        picture = decode_picture(source, most_pixels=most_pixels)
        seen = on_paper(picture, "white")
        if picture.has_transparency_data and np.asarray(seen.convert("L")).min() >= INVISIBLE:
            del seen  # a large photo should not be in memory three times
            seen = on_paper(picture, "black")
        del picture
        return np.asarray(seen if seen.mode in ("L", "RGB") else seen.convert("RGB"))


def _grey_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) == 3 and shape[0] == 1:
        return shape[1], shape[2]
    side = round(shape[0] ** 0.5)
    if len(shape) == 1 and side * side == shape[0]:
        return side, side
    raise UsageError(f"The model takes inputs of shape {shape}, which are not grey images.")
