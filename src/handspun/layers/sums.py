"""The precision of sums over a picture or over many features."""

import math

import numpy as np

#: The most values that are added up in their own precision: a picture of 32 x 32. The float32 sum of many equal values loses a
#: digit for every factor of ten; with a million values its third digit is wrong.
FEW = 1024


def sum_type(x: np.ndarray, few: int = FEW) -> type[np.float64] | None:
    """The type in which to add up the values of each feature and picture of a batch x (N, D) or (N, C, H, W).

    None, for that of x itself, up to ``few`` pixels; float64 for larger pictures.
    """
    return np.float64 if math.prod(x.shape[2:]) > few else None
