"""Losses against plain loops over their textbook formulas, and gradients against differences of the very values."""

import math

import numpy as np
import pytest

from handspun.errors import UsageError
from handspun.optimization.losses import (
    LOSSES,
    MeanSquaredError,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
    loss_by_name,
    softmax,
)

N, C = 7, 4
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (N, C))
CLASSES = RNG.integers(0, C, N)
SOFT = RNG.dirichlet(np.ones(C), N)
YES_NO = RNG.integers(0, 2, (N, C)).astype(float)
SAMPLE_WEIGHT = RNG.uniform(0.0, 3.0, N)
CLASS_WEIGHT = [0.5, 2.0, 0.0, 1.5]


# Plain references: one number at a time ------------------------------------------------------------------------------


def distribution(target, smoothing):
    t = [float(c == target) for c in range(C)] if np.ndim(target) == 0 else [float(value) for value in target]
    return [(1 - smoothing) * value + smoothing / C for value in t]


def plain_cross_entropy(logits, targets, sample_weight, smoothing=0.0, class_weight=None):
    w = [1.0] * C if class_weight is None else class_weight
    total = weight_sum = 0.0
    for n in range(len(logits)):
        z = [float(value) for value in logits[n]]
        log_sum = math.log(math.fsum(math.exp(value) for value in z))
        t = distribution(targets[n], smoothing)
        own = distribution(targets[n], 0.0)
        s = 1.0 if sample_weight is None else float(sample_weight[n])
        total += s * sum(-w[c] * t[c] * (z[c] - log_sum) for c in range(C))
        # As in PyTorch: the mean is weighted by the class for classes, and not for probabilities.
        weight_sum += s * (sum(w[c] * own[c] for c in range(C)) if np.ndim(targets[n]) == 0 else 1.0)
    return total / weight_sum


def plain_elementwise(element):
    def value(logits, targets, sample_weight):
        total = weight_sum = 0.0
        for n in range(len(logits)):
            t = distribution(targets[n], 0.0)
            s = 1.0 if sample_weight is None else float(sample_weight[n])
            total += s * sum(element(float(logits[n, c]), t[c]) for c in range(C)) / C
            weight_sum += s
        return total / weight_sum

    return value


def binary(z, t):
    p = 1 / (1 + math.exp(-z))
    return -t * math.log(p) - (1 - t) * math.log(1 - p)


plain_squares = plain_elementwise(lambda z, t: (z - t) ** 2)
plain_binary = plain_elementwise(binary)

CASES = []
for smoothing in (0.0, 0.1):
    for weights in (None, CLASS_WEIGHT):
        for kind, targets in (("classes", CLASSES), ("soft", SOFT)):
            CASES.append(
                pytest.param(
                    SoftmaxCrossEntropy(label_smoothing=smoothing, class_weight=weights),
                    lambda z, t, s, a=smoothing, w=weights: plain_cross_entropy(z, t, s, a, w),
                    targets,
                    id=f"cross-entropy-{kind}-smoothing{smoothing}-{'weights' if weights else 'plain'}",
                )
            )
for kind, targets in (("classes", CLASSES), ("soft", SOFT), ("yes-no", YES_NO)):
    CASES.append(pytest.param(MeanSquaredError(), plain_squares, targets, id=f"squares-{kind}"))
    CASES.append(pytest.param(SigmoidBinaryCrossEntropy(), plain_binary, targets, id=f"binary-{kind}"))

every_case = pytest.mark.parametrize(("loss", "plain", "targets"), CASES)
weightings = pytest.mark.parametrize("sample_weight", [None, SAMPLE_WEIGHT], ids=["unweighted", "weighted"])


@every_case
@weightings
def test_loss_value_equals_the_plain_loop(loss, plain, targets, sample_weight):
    value, _ = loss(LOGITS, targets, sample_weight)
    assert isinstance(value, float)
    assert value == pytest.approx(plain(LOGITS, targets, sample_weight), rel=1e-13)


@every_case
@weightings
def test_loss_gradient_is_the_derivative_of_its_value(loss, plain, targets, sample_weight):
    _, gradient = loss(LOGITS, targets, sample_weight)
    assert gradient.shape == LOGITS.shape
    for index in np.ndindex(*LOGITS.shape):
        z = LOGITS.copy()
        z[index] += 1e-5
        above = loss(z, targets, sample_weight)[0]
        z[index] -= 2e-5
        below = loss(z, targets, sample_weight)[0]
        assert gradient[index] == pytest.approx((above - below) / 2e-5, abs=1e-9)


