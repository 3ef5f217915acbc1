"""From an image file to pixels of the size and polarity that a network was trained on."""

from __future__ import annotations

import os

import numpy as np

from handspun.errors import DataError, MissingExtraError, UsageError

#: More pixels than any photograph of a digit has; more is taken for a decompression bomb.
MOST_PIXELS = 100_000_000


def read_picture(path: str | os.PathLike[str], shape: tuple[int, ...]) -> np.ndarray:
    """Read a PNG, JPEG or other image file as grey pixels (H, W) uint8, light strokes on a dark ground like MNIST's.

    Transparency counts as white paper, a picture with a light border is inverted, and another size is scaled, both sides
    alike, and centred on the ground.

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
        with Image.open(path) as file:
            if file.width * file.height > MOST_PIXELS:
                raise DataError(f"{path} has {file.width} × {file.height} pixels; at most {MOST_PIXELS:,} are read.")
            picture = ImageOps.exif_transpose(file).convert("RGBA")
    except FileNotFoundError:
        raise DataError(f"No such file: {path}") from None
    except DataError:
        raise
    except Exception as error:  # whatever Pillow's decoders come upon in a broken file
        raise DataError(f"{path} is not an image that can be read ({error}).") from error
    paper = Image.new("RGBA", picture.size, "white")
    grey = Image.alpha_composite(paper, picture).convert("L")
    border = np.concatenate(_borders(np.asarray(grey)))
    if np.median(border) > 127:
        grey = ImageOps.invert(grey)
        border = 255 - border
    if grey.size != (width, height):
        grey = ImageOps.pad(grey, (width, height), method=Image.Resampling.LANCZOS, color=int(np.median(border)))
    return np.asarray(grey)  # (H, W)


def _borders(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    return pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]


def _grey_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) == 2:
        return shape[0], shape[1]
    side = round(shape[0] ** 0.5)
    if len(shape) == 1 and side * side == shape[0]:
        return side, side
    raise UsageError(f"The model takes inputs of shape {shape}, which are not grey images.")
