"""PyTorch's own samples of modules, functions and optimizers: values and gradients, in float64, agree to 1e-10.

That is times the largest value of each result: what differs is only the order of additions.
"""

from dataclasses import replace
from functools import cache

import pytest
from judging import DIFFERS, EQUAL, judge, number_of, reasons, unexpected, unused

pytest.importorskip("torch", reason="needs PyTorch (make torch)")
pytest.importorskip("expecttest", reason="needs expecttest, as PyTorch's own tests do (make torch)")

import torch_samples

TOLERANCE = 1e-10

_TANH = "GELU is the tanh form here, which differs from x Φ(x) by less than 5e-4: NumPy has no erf"

#: The samples that differ, by a pattern of their name, and why.
DIFFERENCES = {
    "function gelu *: *approximate=none": _TANH,
    "module GELU training [12]: *": _TANH,  # sample 0 is a single number at which both forms agree
    "module CrossEntropyLoss training 20: (reduction=mean, ignore_index=1)*": (
        "all samples are ignored: the mean is 0 here, so that such a batch teaches nothing; PyTorch's is NaN"
    ),
}

#: How many samples handspun cannot express, by reason.
NOT_EXPRESSIBLE = {
    "AMSGrad": 2,
    "RMSprop that is centred or has a momentum": 3,
    "a divisor that is not the size of the window": 6,
    "a momentum below 0, or of 1 and more": 6,
    "a negative log-likelihood of inputs that are no log-probabilities": 61,
    "a product of vectors or of batches of matrices": 11,
    "a single class": 3,
    "a velocity that takes in a part of the gradient": 1,
    "a weight of the positive targets": 6,
    "an epsilon below 0": 1,
    "dropout of everything": 10,
    "flattening across the batch": 4,
    "inputs without values": 20,
    "means that do not count the padding": 1,
    "pooling with dilation": 720,
    "random numbers of another generator": 7,
    "running averages that are the mean over all batches": 6,
    "squares that do not begin with 0": 1,
    "windows of different sizes": 18,
    "windows that reach over the edge (ceil_mode)": 475,
}

#: At least so many samples are equal, and just so many differ.
LEAST_EQUAL, DIFFERENT = 1583, 7

CASES = {
    **{f"function-{name}": (torch_samples.function_samples, name) for name in torch_samples.FUNCTIONS},
    **{f"module-{kind.__name__}": (torch_samples.module_samples, kind) for kind in torch_samples.MODULES},
    **{f"optimizer-{kind.__name__}": (torch_samples.optimizer_samples, kind) for kind in torch_samples.OPTIMIZERS},
}


@cache
def verdicts(case):
    """What became of each sample of a case."""
    samples, what = CASES[case]
    return [judge(name, compare, TOLERANCE) for name, compare in samples(what)]


@cache
def everything():
    """What became of all samples."""
    return [verdict for case in CASES for verdict in verdicts(case)]


@pytest.mark.parametrize("case", CASES)
def test_samples_agree_with_torch(case):
    assert verdicts(case), f"PyTorch has no sample of {case}."
    assert not unexpected(verdicts(case), DIFFERENCES), "\n".join(unexpected(verdicts(case), DIFFERENCES))


def test_every_listed_difference_has_a_sample():
    assert not unused(everything(), DIFFERENCES)


def test_no_sample_of_torch_is_left_out():
    assert number_of(EQUAL, everything()) >= LEAST_EQUAL
    assert number_of(DIFFERS, everything()) == DIFFERENT
    assert reasons(everything()) == NOT_EXPRESSIBLE


def test_a_changed_gradient_is_noticed(monkeypatch):
    adapter = torch_samples.FUNCTIONS["tanh"]

    def wrong(x):
        twin = adapter(x)

        def run(dy):
            results = twin.run(dy)
            return {**results, "x": 1.001 * results["x"]}

        return replace(twin, run=run)

    monkeypatch.setitem(torch_samples.FUNCTIONS, "tanh", wrong)
    (_, compare), *_ = torch_samples.function_samples("tanh")
    verdict = judge("tanh", compare, TOLERANCE)
    assert verdict.kind == DIFFERS
    assert "gradient of x" in verdict.why
