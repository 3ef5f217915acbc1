"""From an image file to pixels of 8 bits, upright and on paper: what the file formats do differently ends here.

Pillow decodes. It is told which formats may be opened, because for some others it would start programs.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from handspun.engine.memory import pieces
from handspun.errors import DataError, MissingExtraError
from handspun.files.archive import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

#: More pixels than any photograph of one thing needs; more is taken for a decompression bomb.
MOST_PIXELS = 100_000_000

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
"""How the names of files end that are taken for pictures; what they are, their first bytes say."""

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF")
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 are turned by a quarter
_GREY_MODES = ("1", "L", "LA", "I", "F")
_SIMPLE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")


class UnreadablePictureError(Exception):
    """A file is no picture or a broken one; the text is what can be said of it after its name."""


def require_pillow(feature: str) -> None:
    """Raise a ``MissingExtraError`` that names the feature unless Pillow is installed."""
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(feature, "cli") from error


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """No warnings of Pillow's, about odd metadata or large pictures: what matters is an error here, and the rest does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def inspect_picture(path: str | os.PathLike[str]) -> tuple[int, int, bool]:
    """Height, width and whether it is stored as shades of grey, without decoding the pixels.

    Raises:
        UnreadablePictureError: the file is no picture, or too large.
        DataError: the file cannot be opened.
    """
    with _opened(path) as file:
        width, height = file.size
        grey = file.mode in _GREY_MODES or file.mode.startswith("I;16")
        # Where it is not known by now Pillow would have to decode the picture to find the tag; of TIFF it knows already.
        if "exif" in file.info and file.format != "TIFF":
            try:
                turned = file.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
            except Exception:  # whatever broken metadata leads to
                turned = False
            if turned:
                width, height = height, width
        return height, width, grey


def decode_picture(
    source: str | os.PathLike[str] | BinaryIO, *, side: int | None = None, most_pixels: int | None = None
) -> PillowImage:
    """Decode a picture and turn it upright.

    Args:
        source: the path of a file, or an open one.
        most_pixels: that it may have; None for ``MOST_PIXELS``.
        side: the longer side in pixels that the picture will be brought to, if known: a large JPEG is then decoded at no more
            than about twice that, which takes a fraction of the time and of the memory.

    Returns:
        The first picture in the file, of 8 bits a channel: grey, RGB or of a palette, perhaps with transparency.

    Raises:
        UnreadablePictureError: the file is no picture, a broken one, or too large.
        DataError: the file cannot be opened.
    """
    from PIL import Image, ImageOps

    with _opened(source, most_pixels) as file:
        if side is not None and min(file.size) >= 4 * side:
            file.draft(None, (2 * side, 2 * side))
        file.load()  # a broken picture shows itself here; what fails below is its metadata
        try:
            picture = ImageOps.exif_transpose(file)
        except Exception:  # whatever broken metadata leads to
            picture = file.copy()
        if picture.mode[0] in "IF":
            picture = Image.fromarray(_eight_bits(np.asarray(picture), picture.mode))
        return picture if picture.mode in _SIMPLE_MODES else picture.convert("RGB")


def on_paper(picture: PillowImage, colour: str = "white") -> PillowImage:
    """A picture as it looks on a sheet of this colour; the same picture where nothing of it is transparent."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture
    if picture.mode != "RGBA":
        picture = picture.convert("RGBA")
    sheet = Image.new("RGB", picture.size, colour)
    sheet.paste(picture, mask=picture)  # as alpha_composite() does it, in half the memory
    return sheet


@contextmanager
def _opened(source: str | os.PathLike[str] | BinaryIO, most_pixels: int | None = None) -> Iterator[PillowImage]:
    """The file as Pillow sees it before decoding; what goes wrong until the end of the block is the picture's fault."""
    from PIL import Image

    most_pixels = MOST_PIXELS if most_pixels is None else most_pixels
    try:
        opened = open_regular(source) if isinstance(source, (str, os.PathLike)) else nullcontext(source)
        with opened as stream, Image.open(stream, formats=_FORMATS) as file:
            if file.width * file.height > most_pixels:
                raise UnreadablePictureError(f"has {file.width} × {file.height} pixels; at most {most_pixels:,} are read")
            yield file
    except (DataError, UnreadablePictureError):
        raise
    except Image.DecompressionBombError as error:
        raise UnreadablePictureError(f"has more pixels than the {most_pixels:,} that are read at most") from error
    except Image.UnidentifiedImageError as error:
        raise UnreadablePictureError("is not an image that can be read (its format is not known)") from error
    except Exception as error:  # whatever Pillow's decoders come upon in a broken file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadablePictureError(f"is not an image that can be read ({reason})") from error


def _eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Pixels (H, W) of more than 8 bits as uint8; Pillow itself would cut them off at 255."""
    result = np.empty(values.shape, np.uint8)
    flat, target = values.reshape(-1), result.reshape(-1)  # (n,)
    runs = list(pieces(len(flat), 50_000))  # as float64 a photo would take eight bytes a pixel, several times over
    tops = (float(np.nan_to_num(flat[run]).max()) for run in runs)
    scale = 255 / (65_535 if mode.startswith("I;16") else max(*tops, 1e-9))
    for run in runs:
        target[run] = np.clip(np.rint(np.nan_to_num(flat[run]) * scale), 0, 255)
    return result
