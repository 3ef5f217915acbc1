"""The arguments of ``fit``: every kind of array trains alike or is refused, and so are values that do not fit."""

import numpy as np
import pytest

from handspun.data.dataset import Split
from handspun.errors import UsageError
from handspun.networks.architectures import mlp
from handspun.optimization.losses import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from handspun.optimization.optimizers import Adam
from handspun.training import EarlyStopping
from handspun.training.fit import fit


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizer": Adam}, r"optimizer: Optimizer was expected, got the class Adam: make one, Adam\(…\)"),
        ({"loss": SoftmaxCrossEntropy}, "loss: Loss was expected, got the class SoftmaxCrossEntropy"),
        ({"loss": "softmax"}, "loss: Loss was expected, got 'softmax'"),
        ({"schedule": 0.1}, "schedule: Schedule was expected, got 0.1"),
        ({"penalty": 0.1}, "penalty: Penalty was expected"),
        ({"clip": 1.0}, "clip: Clip was expected"),
        ({"average": 0.99}, "average: ExponentialMovingAverage was expected"),
        ({"callbacks": EarlyStopping(2)}, r"callbacks must be a list, such as \[EarlyStopping\(…\)\]"),
        ({"callbacks": [EarlyStopping]}, "callbacks: Callback was expected, got the class EarlyStopping"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_named(wrong, message, blobs):
    with pytest.raises(UsageError, match=message):
        fit(mlp(12, [4], 3), blobs, blobs, **wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.arange(90) % 4}, r"train: label 3 is out of range.*0 to 2"),
        ({"labels": np.arange(90) % 3 - 1}, r"label -1 is out of range"),
        ({"labels": np.zeros(89, int)}, r"train: 90 images need 90 whole numbers as targets, got the shape \(89,\)"),
        ({"labels": np.zeros((90, 2))}, r"outputs have shape \(90, 3\), the targets \(90, 2\)"),
        ({"labels": np.full((90, 3), np.nan)}, "not finite"),
        ({"labels": np.full((90, 3), np.inf)}, "not finite"),
        ({"labels": np.zeros(90)}, r"outputs have shape \(90, 3\), the targets \(90,\).*targets\.astype\(int\)"),
        ({"labels": np.array(["a"] * 90)}, "targets"),
        ({"labels": np.array([["a", "b", "c"]] * 90)}, "targets"),
        ({"labels": None}, "no labels"),
        ({"images": np.zeros((90, 13))}, r"\(13,\).*\(12,\)"),
        ({"images": np.zeros((0, 12)), "labels": np.zeros(0, int)}, "train: there are no images"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "all"}, "batch_size"),
        ({"sample_weight": np.ones(89)}, "sample_weight must be 90"),
        ({"sample_weight": -np.ones(90)}, "none negative"),
        ({"sample_weight": np.full(90, np.nan)}, "finite"),
        ({"sample_weight": np.full(90, 1e300)}, r"weights up to 1e\+300 are too large for float32"),
        ({"sample_weight": np.full(90, 1e38)}, r"weights up to 1e\+38 are too large for float32"),
        ({"sample_weight": np.full(90, 1e-300)}, "weights up to 1e-300 are too small for float32"),
        ({"validation": (np.zeros((5, 12)), np.full(5, 3))}, "validation: label 3"),
        ({"validation": (np.zeros((5, 11)), np.zeros(5, int))}, r"\(11,\)"),
        ({"validation": "later"}, "validation must be"),
        ({"loss": SoftmaxCrossEntropy(class_weight=[1.0, 2.0])}, "2 class weights for 3 classes"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
    ],
)
def test_wrong_arguments_are_refused_and_change_nothing(blobs, change, message):
    change = dict(change)
    data = (change.pop("images", blobs[0]), change.pop("labels", blobs[1]))
    network = mlp(12, [5], 3)
    before = network.parameters.vector.tobytes()
    with pytest.raises(UsageError, match=message):
        fit(network, data, **{"epochs": 1, **change})
    assert network.parameters.vector.tobytes() == before


def test_whole_numbers_are_classes_and_floats_are_values():
    x, y = np.zeros((5, 3)), np.arange(5)
    with pytest.raises(UsageError, match=r"label 4 is out of range.*as floats: targets.astype\(float\)"):
        fit(mlp(3, [], 1), (x, y), loss=MeanSquaredError())
    with pytest.raises(UsageError, match=r"the classes are 0 to 2\.$"):
        fit(mlp(3, [], 3), (x, y))


def test_softmax_cross_entropy_of_a_single_output_is_refused():
    with pytest.raises(UsageError, match="SigmoidBinaryCrossEntropy"):
        fit(mlp(3, [], 1), (np.zeros((4, 3)), np.array([0, 1, 0, 1])), epochs=1)


