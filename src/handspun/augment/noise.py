"""Gaussian noise on every pixel."""

from __future__ import annotations

import numpy as np

from handspun.augment.scratch import scratch


def add_noise(images: np.ndarray, deviation: float, rng: np.random.Generator, out: np.ndarray) -> None:
    """Add noise to ``images`` (n, …) uint8, clip at 0 and 255, and write the result into ``out``, perhaps ``images``.

    ``deviation`` is the standard deviation of the noise, on the scale in which white is 255.
    """
    noise = rng.standard_normal(dtype=np.float32, out=scratch("noise", images.shape, np.float32))
    noise *= deviation
    noise += images
    np.clip(noise, 0, 255, out=noise)
    noise += 0.5  # casting truncates
    np.copyto(out, noise, casting="unsafe")
