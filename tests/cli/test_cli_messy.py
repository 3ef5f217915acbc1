"""``evaluate --messy``: the library's figures as a table, as JSON and as a picture."""

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("threadpoolctl")

from handspun import load
from handspun.evaluation.messy import MESSY, evaluate_messy


@pytest.fixture(scope="module")
def expected(trained, digits):
    network = load(trained / "model.npz")
    return evaluate_messy(network, digits.test.images, digits.test.labels, network.contract)


def test_json_holds_the_figures_of_the_library(handspun, trained, expected):
    said = handspun("evaluate", trained, "--messy", "--json").json
    assert said["messy"] == expected.as_dict()
    assert said["messy"]["versions"][0]["accuracy"] == said["accuracy"]
    plain = handspun("evaluate", trained, "--json").json
    assert "messy" not in plain
    assert {name: said[name] for name in plain} == plain


def test_the_table_compares_each_version_with_clean_images(handspun, trained, expected):
    outcome = handspun("evaluate", trained, "--messy")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    clean = expected.clean.accuracy
    for row in expected.versions:
        (line,) = [line for line in lines if line.startswith(f"{row.name} ")]
        low, high = (100 * bound for bound in row.interval)
        assert f" {100 * row.accuracy:.2f} %  " in line
        assert f"{low:.2f} to {high:.2f} %" in line
        assert f" {100 * (row.accuracy - clean):+.2f} " in line
        assert line.rstrip().endswith(row.strength)
    assert any(line.startswith("clean ") and f"{100 * clean:.2f} %" in line for line in lines)
    assert lines[-1] == f"mean of the {len(MESSY)} distorted versions  {100 * expected.mean:.2f} %"
    assert "distorted" not in handspun("evaluate", trained).out


def test_the_picture_shows_the_versions(handspun, trained, here, digits):
    pytest.importorskip("matplotlib")
    assert handspun("evaluate", trained, "--messy", "--picture", "messy.png").code == 0
    assert handspun("evaluate", trained, "--picture", "matrix.png").code == 0
    picture = (here / "messy.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture != (here / "matrix.png").read_bytes()
    from handspun.cli.evaluate import _versions

    shown = [image.get_array() for image in _versions(digits.test.images).axes[0].images]
    assert len(shown) == 14 * (1 + len(MESSY))
    assert (np.stack(shown[:14]) == digits.test.images[:14]).all()
    assert (np.stack(shown[14:28]) == MESSY["shifted"](digits.test.images[:14])).all()


def test_flat_rows_are_refused_in_one_line(handspun, trained, digits, here):
    np.savez("flat.npz", x=digits.test.images[:20].reshape(20, 784), y=digits.test.labels[:20])
    outcome = handspun("evaluate", trained, "flat.npz", "--messy")
    assert (outcome.code, outcome.out) == (2, "")
    assert "the images of flat.npz: A messy version takes uint8 pictures" in " ".join(outcome.err.split())
