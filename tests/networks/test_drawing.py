"""What print, repr and notebooks show of a network."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from handspun import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Residual, Sequential, load_pretrained, mlp
from handspun.layers import Layer

NAMESPACE = "{http://www.w3.org/2000/svg}"


def network():
    layers = [Conv2D(8, 3, padding="same"), Residual([Conv2D(8, 3, padding="same"), ReLU()]), MaxPool2D(2), Flatten(), Dense(3)]
    return Sequential(layers, (3, 20, 20))


def texts(drawing):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(drawing).iter(f"{NAMESPACE}text")]


def test_print_shows_the_summary(capsys):
    print(network())
    assert capsys.readouterr().out == network().summary() + "\n"


def test_a_line_of_the_summary_ends_with_parameters_and_bytes():
    lines = network().summary().splitlines()
    assert lines[3].split() == ["conv2d1", "Conv2D(8,", "3,", "padding='same')", "(8,", "20,", "20)", "224", "896"]
    assert len({len(line) for line in (lines[1], lines[3], lines[-1], lines[-2])}) == 1


def test_the_repr_is_one_short_line():
    assert repr(mlp(784, [128, 64], 10)) == (
        "Sequential([Dense(128), ReLU(), Dense(64), ReLU(), Dense(10)], input_shape=(784,))"
    )
    long = repr(load_pretrained("mnist-cnn"))
    assert "\n" not in long
    assert len(long) < 160
    assert re.search(r"… 17 layers …, Dense\(10\)\], input_shape=\(1, 28, 28\)\)$", long)


def test_a_notebook_shows_each_layer_with_its_shape_and_parameters():
    shown = texts(network()._repr_html_())
    assert shown[:2] == ["input", "3 × 20 × 20"]
    assert shown[2:6] == ["conv2d1", "Conv2D(8, 3, padding='same')", "8 × 20 × 20", "224"]
    assert shown[6] == "residual1"
    assert [text for text in shown if text.startswith("dense")] == ["dense1"]
    assert shown[-4:] == ["Dense(3)", "3", "2,403", "3,211 parameters"]
    assert network().parameters.vector.size == 3211


def test_forms_of_the_drawing_follow_the_shapes():
    root = ElementTree.fromstring(network()._repr_html_())
    groups = list(root.iter(f"{NAMESPACE}g"))
    squares = [[float(rect.get("width")) for rect in group] for group in groups]
    assert [len(group) for group in squares] == [3, 5, 5, 5, 1, 1]
    assert squares[1][0] == 2 * squares[3][0] - 8  # half as tall, above 8 pixels that all have
    assert squares[4][0] > squares[5][0]
    arcs = [path for path in root.iter(f"{NAMESPACE}path") if "C" in path.get("d")]
    assert len(arcs) == 1


def test_everything_is_inside_the_drawing():
    for drawn in (network(), load_pretrained("mnist-cnn"), mlp(10**6, [5], 1, seed=None), mlp(1, [], 1)):
        root = ElementTree.fromstring(drawn._repr_html_())
        _, _, width, height = map(float, root.get("viewBox").split())
        for rect in root.iter(f"{NAMESPACE}rect"):
            x, y, w, h = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height


def test_the_drawing_has_the_colour_of_the_page_and_no_script():
    drawing = network()._repr_html_()
    assert "<script" not in drawing
    assert not re.search(r"\bon\w+=", drawing)
    assert not re.search(r'fill="(black|white|#000|#fff)', drawing)
    assert 'fill="currentColor"' in drawing
    assert 'role="img" aria-label="A network of 5 layers from (3, 20, 20) to (3,) with 3,211 parameters"' in drawing


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'A&"b"', "x" * 500])
def test_names_of_a_users_layers_are_escaped_and_cut(name):
    class Own(Layer):
        def forward(self, x, tape):
            return x

        def backward(self, dy, tape):
            return dy

        def __repr__(self):
            return name

    Own.__name__ = name
    drawing = Sequential([Own(), Dense(2)], (3,))._repr_html_()
    assert "<script" not in drawing
    assert all(len(text) <= 44 for text in texts(drawing))


def test_shapes_of_one_and_two_axes_are_drawn():
    for drawn in (Sequential([ReLU()], (4, 5)), Sequential([Dropout(0.5)], (1,)), Sequential([ReLU()], (2, 3, 4, 5))):
        assert " × ".join(map(str, drawn.output_shape)) in texts(drawn._repr_html_())
        assert drawn.logits(np.ones((1, *drawn.input_shape))).shape == (1, *drawn.output_shape)
