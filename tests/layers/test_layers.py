"""Every layer goes through the same contract; then the values of each are compared with numbers computed by hand."""

import copy
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from handspun.engine.memory import by_images
from handspun.errors import UsageError
from handspun.layers import (
    ACTIVATIONS,
    GELU,
    LAYERS,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    SpatialDropout,
    Tanh,
    activation,
    layers_from_config,
)
from handspun.layers.initializers import GlorotUniform, Orthogonal
from handspun.networks import modelfile
from handspun.networks.gradcheck import check_gradients
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss

CASES = [
    ("dense", lambda: Dense(5), (4,)),
    ("dense-without-bias", lambda: Dense(3, bias=False, initializer=GlorotUniform()), (6,)),
    ("dense-one-unit", lambda: Dense(1, initializer=Orthogonal(gain=2.0)), (1,)),
    ("relu", ReLU, (7,)),
    ("relu-pictures", ReLU, (2, 3, 2)),
    ("leaky-relu", LeakyReLU, (7,)),
    ("leaky-relu-steep", lambda: LeakyReLU(0.3), (3, 2)),
    ("sigmoid", Sigmoid, (3, 2)),
    ("tanh", Tanh, (3, 2)),
    ("gelu", GELU, (3, 2)),
    ("silu", SiLU, (3, 2)),
    ("dropout", lambda: Dropout(0.4), (3, 4)),
    ("dropout-off", lambda: Dropout(0.0), (4,)),
    ("batchnorm", lambda: BatchNorm(momentum=0.3, epsilon=1e-3), (4,)),
    ("layernorm", lambda: LayerNorm(epsilon=1e-3), (5,)),
    ("batchnorm-pictures", lambda: BatchNorm(momentum=0.3, epsilon=1e-3), (3, 2, 4)),
    ("flatten", Flatten, (2, 3, 2)),
    ("spatial-dropout", lambda: SpatialDropout(0.4), (4, 3, 2)),
    ("conv2d", lambda: Conv2D(3, 3), (2, 5, 6)),
    ("conv2d-without-bias", lambda: Conv2D(2, 1, bias=False), (3, 2, 3)),
    ("conv2d-same", lambda: Conv2D(2, (3, 2), padding="same"), (2, 4, 5)),
    ("conv2d-same-stride", lambda: Conv2D(2, 3, padding="same", stride=2), (2, 5, 6)),
    ("conv2d-stride", lambda: Conv2D(2, (2, 3), stride=(3, 2)), (2, 7, 8)),
    ("conv2d-much-padding", lambda: Conv2D(2, (2, 1), padding=(2, 3), stride=(1, 2)), (1, 3, 3)),
    ("conv2d-dilation", lambda: Conv2D(2, (2, 3), dilation=(3, 2), padding=1, stride=(2, 1)), (2, 6, 6)),
    ("conv2d-groups", lambda: Conv2D(4, (3, 2), groups=2, padding=1), (6, 4, 4)),
    ("conv2d-depthwise", lambda: Conv2D(3, 3, groups=3, padding="same", dilation=2), (3, 5, 5)),
    ("maxpool2d", lambda: MaxPool2D(2), (2, 4, 6)),
    ("maxpool2d-rest", lambda: MaxPool2D((3, 2)), (2, 7, 5)),
    ("maxpool2d-overlapping", lambda: MaxPool2D(3, stride=2, padding=1), (2, 5, 6)),
    ("maxpool2d-of-one", lambda: MaxPool2D(1, stride=(2, 3)), (1, 4, 4)),
    ("avgpool2d", lambda: AvgPool2D(2), (2, 4, 6)),
    ("avgpool2d-overlapping", lambda: AvgPool2D((3, 2), stride=(2, 1), padding=1), (2, 5, 4)),
    ("globalavgpool", GlobalAvgPool, (3, 4, 2)),
    ("residual", lambda: Residual([Dense(4), Tanh(), Dense(4)]), (4,)),
    ("residual-projection", lambda: Residual([Dense(3), BatchNorm(), Sigmoid()]), (4,)),
    ("residual-pictures", lambda: Residual([Conv2D(2, 3, padding="same"), BatchNorm(), Tanh()]), (2, 3, 4)),
    (
        "residual-stride",
        lambda: Residual([Conv2D(3, 3, padding="same", stride=2), Residual([Tanh(), Conv2D(3, 1)])]),
        (2, 5, 4),
    ),
]
every_layer = pytest.mark.parametrize(("factory", "input_shape"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])