@every_case
@weightings
def test_parts_with_the_normalizer_of_the_batch_add_up_to_its_loss(loss, plain, targets, sample_weight):
    whole, gradient = loss(LOGITS, targets, sample_weight)
    total = loss.total_weight(targets, sample_weight)
    value, parts = 0.0, []
    for piece in (slice(0, 3), slice(3, 4), slice(4, N)):
        weight = None if sample_weight is None else sample_weight[piece]
        more, part = loss.weighted_mean(LOGITS[piece], targets[piece], weight, total)
        value += more
        parts.append(part)
    assert value == pytest.approx(whole, rel=1e-14)
    np.testing.assert_allclose(np.concatenate(parts), gradient, rtol=1e-14, atol=1e-17)


@every_case
@weightings
def test_loss_does_not_change_its_arguments(loss, plain, targets, sample_weight):
    logits = LOGITS.copy()
    before = targets.copy()
    loss(logits, targets, sample_weight)
    np.testing.assert_array_equal(logits, LOGITS)
    np.testing.assert_array_equal(targets, before)


@every_case
def test_weighting_a_sample_by_n_equals_repeating_it_n_times(loss, plain, targets):
    times = np.array([1, 2, 0, 3, 1, 1, 2])
    value, gradient = loss(LOGITS, targets, times.astype(float))
    again, repeated = loss(LOGITS.repeat(times, axis=0), targets.repeat(times, axis=0))
    assert value == pytest.approx(again, rel=1e-13)
    starts = np.cumsum(times) - times
    summed = np.array([repeated[start : start + n].sum(axis=0) for start, n in zip(starts, times, strict=True)])
    np.testing.assert_allclose(gradient, summed, rtol=1e-12, atol=1e-16)


@every_case
def test_loss_in_float32_gives_a_float32_gradient_near_the_float64_one(loss, plain, targets):
    outputs = LOGITS.astype(np.float32)
    own = targets if targets.ndim == 1 else targets.astype(np.float32)
    value, gradient = loss(outputs, own, SAMPLE_WEIGHT.astype(np.float32))
    exact, exact_gradient = loss(LOGITS, targets, SAMPLE_WEIGHT)
    assert gradient.dtype == np.float32
    assert value == pytest.approx(exact, rel=2e-6)
    np.testing.assert_allclose(gradient, exact_gradient, rtol=0, atol=1e-6)


def test_cross_entropy_of_equal_logits_is_the_logarithm_of_the_number_of_classes():
    value, gradient = SoftmaxCrossEntropy()(np.full((2, 4), 3.0), np.array([0, 2]))
    assert value == pytest.approx(math.log(4), rel=1e-15)
    np.testing.assert_allclose(gradient, [[-0.375, 0.125, 0.125, 0.125], [0.125, 0.125, -0.375, 0.125]], rtol=1e-14)


def test_mean_squared_error_by_hand():
    value, gradient = MeanSquaredError()(np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.0, 4.0], [0.0, 1.0]]))
    assert value == ((1 + 4) / 2 + (0 + 4) / 2) / 2
    assert gradient.tolist() == [[0.5, -1.0], [0.0, -1.0]]


