"""Clipping bounds a gradient."""

import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.optimization.clipping import ClipNorm, ClipValue


def test_clip_norm_shrinks_only_long_gradients():
    g = np.array([3.0, -4.0])
    ClipNorm(1.0)(g, 5.0)
    np.testing.assert_allclose(g, [0.6, -0.8], rtol=1e-15)
    short = np.array([0.3, 0.4])
    ClipNorm(1.0)(short, 0.5)
    assert short.tolist() == [0.3, 0.4]


def test_clip_value_cuts_each_component():
    g = np.array([3.0, -4.0, 0.5, -1.0])
    ClipValue(1.0)(g, float(np.linalg.norm(g)))
    assert g.tolist() == [1.0, -1.0, 0.5, -1.0]


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf, True, "1", None, [1.0]])
@pytest.mark.parametrize("kind", [ClipNorm, ClipValue])
def test_clip_needs_a_limit_above_zero(kind, limit):
    with pytest.raises(UsageError, match="limit"):
        kind(limit)
