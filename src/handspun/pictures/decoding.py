"""From an image file to 8-bit pixels, upright and on paper. The differences between file formats end here.

Pillow decodes. It may open only a few formats, because for some others it would start programs.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from handspun.engine.memory import chunks
from handspun.errors import DataError, MissingExtraError
from handspun.files.archive import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

#: The largest picture that is decoded. No photograph of one object needs more pixels; a larger file may be a decompression
#: bomb.
MOST_DECODED_PIXELS = 100_000_000

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
"""The suffixes of files that are taken for pictures. Their first bytes decide which format they are."""

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF")
_ORIENTATION = 0x0112  # the EXIF tag; values 5 to 8 mean a quarter turn
_GREY_MODES = ("1", "L", "LA", "I", "F")
_SIMPLE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")


class UnreadablePictureError(Exception):
    """A file is not a picture, or a broken one. The message continues a sentence that begins with the file's name."""


def require_pillow(feature: str) -> None:
    """Raise a ``MissingExtraError`` for the feature unless Pillow is installed."""
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(feature, "cli") from error


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings about odd metadata and large pictures: whatever matters is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def inspect_picture(path: str | os.PathLike[str]) -> tuple[int, int, bool]:
    """Height, width, and whether the picture is stored in shades of grey, without decoding the pixels.

    Raises UnreadablePictureError if it is not a picture or too large, DataError if the file cannot be opened.
    """
    with _opened(path) as file:
        width, height = file.size
        grey = file.mode in _GREY_MODES or file.mode.startswith("I;16")
        # If EXIF was not found by now, Pillow would have to decode the picture to find it. For TIFF, it has turned the size
        # already.
        if "exif" in file.info and file.format != "TIFF":
            try:
                turned = file.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
            except Exception:  # broken metadata can raise anything
                turned = False
            if turned:
                width, height = height, width
        return height, width, grey


def decode_picture(
    source: str | os.PathLike[str] | BinaryIO, *, side: int | None = None, most_pixels: int | None = None
) -> PillowImage:
    """Decode a picture and turn it upright: the first one in the file, 8 bits per channel: grey, RGB or with a palette.

    If ``side`` is the longer side in pixels to which it will be scaled, a large JPEG is decoded at about twice that size at
    most, in a fraction of the time and memory. ``most_pixels`` defaults to ``MOST_DECODED_PIXELS``.

    Raises:
        UnreadablePictureError: the file is not a picture, is broken, or too large.
        DataError: the file cannot be opened.
    """
    from PIL import Image, ImageOps

    with _opened(source, most_pixels) as file:
        if side is not None and min(file.size) >= 4 * side:
            file.draft(None, (2 * side, 2 * side))
        file.load()  # a broken picture fails here; below, only its metadata can
        try:
            picture = ImageOps.exif_transpose(file)
        except Exception:  # broken metadata can raise anything
            picture = file.copy()
        if picture.mode[0] in "IF":
            picture = Image.fromarray(_eight_bits(np.asarray(picture), picture.mode))
        return picture if picture.mode in _SIMPLE_MODES else picture.convert("RGB")


def on_paper(picture: PillowImage, colour: str = "white") -> PillowImage:
    """The picture laid on a sheet of this colour; the picture itself if nothing in it is transparent."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture
    if picture.mode != "RGBA":
        picture = picture.convert("RGBA")
    sheet = Image.new("RGB", picture.size, colour)
    sheet.paste(picture, mask=picture)  # like alpha_composite(), in half the memory
    return sheet


@contextmanager
def _opened(source: str | os.PathLike[str] | BinaryIO, most_pixels: int | None = None) -> Iterator[PillowImage]:
    """Open a file with Pillow, without decoding it. Whatever fails within the block is the picture's fault."""
    from PIL import Image

    most_pixels = MOST_DECODED_PIXELS if most_pixels is None else most_pixels
    try:
        opened = open_regular(source) if isinstance(source, (str, os.PathLike)) else nullcontext(source)
        with opened as stream, Image.open(stream, formats=_FORMATS) as file:
            if file.width * file.height > most_pixels:
                raise UnreadablePictureError(f"has {file.width} × {file.height} pixels; at most {most_pixels:,} are read")
            yield file
    except (DataError, UnreadablePictureError):
        raise
    except Image.DecompressionBombError as error:
        raise UnreadablePictureError(f"has more than {most_pixels:,} pixels, the limit") from error
    except Image.UnidentifiedImageError as error:
        raise UnreadablePictureError("is not an image that can be read (its format is not known)") from error
    except Exception as error:  # Pillow's decoders raise anything for a broken file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadablePictureError(f"is not an image that can be read ({reason})") from error


def _eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Pixels (H, W) of more than 8 bits, scaled to uint8; Pillow itself would clip them at 255."""
    result = np.empty(values.shape, np.uint8)
    flat, target = values.reshape(-1), result.reshape(-1)  # (n,)
    parts = list(chunks(len(flat), 50_000))  # in float64 a photo would take eight bytes per pixel, in several arrays
    tops = (float(np.nan_to_num(flat[part]).max()) for part in parts)
    scale = 255 / (65_535 if mode.startswith("I;16") else max(*tops, 1e-9))
    for part in parts:
        target[part] = np.clip(np.rint(np.nan_to_num(flat[part]) * scale), 0, 255)
    return result
