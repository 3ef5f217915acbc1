"""Elastic deformation: a smooth random field moves every pixel, as if the paper were stretched in places.

Source: Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis"
(ICDAR 2003). They draw a random number for each pixel and axis, smooth the numbers with a Gaussian of σ pixels and multiply
them by α.

White noise smoothed by a Gaussian of σ is a random field whose values at a distance d have the correlation exp(−d² / 4σ²). Such
a field needs no noise at each pixel: Gaussians of the same σ at the nodes u of a coarse grid, each with its own normal
coefficient c, give

    d(y, x) = Σ_jk c_jk g(y − u_j) g(x − u_k),    E d(p) d(q) = Σ_jk (g g)(p − u) (g g)(q − u),

and with nodes 1.25 σ apart this sum differs from the integral, which is that correlation, by 0.4 % along each axis (Poisson's
summation formula). For 28 × 28 pixels and σ = 4 it takes 10 × 10 numbers instead of 784 and a smoothing. At each pixel the
squares of the Gaussians are scaled to sum to 1, so the standard deviation of the field is exact everywhere, also at the border.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

#: The distance between nodes, and how far they extend beyond the picture, in σ.
SPACING, MARGIN = 1.25, 2.0


@lru_cache(maxsize=32)
def gaussians(size: int, sigma: float) -> np.ndarray:
    """The Gaussian of each node at each pixel of one axis, (size, nodes) read-only; each row has length 1."""
    length = size - 1 + 2 * MARGIN * sigma
    nodes = np.linspace(-MARGIN * sigma, size - 1 + MARGIN * sigma, math.ceil(length / (SPACING * sigma)) + 1)
    basis = np.exp(-((np.arange(size)[:, None] - nodes) ** 2) / (2 * sigma**2))
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    basis.flags.writeable = False
    return basis
