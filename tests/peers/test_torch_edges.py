"""At the edges of the numbers handspun gives what PyTorch gives, or a table says why not: values and gradients, in float64.

PyTorch's own samples hold no infinities, no NaN, no huge values and no equal values in a window.
"""

import numpy as np
import pytest
from judging import EQUAL, judge, number_of, run_layer, run_loss, unexpected, unused

import handspun as hs

torch = pytest.importorskip("torch", reason="needs PyTorch (make torch)")
F = torch.nn.functional
HUGE = float(np.finfo(np.float64).max)
VALUES = [np.inf, -np.inf, np.nan, HUGE, -HUGE, HUGE / 2, -HUGE / 2, 1e10, -1e10, 800.0, -800.0, 40.0, -40.0]
VALUES += [17.0, -17.0, 0.0, -0.0, 1e-300, -1e-300]
TOLERANCE = 1e-12

ACTIVATIONS = {
    "relu": (hs.ReLU, F.relu),
    "leaky-relu": (hs.LeakyReLU, F.leaky_relu),
    "sigmoid": (hs.Sigmoid, torch.sigmoid),
    "tanh": (hs.Tanh, torch.tanh),
    "gelu": (hs.GELU, lambda x: F.gelu(x, approximate="tanh")),
    "silu": (hs.SiLU, F.silu),
}

#: A picture of 0 and 1, in which windows have several largest values, and one with a NaN.
TIES = np.random.default_rng(0).integers(0, 2, (1, 1, 8, 8)).astype(np.float64)
NAN = np.where(np.arange(16.0).reshape(1, 1, 4, 4) == 5, np.nan, np.arange(16.0).reshape(1, 1, 4, 4))

#: What differs, by a pattern of its name, and why.
DIFFERENCES = {
    "relu nan": "its gradient at NaN is 0 here, and 1 in PyTorch; the value is NaN in both",
    "gelu *1.797*e+308": "the gradient is 1 or 0 here; in PyTorch x² overflows, and it is NaN",
    "gelu *8.988*e+307": "the gradient is 1 or 0 here; in PyTorch x² overflows, and it is NaN",
    "binary inf 0.*": "the value of an infinite logit that is wrong is inf - inf here, NaN; infinite in PyTorch",
    "binary -inf 1.0": "the value of an infinite logit that is wrong is infinite here; inf - inf in PyTorch, NaN",
    "binary -inf 0.3": "the value of an infinite logit that is wrong is infinite here; inf - inf in PyTorch, NaN",
    "max-pool ties": "of equal values that of the first column gets the gradient here; in PyTorch that of the first row",
    "max-pool nan": "no value of a window is equal to NaN, so that its gradient goes nowhere here",
}


def compare_layer(layer, function, x):
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    y = function(leaf)
    y.backward(torch.ones_like(y))
    own = run_layer(layer, x, dy=np.ones(tuple(y.shape)))
    return [("y", own.y, y.detach().numpy()), ("the gradient", own.dx, leaf.grad.numpy())]


def compare_loss(loss, function, outputs, targets):
    leaf = torch.from_numpy(outputs.copy()).requires_grad_()
    value = function(leaf, torch.from_numpy(targets))
    value.backward()
    own, gradient = run_loss(loss, outputs, targets)
    return [("the value", own, value.detach().numpy()), ("the gradient", gradient, leaf.grad.numpy())]


def samples():
    for name, (kind, function) in ACTIVATIONS.items():
        for value in VALUES:
            x = np.array([[value]])
            yield f"{name} {value}", lambda kind=kind, function=function, x=x: compare_layer(kind(), function, x)
    for value in VALUES:
        for target in (0.0, 0.3, 1.0):
            case = hs.SigmoidBinaryCrossEntropy(), F.binary_cross_entropy_with_logits, np.array([[value]]), np.array([[target]])
            yield f"binary {value} {target}", lambda case=case: compare_loss(*case)
    rows = [[HUGE, -HUGE, 0.0], [np.inf, 0, 0], [-np.inf, 0, 1], [np.nan, 0, 0], [-np.inf] * 3, [1e4, 0, -1e4], [HUGE] * 3]
    for row in rows:
        for target in range(3):
            case = hs.SoftmaxCrossEntropy(), F.cross_entropy, np.array([row], np.float64), np.array([target])
            yield f"softmax {row} {target}", lambda case=case: compare_loss(*case)
    for name, x in (("ties", TIES), ("nan", NAN)):
        yield f"max-pool {name}", lambda x=x: compare_layer(hs.MaxPool2D(2, stride=1), lambda v: F.max_pool2d(v, 2, 1), x)
        yield f"avg-pool {name}", lambda x=x: compare_layer(hs.AvgPool2D(2), lambda v: F.avg_pool2d(v, 2), x)


def test_edges_agree_with_torch():
    with np.errstate(all="ignore"):
        verdicts = [judge(name, compare, TOLERANCE) for name, compare in samples()]
    assert not unexpected(verdicts, DIFFERENCES), "\n".join(unexpected(verdicts, DIFFERENCES))
    assert not unused(verdicts, DIFFERENCES)
    assert number_of(EQUAL, verdicts) >= 185
