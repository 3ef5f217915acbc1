"""Contracts: from any picture to the kind that a network was trained on."""

import json

import numpy as np
import pytest

from handspun import load_dataset
from handspun.errors import ModelFileError, UsageError
from handspun.networks import modelfile
from handspun.networks.architectures import mlp
from handspun.pictures.contract import Contract, PictureContract, contract_as_dict, contract_from_dict
from handspun.pictures.grey import LUMA, reduced, to_grey

CONTRACT = Contract()


@pytest.fixture(scope="module")
def digits():
    split = load_dataset("mnist-5k").test
    return split.images


def strokes(height, width, *boxes):
    """A black picture with white rectangles (top, bottom, left, right)."""
    picture = np.zeros((height, width), np.uint8)
    for top, bottom, left, right in boxes:
        picture[top:bottom, left:right] = 255
    return picture


def extent(picture, level=128):
    rows, columns = np.flatnonzero((picture >= level).any(axis=1)), np.flatnonzero((picture >= level).any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def centre(picture):
    values = picture.astype(float)
    return tuple(float(np.sum(np.indices(picture.shape)[axis] * values) / values.sum()) for axis in (0, 1))


def test_digits_that_fit_the_contract_do_not_change(digits):
    brought = CONTRACT(digits)
    unchanged = (brought == digits).all(axis=(1, 2))
    assert unchanged.mean() > 0.99
    # In the others, the longer side is not 20 pixels without the faintest ink.
    assert np.abs(brought[~unchanged].astype(int) - digits[~unchanged]).mean() < 30


def test_converting_twice_equals_converting_once(digits):
    moved = np.roll(np.pad(digits[:200], ((0, 0), (10, 30), (20, 5))), 7, axis=1)
    once = CONTRACT(moved)
    np.testing.assert_array_equal(CONTRACT(once), once)


def test_a_moved_digit_comes_back_pixel_by_pixel(digits):
    clean = CONTRACT(digits[:200])
    canvas = np.zeros((200, 90, 120), np.uint8)
    rng = np.random.default_rng(1)
    for i, (row, column) in enumerate(zip(rng.integers(0, 62, 200), rng.integers(0, 92, 200), strict=True)):
        canvas[i, row : row + 28, column : column + 28] = clean[i]
    back = CONTRACT(canvas).astype(int)
    # Moved by a fraction of a pixel and scaled to exactly 20 pixels: edges may differ, strokes may not.
    difference = np.abs(back - clean).mean(axis=(1, 2))
    assert np.median(difference) < 8
    assert difference.max() < 20


def test_dark_on_light_equals_light_on_dark(digits):
    np.testing.assert_array_equal(CONTRACT(255 - digits[:300]), CONTRACT(digits[:300]))


def test_less_contrast_gives_the_same_up_to_rounding(digits):
    grey = np.rint(90 + 0.3 * digits[:300].astype(float)).astype(np.uint8)
    difference = np.abs(CONTRACT(grey).astype(int) - CONTRACT(digits[:300]))
    assert np.median(difference.max(axis=(1, 2))) <= 12


SHEETS = [
    (height, width, round(10 * factor), max(3, round(4 * factor)))
    for height, width in ((28, 28), (280, 280), (600, 1000), (20, 400), (14, 14))
    for factor in (0.5, 1, 3, 6.5)
    if round(10 * factor) <= height
]


@pytest.mark.parametrize(("height", "width", "tall", "wide"), SHEETS)
def test_strokes_of_any_size_fill_the_box_and_are_centred(height, width, tall, wide):
    for top, left in ((0, 0), ((height - tall) // 2, (width - wide) // 3), (height - tall, width - wide)):
        (result,) = CONTRACT(strokes(height, width, (top, top + tall, left, left + wide))[None])
        first, last, before, after = extent(result)
        assert abs((last - first) - 20) <= 1
        assert abs((after - before) - 20 * wide / tall) <= 1.5
        np.testing.assert_allclose(centre(result), (14, 14), atol=0.51)
        assert result.max() == 255


def test_the_centre_of_mass_is_in_the_middle():
    heavy_below = strokes(100, 100, (20, 60, 48, 52), (50, 60, 30, 70))
    (result,) = CONTRACT(heavy_below[None])
    np.testing.assert_allclose(centre(result), (14, 14), atol=0.5)
    first, last, _, _ = extent(result)
    assert abs((first + last) / 2 - 14) > 2


def test_grain_beside_the_strokes_is_removed(digits):
    rng = np.random.default_rng(2)
    clean = digits[:100]
    grainy = np.clip(clean + np.maximum(rng.normal(0, 40, clean.shape), 0), 0, 255).astype(np.uint8)
    canvas = np.maximum(rng.normal(0, 30, (100, 120, 90)), 0).astype(np.uint8)
    canvas[:, 50:78, 10:38] = np.maximum(canvas[:, 50:78, 10:38], grainy)
    for result, expected in zip(CONTRACT(canvas), CONTRACT(clean), strict=True):
        np.testing.assert_allclose(extent(result), extent(expected), atol=3)


@pytest.mark.parametrize("value", [0, 17, 128, 255])
@pytest.mark.parametrize("shape", [(28, 28), (50, 40), (50, 40, 3)])
def test_an_empty_sheet_becomes_an_empty_picture(value, shape):
    result = CONTRACT(np.full((2, *shape), value, np.uint8))
    np.testing.assert_array_equal(result, np.zeros((2, 28, 28)))


def test_colours_become_luminance_and_transparency_white():
    pixel = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]]], np.uint8)
    np.testing.assert_array_equal(to_grey(pixel), [[[76, 150, 29, 18]]])
    clear = np.array([[[[0, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 128]]]], np.uint8)
    np.testing.assert_array_equal(to_grey(clear), [[[255, 0, 127]]])
    np.testing.assert_array_equal(to_grey(np.full((1, 2, 2, 1), 7, np.uint8)), np.full((1, 2, 2), 7))


