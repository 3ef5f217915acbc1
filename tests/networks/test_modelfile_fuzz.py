"""Model files with random plain data in their headers: a network, or our error, and nothing else."""

import contextlib
import hashlib
import json

import numpy as np
import pytest

from handspun.errors import ModelFileError
from handspun.layers import LAYERS
from handspun.layers.initializers import INITIALIZERS
from handspun.networks.architectures import mlp
from handspun.networks.modelfile import load
from handspun.networks.sequential import Sequential

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

# Either small or too large for any machine: nothing in between, which a wrong reader would allocate for real.
NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([10**18, 10**30, -(10**18), 2**63, 0.5, 2.0, 1e-5, 1e308, float("inf"), float("-inf"), float("nan")]),
)
WORDS = st.sampled_from(
    ["kind", "units", "initializer", "bias", "rate", "slope", "momentum", "epsilon", "scale", "gain", "layers", "dtype"]
)
KINDS = st.sampled_from([*LAYERS, *INITIALIZERS, "float32", "float64", "float16", "O", "f4,f4", "", "\0", "Layer"])
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, KINDS, st.text(max_size=4))
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, st.text(max_size=3)), inner, max_size=4)
    ),
    max_leaves=8,
)
INITIALIZER = st.one_of(
    ANYTHING,
    st.fixed_dictionaries(
        {"kind": st.one_of(st.sampled_from(list(INITIALIZERS)), LEAVES)}, optional={"scale": LEAVES, "gain": LEAVES}
    ),
)
LAYER = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.one_of(st.sampled_from(list(LAYERS)), LEAVES)},
        optional={"rate": LEAVES, "slope": LEAVES, "momentum": LEAVES, "epsilon": LEAVES},
    ),
    st.fixed_dictionaries({"kind": st.just("Dense"), "units": LEAVES, "initializer": INITIALIZER, "bias": LEAVES}),
    st.fixed_dictionaries({"kind": st.sampled_from(list(LAYERS))}),
    ANYTHING,
)
NETWORK = st.one_of(
    ANYTHING,
    st.fixed_dictionaries(
        {
            "layers": st.one_of(st.lists(LAYER, max_size=4), ANYTHING),
            "input_shape": st.one_of(st.lists(LEAVES, max_size=3), ANYTHING),
            "dtype": st.one_of(st.just("float32"), LEAVES, ANYTHING),
            "classes": st.one_of(st.none(), ANYTHING),
        }
    ),
)
PLAIN_HEADER = {"format": "handspun-model", "version": 1, "network": mlp(2, [2], 2).config(), "training": {}}
fuzz = hypothesis.settings(
    deadline=None, max_examples=400, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck), database=None
)


def write(path, header, size):
    vectors = {"parameters": np.zeros(size, np.float32), "statistics": np.zeros(0, np.float32)}
    hashes = {name: hashlib.sha256(vector.tobytes()).hexdigest() for name, vector in vectors.items()}
    text = json.dumps({"sha256": hashes, **header})
    np.savez(path, header=np.frombuffer(text.encode(), np.uint8), **vectors)


def is_network_or_our_error(path):
    network = None
    with contextlib.suppress(ModelFileError):
        network = load(path)
    if network is not None:
        assert isinstance(network, Sequential)
        assert network.logits(np.zeros((1, *network.input_shape))).shape == (1, *network.output_shape)


@fuzz
@hypothesis.given(network=NETWORK, size=st.sampled_from([0, 4, 6, 12]))
def test_any_description_gives_a_network_or_our_error(network, size, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzzed-network.npz"
    write(path, {**PLAIN_HEADER, "network": network}, size)
    is_network_or_our_error(path)


@fuzz
@hypothesis.given(change=st.dictionaries(st.sampled_from(["format", "version", "network", "training", "sha256"]), ANYTHING))
def test_any_header_gives_a_network_or_our_error(change, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzzed-header.npz"
    write(path, {**PLAIN_HEADER, **change}, 12)
    is_network_or_our_error(path)


@fuzz
@hypothesis.given(key=st.sampled_from(["layers", "input_shape", "dtype", "classes"]), value=ANYTHING)
def test_any_value_in_a_description_gives_a_network_or_our_error(key, value, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzzed-value.npz"
    write(path, {**PLAIN_HEADER, "network": {**PLAIN_HEADER["network"], key: value}}, 12)
    is_network_or_our_error(path)


def test_the_description_that_is_fuzzed_is_right_without_changes(tmp_path):
    write(tmp_path / "model.npz", PLAIN_HEADER, 12)
    assert load(tmp_path / "model.npz").output_shape == (2,)
