"""A data set in one NumPy archive (``.npz``), in one of three common layouts.

- ``x_train, y_train`` and perhaps ``x_test, y_test``: Keras' ``mnist.npz``;
- ``images, labels`` and perhaps ``test_images, test_labels``;
- ``x, y``.

In each layout an array ``classes`` of text may name the classes.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from handspun.data.dataset import Dataset, Split, numbered_classes
from handspun.errors import DataError
from handspun.files.archive import LIMIT_BYTES, NAMELESS, read_arrays

_LAYOUTS = (
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("images", "labels"), ("test_images", "test_labels")),
    (("x", "y"), None),
)


def read_numpy_dataset(source: Path | io.BytesIO, *, limit_bytes: int = LIMIT_BYTES) -> Dataset:
    """Read a data set from an ``.npz`` file, given its path or its content. Raises DataError if that fails.

    Integer images become uint8 if all values are from 0 to 255, and labels (N, 1) become (N,).
    """
    arrays = read_arrays(source, limit_bytes=limit_bytes)
    path = source if isinstance(source, Path) else Path(NAMELESS)
    for train_names, test_names in _LAYOUTS:
        if set(train_names) & set(arrays):
            train = _split(path, arrays, train_names)
            test = _split(path, arrays, test_names) if test_names and set(test_names) & set(arrays) else None
            classes = _classes(path, arrays["classes"]) if "classes" in arrays else numbered_classes(train, test)
            return Dataset(path.name, train, test, classes, str(path), "unknown")
    held = ", ".join(arrays)[:200] or "none"
    raise DataError(f"{path} holds the arrays {held}; expected x_train and y_train, images and labels, or x and y.")


def _split(path: Path, arrays: dict[str, np.ndarray], names: tuple[str, str]) -> Split:
    for name in names:
        if name not in arrays:
            raise DataError(f'{path} lacks the array "{name}".')
    images, labels = (arrays[name] for name in names)
    # Check the range before the cast: 256 would become a black pixel.
    if images.dtype.kind in "iu" and images.size and images.min() >= 0 and images.max() <= 255:
        images = images.astype(np.uint8, copy=False)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    try:
        return Split(images, labels)
    except DataError as fault:
        raise DataError(f'{path}, arrays "{names[0]}" and "{names[1]}": {fault}') from fault


def _classes(path: Path, names: np.ndarray) -> tuple[str, ...]:
    if names.ndim == 1 and names.dtype.kind == "U":
        return tuple(str(name) for name in names)
    raise DataError(f'{path}, array "classes": expected names (K,) as text, got {names.dtype} {names.shape}.')
