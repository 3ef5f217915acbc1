"""What is changed at random, by how much, and in which order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from handspun.augment.affine import affine, powers
from handspun.augment.crop import mirror_and_crop
from handspun.augment.cutout import cut_out
from handspun.augment.elastic import gaussians
from handspun.augment.noise import add_noise
from handspun.augment.resample import resample
from handspun.augment.thickness import change_thickness
from handspun.engine.memory import pieces
from handspun.errors import UsageError, unknown_name

FILLS = ("zero", "edge")

#: Pixels that are changed at once: what they need stays in a cache of 1 MiB, and little memory goes to a large batch.
PIXELS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Augmentation:
    """Random changes of pictures, drawn anew for each of them. With nothing set, nothing is changed.

    In this order: the thickness of strokes; mirroring, scale, shear, rotation, elastic deformation, crop and shift, by one
    bilinear interpolation (none where only mirroring and crop are set); noise; cut-out.

    Attributes:
        shift: at most so many pixels along each axis, uniform, fractions included.
        rotation: at most so many degrees either way, uniform.
        scale: a share: 0.1 draws factors from 0.9 to 1.1, uniform.
        shear: at most so many degrees by which upright lines lean either way, uniform.
        elastic: the standard deviation in pixels of the displacement along each axis, normal (Simard, Steinkraus and Platt
            2003, whose α = 34 with σ = 4 is 1.4 pixels). On 28 × 28, 0.5 to 1 looks like handwriting; 2 cannot be read.
        elastic_sigma: σ of the Gaussian that smooths the displacements, in pixels, at least 0.5.
        thickness: light strokes reach further or less far by at most so many pixels on each side, uniform.
        noise: the standard deviation of Gaussian noise, of 255.
        cutout: the side in pixels of a square that is hidden (DeVries and Taylor 2017); 0 hides nothing.
        flip: mirror left and right in one of two pictures. Digits and letters are no longer themselves then.
        crop: lay a border of so many pixels around the picture and cut the old size out of it anywhere.
        fill: what comes in from outside: "zero", or "edge" for the nearest pixel.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    elastic_sigma: float = 4.0
    thickness: float = 0.0
    noise: float = 0.0
    cutout: int = 0
    flip: bool = False
    crop: int = 0
    fill: str = "zero"

    def __post_init__(self) -> None:
        """UsageError for a value that cannot be meant."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not _fits(value, str(field.type)):
                raise UsageError(f"Augmentation: {field.name} must be {_KINDS[str(field.type)]}, got {value!r}.")
        for name, limit, unit in (
            ("scale", 1, "a share below 1"),
            ("rotation", 180.1, "degrees up to 180"),
            ("shear", 90, "degrees below 90"),
        ):
            if getattr(self, name) >= limit:
                raise UsageError(f"Augmentation: {name} is {unit}, got {getattr(self, name)!r}.")
        if self.elastic_sigma < 0.5:
            raise UsageError(f"Augmentation: elastic_sigma must be at least 0.5 pixels, got {self.elastic_sigma!r}.")
        if self.fill not in FILLS:
            raise unknown_name("fill", self.fill, FILLS)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "augmentation") -> Augmentation:
        """An augmentation from plain data; UsageError for a name or a value that cannot be, naming ``where`` it stands."""
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                raise unknown_name(f"setting in {where}:", name, names)
        try:
            return cls(**values)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None

    def as_dict(self) -> dict[str, Any]:
        """As plain data, ready for JSON."""
        return dataclasses.asdict(self)

    def __call__(self, images: np.ndarray, rng: np.random.Generator, out: np.ndarray | None = None) -> np.ndarray:
        """Change ``images`` (n, H, W) or (n, H, W, C), uint8, at random.

        What comes out depends on the images and the state of ``rng`` only. Nothing is kept from call to call, so threads may
        share an augmentation, though not a generator.

        Args:
            images: the pictures; they stay as they are.
            rng: what to draw from.
            out: an array of the same shape to write to, apart from ``images``; None for a new one.

        Returns:
            ``out``.

        Raises:
            UsageError: images or ``out`` of another type or shape, or in the same memory.
        """
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape[1:]:
            told = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
            raise UsageError(f"Augmentation changes uint8 images (n, H, W) or (n, H, W, C), got {told}.")
        if out is None:
            out = np.empty(images.shape, np.uint8)
        elif out.dtype != np.uint8 or out.shape != images.shape:
            raise UsageError(f"out must be uint8 {images.shape}, as the images are, got {out.dtype} {out.shape}.")
        elif np.may_share_memory(images, out):
            raise UsageError("out lies in the memory of the images, which are to stay as they are.")
        source, target = (images, out) if images.ndim == 4 else (images[..., None], out[..., None])  # (n, H, W, C)
        for piece in pieces(len(images), max(1, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))):
            self._change(source[piece], rng, target[piece])
        return out

    def _change(self, images: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
        """Write the changed ``images`` (n, H, W, C) into ``out``."""
        count, height, width, _ = images.shape
        if self.thickness:
            change_thickness(images, rng.uniform(-self.thickness, self.thickness, count), out)
            images = out
        if self.shift or self.rotation or self.scale or self.shear or self.elastic:
            self._deform(images, rng, out)
        elif self.flip or self.crop:
            mirror_and_crop(images, self._draw_mirror(rng, count), self._draw_crop(rng, count), self.crop, out, fill=self.fill)
        elif images is not out:
            np.copyto(out, images)
        if self.noise:
            add_noise(out, self.noise, rng, out)
        if self.cutout:
            cut_out(out, rng.integers(0, [[height], [width]], (2, count)), self.cutout)

    def _draw_mirror(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Which pictures are mirrored, (n,) bool."""
        return rng.random(count) < 0.5 if self.flip else np.zeros(count, np.bool_)

    def _draw_crop(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Where within its border each picture is cut out, (2, n)."""
        return rng.integers(0, 2 * self.crop, (2, count), endpoint=True)

    def _deform(self, images: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
        """All that moves pixels, by one interpolation."""
        count, height, width, _ = images.shape
        mirror = self._draw_mirror(rng, count)
        down, right = self.crop - self._draw_crop(rng, count) + rng.uniform(-self.shift, self.shift, (2, count))
        rotation, growth, shear = rng.uniform(-1, 1, (3, count))
        places = affine(
            (height, width),
            count,
            rotation=self.rotation * rotation,
            scale=1 + self.scale * growth,
            shear=self.shear * shear,
            shift=(down, right),
            mirror=mirror,
        )  # (2, 2, n, 2)
        if not self.elastic:
            resample(images, places, _basis(height, None), _basis(width, None), out, fill=self.fill)
            return
        rows, columns = _basis(height, self.elastic_sigma), _basis(width, self.elastic_sigma)  # (H, J), (W, K)
        coefficients = np.zeros((2, rows.shape[1], count, columns.shape[1]), np.float32)
        coefficients[:, :2, :, :2] = places
        field = rng.standard_normal((2, rows.shape[1] - 2, count, columns.shape[1] - 2), dtype=np.float32)
        np.multiply(field, self.elastic, out=coefficients[:, 2:, :, 2:])
        resample(images, coefficients, rows, columns, out, fill=self.fill)


@lru_cache(maxsize=32)
def _basis(size: int, sigma: float | None) -> np.ndarray:
    """1, the pixel's number, and the Gaussians if ``sigma`` is given, (size, 2 or more) float32; not to be written to."""
    parts = [powers(size)] if sigma is None else [powers(size), gaussians(size, sigma)]
    basis = np.concatenate(parts, axis=1, dtype=np.float32)
    basis.flags.writeable = False
    return basis


_KINDS = {
    "float": "a finite number that is not negative",
    "int": "a whole number that is not negative",
    "bool": "true or false",
    "str": "a name",
}


def _fits(value: Any, kind: str) -> bool:
    """Whether ``value`` is what ``_KINDS`` says of the annotated type of a field."""
    if kind in ("bool", "str") or isinstance(value, bool):
        return isinstance(value, {"bool": bool, "str": str}.get(kind, ()))
    number = isinstance(value, int) or (kind == "float" and isinstance(value, float))
    return number and 0 <= value < math.inf
