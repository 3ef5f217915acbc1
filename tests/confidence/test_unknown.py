"""Pictures of other things are what they are called, the same each time, and counted rightly."""

import numpy as np
import pytest

from handspun import UsageError
from handspun.confidence.unknown import (
    LETTERS,
    LOOKALIKES,
    MEASURED_FONTS,
    SIDE,
    TEACHING_FONTS,
    UNKNOWN,
    Kind,
    draw_blank,
    draw_clouds,
    draw_letters,
    draw_noise,
    draw_scribbles,
    evaluate_unknown,
    kinds_for,
)
from handspun.evaluation.metrics import wilson_interval
from handspun.networks.answers import Answers

DRAWN = [draw_blank, draw_noise, draw_clouds, draw_scribbles]


@pytest.mark.parametrize("draw", DRAWN)
def test_the_seed_decides_what_is_drawn(draw):
    first, again, other = (draw(6, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.dtype == np.uint8
    assert len(first) == 6
    assert (first == again).all()
    assert all((a != b).any() for a, b in zip(first, other, strict=True))


def test_blank_sheets_are_even_or_slightly_uneven():
    sheets = draw_blank(40, np.random.default_rng(0)).astype(int)
    ranges = np.ptp(sheets, axis=(1, 2))
    assert (ranges[:20] == 0).all()
    assert (ranges[20:] > 0).all()
    assert ranges.max() < 100
    assert np.ptp(sheets[:20, 0, 0]) > 150, "of any grey"


def test_pixels_of_noise_are_independent_and_those_of_clouds_are_not():
    def neighbours(images):
        values = images.astype(float) - images.mean()
        return (values[:, :, 1:] * values[:, :, :-1]).mean() / (values**2).mean()

    assert abs(neighbours(draw_noise(50, np.random.default_rng(0)))) < 0.02
    assert neighbours(draw_clouds(50, np.random.default_rng(0))) > 0.7


def test_scribbles_are_light_strokes_on_black():
    pictures = draw_scribbles(30, np.random.default_rng(0))
    assert pictures.shape == (30, SIDE, SIDE)
    ink = (pictures > 127).mean(axis=(1, 2))
    assert ink.min() > 0.02
    assert ink.max() < 0.6
    assert (pictures[:, [0, -1]] == 0).all(), "nothing leaves the sheet"
    grey = ((pictures > 0) & (pictures < 255)).mean(axis=(1, 2))
    assert (grey < 0.5 * (pictures > 0).mean(axis=(1, 2)) + 0.1).all(), "only the edge of a stroke is grey"


def test_letters_are_dark_on_white_centred_and_all_different():
    pytest.importorskip("PIL")
    pytest.importorskip("matplotlib")
    pictures = draw_letters(MEASURED_FONTS[:2], "ABCo")
    assert pictures.shape == (8, SIDE, SIDE)
    assert len({picture.tobytes() for picture in pictures}) == 8
    for picture in pictures:
        rows, columns = np.nonzero(picture < 128)
        assert (picture == 255).mean() > 0.5
        assert abs(rows.min() + rows.max() - SIDE) <= 3
        assert abs(columns.min() + columns.max() - SIDE) <= 3
    # An o is a ring: as wide as high, and white in its middle.
    ring = np.argwhere(pictures[3] < 128)
    assert abs(np.subtract(*np.ptp(ring, axis=0))) <= 4
    assert pictures[3][SIDE // 2, SIDE // 2] == 255


def test_fonts_for_training_and_measuring_differ():
    assert len(set(MEASURED_FONTS)) == 12
    assert not set(MEASURED_FONTS) & set(TEACHING_FONTS)
    assert set(LOOKALIKES) < set(LETTERS)


def test_every_kind_can_be_drawn():
    pytest.importorskip("PIL")
    pytest.importorskip("matplotlib")
    counts = {kind.name: len(kind.draw()) for kind in UNKNOWN}
    assert counts == {"blank": 200, "noise": 1000, "scribbles": 1000, "letters": 624, "other letters": 624 - 12 * 15}


class Bright:
    """Knows what is brighter than 200, and takes for empty what is black."""

    def answer(self, images):
        level = images.max(axis=(1, 2))
        verdict = np.where(level == 0, "empty", np.where(level > 200, "known", "unknown"))
        return Answers(np.zeros((len(images), 2)), level.astype(np.intp), level.astype(float), verdict)


def test_rates_are_counted_by_hand():
    levels = np.array([0, 10, 150, 240, 250], np.uint8)
    kind = Kind("levels", "five levels", lambda: np.tile(levels[:, None, None], (1, 3, 3)))
    (row,) = evaluate_unknown(Bright(), lambda images: images, [kind])
    assert row.as_dict() == {
        "name": "levels",
        "what": "five levels",
        "images": 5,
        "false_accept_rate": 0.4,
        "false_accept_rate_interval_95": list(wilson_interval(2, 5)),
        "empty_rate": 0.2,
    }
    (darker,) = evaluate_unknown(Bright(), lambda images: images // 2, [kind])
    assert darker.rate == 0.0


def test_a_kind_without_pictures_is_refused():
    with pytest.raises(UsageError, match="nothing: there are no pictures"):
        evaluate_unknown(Bright(), lambda images: images, [Kind("nothing", "", lambda: np.zeros((0, 3, 3), np.uint8))])


def test_a_model_is_not_shown_its_own_classes():
    digits, all_names = "0123456789", [kind.name for kind in UNKNOWN]
    assert [kind.name for kind in kinds_for(digits)] == all_names
    assert [kind.name for kind in kinds_for(["plane", "bird"])] == all_names[:-1], "no letter looks like a plane"
    assert [kind.name for kind in kinds_for(["A", "b"])] == all_names[:-2]
