"""A model file with a wrong header is refused with what is wrong in it."""

import numpy as np
import pytest
from modelfiles import network_of_everything, refused, rewrite


@pytest.mark.parametrize("version", [0, 2, "1", None, [1], 1e300])
def test_other_version_is_refused_with_what_to_do(model, version):
    rewrite(model, lambda header: header.update(version=version))
    refused(model, "version.*Update handspun")


@pytest.mark.parametrize("kind", ["handspun-checkpoint", "", None, 5, ["handspun-model"]])
def test_other_format_is_refused(model, kind):
    rewrite(model, lambda header: header.update(format=kind))
    refused(model, "not a handspun-model")


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"5", b'"handspun-model"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000],
    ids=["empty", "cut", "list", "null", "number", "text", "not-utf-8", "deep-list", "deep-object", "long-number"],
)
def test_a_header_that_is_not_an_object_is_refused(model, text):
    with np.load(model) as archive:
        arrays = dict(archive)
    np.savez(model, **(arrays | {"header": np.frombuffer(text, np.uint8)}))
    refused(model)


@pytest.mark.parametrize(
    "header", [np.zeros((2, 2), np.uint8), np.zeros(3), np.array("{}"), np.array(b"{}"), np.zeros(5, np.int8)], ids=str
)
def test_header_of_another_type_is_refused(model, header):
    with np.load(model) as archive:
        arrays = dict(archive)
    np.savez(model, **(arrays | {"header": header}))
    refused(model, "no header")


@pytest.mark.parametrize("value", [None, [], "x", 5, {}, {"parameters": 5}, {"parameters": None}, ["parameters"]], ids=repr)
def test_nonsense_instead_of_hashes_is_refused(model, value):
    rewrite(model, lambda header: header.update(sha256=value))
    refused(model)


def put(header, path, value):
    """Set the value at the end of ``path`` in the network's description."""
    place = header["network"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value


HUGE = 10**18


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("layers",), []),
        (("layers",), None),
        (("layers",), "Dense"),
        (("layers",), {"kind": "Dense"}),
        (("layers",), [[]]),
        (("layers",), [None]),
        (("layers", 0), {"units": 3}),
        (("layers", 0, "kind"), ["Flatten"]),
        (("layers", 0, "kind"), None),
        (("layers", 0, "kind"), "Layer"),
        (("layers", 0, "kind"), "__class__"),
        (("layers", 0, "units"), 5),
        (("layers", 1, "units"), "5"),
        (("layers", 1, "units"), 5.0),
        (("layers", 1, "units"), -5),
        (("layers", 1, "units"), 6),
        (("layers", 1, "units"), 10**9),
        (("layers", 1, "units"), 10**400),
        (("layers", 1, "initializer"), None),
        (("layers", 1, "initializer"), {"kind": "Nothing"}),
        (("layers", 1, "initializer"), {"kind": "HeNormal", "scale": 1}),
        (("layers", 5, "initializer"), {"kind": "ScaledNormal", "scale": "1"}),
        (("layers", 5, "initializer"), {"kind": ["ScaledNormal"]}),
        (("layers", 2, "momentum"), None),
        (("layers", 2, "epsilon"), float("nan")),
        (("layers", 3, "slope"), 10**400),
        (("layers", 4, "rate"), [0.5]),
        (("layers", 4, "self"), 1),
        (("layers", 4, ""), 1),
        (("input_shape",), None),
        (("input_shape",), []),
        (("input_shape",), 6),
        (("input_shape",), "ab"),
        (("input_shape",), [2, 4]),
        (("input_shape",), [-2, -3]),
        (("input_shape",), [0, 3]),
        (("input_shape",), [2, "3"]),
        (("input_shape",), [2.5, 2.4]),
        (("input_shape",), [1.5, 4]),
        (("input_shape",), [[2], 3]),
        (("input_shape",), [float("inf"), 1]),
        (("input_shape",), [float("nan"), 6]),
        (("input_shape",), [HUGE, HUGE]),
        (("input_shape",), ["a", HUGE]),
        (("input_shape",), [[1], HUGE]),
        (("input_shape",), [1] * 100 + [7]),
        (("dtype",), None),
        (("dtype",), "float16"),
        (("dtype",), "float64"),
        (("dtype",), "object"),
        (("dtype",), "O"),
        (("dtype",), "f4,f4"),
        (("dtype",), "a"),
        (("dtype",), "(2,"),
        (("dtype",), "V1000000000"),
        (("dtype",), ["f4"]),
        (("dtype",), {"names": ["a"], "formats": ["f4"]}),
        (("dtype",), {}),
        (("classes",), ["a", "b"]),
        (("classes",), 3),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_description_that_cannot_be_understood_is_refused(model, path, value):
    rewrite(model, lambda header: put(header, path, value))
    refused(model)


@pytest.mark.parametrize("name", ["layers", "input_shape", "dtype", "classes"])
def test_description_with_a_part_missing_is_refused(model, name):
    rewrite(model, lambda header: header["network"].pop(name))
    refused(model, name)


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_nonsense_instead_of_a_description_is_refused(model, value):
    rewrite(model, lambda header: header.update(network=value))
    refused(model)


def test_unknown_layer_names_the_nearest(model):
    rewrite(model, lambda header: put(header, ("layers", 1, "kind"), "Dens"))
    refused(model, 'Unknown layer "Dens"; did you mean "Dense"')


def test_parameters_of_another_size_are_refused_with_both_sizes(model):
    rewrite(model, parameters=np.zeros(7, np.float32))
    needed = network_of_everything().parameters.vector.size
    refused(model, f"needs {needed} parameters, but the file holds 7")


def test_statistics_of_another_size_are_refused_with_both_sizes(model):
    rewrite(model, statistics=np.zeros(7, np.float32))
    refused(model, "10.*7|7.*10")


@pytest.mark.parametrize("name", ["parameters", "statistics"])
@pytest.mark.parametrize(
    "change",
    [lambda v: v.astype(np.float64), lambda v: v.reshape(-1, 1), lambda v: v.astype(np.int32), lambda v: v.astype("U8")],
)
def test_vector_of_another_type_or_shape_is_refused(model, name, change):
    rewrite(model, **{name: change(getattr(network_of_everything(), name).vector)})
    refused(model, name)


@pytest.mark.parametrize("name", ["parameters", "statistics"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(model, name, value):
    vector = getattr(network_of_everything(), name).vector.copy()
    vector[3] = value
    rewrite(model, **{name: vector})
    refused(model, "finite")
