"""Layers, initializers, losses, optimizers, schedules and augmentations of the user's own."""

from functools import partial

import numpy as np
import pytest

import handspun
from handspun.errors import ModelFileError, UsageError
from handspun.layers import LAYERS, Dense, Layer, Residual
from handspun.layers.initializers import INITIALIZERS, HeNormal, Initializer
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.optimization.optimizers import SGD, Optimizer
from handspun.optimization.schedules import Constant, Schedule
from handspun.training import fit

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 6))
Y = RNG.integers(0, 2, 40)


class Scale(Layer):
    """y = a · s x, s learned for each value."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def parameter_shapes(self, input_shape):
        return {"scale": input_shape}

    def initialize(self, rng):
        self.scale[...] = 1.0

    def forward(self, x, tape):
        tape[self]["x"] = x
        return self.factor * x * self.scale

    def backward(self, dy, tape):
        here = tape[self]
        here.gradient["scale"][...] = self.factor * (dy * here["x"]).sum(axis=0)
        return self.factor * dy * self.scale

    def config(self):
        return {"factor": self.factor}


class Halves(Initializer):
    def __call__(self, shape, fan_in, fan_out, rng):
        return np.full(shape, 0.5)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(LAYERS, "Scale", Scale)
    monkeypatch.setitem(INITIALIZERS, "Halves", Halves)


def network():
    return Sequential([Dense(5, initializer=Halves()), Scale(0.7), Residual([Scale(2.0)]), Dense(2)], (6,))


# Layers and initializers in files ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("registered")
def test_a_file_may_contain_registered_classes(tmp_path):
    first = network()
    fit(first, (X, Y), epochs=1)
    handspun.save(first, tmp_path / "own.npz")
    second = handspun.load(tmp_path / "own.npz")
    assert isinstance(second.layers[1], Scale)
    assert isinstance(second.layers[0].initializer, Halves)
    np.testing.assert_array_equal(second.logits(X), first.logits(X))


@pytest.mark.parametrize(("layer", "name"), [(Scale(), "Scale"), (Dense(2, initializer=Halves()), "Halves")])
def test_a_network_that_could_not_be_loaded_is_not_saved(layer, name, tmp_path):
    with pytest.raises(UsageError, match=rf'"{name}".*register'):
        handspun.save(Sequential([layer], (6,)), tmp_path / "own.npz")
    assert not list(tmp_path.iterdir())


def test_a_config_that_omits_a_setting_of_the_shape_is_noticed(tmp_path, monkeypatch):
    class Few(Scale):
        def parameter_shapes(self, input_shape):
            return {"scale": (int(self.factor),)}

        def config(self):
            return {}

    monkeypatch.setitem(LAYERS, "Few", Few)
    with pytest.raises(UsageError, match=r"config\(\) has other parameters"):
        handspun.save(Sequential([Few(6)], (6,)), tmp_path / "own.npz")


def test_a_file_with_an_unknown_layer_says_which(registered, tmp_path, monkeypatch):
    handspun.save(network(), tmp_path / "own.npz")
    monkeypatch.delitem(LAYERS, "Scale")
    with pytest.raises(ModelFileError, match='Unknown layer "Scale"'):
        handspun.load(tmp_path / "own.npz")


def test_copies_and_checks_need_no_registration():
    made = network()
    twin = made.copy(dtype=np.float64)
    assert twin.dtype == twin.parameters.vector.dtype == twin.logits(X).dtype == np.float64
    np.testing.assert_allclose(twin.logits(X), made.logits(X), rtol=1e-5)
    twin.parameters.vector[...] = 0.0
    assert not twin.logits(X).any()
    assert made.logits(X).any()
    assert handspun.check_gradients(made, X, Y).passed


def test_register_is_a_decorator_and_accepts_a_class_twice(monkeypatch):
    monkeypatch.setitem(LAYERS, "Scale", None)  # to be taken out again
    monkeypatch.delitem(LAYERS, "Scale")
    assert handspun.register(Scale) is Scale is LAYERS["Scale"]
    again = type("Scale", (Scale,), {})
    handspun.register(again)
    assert LAYERS["Scale"] is again


@pytest.mark.parametrize("wrong", [type("Dense", (Layer,), {}), type("HeNormal", (HeNormal,), {}), SGD, Scale(), "Scale"])
def test_only_layers_and_initializers_with_new_names_are_registered(wrong):
    with pytest.raises(UsageError, match=r"already has a .*; give yours another name|Only a class"):
        handspun.register(wrong)


# Checkpoints of trainings with one's own things ----------------------------------------------------------------------


class Sawtooth(Schedule):
    def factor(self, step, horizon):
        return 1.0 - step % 5 / 5.0


class Signs(Optimizer):
    def __init__(self, learning_rate=0.01):
        super().__init__(learning_rate)

    def _update(self, p, g, rate, scratch, *state):
        p -= rate * np.sign(g)


class Doubled(SoftmaxCrossEntropy):
    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor

    def per_sample(self, outputs, targets):
        values, gradients = super().per_sample(outputs, targets)
        return self.factor * values, self.factor * gradients


class Noise:
    def __call__(self, images, rng):
        return images + 0.1 * rng.standard_normal(images.shape)


def noise(images, rng, scale):
    return images + scale * rng.standard_normal(images.shape)


@pytest.mark.parametrize("augment", [Noise(), partial(noise, scale=0.1), lambda images, rng: images, None])
def test_a_training_of_custom_classes_resumes_to_the_same_bytes(augment, tmp_path):
    def train(epochs, checkpoint=None, again=augment):
        made = network()
        own = {"schedule": Sawtooth(), "optimizer": Signs(), "loss": Doubled(3.0), "augment": again}
        fit(made, (X, Y), epochs=4, batch_size=8, checkpoint=checkpoint, callbacks=[Stop(epochs)], **own)
        return made.parameters.vector

    class Stop(handspun.Callback):
        def __init__(self, epochs):
            self.epochs = epochs

        def on_epoch_end(self, trainer, record):
            if trainer.epoch == self.epochs:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(2, tmp_path / "half")
    # As in another process, where every object is new and at another address.
    fresh = {"Noise": Noise(), "partial": partial(noise, scale=0.1)}.get(type(augment).__name__, augment)
    np.testing.assert_array_equal(train(9, tmp_path / "half", fresh), train(9))


def test_another_augmentation_is_another_training(tmp_path):
    fit(network(), (X, Y), epochs=1, augment=partial(noise, scale=0.1), checkpoint=tmp_path / "done")
    with pytest.raises(UsageError, match=r"augment was 'noise\(scale=0.1\)', now 'noise\(scale=0.2\)'"):
        fit(network(), (X, Y), epochs=1, augment=partial(noise, scale=0.2), checkpoint=tmp_path / "done")


class Forgetful(SGD):
    def __init__(self, rate=0.1):
        super().__init__(rate)


class Curious(SoftmaxCrossEntropy):
    def __init__(self):
        super().__init__()
        self.function = np.exp


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ({"optimizer": Forgetful()}, r'Forgetful has no attribute "rate".*config\(\)'),
        ({"loss": Curious()}, r'Curious: .*plain data.*"function" is ufunc'),
    ],
)
def test_what_a_checkpoint_cannot_store_is_reported_before_training(own, text, tmp_path):
    made = network()
    before = made.parameters.vector.copy()
    with pytest.raises(UsageError, match=text):
        fit(made, (X, Y), epochs=1, checkpoint=tmp_path / "never", **own)
    np.testing.assert_array_equal(made.parameters.vector, before)
    fit(made, (X, Y), epochs=1, **own)  # without a checkpoint anything is allowed


def test_settings_of_schedules_are_those_they_were_made_with():
    assert Sawtooth().config() == {"name": "Sawtooth"}
    assert Constant().config() == {"name": "constant"}
