"""What reading the source of an estimator tells, against what importing it tells."""

import subprocess
import sys

import pytest
from training_fixtures import ALL_MODELS, LOGISTIC, model, shipped

from genreflow.config import SHIPPED
from genreflow.errors import GenreflowError
from genreflow.models.check import LABELS, NUMBERS, check_model, class_parameters, tells


@pytest.mark.filterwarnings("ignore")
def test_parameters_read_from_source_are_those_of_all_estimators():
    import xgboost
    from sklearn.utils import all_estimators

    boosters = [(name, getattr(xgboost, name)) for name in ("XGBClassifier", "XGBRFClassifier")]
    for name, estimator in [*all_estimators(), *boosters]:
        path = f"{estimator.__module__.split('._')[0]}.{name}"
        of_source = class_parameters(path, "here")
        if name.startswith("XGB"):
            assert of_source == set(estimator().get_params()), name
        else:
            assert of_source == set(estimator._get_param_names()), name


@pytest.mark.filterwarnings("ignore")
def test_what_estimators_tell_is_read_from_their_source():
    import xgboost
    from sklearn.base import ClassifierMixin
    from sklearn.utils import all_estimators

    found = all_estimators(type_filter=["classifier", "regressor"])
    boosters = [(name, getattr(xgboost, name)) for name in ("XGBClassifier", "XGBRegressor")]
    ours = ("genreflow.models.network.Network", "genreflow.models.cluster_vote.ClusterVote")
    for name, estimator in [*found, *boosters]:
        path = f"{estimator.__module__.split('._')[0]}.{name}"
        assert tells(path) == (LABELS if issubclass(estimator, ClassifierMixin) else NUMBERS), name
    assert {tells(path) for path in ours} == {LABELS}
    assert tells("genreflow.models.network_regressor.NetworkRegressor") == NUMBERS
    assert tells("sklearn.preprocessing.StandardScaler") is None


@pytest.mark.parametrize("name", ALL_MODELS)
def test_shipped_models_pass(name):
    check_model(f"config/models/{name}.yaml", shipped(name))


def test_nothing_heavy_is_imported():
    code = (
        "import sys, genreflow.models.build, genreflow.models.files, genreflow.training.train\n"
        "from genreflow.models.check import check_model\n"
        "check_model('m', {'estimator': 'xgboost.XGBClassifier', 'scaler': None})\n"
        "heavy = {'sklearn', 'scipy', 'xgboost', 'skops'} & sys.modules.keys()\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=SHIPPED / "scripts")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"estimator": "sklearn.ensemble.RandomForestClasifier"},
            "the module sklearn.ensemble has no 'RandomForestClasifier'; "
            "did you mean 'RandomForestClassifier'?",
        ),
        (
            {"estimator": "sklearn.ensembel.RandomForestClassifier"},
            "there is no module 'sklearn.ensembel'; did you mean 'sklearn.ensemble'?",
        ),
        ({"estimator": "xgbost.XGBClassifier"}, "no module 'xgbost'; did you mean 'xgboost'?"),
        ({"estimator": "sklearn.svm"}, "'sklearn.svm' is a module; name something in it"),
        (
            {"estimator": LOGISTIC, "parameters": {"max_iters": 10}},
            "m.yaml: parameters: LogisticRegression has no parameter 'max_iters'; "
            "did you mean 'max_iter'?",
        ),
        (
            {"estimator": "xgboost.XGBClassifier", "parameters": {"n_estimator": 10}},
            "m.yaml: parameters: XGBClassifier has no parameter 'n_estimator'; "
            "did you mean 'n_estimators'?",
        ),
        (
            {"estimator": LOGISTIC, "search": {"method": "grid", "space": {"c": [1]}}},
            "m.yaml: search.space: LogisticRegression has no parameter 'c'",
        ),
        (
            {"estimator": "genreflow.models.network.Network", "takes": "arrays"},
            "m.yaml: scaler: sklearn.preprocessing.StandardScaler takes vectors, and the model "
            "says 'takes: arrays'; say 'scaler: null'",
        ),
        (
            {"estimator": LOGISTIC, "scaler": "sklearn.preprocessing.StandardScalar"},
            "the module sklearn.preprocessing has no 'StandardScalar'; "
            "did you mean 'StandardScaler'?",
        ),
    ],
)
def test_wrong_names_are_explained(given, message):
    with pytest.raises(GenreflowError) as error:
        check_model("m.yaml", model(**given))
    assert message in str(error.value)


def test_a_module_of_the_users_own_is_read_and_not_run(tmp_path, monkeypatch):
    (tmp_path / "my_model_42.py").write_text(
        "from sklearn.svm import SVC\n"
        "class Mine(SVC):\n"
        "    def __init__(self, depth=1, **others): ...\n"
        "raise SystemExit\n"
    )
    monkeypatch.chdir(tmp_path)
    known = class_parameters("my_model_42.Mine", "here")
    assert {"depth", "C", "kernel"} <= known
    with pytest.raises(GenreflowError, match="has no 'Mime'; did you mean 'Mine'"):
        class_parameters("my_model_42.Mime", "here")
