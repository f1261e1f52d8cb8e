"""Networks as regressors: what scikit-learn has, and what classifiers have too."""

import logging

import numpy as np
import pytest
from network_fixtures import (
    HERE,
    WAVES,
    InterruptedTrainingError,
    X,
    interrupt,
    network,
    same,
)
from sklearn.base import is_regressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from genreflow.errors import GenreflowError
from genreflow.models.files import load_model, load_targets, save_model
from genreflow.models.network_regressor import NetworkRegressor

rng = np.random.default_rng(0)
V = rng.normal(size=(60, 4))
ONE = V @ [0.3, -0.2, 0.1, 0.0] + 0.05 * rng.normal(size=60)
TWO = np.stack([ONE, rng.random(60)], axis=1)
MEL = np.array([[array[:2].mean(), array[2:4].mean()] for (array,) in map(X.row, range(30))])
MEL = (MEL - MEL.min(axis=0)) / np.ptp(MEL, axis=0)


def regressor(module="branches", **given):
    return network(module, NetworkRegressor, **given)


def vectors(**given):
    return NetworkRegressor(**{"epochs": 4, "device": "cpu", "learning_rate": 0.01, **given})


@parametrize_with_checks([NetworkRegressor(learning_rate=0.05, epochs=100, device="cpu")])
def test_it_is_an_estimator(estimator, check):
    check(estimator)


def test_it_follows_a_linear_model_of_scikit_learn():
    made = vectors(epochs=300, batch_size=60, learning_rate=0.05, schedule="cosine").fit(V, TWO)
    expected = LinearRegression().fit(V, TWO)
    np.testing.assert_allclose(made.predict(V), expected.predict(V), atol=1e-3)
    assert is_regressor(made)
    assert made.predict(V).dtype == np.float64


@pytest.mark.parametrize("y", [ONE, TWO, ONE[:, None]], ids=["one", "two", "a column"])
def test_the_history_has_the_loss_and_r2(y):
    given = {"module_parameters": {"layers": [8]}, "batch_size": 60}
    made = vectors(**given).fit(V, y, validation=(V[:20], y[:20]))
    found = made.predict(V[:20])
    assert found.shape == y[:20].shape
    last = made.history_[-1]
    assert last["part"] == "validation"
    assert last["loss"] == pytest.approx(mean_squared_error(y[:20], found))
    assert last["r2"] == pytest.approx(r2_score(y[:20], found), abs=1e-6)
    assert last["r2"] == pytest.approx(made.score(V[:20], y[:20]), abs=1e-6)
    assert last["accuracy"] is None
    # A single batch: an epoch is measured on the weights that the one before it left.
    before = vectors(**given | {"epochs": 3}).fit(V, y)
    assert made.history_[-2]["r2"] == pytest.approx(r2_score(y, before.predict(V)), abs=1e-5)


def test_r2_of_targets_that_do_not_vary_is_that_of_scikit_learn():
    y = np.stack([ONE, np.full(60, 0.25)], axis=1)
    made = vectors().fit(V, y, validation=(V, y))
    assert made.history_[-1]["r2"] == pytest.approx(r2_score(y, made.predict(V)), abs=1e-6)
    single = vectors().fit(V, ONE, validation=(V[:1], ONE[:1]))
    assert single.history_[-1]["r2"] is None


def test_early_stopping_keeps_the_best_epoch():
    made = vectors(epochs=60, learning_rate=0.2, patience=3).fit(V, ONE, validation=(V, ONE))
    held = [row["loss"] for row in made.history_ if row["part"] == "validation"]
    assert made.best_epoch_ == 1 + np.argmin(held)
    assert mean_squared_error(ONE, made.predict(V)) == pytest.approx(min(held))


@pytest.mark.parametrize(
    ("rows", "given"),
    [(X, {"mixup": 0.3, "spec_augment": {"bands": 0.2}}), (WAVES, {"window": 20})],
    ids=["arrays", "windows"],
)
def test_an_interrupted_training_on_arrays_goes_on(tmp_path, monkeypatch, rows, given):
    file = tmp_path / "r0f0.pt"
    with monkeypatch.context() as patched:
        interrupt(patched, 2)
        with pytest.raises(InterruptedTrainingError):
            regressor(**given).fit(rows, MEL, checkpoint=file)
    resumed = regressor(**given).fit(rows, MEL, checkpoint=file)
    assert same(resumed, regressor(**given).fit(rows, MEL))


def test_the_predictions_of_windows_are_averaged():
    made = regressor(window=20).fit(WAVES, MEL)
    wave = WAVES.row(1)[0]
    starts = [0, 20, len(wave) - 20]
    each = [made.predict(WAVES.__class__({"waveform": [wave[i : i + 20]]}))[0] for i in starts]
    np.testing.assert_allclose(made.predict(WAVES)[1], np.mean(each, axis=0), atol=1e-6)


@pytest.mark.parametrize("y", [MEL, MEL[:, 0]], ids=["two", "one"])
def test_a_regressor_in_a_file_predicts_the_same_bits(tmp_path, y):
    made = regressor().fit(X, y)
    before = made.predict(X)
    names = ["tempo", "energy"][: made.n_targets_]
    ranges = {"tempo": [60.0, 180.5], "energy": [0.0, 1.0]}
    save_model(make_pipeline(made), names, tmp_path, targets={name: ranges[name] for name in names})
    loaded, classes = load_model(tmp_path, trusted=[f"{HERE}.branches"])
    assert isinstance(loaded[-1], NetworkRegressor)
    assert np.array_equal(loaded.predict(X), before)
    assert classes == names
    assert load_targets(tmp_path) == {name: ranges[name] for name in names}


def test_a_model_of_labels_has_no_targets(tmp_path):
    save_model(make_pipeline(network(epochs=1).fit(X, np.arange(30) % 3)), list("abc"), tmp_path)
    assert load_targets(tmp_path) is None


def test_boosted_trees_that_predict_numbers_are_read(tmp_path):
    from xgboost import XGBRegressor

    made = make_pipeline(XGBRegressor(n_estimators=3)).fit(V, TWO)
    save_model(made, ["tempo", "energy"], tmp_path, targets={"energy": [0, 1], "tempo": [9, 10]})
    loaded, classes = load_model(tmp_path)
    assert np.array_equal(loaded.predict(V), made.predict(V))
    assert list(load_targets(tmp_path)) == classes == ["tempo", "energy"]


def test_what_cannot_be_used_is_explained(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(ValueError, match="the training part has 2 targets; here is"):
        vectors().fit(V, TWO, validation=(V, ONE[:, None]))
    with pytest.raises(GenreflowError, match="diverged in epoch"):
        vectors(optimizer="sgd", learning_rate=1e30).fit(V, ONE)
    with pytest.raises(TypeError, match="class_weight"):
        NetworkRegressor(class_weight="balanced")
    vectors(patience=2).fit(V, ONE)
    assert "no validation part to stop by" in caplog.text
