"""Random generators and pictures for tests."""

import numpy as np


def rng(seed=0):
    return np.random.default_rng(seed)


def pictures(count=5, shape=(9, 12, 3), seed=1):
    return rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
