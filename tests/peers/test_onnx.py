"""ONNX's own node tests, where they concern handspun's layers, losses and optimizers.

ONNX computes them in float32 and allows rtol 1e-3. Here handspun computes with the same values in float64, and what is left
is ONNX's own rounding: 1e-5 of the largest value.
"""

from functools import cache

import pytest
from judging import DIFFERS, EQUAL, judge, number_of, reasons, unexpected, unused

pytest.importorskip("onnx", reason="needs onnx (make torch)")

import onnx_nodes

TOLERANCE = 1e-5

#: The samples that differ, by a pattern of their name, and why.
DIFFERENCES = {
    "Gelu test_gelu_default_*": "GELU is the tanh form here, which differs from x Φ(x) by less than 5e-4: NumPy has no erf",
    "BatchNormalization *_training_mode": "the running variance takes in the unbiased variance, as PyTorch's does",
}

#: How many samples handspun cannot express today, by reason. Newer versions of ONNX may have more.
NOT_EXPRESSIBLE = {
    "a bias that differs from row to row": 1,
    "a negative log-likelihood of inputs that are no log-probabilities": 18,
    "a product of vectors or of batches of matrices": 6,
    "flattening across the batch": 6,
    "inputs that are single numbers": 1,
    "means that do not count the padding": 2,
    "padding of more than half a window": 3,
    "padding that differs at the two ends": 2,
    "padding that puts the odd zero before the picture": 3,
    "pooling with dilation": 4,
    "random numbers of another generator": 4,
    "three-dimensional convolution or pooling": 23,
    "windows that reach over the edge (ceil_mode)": 4,
}

#: At least so many samples are equal, and just so many differ.
LEAST_EQUAL, DIFFERENT = 175, 4


@cache
def verdicts():
    """What became of each sample."""
    return [
        judge(f"{sample.operator} {sample.name}", lambda sample=sample: onnx_nodes.compare(sample), TOLERANCE)
        for sample in onnx_nodes.samples()
    ]


@pytest.mark.parametrize("operator", onnx_nodes.ADAPTERS)
def test_an_operator_gives_what_onnx_expects(operator):
    own = [verdict for verdict in verdicts() if verdict.sample.partition(" ")[0] == operator]
    assert own, f"ONNX has no test of {operator}."
    assert not unexpected(own, DIFFERENCES), "\n".join(unexpected(own, DIFFERENCES))


def test_every_listed_difference_has_a_sample():
    assert not unused(verdicts(), DIFFERENCES)


def test_no_sample_of_onnx_is_left_out():
    assert number_of(EQUAL, verdicts()) >= LEAST_EQUAL
    assert number_of(DIFFERS, verdicts()) == DIFFERENT
    found = reasons(verdicts())
    assert set(found) == set(NOT_EXPRESSIBLE)
    assert all(found[reason] >= count for reason, count in NOT_EXPRESSIBLE.items()), found


def test_a_changed_value_is_noticed(monkeypatch):
    sample = next(sample for sample in onnx_nodes.samples() if sample.name == "test_relu")
    adapter = onnx_nodes.ADAPTERS["Relu"]
    monkeypatch.setitem(onnx_nodes.ADAPTERS, "Relu", lambda sample: [adapter(sample)[0] * 1.001])
    assert judge("relu", lambda: onnx_nodes.compare(sample), TOLERANCE).kind == DIFFERS
