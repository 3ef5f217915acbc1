"""What the files of a data set hold, before anything is understood.

Each reader of a format gives a ``Found``: numbers as they are stored, labels of any kind, and what only the files can tell.
``understanding.py`` makes a ``Dataset`` of it, the same way for every format.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handspun.pictures.contract import AnyContract


@dataclass(eq=False)
class Part:
    """Images and labels as stored.

    Attributes:
        images: (N, H, W), (N, H, W, C), (N, C, H, W) or (N, D); numbers of any type, on any scale.
        labels: (N,), (N, 1), one-hot (N, K), or QMNIST's (N, 8); whole numbers of any type, letters or words. None if unknown.
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(eq=False)
class Found:
    """The content of the files of a data set.

    Attributes:
        name: the name of the data set.
        source: the path or address that it comes from.
        train: the images to learn from; all of them if nothing tells them apart.
        test: the images to evaluate on; None if there are none.
        split: where the split comes from, such as 'folders "training" and "testing"'; "" without a test.
        classes: the names of the labels 0, 1, …, if the files give them.
        labels: where the labels come from, such as 'last column' or 'column "digit"'; "" if that is obvious.
        orientation: "transposed" if the source is known to store columns first, as EMNIST does; None if unknown.
        range: what the smallest and the largest stored number mean, (black, white), if the files say so; None if unknown.
        contract: the contract that all images meet, if known.
        left_out: what was left out, and why, a sentence each.
        notes: what else the user should know, a sentence each.
        license: the terms of use.
    """

    name: str
    source: str
    train: Part
    test: Part | None = None
    split: str = ""
    classes: tuple[str, ...] | None = None
    labels: str = ""
    orientation: str | None = None
    range: tuple[float, float] | None = None
    contract: AnyContract | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    license: str = "unknown"
