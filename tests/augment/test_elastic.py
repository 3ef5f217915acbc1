"""Elastic deformation: the statistics of the random field."""

import math

import numpy as np
import pytest

from handspun import Augmentation
from handspun.augment.elastic import gaussians
from random_pictures import rng


@pytest.mark.parametrize("sigma", [2.0, 4.0, 7.0])
def test_the_field_has_its_deviation_and_smoothness_everywhere(sigma):
    basis = gaussians(28, sigma)
    covariance = basis @ basis.T  # along one axis; the field's is the product of both
    np.testing.assert_allclose(np.diag(covariance), 1, rtol=1e-12)
    distance = np.arange(28)[:, None] - np.arange(28)
    # The grid ends near the border, so the field is a little stiffer there.
    np.testing.assert_allclose(covariance, np.exp(-(distance**2) / (4 * sigma**2)), atol=0.02)
    inner = slice(10, 18)
    np.testing.assert_allclose(covariance[inner, inner], np.exp(-(distance**2) / (4 * sigma**2))[inner, inner], atol=0.01)


def test_smoothed_noise_of_simard_has_the_same_correlation():
    sigma, size = 3.0, 64
    kernel = np.exp(-(np.arange(-15, 16) ** 2) / (2 * sigma**2))
    noise = rng().uniform(-1, 1, (3000, size + 30))
    smooth = np.apply_along_axis(np.convolve, 1, noise, kernel, mode="valid")
    measured = np.corrcoef(smooth.T)[size // 2]
    expected = gaussians(size, sigma) @ gaussians(size, sigma)[size // 2]
    np.testing.assert_allclose(measured, expected, atol=0.08)


def test_displacements_have_the_requested_deviation():
    ramp = np.broadcast_to(np.arange(0, 240, 6, dtype=np.uint8)[:, None], (2000, 40, 40)).copy()  # each value tells its row
    moved = Augmentation(elastic=1.5, fill="edge")(ramp, rng()).astype(float) / 6 - np.arange(40)[:, None]
    inner = moved[:, 10:30]
    assert abs(inner.mean()) < 0.06
    assert abs(inner.std() - 1.5) < 0.05
    steps = np.diff(inner, axis=2)  # the slope of the field has the deviation α / (σ √2)
    assert abs(steps.std() - 1.5 / (4 * math.sqrt(2))) < 0.05
