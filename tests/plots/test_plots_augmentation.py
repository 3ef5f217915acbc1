"""The grids of augmented and distorted images show what they were given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from figures import images_in

from handspun import UsageError, plots
from handspun.plots.style import png_bytes


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def batch(count=5, shape=(12, 12), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(12, 12), (10, 14, 3)])
def test_each_image_is_above_its_changed_versions(shape):
    before, after = batch(shape=shape), np.stack([batch(shape=shape, seed=1), batch(shape=shape, seed=2)])
    figure = plots.augmentation_grid(before, after, count=4)
    shown = images_in(figure)
    assert len(shown) == 3 * 4
    for row, expected in enumerate((before, *after)):
        for column in range(4):
            assert (shown[4 * row + column] == expected[column]).all()
    boxes = [image.get_extent() for image in figure.axes[0].images]
    assert [box[0] for box in boxes[:4]] == [box[0] for box in boxes[4:8]]  # below each other
    assert boxes[0][2] < boxes[4][2] < boxes[8][2]
    assert texts(figure)[0] == "4 images, augmented"
    assert "below each image: 2 random changes of it" in texts(figure)
    assert [text for text in texts(figure) if text in ("before", "after")] == ["before", "after"]


def test_a_single_image_and_change_are_described_as_one():
    figure = plots.augmentation_grid(batch(1), batch(1, seed=1))
    assert texts(figure)[:2] == ["One image, augmented", "below each image: a random change"]
    assert len(images_in(figure)) == 2


def test_versions_have_names_and_notes():
    clean = batch()
    figure = plots.version_grid({"clean": clean, "inverted": 255 - clean}, {"inverted": "dark on white"}, ink=False)
    assert texts(figure)[:2] == ["5 images in 2 versions", "each column is one image"]
    assert texts(figure)[2:] == ["clean", "inverted", "dark on white"]
    shown = images_in(figure)
    assert (shown[7] == 255 - clean[2]).all()


def test_all_versions_share_one_scale():
    faint = np.full((2, 8, 8), 90, np.uint8)
    figure = plots.version_grid({"clean": batch(2, (8, 8)), "faint": faint}, {})
    assert {image.get_clim() for image in figure.axes[0].images} == {(0.0, 255.0)}


def test_the_same_grid_has_the_same_bytes():
    one, other = (png_bytes(plots.augmentation_grid(batch(), batch(seed=1))) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("after", [batch(4), batch(5, (12, 11)), np.zeros((0, 5, 12, 12), np.uint8)])
def test_other_shapes_after_augmentation_are_refused(after):
    with pytest.raises(UsageError, match="do not match"):
        plots.augmentation_grid(batch(), after)


def test_versions_of_different_shapes_are_refused():
    with pytest.raises(UsageError, match=r"All versions need the same shape; there are \(4, 12, 12\), \(5, 12, 12\)"):
        plots.version_grid({"a": batch(), "b": batch(4)}, {})
    with pytest.raises(UsageError, match="there are none"):
        plots.version_grid({}, {})
    with pytest.raises(UsageError, match="count must be a whole number above 0, got 0"):
        plots.version_grid({"a": batch()}, {}, count=0)