def test_validation_images_that_are_not_finite_are_refused(blobs):
    images = blobs[0].astype(np.float32)
    images[3, 1] = np.nan
    with pytest.raises(UsageError, match="validation: Image 3, counted from 0, holds values that are not finite"):
        fit(mlp(12, [4], 3), blobs, (images, blobs[1]))


def test_train_must_be_a_split_or_a_pair(blobs):
    with pytest.raises(UsageError, match="Split or a pair"):
        fit(mlp(12, [], 3), blobs[0])
    own, pair = mlp(12, [], 3), mlp(12, [], 3)
    fit(own, Split(*blobs), epochs=1)
    fit(pair, list(blobs), epochs=1)
    assert own.parameters.vector.tobytes() == pair.parameters.vector.tobytes()


# Kinds of arrays -------------------------------------------------------------------------------------------------------


class Series:
    """Stands for a pandas Series: no array, but NumPy and ``tolist`` get its values."""

    def __init__(self, values, dtype):
        self._values = values.astype(dtype)

    def __array__(self, dtype=None, copy=None):
        return self._values.astype(dtype or self._values.dtype)

    def tolist(self):
        return self._values.tolist()


class Sparse:
    """Stands for a SciPy sparse matrix."""

    nnz = 1

    def __init__(self, values):
        self._values = values

    def toarray(self):
        return self._values


def masked(values):
    return np.ma.array(values, mask=values == values.flat[0])


def structured(values):
    return np.zeros(len(values), [("a", float), ("b", float)])


def frozen(values):
    values = values.copy()
    values.flags.writeable = False
    return values


def trained(images, labels, outputs=3, **arguments):
    """The parameters after two epochs, as bytes."""
    network = mlp(12, [4], outputs, seed=1)
    fit(network, (images, labels), epochs=2, batch_size=16, **arguments)
    return network.parameters.vector.tobytes()


def refuse(images, labels, message, **arguments):
    """``fit`` refuses the images and labels, for training and for validation, and leaves the network as it was."""
    right = np.zeros((5, 12), np.uint8), np.zeros(5, int)
    network = mlp(12, [4], 3, seed=1)
    before = network.parameters.vector.tobytes()
    for data in ({"train": (images, labels)}, {"train": right, "validation": (images, labels)}):
        with pytest.raises(UsageError, match=f"(?s)^{list(data)[-1]}: .*{message}"):
            fit(network, **data, **arguments)
    assert network.parameters.vector.tobytes() == before


@pytest.fixture(scope="module")
def usual(blobs):
    return trained(*blobs)


SAME_LABELS = {
    "column": lambda labels: labels[:, None],
    "list": lambda labels: labels.tolist(),
    "tuple": lambda labels: tuple(labels),
    "list of rows": lambda labels: labels[:, None].tolist(),
    "series": lambda labels: Series(labels, labels.dtype),
    "series of objects": lambda labels: Series(labels, object),
    "array of objects": lambda labels: labels.astype(object),
    "uint8": lambda labels: labels.astype(np.uint8),
    "int16": lambda labels: labels.astype(np.int16),
    "int64": lambda labels: labels.astype(np.int64),
    "uint64": lambda labels: labels.astype(np.uint64),
    "big-endian": lambda labels: labels.astype(">i4"),
    "read-only": frozen,
    "strided": lambda labels: np.repeat(labels, 2)[::2],
}


@pytest.mark.parametrize("kind", SAME_LABELS.values(), ids=SAME_LABELS)
def test_labels_of_any_integer_type_train_alike(blobs, usual, kind):
    images, labels = blobs
    assert trained(images, kind(labels)) == usual


def test_booleans_are_labels_of_two_classes(blobs):
    images, labels = blobs
    assert trained(images, labels == 1, outputs=2) == trained(images, (labels == 1).astype(int), outputs=2)


@pytest.mark.parametrize("kind", [lambda yes: yes, lambda yes: yes[:, None], lambda yes: yes[:, None].astype(float)])
def test_one_output_takes_booleans_columns_and_floats(blobs, kind):
    images, labels = blobs
    loss = SigmoidBinaryCrossEntropy()
    expected = trained(images, (labels == 1).astype(int), outputs=1, loss=loss)
    assert trained(images, kind(labels == 1), outputs=1, loss=loss) == expected


