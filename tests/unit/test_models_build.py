"""Pipelines from the descriptions in config/models."""

import numpy as np
import pytest
from training_fixtures import LOGISTIC, MODELS, model, points, shipped

from genreflow.errors import GenreflowError
from genreflow.models.build import build_estimator, estimator_path
from genreflow.models.predict import predict_probabilities
from genreflow.schema import SHIPPED, read_yaml

NETWORK = "genreflow.models.network.Network"


@pytest.mark.parametrize("name", MODELS)
def test_seed_and_threads_reach_every_estimator(name):
    spec = shipped(name)
    pipeline = build_estimator(spec, seed=7, threads=1)
    for key, value in pipeline.get_params().items():
        if key.endswith("random_state"):
            assert value == 7, key
        if key.endswith("n_jobs"):  # None is one thread to scikit-learn, and all to XGBoost
            sklearns = type(pipeline["estimator"]).__module__.startswith("sklearn.")
            assert value == (None if sklearns else spec["parameters"].get("n_jobs", 1)), key
    assert list(pipeline.named_steps) in (["scaler", "estimator"], ["estimator"])


def test_what_the_file_sets_stays():
    pipeline = build_estimator(model(estimator=LOGISTIC, parameters={"random_state": 5}), seed=7)
    assert pipeline["estimator"].random_state == 5


def test_the_scaler_is_seeded_too():
    spec = model(estimator=LOGISTIC, scaler="sklearn.preprocessing.QuantileTransformer")
    assert build_estimator(spec, seed=7)["scaler"].random_state == 7


def test_columns_are_prepared_where_they_stand():
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import MinMaxScaler

    x, y, _ = points()
    x[3, 1] = x[5:9, 4] = np.nan
    names = [f"feature{i}" for i in range(6)]
    preparation = {"missing": "median", "min_max": ["feature4", "feature1", "feature2"]}
    spec = model(estimator=LOGISTIC, scaler=None)
    pipeline = build_estimator(spec, seed=0, features=names, preparation=preparation)
    assert list(pipeline.named_steps) == ["imputer", "min_max", "estimator"]
    prepared = pipeline[:-1].fit(x[:60], y[:60]).transform(x)
    expected = SimpleImputer(strategy="median").fit(x[:60]).transform(x)
    scaled = MinMaxScaler().fit(expected[:60]).transform(expected)
    chosen = [1, 2, 4]
    expected[:, chosen] = scaled[:, chosen]
    np.testing.assert_allclose(prepared, expected)
    assert not np.allclose(prepared[:, chosen], x[:, chosen])


def test_a_column_without_any_value_in_training_stays():
    x, y, _ = points()
    x[:60, 2] = np.nan
    preparation = {"missing": "mean", "min_max": []}
    pipeline = build_estimator(model(estimator=LOGISTIC), seed=0, preparation=preparation)
    assert np.isfinite(pipeline.fit(x[:60], y[:60]).predict_proba(x)).all()
    assert pipeline["estimator"].n_features_in_ == 6


@pytest.mark.parametrize("missing", ["exclude", None])
def test_nothing_is_replaced_where_rows_are_left_out(missing):
    spec = model(estimator=LOGISTIC, scaler=None)
    preparation = {"missing": missing, "min_max": []}
    assert list(build_estimator(spec, seed=0, preparation=preparation).named_steps) == ["estimator"]


def test_a_column_that_is_not_there_is_named():
    preparation = {"missing": "median", "min_max": ["tempoo"]}
    with pytest.raises(GenreflowError, match=r"min_max: 'tempoo' is not .* mean 'tempo'"):
        build_estimator(
            model(estimator=LOGISTIC), seed=0, features=["tempo"], preparation=preparation
        )


@pytest.mark.parametrize("name", MODELS)
def test_every_model_takes_several_labels(name):
    pipeline = build_estimator(shipped(name), seed=7, task="multi_label")
    own = pipeline.get_params()[estimator_path(pipeline)]
    assert type(own).__name__ == shipped(name)["estimator"].rpartition(".")[2]
    assert getattr(own, "random_state", 7) == 7


def test_published_values_of_xgboost():
    published = {
        "subsample": 0.6,
        "reg_lambda": 1.5,
        "reg_alpha": 0.1,
        "n_estimators": 1000,
        "max_depth": 9,
        "learning_rate": 0.05,
        "gamma": 0,
        "colsample_bytree": 0.6,
    }
    parameters = read_yaml(SHIPPED / "config/models/xgboost_tuned.yaml")["parameters"]
    assert parameters == published | {"tree_method": "hist"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"estimator": "sklearn.svm.SVC"}, "say 'calibrate: true'"),
        (
            {"estimator": NETWORK, "parameters": {"patience": 3}, "calibrate": True},
            "Network.*say 'calibrate: false', or leave out 'patience'",
        ),
        ({"estimator": LOGISTIC, "parameters": {"CC": 1}}, "no parameter 'CC'"),
        ({"estimator": "sklearn.ensemble.VotingClassifer"}, "did you mean 'VotingClassifier'"),
        ({"estimator": "sklearn.ensemble.VotingClassifier"}, "cannot be used here"),
        ({"estimator": "collections.OrderedDict"}, "no scikit-learn estimator"),
        ({"estimator": "sklearn.preprocessing.StandardScaler"}, "gives no probabilities"),
    ],
)
def test_what_cannot_be_built_is_explained(given, message):
    with pytest.raises(GenreflowError, match=message):
        build_estimator(model(**given), seed=0)


def test_a_network_of_all_its_epochs_can_be_calibrated():
    spec = model(estimator=NETWORK, parameters={"patience": None}, calibrate=True)
    assert build_estimator(spec, seed=0)["estimator"].patience is None


def test_a_module_that_fails_is_explained(tmp_path, monkeypatch):
    (tmp_path / "broken_model_7.py").write_text(
        "class Mine: ...\nraise RuntimeError('on purpose')\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GenreflowError, match="on purpose"):
        build_estimator(model(estimator="broken_model_7.Mine"), seed=0)


def test_probabilities_sum_to_one_in_double_precision():
    x, y, _ = points()
    pipeline = build_estimator(shipped("xgboost"), seed=0).fit(x, y)
    scores = predict_probabilities(pipeline, x)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-15)
    np.testing.assert_allclose(scores, pipeline.predict_proba(x), atol=1e-6)


def test_scores_that_are_no_probabilities_are_refused():
    class Diverged:
        def predict_proba(self, x):
            return np.full((len(x), 2), np.nan)

        def __getitem__(self, index):
            return self

    with pytest.raises(GenreflowError, match="Diverged gave scores that are no probabilities"):
        predict_probabilities(Diverged(), np.zeros((3, 2)))
