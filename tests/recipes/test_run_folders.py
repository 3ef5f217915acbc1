"""A training by settings, its folder, and its budget."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from handspun import ModelFileError, UsageError, load
from handspun.evaluation.evaluate import loss_and_accuracy
from handspun.optimization.losses import SoftmaxCrossEntropy
from handspun.recipes import Settings
from handspun.recipes.run import Plan, prepare, saved_settings, train

trains = pytest.mark.skipif(find_spec("threadpoolctl") is None, reason="training by settings needs threadpoolctl")

#: A training of a moment.
TINY = Settings(hidden=(8,), epochs=1, train_images=600, optimizer="momentum", learning_rate=0.1)


@trains
def test_a_training_saves_model_settings_and_evaluation(tmp_path):
    material = prepare(TINY)
    result = train(Plan(TINY, material), folder=tmp_path / "run")
    predicted = result.network.predict(material.test.images)
    assert result.evaluation.accuracy == np.mean(predicted == material.test.labels)
    np.testing.assert_array_equal(load(tmp_path / "run" / "model.npz").parameters.vector, result.network.parameters.vector)
    assert saved_settings(tmp_path / "run") == (TINY, None)
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["accuracy"] == result.evaluation.accuracy


@trains
def test_a_training_without_a_folder_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = train(Plan(TINY, prepare(TINY)), folder=tmp_path / "run").network.parameters.vector
    loose = train(Plan(TINY, prepare(TINY))).network.parameters.vector
    np.testing.assert_array_equal(kept, loose)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@trains
@pytest.mark.parametrize("change", [{"optimizer": "adamm", "momentum": None}, {"schedule": {"name": "nosuch"}}])
def test_invalid_settings_are_refused_before_anything_is_written(change, tmp_path):
    settings = TINY.replace(**change)
    with pytest.raises(UsageError):
        train(Plan(settings, prepare(settings)), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@trains
def test_a_budget_is_kept_and_ends_with_the_best_weights():
    # A learning rate that is too high: the validation loss goes up and down, and the last epoch is rarely the best.
    settings = Settings(hidden=(16,), optimizer="adam", learning_rate=0.03, train_images=1000)
    material = prepare(settings)
    result = train(Plan(settings, material), budget=0.6)
    assert 0.002 < result.seconds < 1.2  # a busy machine fits few epochs into the budget
    losses = result.history["validation_loss"]
    assert len(losses) > 1
    loss, _ = loss_and_accuracy(
        result.network, material.validation.images, material.validation.labels.astype(np.intp), SoftmaxCrossEntropy()
    )
    assert loss == pytest.approx(min(losses), rel=1e-5)
    assert result.settings.epochs >= len(losses)


@trains
def test_the_smallest_budget_still_gives_a_network():
    result = train(Plan(TINY, prepare(TINY)), budget=1e-6)
    assert len(result.history.records) == 1
    assert result.evaluation is not None


@trains
def test_a_run_resumes_with_its_saved_settings_and_budget(tmp_path):
    train(Plan(TINY, prepare(TINY)), budget=0.3, folder=tmp_path)
    settings, budget = saved_settings(tmp_path)
    assert budget == 0.3
    assert settings.replace(epochs=1) == TINY


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"settings": 3, "budget": null}', '{"settings": {}, "budget": {}}'])
def test_a_broken_configuration_is_named(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match=r"config\.json cannot be understood"):
        saved_settings(tmp_path)
