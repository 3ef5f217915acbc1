"""Weights, filters and feature maps are drawn on the right scale."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from figures import random_images, texts

from handspun import plots


def test_each_filter_is_drawn_with_its_weights():
    filters = np.random.default_rng(3).normal(0, 1, (3, 4, 1, 5))  # (O, kh, C, kw)
    images = plots.filter_images(filters).axes[0].images
    for number in range(3):
        np.testing.assert_allclose(images[number].get_array(), filters[number, :, 0, :])
    rgb = np.random.default_rng(3).normal(0, 1, (2, 4, 3, 5))
    limit = np.quantile(np.abs(rgb), 0.998)
    shown = plots.filter_images(rgb).axes[0].images[1].get_array()
    np.testing.assert_allclose(shown, np.clip(0.5 + rgb[1].transpose(0, 2, 1) / (2 * limit), 0, 1))


def test_feature_maps_show_each_channel_on_the_scale_of_its_layer():
    image = random_images(1)[0]
    maps = {"conv2d1": np.random.default_rng(4).normal(0, 1, (3, 6, 6)), "relu1": np.random.default_rng(4).random((5, 3, 3))}
    picture, *shown = plots.feature_maps(image, maps, channels=4).axes[0].images
    np.testing.assert_array_equal(picture.get_array(), image)
    for drawn, expected in zip(shown, [*maps["conv2d1"], *maps["relu1"][:4]], strict=True):
        np.testing.assert_array_equal(drawn.get_array(), expected)
    largest = np.abs(maps["conv2d1"]).max()
    assert {drawn.get_clim() for drawn in shown[:3]} == {(-largest, largest)}
    assert {drawn.get_clim() for drawn in shown[3:]} == {(0.0, maps["relu1"].max())}


def test_weights_are_shown_on_a_scale_around_zero():
    weight = np.random.default_rng(5).normal(0.02, 0.1, (12, 7))
    weight[0, 0] = 9
    figure = plots.weight_images(weight, (3, 4), count=5)
    *cells, bar = figure.axes[0].images
    assert len(cells) == 5
    for unit, cell in enumerate(cells):
        np.testing.assert_array_equal(cell.get_array(), weight[:, unit].reshape(3, 4))
    (limits,) = {cell.get_clim() for cell in cells}
    assert limits[0] == -limits[1] < 0
    assert bar.get_clim() == limits
    said = texts(figure)
    assert "First-layer weights, the first 5 of 7 units" in said
    assert {f"≥ {limits[1]:.2g}", f"≤ −{limits[1]:.2g}"} <= set(said)


def test_rgb_weights_are_centred_on_grey():
    weight = np.array([[-1.0], [0.0], [1.0]])
    (cell, _bar) = plots.weight_images(weight, (1, 1, 3)).axes[0].images
    np.testing.assert_allclose(cell.get_array().ravel(), [0, 0.5, 1], atol=0.002)


def test_weights_of_zero_can_be_drawn():
    figure = plots.weight_images(np.zeros((4, 1)), (2, 2))
    assert figure.axes[0].images[0].get_clim() == (-1, 1)
