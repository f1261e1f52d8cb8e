"""Pipelines from the descriptions in config/models."""

import numpy as np
import pytest
from training_fixtures import LOGISTIC, MODELS, model, points, shipped

from genreflow.config import SHIPPED, read_yaml
from genreflow.errors import GenreflowError
from genreflow.models.build import build_estimator
from genreflow.models.predict import predict_probabilities


@pytest.mark.parametrize("name", MODELS)
def test_seed_and_threads_reach_every_estimator(name):
    pipeline = build_estimator(shipped(name), seed=7, threads=1)
    for key, value in pipeline.get_params().items():
        if key.endswith("random_state"):
            assert value == 7, key
        if key.endswith("n_jobs"):  # None is one thread to scikit-learn, and all to XGBoost
            assert value == (1 if name.startswith("xgboost") else None), key
    assert list(pipeline.named_steps) in (["scaler", "estimator"], ["estimator"])


def test_what_the_file_sets_stays():
    pipeline = build_estimator(model(estimator=LOGISTIC, parameters={"random_state": 5}), seed=7)
    assert pipeline["estimator"].random_state == 5


def test_the_scaler_is_seeded_too():
    spec = model(estimator=LOGISTIC, scaler="sklearn.preprocessing.QuantileTransformer")
    assert build_estimator(spec, seed=7)["scaler"].random_state == 7


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