class Projection(Loss):
    """L = Σ y · t: its gradient with respect to y is t itself, so nothing but the layer is checked."""

    def per_sample(self, outputs, targets):
        return (outputs * targets).reshape(len(outputs), -1).sum(axis=1), targets

    def total_weight(self, targets, sample_weight=None):
        return 1.0


def build(factory, input_shape, dtype=np.float64):
    """A network of the one layer whose parameters and statistics are all different."""
    network = Sequential([factory()], input_shape, dtype=dtype)
    rng = np.random.default_rng(1)
    network.parameters.vector[...] = rng.normal(0.5, 1.0, network.parameters.vector.size)
    network.statistics.vector[...] = rng.uniform(0.5, 2.0, network.statistics.vector.size)
    return network


def off_kinks(rows, shape, seed=2):
    """Values with 0.1 <= |x| <= 2."""
    rng = np.random.default_rng(seed)
    size = (rows, *shape)
    return rng.uniform(0.1, 2.0, size) * rng.choice([-1.0, 1.0], size)


def single(layer, input_shape, **values):
    """The layer in a float64 network, with these parameters."""
    network = Sequential([layer], input_shape, dtype=np.float64)
    for name, value in values.items():
        getattr(layer, name)[...] = value
    return network


def run(network, x, dy, *, training=False):
    """Output, gradient by the input, and the tape."""
    tape = network.tape(training=training, rng=np.random.default_rng(0), input_gradient=True)
    y = network.forward(np.array(x, np.float64), tape)
    return y, network.backward(np.array(dy, np.float64), tape), tape


# The contract ----------------------------------------------------------------------------------------------------------


def test_table_of_cases_covers_all_layers():
    assert {type(factory()) for _, factory, _ in CASES} == set(LAYERS.values())
    assert set(ACTIVATIONS.values()) <= set(LAYERS.values())


@every_layer
@both_modes
def test_layer_gradients_pass_the_gradient_check(factory, input_shape, training):
    network = build(factory, input_shape)
    targets = np.random.default_rng(3).normal(size=(6, *network.output_shape))
    report = check_gradients(
        network, off_kinks(6, input_shape), targets, Projection(), tolerance=1e-7, training=training, elements=1000
    )
    assert report.passed, report
    assert report.checked == {
        **{name: view.size for name, view in network.parameters.items()},
        "input": 6 * math.prod(input_shape),
    }


@every_layer
@both_modes
def test_layer_gradients_equal_plain_central_differences(factory, input_shape, training):
    network = build(factory, input_shape)
    x = off_kinks(5, input_shape)
    dy = np.random.default_rng(3).normal(size=(5, *network.output_shape))

    def forward_backward():
        tape = network.tape(training=training, rng=np.random.default_rng(9), input_gradient=True)
        y = network.forward(x, tape).copy()
        return y, network.backward(dy, tape).copy(), tape.gradient.vector.copy()

    _, dx, gradient = forward_backward()
    for array, derivative in ((x, dx), (network.parameters.vector, gradient)):
        flat, numeric = array.reshape(-1), np.empty(array.size)
        for i in range(array.size):
            before = flat[i]
            flat[i] = before + 1e-5
            above = np.sum(forward_backward()[0] * dy)
            flat[i] = before - 1e-5
            below = np.sum(forward_backward()[0] * dy)
            flat[i] = before
            numeric[i] = (above - below) / 2e-5
        scale = max(1.0, np.abs(derivative).max(initial=0.0))
        np.testing.assert_allclose(derivative.reshape(-1), numeric, rtol=0, atol=1e-7 * scale)