def test_binary_cross_entropy_of_one_output_takes_zeros_and_ones():
    value, gradient = SigmoidBinaryCrossEntropy()(np.array([[0.0], [math.log(3.0)]]), np.array([1, 0]))
    assert value == pytest.approx((math.log(2) + math.log(4)) / 2, rel=1e-15)
    np.testing.assert_allclose(gradient, [[-0.25], [0.375]], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_give_finite_and_right_cross_entropy(dtype):
    z = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]], dtype)
    value, gradient = SoftmaxCrossEntropy()(z, np.array([0, 1]))
    assert value == pytest.approx(1e4, rel=1e-6)  # the mean of 0 and 20,000
    np.testing.assert_allclose(gradient, [[0, 0, 0], [0.5, -0.5, 0]], atol=1e-7)
    value, gradient = SoftmaxCrossEntropy(label_smoothing=0.3)(z, np.array([0, 1]))
    assert value == pytest.approx((0.1 * 2e4 + 0.1 * 1e4 + 0.8 * 2e4 + 0.1 * 1e4) / 2, rel=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_give_finite_and_right_binary_cross_entropy(dtype):
    z = np.array([[1e4], [1e4], [-1e4], [-1e4]], dtype)
    value, gradient = SigmoidBinaryCrossEntropy()(z, np.array([1, 0, 0, 1]))
    assert value == pytest.approx(5e3, rel=1e-6)
    np.testing.assert_allclose(gradient[:, 0], [0, 0.25, 0, -0.25], atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_binary_cross_entropy_is_right_in_all_its_digits(dtype):
    z = np.concatenate([np.linspace(-80, 80, 161), [-1e-3, 1e-3]]).astype(dtype)[:, None]
    small = np.array([math.exp(-abs(float(v))) / (1 + math.exp(-abs(float(v)))) for v in z[:, 0]])  # σ(-|z|)
    for target in (0, 1):
        _, gradient = SigmoidBinaryCrossEntropy().weighted_mean(z, np.full(len(z), target), normalizer=1.0)
        surely = (z[:, 0] < 0) == (target == 0)  # on the right side
        sign = 1.0 if target == 0 else -1.0
        np.testing.assert_allclose(gradient[:, 0], sign * np.where(surely, small, 1.0 - small), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_huge_logits(dtype):
    z = np.array([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4]], dtype)
    np.testing.assert_allclose(softmax(z), [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


def test_softmax_equals_the_plain_quotient():
    expected = [[math.exp(v) / math.fsum(math.exp(u) for u in row) for v in row] for row in LOGITS]
    np.testing.assert_allclose(softmax(LOGITS), expected, rtol=1e-13)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), MeanSquaredError(), SigmoidBinaryCrossEntropy()])
def test_if_all_samples_weigh_zero_loss_and_gradient_are_zero(loss):
    value, gradient = loss(LOGITS[:2], CLASSES[:2], np.zeros(2))
    assert value == 0.0
    assert not gradient.any()


def test_if_all_classes_weigh_zero_loss_and_gradient_are_zero():
    value, gradient = SoftmaxCrossEntropy(class_weight=CLASS_WEIGHT)(LOGITS[:2], np.array([2, 2]))
    assert value == 0.0
    assert not gradient.any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_one_loss_serves_any_number_of_classes_and_both_types(smoothing):
    loss = SoftmaxCrossEntropy(label_smoothing=smoothing)
    for classes in (2, 4, 300, 3):
        for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
            logits, targets = RNG.normal(0, 2, (5, classes)).astype(dtype), RNG.integers(0, classes, 5)
            hot = (1 - smoothing) * np.eye(classes)[targets] + smoothing / classes
            p = softmax(logits.astype(np.float64))
            value, gradient = loss(logits, targets)
            assert gradient.dtype == dtype
            np.testing.assert_allclose(gradient, (p - hot) / 5, atol=tolerance)
            np.testing.assert_allclose(value, -np.sum(hot * np.log(p)) / 5, rtol=tolerance)


def test_minus_infinity_at_other_outputs_changes_nothing():
    logits = np.array([[0.0, -np.inf, 1.0], [1.0, 2.0, 0.0]])
    value, gradient = SoftmaxCrossEntropy()(logits, np.array([2, 1]))
    p = softmax(logits)
    assert value == pytest.approx(-(math.log(p[0, 2]) + math.log(p[1, 1])) / 2, rel=1e-14)
    np.testing.assert_allclose(gradient, (p - np.eye(3)[[2, 1]]) / 2, rtol=1e-14)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (SoftmaxCrossEntropy(), np.array([2, 1])),
        (SoftmaxCrossEntropy(class_weight=[1.0, 1.0, 1.0]), np.array([2, 1])),
        (SoftmaxCrossEntropy(), np.eye(3)[[2, 1]]),
        (SoftmaxCrossEntropy(class_weight=[1.0, 1.0, 1.0]), np.eye(3)[[2, 1]]),
    ],
    ids=["plain", "class-weights", "distributions", "both"],
)
@pytest.mark.parametrize("far", [-np.inf, -3e38], ids=["infinite", "overflowing"])
def test_an_impossible_class_adds_nothing_in_any_form_of_targets(loss, targets, far):
    logits = np.array([[0.0, far, 1.0], [1.0, 2.0, 0.0], [far, 3e38, 0.0]], np.float32)[: 3 if far > -np.inf else 2]
    targets = np.concatenate([targets, targets[1:]])[: len(logits)]
    with np.errstate(over="ignore"):  # 3e38 - -3e38, as in a training
        value, gradient = loss(logits, targets)
    losses = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(-1) + math.exp(-2)), 0.0][: len(logits)]
    assert value == pytest.approx(math.fsum(losses) / len(logits), rel=1e-6)
    with np.errstate(over="ignore"):
        p = softmax(logits)
    hot = np.eye(3)[targets] if targets.ndim == 1 else targets
    np.testing.assert_allclose(gradient, (p - hot) / len(logits), atol=1e-7)


