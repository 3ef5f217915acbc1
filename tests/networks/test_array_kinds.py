"""Images in every kind of array: the same answers, or one error that says what to write instead."""

import numpy as np
import pytest

from handspun import UsageError, check_gradients, evaluate, fit_confidence, mlp
from handspun.confidence.exposure import fit_head

IMAGES = np.random.default_rng(0).random((6, 12)).astype(np.float16).astype(np.float64)
PIXELS = np.random.default_rng(1).integers(0, 256, (6, 3, 4), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def frozen(images):
    images = images.copy()
    images.flags.writeable = False
    return images


class Frame:
    """Stands for a pandas DataFrame: no array, but one on request."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


SAME = {
    "read-only": frozen,
    "not contiguous": lambda images: np.repeat(images, 2, axis=0)[::2],
    "Fortran": np.asfortranarray,
    "big-endian": lambda images: images.astype(images.dtype.newbyteorder(">")),
    "frame": Frame,
}
OTHER = {
    "list": lambda images: images.tolist(),
    "float16": lambda images: images.astype(np.float16),
    "object": lambda images: images.astype(object),
    "big-endian float32": lambda images: images.astype(">f4"),
}
REFUSED = {
    "masked": (lambda images: np.ma.array(images, mask=images > 0.5), "masked array"),
    "complex": (lambda images: images + 1j, "complex"),
    "structured": (lambda images: np.zeros(6, [("a", float), ("b", float)]), "structured array with the fields a, b"),
    "text": (lambda images: images.astype(str), "images are <U|takes .* <U"),
    "uint16": (lambda images: (images * 65535).astype(np.uint16), "uint16.*uint8.*float32"),
    "int64": (lambda images: (images * 255).astype(int), "int64.*uint8.*float32"),
    "ragged": (lambda images: [[0.0, 1.0], [0.5]], "differ in length"),
    "dates": (lambda images: np.zeros((6, 12), "M8[D]"), "datetime64"),
    "none": (lambda images: None, "object"),
    "number": (lambda images: 0.5, r"shape \(\)"),
}


def network():
    return mlp(12, [5], 3, "tanh", seed=1)


def evaluation(images):
    result = evaluate(network(), images, LABELS)
    return result.accuracy, result.loss, result.probabilities.tobytes()


def gradients(images):
    return check_gradients(network(), images, LABELS, elements=3).elementwise


def features(images):
    return network().features_and_logits(images)[0].tobytes()


USES = {
    "logits": lambda images: network().logits(images).tobytes(),
    "features": features,
    "predict": lambda images: network().predict(images).tobytes(),
    "predict_proba": lambda images: network().predict_proba(images).tobytes(),
    "answer": lambda images: network().answer(images).probabilities.tobytes(),
    "activations": lambda images: b"".join(array.tobytes() for array in network().activations(images).values()),
    "evaluate": evaluation,
    "fit_confidence": lambda images: fit_confidence(network(), images, LABELS),
    "fit_head": lambda images: fit_head(network(), images, [images], units=2).hidden_weight.tobytes(),
    "check_gradients": gradients,
}
uses = pytest.mark.parametrize("use", USES.values(), ids=USES)


@uses
@pytest.mark.parametrize("kind", SAME.values(), ids=SAME)
def test_the_kind_of_array_makes_no_difference(use, kind):
    assert use(kind(IMAGES)) == use(IMAGES)
    assert use(kind(PIXELS)) == use(PIXELS)


@uses
@pytest.mark.parametrize("kind", OTHER.values(), ids=OTHER)
def test_floats_of_another_type_are_the_same_numbers(use, kind):
    assert use(kind(IMAGES)) == use(IMAGES)


@uses
@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_other_arrays_are_refused(use, make, message):
    with pytest.raises(UsageError, match=message):
        use(make(IMAGES))


@uses
def test_sparse_matrices_are_refused(use):
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(UsageError, match=r"sparse matrix.*toarray\(\)"):
        use(sparse.csr_array(IMAGES))
