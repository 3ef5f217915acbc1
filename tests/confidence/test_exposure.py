"""A head learns to tell images of the classes from other things, and the network stays as it is."""

import numpy as np
import pytest

from handspun import UsageError, fit, fit_confidence, mlp
from handspun.confidence import exposure
from handspun.confidence.exposure import fit_head


@pytest.fixture(scope="module")
def network(blobs):
    made = mlp(12, [16], 3, seed=1)
    fit(made, blobs, epochs=60, batch_size=30)
    return made


@pytest.fixture(scope="module")
def others(blobs):
    """Two kinds that are no blobs, of different numbers: stripes (400, 4, 3), and mirrored blobs (90, 4, 3)."""
    rng = np.random.default_rng(2)
    stripes = np.where(np.arange(12) % 2, 255, 0) * np.ones((400, 1)) - rng.integers(0, 40, (400, 12))
    return [np.clip(stripes, 0, 255).astype(np.uint8).reshape(400, 4, 3), 255 - blobs[0][:, ::-1]]


def test_the_head_scores_other_images_below_known_ones(network, blobs, others):
    before = network.parameters.vector.copy()
    head = fit_head(network, np.tile(blobs[0], (10, 1, 1)), others)
    assert (network.parameters.vector == before).all()
    network.confidence = fit_confidence(network, *blobs, head=head, false_reject_rate=0.1)
    assert np.mean(network.answer(blobs[0]).verdict == "known") == 0.9
    stripes, mirrored = (np.mean(network.answer(kind).verdict == "unknown") for kind in others)
    assert stripes > 0.99
    assert mirrored > 0.6, "they have much in common with what is known"


def test_the_head_takes_raw_features_and_is_reproducible(network, blobs, others):
    head = fit_head(network, blobs[0], others, units=5)
    assert head.hidden_weight.shape == (network.feature_count, 5)
    again = fit_head(network, blobs[0], others, units=5)
    for name, array in head.arrays().items():
        assert (array == again.arrays()[name]).all()
        assert array.dtype == np.float32
    features, _ = network.features_and_logits(blobs[0])
    score = head(features)
    assert score.shape == (90,)
    assert score.mean() > np.mean([head(network.features_and_logits(kind)[0]).mean() for kind in others]) + 1.0


def test_all_kinds_have_the_same_weight(network, blobs, others):
    head = fit_head(network, np.tile(blobs[0], (10, 1, 1)), others)  # 900 known, 400 and 90 others
    scores = head(network.features_and_logits(others[1])[0])
    assert np.mean(scores > 0) < 0.6, "counted by their number they would hardly count: 0.86"


def test_all_kinds_together_weigh_as_much_as_the_known_images(network, blobs, others, monkeypatch):
    given = {}

    def remember(head, data, **arguments):
        given.update(arguments, is_known=data[1])

    monkeypatch.setattr(exposure, "fit", remember)
    third = blobs[0][:7]
    fit_head(network, blobs[0], [*others, third])
    weight, is_known = given["sample_weight"], given["is_known"]
    assert is_known.tolist() == [1] * 90 + [0] * (400 + 90 + 7)
    assert weight.mean() == pytest.approx(1.0, rel=1e-12)
    kinds = np.split(weight, np.cumsum([90, 400, 90]))
    assert all((kind == kind[0]).all() for kind in kinds)
    sums = [kind.sum() for kind in kinds]
    np.testing.assert_allclose(sums, np.array([3, 1, 1, 1]) / 6 * len(weight), rtol=1e-12)


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_training_a_head_without_images_is_refused(network, blobs, others, empty):
    known, kinds = blobs[0], list(others)
    if empty == 0:
        known = known[:0]
    else:
        kinds[empty - 1] = kinds[empty - 1][:0]
    with pytest.raises(UsageError, match="other things"):
        fit_head(network, known, kinds)
    with pytest.raises(UsageError, match="other things"):
        fit_head(network, blobs[0], [])