@every_layer
def test_batch_equals_one_by_one_in_inference(factory, input_shape):
    network = build(factory, input_shape)
    x = off_kinks(9, input_shape)
    together = network.logits(x)
    apart = np.concatenate([network.logits(x[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(together, apart, rtol=1e-13, atol=1e-14)


@every_layer
def test_inference_is_deterministic_and_changes_nothing(factory, input_shape):
    network = build(factory, input_shape, np.float32)
    x = off_kinks(6, input_shape).astype(np.float32)
    before = (network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), x.tobytes())
    first = network.logits(x).tobytes()
    assert network.logits(x).tobytes() == first
    assert (network.parameters.vector.tobytes(), network.statistics.vector.tobytes(), x.tobytes()) == before


@every_layer
def test_a_training_pass_changes_neither_parameters_nor_statistics_nor_its_arguments(factory, input_shape):
    network = build(factory, input_shape, np.float32)
    x = off_kinks(6, input_shape).astype(np.float32)
    dy = off_kinks(6, network.output_shape, seed=4).astype(np.float32)
    before = [array.tobytes() for array in (network.parameters.vector, network.statistics.vector, x, dy)]
    tape = network.tape(training=True, rng=np.random.default_rng(0), input_gradient=True)
    network.forward(x, tape)
    network.backward(dy, tape)
    assert [array.tobytes() for array in (network.parameters.vector, network.statistics.vector, x, dy)] == before


@every_layer
def test_config_makes_the_same_layer_again(factory, input_shape):
    network = build(factory, input_shape, np.float32)
    config = {"kind": type(network.layers[0]).__name__, **factory().config()}
    twin = Sequential(layers_from_config([config]), input_shape, seed=None)
    twin.parameters.vector[...] = network.parameters.vector
    twin.statistics.vector[...] = network.statistics.vector
    assert twin.layers[0].config() == network.layers[0].config()
    x = off_kinks(4, input_shape).astype(np.float32)
    outputs = []
    for each in (network, twin):
        tape = each.tape(training=True, rng=np.random.default_rng(0))
        outputs.append((each.forward(x, tape).tobytes(), each.logits(x).tobytes()))
    assert outputs[0] == outputs[1]


@every_layer
def test_saved_and_loaded_layer_predicts_the_same_bits(factory, input_shape, tmp_path):
    network = build(factory, input_shape, np.float32)
    modelfile.save(network, tmp_path / "model.npz")
    loaded = modelfile.load(tmp_path / "model.npz")
    x = off_kinks(5, input_shape).astype(np.float32)
    assert loaded.logits(x).tobytes() == network.logits(x).tobytes()
    assert loaded.config() == network.config()


@every_layer
@both_modes
def test_two_tapes_in_two_threads_give_the_results_of_one_thread(factory, input_shape, training):
    network = build(factory, input_shape, np.float32)
    batches = [off_kinks(40, input_shape, seed).astype(np.float32) for seed in (5, 6)]
    gradients = [off_kinks(40, network.output_shape, seed).astype(np.float32) for seed in (7, 8)]
    barrier = threading.Barrier(2)

    def work(which, rounds, wait):
        if wait:
            barrier.wait(timeout=20)
        tape = network.tape(training=training, rng=np.random.default_rng(which), input_gradient=True)
        results = []
        for _ in range(rounds):
            y = network.forward(batches[which], tape).tobytes()
            dx = network.backward(gradients[which], tape).tobytes()
            results.append((y, dx, tape.gradient.vector.tobytes()))
        return results

    alone = [work(which, 15, False) for which in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda which: work(which, 15, True), (0, 1)))
    assert together == alone


@every_layer
def test_smaller_and_larger_batches_after_each_other_do_not_disturb_each_other(factory, input_shape):
    network = build(factory, input_shape)
    rng = np.random.default_rng(0)
    tape = network.tape(training=True, rng=rng, input_gradient=True)
    for seed, rows in enumerate((8, 3, 8, 1, 11, 2)):
        x, dy = off_kinks(rows, input_shape, seed), off_kinks(rows, network.output_shape, seed + 50)
        fresh = network.tape(training=True, rng=copy.deepcopy(rng), input_gradient=True)
        expected = [network.forward(x, fresh).copy(), network.backward(dy, fresh).copy(), fresh.gradient.vector]
        actual = [network.forward(x, tape).copy(), network.backward(dy, tape).copy(), tape.gradient.vector]
        for one, other in zip(expected, actual, strict=True):
            assert one.tobytes() == other.tobytes()


@every_layer
@pytest.mark.parametrize("order", ["usual", "image last"])
def test_the_same_array_with_other_values_is_seen_anew(factory, input_shape, order):
    network = build(factory, input_shape)
    tape = network.tape(training=True, rng=np.random.default_rng(0), input_gradient=True)
    x = np.empty((3, *input_shape))
    if order == "image last" and len(input_shape) == 3:
        height, width = input_shape[1:]
        x = by_images(np.empty((height, input_shape[0], width, 3)))
    for seed, smaller_between in enumerate((False, False, True, False)):
        if smaller_between:
            network.forward(off_kinks(2, input_shape, 90), tape)
        x[...], dy = off_kinks(3, input_shape, seed), off_kinks(3, network.output_shape, seed + 50)
        tape.draw_from(lambda seed=seed: np.random.default_rng(seed))
        fresh = network.tape(training=True, rng=np.random.default_rng(seed), input_gradient=True)
        expected = [network.forward(x, fresh).copy(), network.backward(dy, fresh).copy(), fresh.gradient.vector]
        actual = [network.forward(x, tape).copy(), network.backward(dy, tape).copy(), tape.gradient.vector]
        for one, other in zip(expected, actual, strict=True):
            assert one.tobytes() == other.tobytes()


@every_layer
def test_arrays_of_another_type_leave_no_trace(factory, input_shape):
    network = build(factory, input_shape)
    tape = network.tape()
    network.forward(np.ones((3, *input_shape), np.float32), tape)
    x = off_kinks(3, input_shape)
    assert network.forward(x, tape).tobytes() == network.forward(x, network.tape()).tobytes()


@every_layer
def test_repr_names_the_layer(factory, input_shape):
    layer = factory()
    assert repr(layer).startswith(f"{type(layer).__name__}(")


# Values ----------------------------------------------------------------------------------------------------------------


def test_dense_equals_the_product_by_hand():
    layer = Dense(3)
    network = single(layer, (2,), weight=[[1, 2, 3], [4, 5, 6]], bias=[0.5, -1, 10])
    y, dx, tape = run(network, [[1, 2], [0, -1]], [[1, 10, 100], [2, 0, 0]])
    assert y.tolist() == [[9.5, 11, 25], [-3.5, -6, 4]]
    assert dx.tolist() == [[321, 654], [2, 8]]
    assert tape[layer].gradient["weight"].tolist() == [[1, 10, 100], [0, 20, 200]]
    assert tape[layer].gradient["bias"].tolist() == [3, 10, 100]


def test_dense_without_bias_has_only_a_weight():
    layer = Dense(2, bias=False)
    network = single(layer, (2,), weight=[[1, 2], [3, 4]])
    assert list(network.parameters) == ["dense1.weight"]
    y, _, _ = run(network, [[1, 1]], [[1, 1]])
    assert y.tolist() == [[4, 6]]


X = [-2.0, -0.5, 0.0, 1.0, 3.0]


def logistic(x):
    return 1 / (1 + math.exp(-x))


def gelu(x):
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(
    ("layer", "values", "derivatives"),
    [
        (ReLU(), [0, 0, 0, 1, 3], [0, 0, 0, 1, 1]),
        (LeakyReLU(), [-0.02, -0.005, 0, 1, 3], [0.01, 0.01, 0.01, 1, 1]),
        (LeakyReLU(0.5), [-1, -0.25, 0, 1, 3], [0.5, 0.5, 0.5, 1, 1]),
        (
            Sigmoid(),
            [0.11920292202211755, 0.3775406687981454, 0.5, 0.7310585786300049, 0.9525741268224334],
            [0.1049935854035065, 0.2350037122015945, 0.25, 0.1966119332414819, 0.0451766597309121],
        ),
        (
            Tanh(),
            [-0.9640275800758169, -0.46211715726000976, 0, 0.7615941559557649, 0.9950547536867305],
            [0.0706508248531644, 0.7864477329659274, 1, 0.4199743416140261, 0.0098660371654401],
        ),
        (
            SiLU(),
            [-0.2384058440442351, -0.1887703343990727, 0, 0.7310585786300049, 2.8577223804673],
            [-0.0907842487848955, 0.2600388126973482, 0.5, 0.9276705118714868, 1.0881041060151697],
        ),
    ],
    ids=lambda value: repr(value) if not isinstance(value, list) else "",
)
def test_activation_equals_known_values(layer, values, derivatives):
    network = single(type(layer).from_config(layer.config()), (5,))
    y, dx, _ = run(network, [X], [[1.0] * 5])
    np.testing.assert_allclose(y[0], values, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dx[0], derivatives, rtol=1e-12, atol=1e-15)
    _, scaled, _ = run(network, [X], [[1.0, 2.0, 3.0, 4.0, 5.0]])
    np.testing.assert_allclose(scaled[0], np.multiply(derivatives, [1, 2, 3, 4, 5]), rtol=1e-12, atol=1e-15)


FAR = np.concatenate([np.linspace(-80, 80, 321), [-100.0, -87.4, -1e-3, -1e-30, 0.0, 1e-30, 1e-3, 100.0]])


def far_sigmoid(x):
    return math.exp(x) / (1 + math.exp(x)) if x < 0 else 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_right_in_all_its_digits_far_below_zero_too(dtype):
    x = FAR.astype(dtype)
    expected = np.array([far_sigmoid(float(value)) for value in x])
    y = Sequential([Sigmoid()], x.shape, dtype=dtype).logits(x[None])[0]
    normal = expected >= np.finfo(dtype).tiny
    np.testing.assert_allclose(y[normal], expected[normal], rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(y[~normal], expected[~normal], atol=1e-44)  # σ(-100) is a denormal number in float32
    if dtype == np.float32:
        assert float(y[x == -20.0][0]) == pytest.approx(2.0611536e-9, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silu_has_the_absolute_error_that_it_says(dtype):
    x = FAR.astype(dtype)
    expected = np.array([float(value) * far_sigmoid(float(value)) for value in x])
    y = Sequential([SiLU()], x.shape, dtype=dtype).logits(x[None])[0]
    np.testing.assert_allclose(y[x < 0], expected[x < 0], rtol=0, atol=6e-7 if dtype == np.float32 else 2e-15)
    np.testing.assert_allclose(y[x >= 0], expected[x >= 0], rtol=4 * np.finfo(dtype).eps)


def test_gelu_equals_its_tanh_form_and_is_close_to_the_exact_one():
    points = np.linspace(-5, 5, 101)
    y, _, _ = run(single(GELU(), (101,)), [points], [np.ones(101)])
    np.testing.assert_allclose(y[0], [gelu(x) for x in points], rtol=1e-13, atol=1e-15)
    exact = [x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in points]
    assert 1e-5 < np.abs(y[0] - exact).max() < 5e-4


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_of_huge_inputs_are_their_limits(name, dtype):
    network = Sequential([activation(name)], (4,), dtype=dtype)
    x = np.array([[-1e4, -300, 300, 1e4]], dtype)
    tape = network.tape(input_gradient=True)
    y = network.forward(x, tape)[0].tolist()
    dx = network.backward(np.ones_like(x), tape)[0].tolist()
    left = {"leaky-relu": [-100, -3], "tanh": [-1, -1]}.get(name, [0, 0])
    right = [1, 1] if name in ("sigmoid", "tanh") else [300, 1e4]
    np.testing.assert_allclose(y, left + right, rtol=1e-6, atol=1e-30)
    slopes = [0.01 if name == "leaky-relu" else 0] * 2 + [0 if name in ("sigmoid", "tanh") else 1] * 2
    np.testing.assert_allclose(dx, slopes, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize(("dtype", "far"), [(np.float32, 1e20), (np.float32, 3e38), (np.float64, 1e160), (np.float64, 1e308)])
def test_activations_of_the_largest_inputs_are_finite_and_warn_of_nothing(name, dtype, far):
    network = Sequential([activation(name)], (2,), dtype=dtype)
    x = np.array([[-far, far]], dtype)
    tape = network.tape(input_gradient=True)
    y = network.forward(x, tape)[0]
    dx = network.backward(np.ones_like(x), tape)[0]
    right = 1.0 if name in ("sigmoid", "tanh") else far
    np.testing.assert_allclose(y, [{"leaky-relu": -0.01 * far, "tanh": -1.0}.get(name, 0.0), right], rtol=1e-6)
    slopes = [0.01 if name == "leaky-relu" else 0.0, 0.0 if name in ("sigmoid", "tanh") else 1.0]
    np.testing.assert_allclose(dx, slopes, rtol=1e-6)


def test_flatten_keeps_the_order_of_values():
    x = np.arange(12.0).reshape(2, 3, 2)
    y, dx, _ = run(single(Flatten(), (3, 2)), x, np.arange(12.0).reshape(2, 6) * 10)
    assert y.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert dx.tolist() == (x * 10).tolist()


def test_layernorm_equals_the_formula_by_hand():
    layer = LayerNorm(epsilon=1e-30)
    network = single(layer, (4,), gamma=[1, 2, 3, 4], beta=[0, 0, 10, 0])
    y, dx, tape = run(network, [[1, 2, 3, 4]], [[1, 0, 0, 0]])
    s = math.sqrt(1.25)
    np.testing.assert_allclose(y, [[-1.5 / s, -1 / s, 10 + 1.5 / s, 6 / s]], rtol=1e-14)
    # g = (1, 0, 0, 0), mean(g) = 1/4, mean(g x̂) = -1.5/(4 s)
    x_hat = np.array([-1.5, -0.5, 0.5, 1.5]) / s
    np.testing.assert_allclose(dx, [(np.array([1, 0, 0, 0]) - 0.25 + x_hat * 1.5 / (4 * s)) / s], rtol=1e-14)
    np.testing.assert_allclose(tape[layer].gradient["gamma"], [-1.5 / s, 0, 0, 0], rtol=1e-14)
    assert tape[layer].gradient["beta"].tolist() == [1, 0, 0, 0]


def test_layernorm_of_a_row_of_equal_values_is_beta():
    network = single(LayerNorm(), (3,), gamma=[5, 6, 7], beta=[1, 2, 3])
    y, dx, _ = run(network, [[4, 4, 4]], [[1, 2, 3]])
    assert y.tolist() == [[1, 2, 3]]
    assert np.isfinite(dx).all()


def test_batchnorm_in_training_equals_the_formula_by_hand():
    layer = BatchNorm(epsilon=1e-30)
    network = single(layer, (2,), gamma=[2, 3], beta=[1, -1])
    y, dx, tape = run(network, [[1, 10], [3, 30], [5, 50]], [[1, 0], [0, 0], [0, 1]], training=True)
    s = math.sqrt(8 / 3)  # the standard deviation of 1, 3, 5
    np.testing.assert_allclose(y, [[1 - 4 / s, -1 - 6 / s], [1, -1], [1 + 4 / s, -1 + 6 / s]], rtol=1e-14)
    # column 0: g = (2, 0, 0), mean(g) = 2/3, x̂ = (-2, 0, 2)/s, mean(g x̂) = -4/(3 s)
    g = np.array([2, 0, 0])
    x_hat = np.array([-2, 0, 2]) / s
    np.testing.assert_allclose(dx[:, 0], (g - 2 / 3 + x_hat * 4 / (3 * s)) / s, atol=1e-14)
    np.testing.assert_allclose(tape[layer].gradient["gamma"], [-2 / s, 2 / s], rtol=1e-14)
    assert tape[layer].gradient["beta"].tolist() == [1, 1]


def test_batchnorm_in_inference_is_the_linear_function_of_its_running_averages():
    layer = BatchNorm(epsilon=0.25)
    network = single(layer, (2,), gamma=[2, 3], beta=[1, -1], running_mean=[10, 20], running_variance=[3.75, 2])
    y, dx, _ = run(network, [[12, 23]], [[1, 1]])
    np.testing.assert_allclose(y, [[1 + 2 * 2 / 2, -1 + 3 * 3 / 1.5]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[1, 2]], rtol=1e-15)


def test_batchnorm_running_averages_follow_the_formula():
    layer = BatchNorm(momentum=0.2)
    network = single(layer, (2,))
    mean, variance = np.zeros(2), np.ones(2)
    tape = network.tape(training=True)
    rng = np.random.default_rng(0)
    for rows in (7, 7, 2, 1):
        x = rng.normal(3, 2, (rows, 2))
        network.forward(x, tape)
        network.update_statistics(tape.statistics)
        mean = 0.8 * mean + 0.2 * x.mean(axis=0)
        if rows > 1:  # a single row has a mean, and says nothing of the variance
            variance = 0.8 * variance + 0.2 * ((x - x.mean(axis=0)) ** 2).sum(axis=0) / (rows - 1)
        np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-13)
        np.testing.assert_allclose(layer.running_variance, variance, rtol=1e-13)


@pytest.mark.parametrize("settings", [{}, {"stride": 1}, {"padding": 1}], ids=["tiles", "overlapping", "padded"])
def test_maxpool_of_equal_values_takes_the_first_column_and_in_it_the_first_row(settings):
    def place(picture):
        """Where the gradient of the output over the whole of a picture 2 x 2 goes."""
        network = single(MaxPool2D(2, **settings), (1, 4, 4))
        x = np.full((1, 1, 4, 4), -9.0)
        where = (slice(1, 3), slice(1, 3)) if settings else (slice(0, 2), slice(0, 2))
        x[0, 0][where] = picture
        y, _, _ = run(network, x, np.zeros((1, *network.output_shape)))
        dy = np.zeros_like(y)
        dy[0, 0][(1, 1) if settings else (0, 0)] = 7.0
        _, dx, _ = run(network, x, dy)
        assert dx.sum() == 7.0
        return dx[0, 0][where].tolist()

    assert place([[5, 5], [5, 5]]) == [[7, 0], [0, 0]]
    assert place([[1, 5], [5, 1]]) == [[0, 0], [7, 0]]
    assert place([[1, 5], [1, 5]]) == [[0, 7], [0, 0]]
    assert place([[1, 1], [5, 5]]) == [[0, 0], [7, 0]]


def test_norms_have_the_settings_that_pytorch_has():
    assert BatchNorm().config() == {"momentum": 0.1, "epsilon": 1e-5}
    assert LayerNorm().config() == {"epsilon": 1e-5}
    # Not only the numbers: of a constant batch of 1 ± 1e-3 the variance, 1e-6, is small beside ε.
    y, _, _ = run(single(BatchNorm(), (1,)), [[1 - 1e-3], [1 + 1e-3]], [[0], [0]], training=True)
    np.testing.assert_allclose(y[:, 0], np.array([-1e-3, 1e-3]) / math.sqrt(1e-6 + 1e-5), rtol=1e-9)


def test_dropout_zeroes_the_share_that_its_rate_says_and_keeps_the_mean():
    network = single(Dropout(0.3), (1000,))
    tape = network.tape(training=True, rng=np.random.default_rng(0))
    y = network.forward(np.ones((200, 1000)), tape)
    assert np.unique(y).tolist() == [0.0, 1 / 0.7]
    n = y.size
    assert abs(np.mean(y == 0) - 0.3) < 4 * math.sqrt(0.3 * 0.7 / n)
    assert abs(y.mean() - 1.0) < 4 * math.sqrt(0.3 / 0.7 / n)
    kept = y > 0  # neighbours are dropped independently of each other
    assert abs(np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(kept[:-1].ravel(), kept[1:].ravel())[0, 1]) < 0.01


def test_dropout_sends_the_gradient_through_what_it_kept():
    network = single(Dropout(0.5), (50,))
    y, dx, _ = run(network, np.full((4, 50), 3.0), np.full((4, 50), 7.0), training=True)
    assert 50 < np.count_nonzero(y) < 150
    np.testing.assert_array_equal(dx, y / 3.0 * 7.0)


def test_dropout_draws_the_same_masks_from_the_same_seed_and_other_masks_in_the_next_pass():
    network = single(Dropout(0.5), (64,))
    x = np.ones((4, 64))
    tapes = [network.tape(training=True, rng=np.random.default_rng(seed)) for seed in (5, 5, 6)]
    first = [network.forward(x, tape).tobytes() for tape in tapes]
    second = [network.forward(x, tape).tobytes() for tape in tapes]
    assert first[0] == first[1] != first[2]
    assert second[0] == second[1] != second[2]
    assert first[0] != second[0]


def test_dropout_without_a_generator_says_that_one_is_needed():
    network = single(Dropout(0.5), (3,))
    with pytest.raises(RuntimeError, match="rng"):
        network.forward(np.ones((1, 3)), network.tape(training=True))


def test_dropout_is_the_identity_in_inference():
    x = off_kinks(3, (4,))
    y, dx, _ = run(single(Dropout(0.9), (4,)), x, 2 * x)
    assert y.tolist() == x.tolist()
    assert dx.tolist() == (2 * x).tolist()


# Wrong settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(0),
        lambda: Dense(-3),
        lambda: Dense(2.5),
        lambda: Dense(True),
        lambda: Dense("10"),
        lambda: Dropout(1.0),
        lambda: Dropout(-0.1),
        lambda: Dropout(math.nan),
        lambda: Dropout("half"),
        lambda: LeakyReLU(1.0),
        lambda: LeakyReLU(-0.01),
        lambda: BatchNorm(momentum=1.5),
        lambda: BatchNorm(epsilon=-1e-5),
        lambda: BatchNorm(epsilon=0.0),
        lambda: LayerNorm(epsilon=0.0),
        lambda: LayerNorm(epsilon=math.inf),
        lambda: activation("rellu"),
    ],
)
def test_wrong_settings_of_a_layer_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_unknown_activation_names_the_nearest():
    with pytest.raises(UsageError, match='did you mean "relu"'):
        activation("rellu")


@pytest.mark.parametrize("layer", [Dense(3), BatchNorm(), LayerNorm()], ids=repr)
def test_layers_of_rows_say_that_pictures_need_flatten(layer):
    with pytest.raises(UsageError, match=r"\(28, 28\).*Flatten"):
        Sequential([layer], (28, 28))