@pytest.mark.parametrize("channels", [3, 4])
def test_luminance_in_chunks_equals_luminance_at_once(channels):
    pixels = np.random.default_rng(3).integers(0, 256, (2, 300, 201, channels), np.uint8)  # more than one chunk
    red, green, blue = (pixels[..., colour] * np.float32(weight) for colour, weight in enumerate(LUMA))
    grey = red + green + blue
    if channels == 4:
        grey = 255 + (grey - 255) * (pixels[..., 3] / np.float32(255))
    np.testing.assert_array_equal(to_grey(pixels), np.rint(grey))


def test_pictures_are_converted_one_by_one_and_not_changed(digits):
    pictures = np.pad(digits[:40], ((0, 0), (3, 30), (20, 0)))
    before = pictures.copy()
    together = CONTRACT(pictures)
    np.testing.assert_array_equal(pictures, before)
    for i in range(40):
        np.testing.assert_array_equal(CONTRACT(pictures[i : i + 1])[0], together[i])


# Step by step ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("shape", [(28, 28), (90, 120), (90, 120, 3)])
def test_the_last_stage_equals_the_result_of_a_call(shape, inverted, digits):
    for digit in digits[:20]:
        picture = np.zeros(shape[:2], np.uint8)
        picture[-28:, :28] = digit
        picture = 255 - picture if inverted else picture
        if len(shape) == 3:
            picture = np.repeat(picture[..., None], 3, axis=2)
        stages = CONTRACT.stages(picture)
        np.testing.assert_array_equal(stages.image, CONTRACT(picture[None])[0])
        grey = picture if picture.ndim == 2 else picture[..., 0]
        np.testing.assert_array_equal(stages.grey, grey)
        np.testing.assert_array_equal(stages.ink[-28:, :28], digit)
        top, bottom, left, right = extent(stages.ink, 64)
        np.testing.assert_allclose([*stages.rows, *stages.columns], [top, bottom, left, right], atol=1)
        np.testing.assert_array_equal(stages.crop, stages.ink[slice(*stages.rows), slice(*stages.columns)])
        assert abs(max(stages.scaled.shape) - 20) <= 1
        assert stages.centre == pytest.approx(centre(np.where(stages.ink > 64, stages.ink, 0)), abs=0.5)


def test_scaled_strokes_are_the_crop_in_the_size_of_the_box():
    picture = strokes(200, 300, (20, 120, 30, 60))  # 100 x 30: scaled to 20 x 6
    stages = CONTRACT.stages(picture)
    assert (stages.rows, stages.columns) == ((20, 120), (30, 60))
    assert stages.centre == (69.5, 44.5)
    np.testing.assert_array_equal(stages.crop, np.full((100, 30), 255))
    assert stages.scaled.shape == (20, 6)
    assert stages.scaled[1:-1, 1:-1].min() == 255
    np.testing.assert_array_equal(stages.scaled, stages.scaled[::-1, ::-1])


