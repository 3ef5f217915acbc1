"""What users may bring as images: every kind of array is right, or refused with what to write instead."""

import subprocess
import sys

import numpy as np
import pytest

from handspun import Sequential, UsageError
from handspun.checks import plain_array
from handspun.layers import Dense, Flatten
from handspun.pictures.inputs import check_finite, check_images, convert

BYTES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) * 10
FLOATS = BYTES / 255


class Sparse:
    """A sparse matrix, as SciPy has it."""

    nnz = 3

    def toarray(self):
        return FLOATS.reshape(2, 12)


class Tensor:
    """A tensor that NumPy cannot read, such as one on a GPU."""

    def __array__(self, *args, **kwargs):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


RIGHT = {
    "bytes": (BYTES, np.uint8),
    "a list": (FLOATS.tolist(), np.float64),
    "a list of arrays": (list(BYTES), np.uint8),
    "objects": (FLOATS.astype(object), np.float64),
    "big-endian": (FLOATS.astype(">f4"), np.float32),
    "float16": (FLOATS.astype(np.float16), np.float16),
    "Fortran order": (np.asfortranarray(BYTES), np.uint8),
    "every other row": (np.repeat(BYTES, 2, axis=1)[:, ::2], np.uint8),
    "backwards": (BYTES[:, ::-1][:, ::-1], np.uint8),
    "booleans": (BYTES > 100, np.bool_),
}


def as_images(given):
    return plain_array("images", given)


def network():
    return Sequential([Flatten(), Dense(2)], (3, 4))


@pytest.mark.parametrize("kind", RIGHT)
def test_arrays_of_every_kind_become_plain_arrays(kind):
    given, dtype = RIGHT[kind]
    array = as_images(given)
    assert type(array) is np.ndarray
    assert array.dtype == dtype
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, np.asarray(given).astype(dtype))


def test_a_plain_array_is_not_copied():
    assert as_images(BYTES) is BYTES
    frozen = BYTES.copy()
    frozen.flags.writeable = False
    assert as_images(frozen) is frozen


def test_a_matrix_is_a_plain_array():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(FLOATS[0])
    assert type(as_images(matrix)) is np.ndarray
    np.testing.assert_array_equal(as_images(matrix), FLOATS[0])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.ma.masked_array(FLOATS, FLOATS > 0.5), r"masked array would lose its mask. Fill it, array\.filled\(0\)"),
        ([np.ma.masked_array(FLOATS[0], FLOATS[0] > 0.5)], "masked array would lose its mask"),
        (Sparse(), r"sparse matrix must be a plain array here: matrix\.toarray\(\)"),
        (FLOATS + 1j, r"complex numbers cannot be used; take their real part or size: array\.real"),
        (np.zeros(2, [("a", "f4"), ("b", "f4")]), "structured array with the fields a, b"),
        (np.array([[1, None]], object), "an array of object cannot be used"),
        (np.zeros((2, 3), "M8[s]"), "cannot be used"),
        ([[1, 2], [3]], "the rows differ in length"),
        (Tensor(), r"NumPy cannot make an array of this Tensor \(can't convert cuda"),
        ({"a": 1}, "an array of object cannot be used"),
        (None, "an array of object cannot be used"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_arrays_that_would_lose_information_are_refused(given, says):
    with pytest.raises(UsageError, match=says):
        as_images(given)


def test_scipy_sparse_matrices_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    for make in (sparse.csr_matrix, sparse.coo_array):
        with pytest.raises(UsageError, match="toarray"):
            as_images(make(FLOATS.reshape(2, 12)))


def test_pandas_objects_become_plain_arrays():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(FLOATS.reshape(2, 12))
    np.testing.assert_array_equal(as_images(frame), FLOATS.reshape(2, 12))
    assert as_images(pandas.DataFrame(BYTES.reshape(2, 12))).dtype == np.uint8
    assert as_images(pandas.Series([0.5, 1.0])).tolist() == [0.5, 1.0]
    assert as_images(frame.astype("Float64")).tolist() == FLOATS.reshape(2, 12).tolist()
    with pytest.raises(UsageError, match="which is text"):
        check_images(as_images(pandas.DataFrame({"a": [1, 2], "b": ["x", None]})), (2,))


def test_torch_tensors_keep_their_type():
    torch = pytest.importorskip("torch")
    array = as_images(torch.from_numpy(BYTES.copy()))
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, BYTES)
    with pytest.raises(UsageError, match="NumPy cannot make an array of this Tensor"):
        as_images(torch.zeros(2, 3, requires_grad=True))


@pytest.mark.parametrize("text", [np.full((2, 3, 4), "seven.png"), np.full((2, 3, 4), b"7"), np.full((0, 3, 4), "")])
def test_text_is_not_an_image(text):
    with pytest.raises(UsageError, match=r"The images are \S+, which is text: read the files first"):
        check_images(as_images(text), (3, 4))


@pytest.mark.parametrize("dtype", [np.uint16, np.int8, np.int32, np.int64, np.uint64])
def test_other_integers_could_be_pixels_or_numbers(dtype):
    with pytest.raises(UsageError, match=r"may be pixels or plain numbers: .*images\.astype\(np\.uint8\)"):
        check_images(BYTES.astype(dtype), (3, 4))