def test_smoothing_gives_a_class_of_weight_zero_nothing():
    """Of t = (1 - ε)[c = y] + ε/C a class of weight 0 keeps 0, and the mean is over the weights of the right classes."""
    loss = SoftmaxCrossEntropy(label_smoothing=0.3, class_weight=[2.0, 0.0, 1.0])
    logits = np.log([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]])
    value, gradient = loss(logits, np.array([0, 2, 1]))
    t = np.array([[2 * 0.8, 0.0, 0.1], [2 * 0.1, 0.0, 0.8], [2 * 0.1, 0.0, 0.1]])
    p = np.exp(logits)
    assert value == pytest.approx(-(t * logits).sum() / (2 + 1 + 0), rel=1e-14)
    np.testing.assert_allclose(gradient, (p * t.sum(axis=1, keepdims=True) - t) / 3, rtol=1e-13)
    far = logits.copy()
    far[:, 1] = -np.inf
    value, gradient = loss(far, np.array([0, 2, 1]))
    assert np.isfinite(value), "log 0 of a class that does not count"
    assert np.isfinite(gradient).all()


def test_class_weights_are_copied():
    weight = np.array(CLASS_WEIGHT)
    loss = SoftmaxCrossEntropy(class_weight=weight)
    before = loss(LOGITS, CLASSES)[0]
    weight[...] = 1.0
    assert loss(LOGITS, CLASSES)[0] == before


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), MeanSquaredError(), SigmoidBinaryCrossEntropy()])
def test_float16_outputs_are_summed_in_float32(loss):
    outputs = np.random.default_rng(0).standard_normal((100_000, 4)).astype(np.float16)
    targets = np.eye(4)[np.arange(100_000) % 4]
    value, gradient = loss(outputs, targets)
    exact, slope = loss(outputs.astype(np.float64), targets)
    assert value == pytest.approx(exact, rel=1e-5)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-12)


# Errors ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan, "much", None])
def test_label_smoothing_outside_its_range_is_refused(smoothing):
    with pytest.raises(UsageError, match="label_smoothing"):
        SoftmaxCrossEntropy(label_smoothing=smoothing)


@pytest.mark.parametrize("weight", [[1.0, -1.0], [1.0, math.nan], [math.inf, 1.0], [[1.0, 2.0]], ["a", "b"], {0: 1.0}])
def test_class_weights_that_are_no_weights_are_refused(weight):
    with pytest.raises(UsageError, match="class_weight"):
        SoftmaxCrossEntropy(class_weight=weight)


@pytest.mark.parametrize("targets", [CLASSES, SOFT], ids=["classes", "soft"])
@pytest.mark.parametrize("count", [C - 1, C + 1])
def test_the_number_of_class_weights_must_be_that_of_classes(targets, count):
    with pytest.raises(UsageError, match=f"{count} class weights for {C} classes"):
        SoftmaxCrossEntropy(class_weight=np.ones(count))(LOGITS, targets)


@pytest.mark.parametrize("loss", [MeanSquaredError(), SigmoidBinaryCrossEntropy(), SoftmaxCrossEntropy()])
def test_targets_of_another_shape_are_refused_with_both_shapes(loss):
    with pytest.raises(UsageError, match=r"\(7, 4\).*\(7, 3\)"):
        loss(LOGITS, SOFT[:, :3])


def test_losses_by_name():
    assert {name: type(loss_by_name(name)) for name in LOSSES} == LOSSES
    with pytest.raises(UsageError, match='did you mean "softmax-cross-entropy"'):
        loss_by_name("softmax-crossentropy")


def test_targets_too_large_for_the_outputs_are_refused():
    outputs = np.zeros((2, 3), np.float32)
    with pytest.raises(UsageError, match="too large for float32"):
        MeanSquaredError()(outputs, np.full((2, 3), 1e300))


def test_outputs_of_no_numbers_are_refused():
    with pytest.raises(UsageError, match="outputs must be numbers"):
        MeanSquaredError()(np.zeros((3, 0)), np.zeros((3, 0)))