@pytest.mark.parametrize("side", [21, 25, 27, 30, 43, 150, 211])
def test_even_ink_stays_even_at_any_scale(side):
    (scaled,) = CONTRACT(strokes(280, 280, (20, 20 + side, 30, 30 + side))[None])
    inside = scaled[5:-5, 5:-5]  # the box is 20 of 28 pixels; half of each pixel at its edge is ink
    np.testing.assert_array_equal(inside, np.full((18, 18), 255, np.uint8))
    np.testing.assert_array_less(100, scaled[4, 5:-5])
    assert not scaled[:4].any()


def test_strokes_that_fit_the_box_are_not_scaled(digits):
    stages = CONTRACT.stages(digits[0])
    np.testing.assert_array_equal(stages.image, digits[0])
    np.testing.assert_array_equal(stages.scaled, digits[0][slice(*stages.rows), slice(*stages.columns)])


def test_the_stages_of_an_empty_sheet_are_empty():
    stages = CONTRACT.stages(np.full((30, 40, 4), 200, np.uint8))
    assert (stages.rows, stages.columns, stages.centre) == ((0, 0), (0, 0), (0.0, 0.0))
    assert stages.crop.shape == stages.scaled.shape == (0, 0)
    assert not stages.ink.any()
    assert not stages.image.any()


def test_stages_take_one_picture():
    for picture in (np.zeros((28, 28)), np.zeros((2, 3, 4, 1), np.uint8), np.zeros((0, 4), np.uint8)):
        with pytest.raises(UsageError, match="one uint8 picture"):
            CONTRACT.stages(picture)


def test_large_pictures_are_reduced_first(digits):
    enlarged = np.pad(digits[7], 20).repeat(40, axis=0).repeat(40, axis=1)[:-13, :-39]  # 2707 x 2681
    stages = CONTRACT.stages(enlarged)
    assert stages.factor == 2
    np.testing.assert_array_equal(stages.grey, np.pad(digits[7], 20).repeat(20, axis=0).repeat(20, axis=1)[:-7, :-20])
    np.testing.assert_array_equal(stages.image, CONTRACT(enlarged[None])[0])
    assert np.abs(stages.image.astype(int) - CONTRACT(digits[7:8].repeat(20, axis=1).repeat(20, axis=2))[0]).max() <= 2
    assert CONTRACT.stages(enlarged[:700, :2000]).factor == 1


def test_a_reduced_picture_holds_the_means_of_blocks(monkeypatch):
    picture = np.random.default_rng(0).integers(0, 256, (2, 17, 23)).astype(np.uint8)
    monkeypatch.setattr("handspun.pictures.grey.REDUCE_ABOVE", 17 * 23 // 9 + 1)
    result, factor = reduced(picture)
    assert factor == 3
    expected = [[[block[3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean() for j in range(7)] for i in range(5)] for block in picture]
    assert np.abs(result - np.array(expected)).max() <= 0.5
    line, factor = reduced(picture[:, :1])
    assert factor == 1
    np.testing.assert_array_equal(line, picture[:, :1])


# Invalid values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((2, 28, 28)), "uint8"),
        (np.zeros((28, 28), np.uint8), "uint8"),
        (np.zeros((1, 0, 28), np.uint8), "uint8"),
        (np.zeros((1, 8, 8, 2), np.uint8), "1, 3 or 4 channels"),
    ],
)
def test_other_arrays_are_refused(images, says):
    with pytest.raises(UsageError, match=says):
        CONTRACT(images)


@pytest.mark.parametrize(
    "values", [{"side": 0}, {"box": 29}, {"box": 0}, {"side": 28.0}, {"tolerance": -1}, {"tolerance": "1"}, {"side": 10**6}]
)
def test_invalid_contracts_are_refused(values):
    with pytest.raises(UsageError, match="Contract"):
        contract_from_dict({"kind": "strokes", **values})


def test_an_unknown_entry_is_named():
    with pytest.raises(UsageError, match='"bax"; did you mean "box"'):
        contract_from_dict({"kind": "strokes", "bax": 3})
    with pytest.raises(UsageError, match="Unknown kind of contract"):
        contract_from_dict({"box": 3})


@pytest.mark.parametrize(
    "make", [list, np.asfortranarray, lambda a: a[:, ::-1][:, ::-1], lambda a: a.astype(object).astype("u1")]
)
def test_arrays_of_every_kind_are_converted_alike(digits, make):
    np.testing.assert_array_equal(CONTRACT(make(digits[:5])), CONTRACT(digits[:5]))


