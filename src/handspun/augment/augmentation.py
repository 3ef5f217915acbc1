"""Random changes of pictures: what is changed, by how much, and in which order."""

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
from handspun.checks import byte_pictures, number_in
from handspun.engine.memory import chunks
from handspun.errors import UsageError, unknown_name

FILLS = ("zero", "edge")

#: Settings that must stay below a limit: a share of 1, degrees.
_BELOW = {"scale": 1, "rotation": 181, "shear": 90}

#: Pixels that are changed at once: their intermediate results fit into a cache of 1 MiB, and a large batch needs little memory.
PIXELS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Augmentation:
    """Random changes of pictures, drawn separately for each picture. By default nothing changes.

    The order is: thickness of strokes; mirroring, scale, shear, rotation, elastic deformation, crop and shift, by one bilinear
    interpolation (by none if only mirroring and crop are set); noise; cutout. Pictures can move by fractions of a pixel.

    Attributes:
        shift: the largest shift along each axis, in pixels; uniform.
        rotation: the largest rotation either way, in degrees; uniform.
        scale: the largest change of size, as a share: 0.1 draws factors from 0.9 to 1.1; uniform.
        shear: the largest angle by which upright lines lean either way, in degrees; uniform.
        elastic: the standard deviation of the displacement along each axis, in pixels; normal (Simard, Steinkraus and Platt
            2003, whose α = 34 with σ = 4 is 1.4 pixels). At 28 × 28, 0.5 to 1 looks like handwriting; 2 is unreadable.
        elastic_sigma: σ of the Gaussian that smooths the displacements, in pixels, at least 0.5.
        thickness: how much thicker or thinner light strokes become on each side at most, in pixels; uniform.
        noise: the standard deviation of Gaussian noise, on the scale in which white is 255.
        cutout: the side of a square that is hidden, in pixels (DeVries and Taylor 2017); 0 hides nothing.
        flip: mirror left and right in half of the pictures. Do not use it for digits and letters.
        crop: add a border of this many pixels and crop the old size at a random place.
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
        """Raise a UsageError for an invalid value."""
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if field.type == "float":
                number_in("Augmentation", name, value, 0.5 if name == "elastic_sigma" else 0, _BELOW.get(name, math.inf))
            elif field.type == "int" and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0):
                raise UsageError(f"Augmentation: {name} must be a whole number that is not negative, got {value!r}.")
        if not isinstance(self.flip, bool):
            raise UsageError(f"Augmentation: flip must be true or false, got {self.flip!r}.")
        if self.fill not in FILLS:
            raise unknown_name("fill", str(self.fill), FILLS)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "augmentation") -> Augmentation:
        """An augmentation from plain data. Raises UsageError for an unknown name or invalid value, and says ``where`` it is."""
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                raise unknown_name(f"setting in {where}:", name, names)
        try:
            return cls(**values)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain data, ready for JSON."""
        return dataclasses.asdict(self)

    def __call__(self, images: np.ndarray, rng: np.random.Generator, out: np.ndarray | None = None) -> np.ndarray:
        """Change pictures at random.

        The result depends only on the images and the state of ``rng``. A call leaves no state behind, so threads may share an
        augmentation, but not a generator.

        Args:
            images: (n, H, W) or (n, H, W, C), uint8. They are not changed.
            rng: the source of randomness.
            out: an array of the same shape to write to, in other memory than ``images``; None for a new one.

        Returns:
            ``out``.

        Raises:
            UsageError: images or ``out`` have another type or shape, or share memory.
        """
        images = byte_pictures("Augmentation", images)
        if not isinstance(rng, np.random.Generator):
            raise UsageError(f"Augmentation: rng must be a generator, such as numpy.random.default_rng(0), got {rng!r}.")
        if out is None:
            out = np.empty(images.shape, np.uint8)
        elif byte_pictures("out", out) is not out or out.shape != images.shape or not out.flags.writeable:
            raise UsageError(f"out must be a writeable uint8 array {images.shape}, like the images, not {out.shape}.")
        elif np.may_share_memory(images, out):
            raise UsageError("out shares the memory of the images, which must not change: give another array.")
        source, target = (images, out) if images.ndim == 4 else (images[..., None], out[..., None])  # (n, H, W, C)
        for chunk in chunks(len(images), max(1, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))):
            with np.errstate(under="ignore"):  # far from a node, its Gaussian is 0
                self._change(source[chunk], rng, target[chunk])
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
        """The first row and column of each crop in the bordered picture, (2, n)."""
        return rng.integers(0, 2 * self.crop, (2, count), endpoint=True)

    def _deform(self, images: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
        """Apply everything that moves pixels, by one interpolation."""
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
    """1, the pixel's index, and the Gaussians if ``sigma`` is given: (size, 2 or more) float32, read-only."""
    parts = [powers(size)] if sigma is None else [powers(size), gaussians(size, sigma)]
    basis = np.concatenate(parts, axis=1, dtype=np.float32)
    basis.flags.writeable = False
    return basis
