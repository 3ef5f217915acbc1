"""A data set is images with labels, as stored: a training split, perhaps a test split, and names for the classes.

Pixels stay ``uint8``, as in the file; they become floats one batch at a time (see ``batches``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handspun.checks import plain_array
from handspun.errors import DataError, UsageError
from handspun.pictures.contract import AnyContract
from handspun.pictures.inputs import are_finite

#: No data set of images has more classes; a larger label is probably another kind of number.
MOST_CLASSES = 65_536


def hash_arrays(*arrays: np.ndarray | None) -> str:
    """SHA-256, in hex, of the type, shape and bytes of each array in turn."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    Attributes:
        images: (N, H, W), (N, H, W, C) or (N, D); ``uint8`` from 0 to 255, or finite floats on any scale.
        labels: (N,) integers from 0, or ``None`` if they are not known.

    Raises:
        DataError: on construction, if the arrays are of another kind or differ in length.
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        for name, array in (("Images", images), ("Labels", labels)):
            if isinstance(array, np.ma.MaskedArray):
                plain_array(name, array)  # a UsageError: the mask would be lost
        if not isinstance(images, np.ndarray) or not 2 <= images.ndim <= 4:
            raise DataError(f"Images must be an array (N, H, W), (N, H, W, C) or (N, D), not {_kind(images)}.")
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise DataError(f"Images must be uint8 (0 to 255) or floats, not {images.dtype}; convert them first.")
        if 0 in images.shape[1:]:
            raise DataError(f"Images of shape {images.shape[1:]} have no pixels.")
        if not are_finite(images):
            raise DataError("Images must be finite numbers; these hold NaN or infinity.")
        if labels is None:
            return
        if not isinstance(labels, np.ndarray) or labels.ndim != 1:
            raise DataError(f"Labels must be an array (N,), one class number per image, not {_kind(labels)}.")
        if labels.dtype.kind not in "iu":
            names = labels.dtype.kind in "USO"
            how = "classes, labels = np.unique(names, return_inverse=True)" if names else "labels.astype(int)"
            raise DataError(f"Labels must be integers, not {labels.dtype}; convert them: {how}.")
        if len(labels) != len(images):
            raise DataError(f"There are {len(images)} images but {len(labels)} labels.")
        if labels.size and labels.min() < 0:
            raise DataError(f"Labels count from 0, but there is a label {labels.min()}.")

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: np.ndarray) -> Split:
        """A copy of the images at ``indices`` (M,), in that order. Raises UsageError for anything but indices in range."""
        indices = plain_array("Indices", indices)
        if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
            raise UsageError(f"Indices must be integers (M,), not {_kind(indices)}.")
        indices = indices.astype(np.intp)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise UsageError(f"Indices must lie from 0 to {len(self) - 1}.")
        return Split(self.images[indices], None if self.labels is None else self.labels[indices])

    @cached_property
    def content_hash(self) -> str:
        """SHA-256, in hex, of type, shape and bytes of images and labels. Computed once: do not change the arrays later."""
        return hash_arrays(self.images, self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training split, perhaps a test split, and their description.

    Attributes:
        name: the name of the data set.
        train: the images to learn from.
        test: the images to evaluate on, of the same shape; ``None`` if there are none.
        classes: the name of each label, by number.
        source: where the images come from.
        license: the terms of use.
        notes: what the user should know about the images: some were left out, some are duplicates, ….
        contract: the contract that all images meet; None if unknown.

    Raises:
        DataError: on construction, if the splits do not fit each other or the classes.
    """

    name: str
    train: Split
    test: Split | None
    classes: tuple[str, ...]
    source: str
    license: str
    notes: tuple[str, ...] = ()
    contract: AnyContract | None = None

    def __post_init__(self) -> None:
        for part, split in (("train", self.train), ("test", self.test)):
            if not isinstance(split, Split) and (part == "train" or split is not None):
                raise UsageError(f"{part} must be a Split, such as Split(images, labels), not {type(split).__name__}.")
        if isinstance(self.classes, str) or not all(isinstance(name, str) for name in self.classes):
            raise UsageError(f'classes must be names, such as ("cat", "dog"), got {self.classes!r}.')
        if not len(self.train):
            raise DataError(f"{self.name}: there are no images.")
        if len(self.classes) != len(set(self.classes)) or not self.classes:
            raise DataError(f"{self.name}: each class needs its own name, but the names are {self.classes}.")
        for part, split in (("training", self.train), ("test", self.test)):
            if split is None:
                continue
            if split.images.shape[1:] != self.image_shape:
                raise DataError(
                    f"{self.name}: the {part} images have shape {split.images.shape[1:]}, "
                    f"the training images {self.image_shape}."
                )
            if (split.images.dtype == np.uint8) != (self.train.images.dtype == np.uint8):
                raise DataError(
                    f"{self.name}: the {part} images are {split.images.dtype}, the training images {self.train.images.dtype}: "
                    "either both must be uint8 pixels or both floats on one scale."
                )
            if split.labels is not None and split.labels.size and split.labels.max() >= len(self.classes):
                raise DataError(
                    f"{self.name}: there is a {part} label {split.labels.max()}, "
                    f"but the {len(self.classes)} classes have the labels 0 to {len(self.classes) - 1}."
                )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image: (H, W), (H, W, C) or (D,)."""
        return self.train.images.shape[1:]


def numbered_classes(*splits: Split | None) -> tuple[str, ...]:
    """The names "0", "1", … for labels without names, up to the largest label of any split."""
    largest = int(max((s.labels.max() for s in splits if s and s.labels is not None and s.labels.size), default=0))
    if largest >= MOST_CLASSES:
        raise DataError(
            f"There is a label {largest}; labels number the classes from 0, and at most {MOST_CLASSES:,} classes are allowed."
        )
    return tuple(str(label) for label in range(largest + 1))


def _kind(value: object) -> str:
    """The type of a value, for a message."""
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