def test_arrays_that_would_lose_information_are_refused(digits):
    for contract in (CONTRACT, PictureContract(4, 4)):
        with pytest.raises(UsageError, match="masked array would lose its mask"):
            contract(np.ma.masked_array(digits, digits > 9))
        with pytest.raises(UsageError, match="complex numbers cannot be used"):
            contract(digits[:2] * 1j)
        for wrong in (digits[:2].astype(np.uint16), digits[:2] > 9, np.uint8(3), digits[0].tolist()):
            with pytest.raises(UsageError, match=r"contract takes uint8 pictures \(N, H, W\)"):
                contract(wrong)


@pytest.mark.parametrize("value", [1j, np.complex64(1), "1", None, True, np.nan, -1, [1]])
@pytest.mark.parametrize("name", ["side", "box", "tolerance"])
def test_settings_that_are_not_numbers_are_refused(name, value):
    with pytest.raises(UsageError, match=f"Contract: {name} must be a"):
        Contract(**{name: value})


def test_no_pictures_give_no_pictures():
    assert CONTRACT(np.zeros((0, 5, 6), np.uint8)).shape == (0, 28, 28)


# Picture contracts -----------------------------------------------------------------------------------------------


@pytest.fixture
def photos():
    return np.random.default_rng(3).integers(0, 256, (3, 40, 60, 3)).astype(np.uint8)


def test_pictures_are_scaled_like_pillow(photos):
    image = pytest.importorskip("PIL.Image")
    result = PictureContract(24, 32)(photos)
    for own, photo in zip(result, photos, strict=True):
        np.testing.assert_array_equal(own, image.fromarray(photo).resize((32, 24), image.Resampling.LANCZOS))
    grey = PictureContract(24, 32, colour=False)(photos)
    assert grey.shape == (3, 24, 32)
    np.testing.assert_array_equal(grey[1], image.fromarray(photos[1]).convert("L").resize((32, 24), image.Resampling.LANCZOS))


def test_pictures_of_the_right_size_do_not_change(photos):
    pytest.importorskip("PIL")
    np.testing.assert_array_equal(PictureContract(40, 60)(photos), photos)
    np.testing.assert_array_equal(PictureContract(40, 60, colour=False)(photos[..., 0]), photos[..., 0])


def test_padding_keeps_the_proportions(photos):
    pytest.importorskip("PIL")
    framed = np.full((1, 20, 40, 3), (10, 200, 90), np.uint8)
    framed[0, 5:15, 10:30] = 255
    (result,) = PictureContract(32, 32, fit="pad")(framed)
    assert (result[:8] == (10, 200, 90)).all()
    assert (result[-8:] == (10, 200, 90)).all()
    assert result[16, 16].tolist() == [255, 255, 255]


@pytest.mark.parametrize("values", [{"height": 0}, {"width": 10**6}, {"fit": "crop"}, {"colour": 1}, {"height": 3.0}])
def test_invalid_picture_contracts_are_refused(values):
    with pytest.raises(UsageError, match=r"PictureContract|fit"):
        contract_from_dict({"kind": "pictures", "height": 4, "width": 4, **values})


@pytest.mark.parametrize("own", [Contract(32, 24), PictureContract(5, 6, colour=False, fit="pad")])
def test_a_contract_survives_as_plain_data(own):
    assert contract_from_dict(json.loads(json.dumps(contract_as_dict(own)))) == own


def test_a_model_file_keeps_the_contract(tmp_path):
    own = Contract(side=32, box=24, tolerance=0.5)
    network = mlp(1024, [3], 2)
    network.contract = own
    modelfile.save(network, tmp_path / "with.npz")
    assert modelfile.load(tmp_path / "with.npz").contract == own
    assert network.copy().contract == own
    modelfile.save(mlp(1024, [3], 2), tmp_path / "without.npz")
    assert modelfile.load(tmp_path / "without.npz").contract is None


def test_a_model_file_with_a_broken_contract_is_refused(tmp_path):
    network = mlp(4, [3], 2)
    network.contract = CONTRACT
    object.__setattr__(network.contract, "box", -3)
    try:
        modelfile.save(network, tmp_path / "model.npz")
    finally:
        object.__setattr__(CONTRACT, "box", 20)
    with pytest.raises(ModelFileError, match="Contract"):
        modelfile.load(tmp_path / "model.npz")
