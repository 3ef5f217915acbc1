"""A convolution computes what its definition says."""

import numpy as np
import pytest

from handspun.layers import Conv2D
from handspun.layers.conv2d import convolve_by_definition
from handspun.networks.sequential import Sequential

NONE = ((0, 0), (0, 0))
CASES = [
    ("plain", {}, NONE),
    ("stride", {"stride": (2, 3)}, NONE),
    ("padding", {"padding": (2, 1)}, ((2, 2), (1, 1))),
    ("same", {"padding": "same"}, ((1, 1), (0, 1))),
    ("same-stride", {"padding": "same", "stride": 2}, ((1, 1), (0, 1))),
    ("dilation", {"dilation": (2, 3)}, NONE),
    ("groups", {"groups": 2}, NONE),
    ("all", {"groups": 2, "stride": (2, 1), "padding": (3, 2), "dilation": (3, 2)}, ((3, 3), (2, 2))),
]


def as_pair(value):
    return value if isinstance(value, tuple) else (value, value)


@pytest.mark.parametrize(("settings", "padding"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
def test_conv2d_equals_its_definition(settings, padding, bias):
    network = Sequential([Conv2D(6, (3, 2), bias=bias, **settings)], (4, 7, 8), dtype=np.float64)
    rng = np.random.default_rng(0)
    network.parameters.vector[...] = rng.normal(size=network.parameters.vector.size)
    x = rng.normal(size=(3, 4, 7, 8))
    expected = convolve_by_definition(
        x,
        network.parameters["conv2d1.weight"],
        network.parameters["conv2d1.bias"] if bias else np.zeros(6),
        stride=as_pair(settings.get("stride", 1)),
        padding=padding,
        dilation=as_pair(settings.get("dilation", 1)),
        groups=settings.get("groups", 1),
    )
    y = network.logits(x)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)


def test_the_definition_adds_up_as_by_hand():
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    weight = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 1, 2)  # (O, kh, C, kw)
    y = convolve_by_definition(x, weight, np.array([0.5]), stride=(1, 2))
    # The window at row 1, column 2 is 6, 7 above 10, 11.
    assert y.tolist() == [[[[5410.5, 7632.5], [9854.5, 12076.5]]]]
