"""What Step says about a layer, and which lines of source it marks."""

import re
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from step_cases import CASES, SEEN, filled, in_phase, rows, step_through, yes_or_no

import handspun
from handspun.app.lessons import listening, steps, texts, wording
from handspun.layers import LAYERS, Conv2D, Dense, Dropout, Flatten, SpatialDropout
from handspun.networks.sequential import Sequential
from handspun.pictures.contract import Contract, PictureContract

every_case = pytest.mark.parametrize(("make", "seen", "classes"), CASES.values(), ids=CASES)


def test_every_kind_of_layer_has_a_lesson():
    assert set(texts.LESSONS) == set(LAYERS.values())


def test_both_dropouts_say_what_they_drop_and_how_the_rest_scales():
    said = {kind: texts.LESSONS[kind].forward.explanation.format(layer=kind(0.3)) for kind in (Dropout, SpatialDropout)}
    assert "a fraction 0.3 of the values would be set to zero" in said[Dropout]
    assert "a fraction 0.3 of the channels, each as a whole, would be set to zero" in said[SpatialDropout]
    assert all("multiplied by 1/(1 - 0.3)" in text for text in said.values())


@pytest.mark.parametrize("kind", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_every_marked_line_is_in_the_source(kind, direction):
    lesson = getattr(texts.LESSONS[kind], direction)
    everything = listening.source(getattr(kind, direction), (), frozenset())["lines"]
    for part in lesson.lines:
        assert any(part in line for line in everything), part


@pytest.mark.parametrize("kind", steps.LINES_OF_LOSS)
def test_every_marked_line_of_a_loss_is_in_the_source(kind):
    everything = Path(handspun.optimization.losses.__file__).read_text(encoding="utf-8").splitlines()
    for part in [part for parts in steps.LINES_OF_LOSS[kind] for part in parts]:
        assert any(part in line for line in everything), part


@every_case
def test_the_source_equals_the_file_and_only_lines_that_ran_are_marked(make, seen, classes):
    package = Path(handspun.__file__).parent.parent
    for step in step_through(make(), seen)["steps"]:
        source = step["source"]
        first = source["first_line"]
        lines = (package / source["file"]).read_text(encoding="utf-8").splitlines()[first - 1 :][: len(source["lines"])]
        assert [line.strip() for line in source["lines"]] == [line.strip() for line in lines]
        assert source["highlight"], step["title"]
        assert all(first < number < first + len(lines) for number in source["highlight"])
        marked = " ".join(lines[number - first] for number in source["highlight"])
        assert "tape.training" not in marked
        assert not re.search(r"\{|\}", step["formula"] + step["explanation"])
        assert step["arrays"]


def marked(network, layer, phase="forward", seen=SEEN):
    (step,) = [step for step in in_phase(step_through(network, seen), phase) if step["layer"] == layer]
    source = step["source"]
    return [source["lines"][number - source["first_line"]].strip() for number in source["highlight"]]


def test_lines_that_did_not_run_are_not_marked():
    network = rows()
    assert marked(network, "dropout1") == ["return x"]
    assert marked(network, "dropout1", "backward") == ["return dy"]
    assert any("y += self.bias" in line for line in marked(network, "dense1"))
    assert not any("y += self.bias" in line for line in marked(network, "residual1.dense1"))
    assert any("self.running_mean" in line for line in marked(network, "batchnorm1"))


NUMBERS = {0: "0", 1.6072e-5: "1.6·10⁻⁵", 0.00012: "0.00012", 0.00963: "0.00963", 0.1: "0.100", 2.302585: "2.30", 123.4: "123"}
NUMBERS |= {4567.8: "4568", 2.5e7: "2.5·10⁷"}


@pytest.mark.parametrize(("value", "text"), NUMBERS.items())
def test_numbers_in_sentences_are_written_as_on_the_page(value, text):
    assert wording.number_text(value) == text


@pytest.mark.parametrize(
    ("contract", "ends"),
    [(Contract(), "0 where there is no ink to 255 for full ink"), (PictureContract(6, 6), "0 for black to 255 for white")],
)
def test_bytes_are_ink_for_models_of_strokes_and_light_for_others(contract, ends):
    network = yes_or_no()
    network.contract = contract
    assert f"Their bytes, {ends}, become numbers" in step_through(network, SEEN)["steps"][0]["explanation"]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.5, "50.00 %"), (0.00006, "0.01 %"), (0.00004, "less than 0.01 %"), (0.9999, "99.99 %"), (0.99996, "more than 99.99 %")],
)
def test_a_probability_is_rounded_to_neither_0_nor_100(share, text):
    assert wording.percent_text(share) == text


@pytest.mark.parametrize(("share", "text"), [(0.5, "50.0 %"), (0.0004, "less than 0.1 %"), (0.9996, "more than 99.9 %")])
def test_a_probability_with_one_decimal_is_rounded_alike(share, text):
    assert wording.percent_text(share, 1) == text


def test_formulas_match_the_settings_of_the_layer():
    network = filled(Sequential([Conv2D(2, 3, stride=2, dilation=(1, 2), padding=1), Flatten(), Dense(2)], (1, 6, 6)))
    found = {(step["phase"], step["layer"]): step for step in step_through(network, SEEN)["steps"]}
    convolution = found["forward", "conv2d1"]
    assert convolution["formula"] == "y_o,r,s = Σ_c Σ_i Σ_j W_ocij x_c,2r+i-1,2s+2j-1 + b_o"
    assert "from 1 × 6 × 6 to 2 × 3 × 2" in convolution["explanation"]
    assert found["backward", "conv2d1"]["formula"].startswith("dW_ocij = Σ_r Σ_s dy_o,r,s x_c,2r+i-1,2s+2j-1\ndb_o = ")
    assert "groups" not in convolution["explanation"]
    assert found["forward", "dense1"]["formula"] == "y = x W + b\ny_k = Σ_j x_j W_jk + b_k"
    network = filled(Sequential([Conv2D(4, 3), Conv2D(6, 3, groups=2), Flatten(), Dense(2)], (1, 6, 6)))
    found = {(step["phase"], step["layer"]): step for step in step_through(network, SEEN)["steps"]}
    assert found["forward", "conv2d2"]["explanation"].endswith("in 2 groups: c counts the channels of the filter's own group.")
    network = filled(Sequential([Flatten(), Dense(2, bias=False)], (1, 6, 6)))
    found = {(step["phase"], step["layer"]): step for step in step_through(network, SEEN)["steps"]}
    assert found["forward", "dense1"]["formula"] == "y = x W\ny_k = Σ_j x_j W_jk"
    assert found["backward", "dense1"]["formula"] == "dW = xᵀ dy\ndx = dy Wᵀ"