@pytest.mark.parametrize("images", [FLOATS[:0], FLOATS.reshape(2, 12), FLOATS.astype(np.float16), BYTES > 9, BYTES])
def test_images_of_the_right_size_and_type_pass(images):
    check_images(images, (3, 4))


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.array(3.0), r"The images have shape \(\) each"),
        (np.zeros(0), r"The images have shape \(\) each"),
        (np.zeros(12), r"write image\[None\]"),
        (FLOATS[0], r"have shape \(4,\) each, but the network takes \(3, 4\) \(12 values\). For a single image write"),
        (FLOATS[:, :2], "Use images of that size"),
    ],
)
def test_images_of_another_size_are_refused(images, says):
    with pytest.raises(UsageError, match=says):
        check_images(images, (3, 4))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_values_that_are_not_finite_are_refused(value, dtype):
    images = np.tile(FLOATS, (3, 1, 1)).astype(dtype)
    check_finite(images)
    images[4, 1, 2] = value
    with np.errstate(all="raise"), pytest.raises(UsageError, match="Image 4, counted from 0, holds values that are not finite"):
        check_finite(images)


def test_images_without_pixels_or_of_bytes_are_finite():
    check_finite(FLOATS[:0])
    check_finite(BYTES)


@pytest.mark.parametrize("value", [1e300, 3e38, np.nan])
def test_a_network_gives_no_answer_to_values_that_overflow(value):
    images = np.full((2, 3, 4), value)
    for ask in (network().predict, network().predict_proba, network().answer):
        with pytest.raises(UsageError):
            ask(images)
    assert np.isfinite(network().predict_proba(np.full((2, 3, 4), 1e30))).all()


def test_all_kinds_of_the_same_values_give_the_same_input():
    expected = convert(BYTES, np.empty((2, 12), np.float32))
    np.testing.assert_array_equal(expected, (BYTES * np.float32(1 / 255)).reshape(2, 12))
    for kind in ("bytes", "a list of arrays", "Fortran order", "every other row", "backwards"):
        np.testing.assert_array_equal(convert(as_images(RIGHT[kind][0]), np.empty((2, 12), np.float32)), expected)
    floats = FLOATS.astype(np.float32).reshape(2, 12)
    for kind in ("a list", "objects", "big-endian"):
        np.testing.assert_array_equal(convert(as_images(RIGHT[kind][0]), np.empty((2, 12), np.float32)), floats)


def test_tiny_values_become_zero_without_an_error():
    with np.errstate(all="raise"):
        assert not convert(np.full((1, 2), 1e-300), np.empty((1, 2), np.float32)).any()


def test_no_images_give_no_answers():
    assert network().predict(FLOATS[:0]).shape == (0,)
    assert Sequential([Dense(2)], (12,)).predict_proba(np.zeros((0, 3, 4), np.uint8)).shape == (0, 2)


PROGRAM = """
import hashlib, sys
import numpy as np
if "raise" in sys.argv: np.seterr(all="raise")
from handspun import Augmentation, Contract, load_dataset
from handspun.pictures.segmentation import segments
digest = hashlib.sha256()
images = load_dataset("mnist-5k").test.images[:40]
photo = np.pad(255 - images[0].repeat(9, 0).repeat(9, 1), 60, constant_values=255) * np.linspace(1, 0.5, 372)
sheets = [images, 255 - images, images // 2 + 60, photo.astype(np.uint8)[None], np.zeros((1, 300, 300, 4), np.uint8)]
for sheet in sheets: digest.update(Contract()(sheet))
every = Augmentation(shift=2, rotation=10, scale=0.1, shear=10, elastic=1, elastic_sigma=0.5, thickness=0.7, noise=8, cutout=5,
                     flip=True, crop=2)
digest.update(every(images, np.random.default_rng(0)))
digest.update(Augmentation(elastic=1)(np.tile(images[:1], (1, 20, 20)), np.random.default_rng(0)))
for segment in segments(np.hstack(list(images[:3]))): digest.update(segment.picture.tobytes())
if "pillow" in sys.argv:
    from PIL import Image
    from handspun.pictures.reading import read_picture, read_pixels
    for mode in ("L", "RGBA", "I;16"):
        picture = Image.fromarray(images[0].astype(np.uint16) * 257 if mode == "I;16" else images[0])
        (picture if mode == "I;16" else picture.convert(mode)).save("x.png")
        digest.update(read_picture("x.png", (28, 28)).tobytes())
        digest.update(read_pixels("x.png").tobytes())
print(digest.hexdigest())
"""


def test_strict_interpreters_give_the_same_results(tmp_path):
    try:
        import PIL  # noqa: F401

        extra = ["pillow"]
    except ImportError:
        extra = []

    def run(*options, **words):
        command = [sys.executable, *options, "-c", PROGRAM, *extra, *words.get("arguments", ())]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    expected = run()
    assert run("-O") == expected
    assert run("-W", "error") == expected
    assert run(arguments=["raise"]) == expected
