"""From an image file to pixels of the size and polarity that a network was trained on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from handspun.archive import open_regular
from handspun.errors import DataError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

#: More pixels than any photograph of a digit has; more is taken for a decompression bomb.
MOST_PIXELS = 100_000_000

#: Nothing on white paper that is lighter than this can be seen.
INVISIBLE = 224


def read_picture(path: str | os.PathLike[str], shape: tuple[int, ...]) -> np.ndarray:
    """Read a PNG, JPEG or other image file as grey pixels (H, W) uint8, light strokes on a dark ground like MNIST's.

    Transparency counts as white paper, or as black paper where light strokes would not show on white; a picture with a
    light border is inverted, and another size is scaled, both sides alike, and centred on the ground.

    Args:
        path: the file.
        shape: (H, W), or (H·W,) of a square.

    Raises:
        DataError: the file is missing, broken, too large or no image.
        UsageError: the network does not take grey images.
        MissingExtraError: Pillow is not installed.
    """
    height, width = _grey_shape(shape)
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise MissingExtraError("Reading pictures", "cli") from error
    try:
        with open_regular(path) as stream, Image.open(stream) as file:
            if file.width * file.height > MOST_PIXELS:
                raise DataError(f"{path} has {file.width} × {file.height} pixels; at most {MOST_PIXELS:,} are read.")
            picture = ImageOps.exif_transpose(file)
            if picture.mode[0] in "IF":
                picture = Image.fromarray(_eight_bits(np.asarray(picture), picture.mode))
            picture = picture.convert("RGBA")
    except DataError:
        raise
    except Exception as error:  # whatever Pillow's decoders come upon in a broken file
        raise DataError(f"{path} is not an image that can be read ({error}).") from error
    grey = _on_paper(picture, "white")
    if np.asarray(grey).min() >= INVISIBLE:
        grey = _on_paper(picture, "black")
    border = np.concatenate(_borders(np.asarray(grey)))
    if np.median(border) > 127:
        grey = ImageOps.invert(grey)
        border = 255 - border
    if grey.size != (width, height):
        grey = ImageOps.pad(grey, (width, height), method=Image.Resampling.LANCZOS, color=int(np.median(border)))
    return np.asarray(grey)  # (H, W)


def _on_paper(picture: PillowImage, colour: str) -> PillowImage:
    from PIL import Image

    return Image.alpha_composite(Image.new("RGBA", picture.size, colour), picture).convert("L")


def _eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Pixels (H, W) of more than 8 bits as uint8; Pillow itself would cut them off at 255."""
    values = np.nan_to_num(values)
    top = 65_535 if mode.startswith("I;16") else max(float(values.max()), 1e-9)
    return np.clip(np.rint(values * (255 / top)), 0, 255).astype(np.uint8)


def _borders(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    return pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]


def _grey_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) == 2:
        return shape[0], shape[1]
    side = round(shape[0] ** 0.5)
    if len(shape) == 1 and side * side == shape[0]:
        return side, side
    raise UsageError(f"The model takes inputs of shape {shape}, which are not grey images.")