SAME_IMAGES = {
    "read-only": frozen,
    "Fortran": np.asfortranarray,
    "strided": lambda images: np.repeat(images, 2, axis=0)[::2],
    "reversed": lambda images: images[:, ::-1].copy()[:, ::-1],
    "big-endian": lambda images: images.astype(images.dtype.newbyteorder(">")),
    "series": lambda images: Series(images, images.dtype),
    "flat": lambda images: images.reshape(len(images), -1),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("kind", SAME_IMAGES.values(), ids=SAME_IMAGES)
def test_the_layout_of_images_makes_no_difference(blobs, kind, dtype):
    images, labels = blobs[0].astype(dtype), blobs[1]
    assert trained(kind(images), labels) == trained(images, labels)
    assert trained(kind(images), labels, shuffle=False) == trained(images, labels, shuffle=False)


@pytest.mark.parametrize("kind", [np.float16, ">f2", ">f4", ">f8", np.float64, object])
def test_float_images_of_any_type_train_as_float32(blobs, kind):
    images, labels = blobs[0] / np.float32(256.0), blobs[1]  # float16 holds these numbers exactly
    assert images.dtype == np.float32
    assert trained(images.astype(kind), labels) == trained(images, labels)


def test_images_may_be_lists_of_floats(blobs):
    images, labels = blobs[0] / 256.0, blobs[1]
    assert trained(images.tolist(), labels) == trained(images, labels)


NO_LABELS = {
    "masked": (masked, r"masked array.*array\.filled\(0\)"),
    "sparse": (Sparse, r"sparse matrix.*matrix\.toarray\(\)"),
    "structured": (structured, "structured array with the fields a, b.*structured_to_unstructured"),
    "complex": (lambda labels: labels + 0j, r"complex numbers.*array\.real"),
    "text": (lambda labels: labels.astype(str), r"targets must be numbers, got <U.*Number the classes: 0, 1, 2"),
    "whole floats": (lambda labels: labels.astype(float), r"whole numbers: targets\.astype\(int\)"),
    "column of floats": (lambda labels: labels[:, None].astype(float), r"whole numbers: targets\.astype\(int\)"),
    "dates": (lambda labels: labels.astype("M8[D]"), r"datetime64.*array\.astype\(float\)"),
    "rows of two lengths": (lambda labels: [[0], [1, 2]] * (len(labels) // 2), "the rows differ in length"),
}


@pytest.mark.parametrize(("make", "message"), NO_LABELS.values(), ids=NO_LABELS)
def test_other_labels_are_refused_with_what_to_write(blobs, make, message):
    refuse(blobs[0], make(blobs[1]), message)


NO_IMAGES = {
    "masked": (masked, r"masked array.*array\.filled\(0\)"),
    "sparse": (Sparse, r"sparse matrix.*matrix\.toarray\(\)"),
    "structured": (structured, "structured array with the fields a, b.*structured_to_unstructured"),
    "complex": (lambda images: images + 0j, r"complex numbers.*array\.real"),
    "text": (lambda images: images.astype(str), r"images are <U.*, which is text: read the files first"),
    "int64": (lambda images: images.astype(np.int64), r"images are int64.*images\.astype\(np\.uint8\)"),
    "uint16": (lambda images: images.astype(np.uint16), r"images are uint16.*images\.astype\(np\.uint8\)"),
    "rows of two lengths": (lambda images: [[0.0], [1.0, 2.0]] * (len(images) // 2), "the rows differ in length"),
}


@pytest.mark.parametrize(("make", "message"), NO_IMAGES.values(), ids=NO_IMAGES)
def test_other_images_are_refused_with_what_to_write(blobs, make, message):
    refuse(make(blobs[0]), blobs[1], message)


def test_a_sample_weight_too_small_to_count_counts_nothing(blobs):
    weight = np.r_[1e-300, np.ones(89)]
    with np.errstate(all="raise"):
        assert trained(*blobs, sample_weight=weight) == trained(*blobs, sample_weight=np.r_[0.0, np.ones(89)])


def test_sample_weights_may_be_lists_and_integers(blobs):
    weight = np.arange(90) % 3
    expected = trained(*blobs, sample_weight=weight.astype(float))
    for kind in (weight, weight.tolist(), Series(weight, object), weight.astype(">f4"), frozen(weight)):
        assert trained(*blobs, sample_weight=kind) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (masked, "sample_weight: a masked array"),
        (Sparse, "sample_weight: a sparse matrix"),
        (lambda weight: weight + 0j, "sample_weight: complex numbers"),
        (lambda weight: weight[:, None], "sample_weight must be 90 finite numbers"),
        (lambda weight: weight.astype(str), "sample_weight must be 90 finite numbers"),
    ],
)
def test_other_sample_weights_are_refused(blobs, make, message):
    with pytest.raises(UsageError, match=message):
        trained(*blobs, sample_weight=make(np.ones(90)))
