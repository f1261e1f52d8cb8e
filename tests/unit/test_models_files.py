"""Models in files: the same predictions, and nothing runs that should not."""

import json
import pickle
import sys
import zipfile

import numpy as np
import pytest
import skops.io
from training_fixtures import LOGISTIC, MODELS, TREE, model, points, shipped

from genreflow.errors import GenreflowError
from genreflow.models.files import TRUSTED, load_model, save_model
from genreflow.training.fit import fit_model

CLASSES = ["blues", "jazz", "räk \U0001f600"]
BOOSTER = "xgboost.XGBClassifier"
SMALL = {"n_estimators": 5}


def fitted(spec, features=6):
    x, y, groups = points(features=features)
    return fit_model(spec, x, y, groups, seed=0)[0], points(seed=1, features=features)[0]


@pytest.mark.parametrize(
    "spec",
    [
        *(pytest.param(shipped(name), id=name) for name in MODELS),
        pytest.param(model(estimator=BOOSTER, parameters=SMALL, calibrate=True), id="calibrated"),
        pytest.param(model(estimator="xgboost.XGBRFClassifier", parameters=SMALL), id="xgbrf"),
        pytest.param(
            model(
                estimator=BOOSTER,
                parameters=SMALL,
                search={"method": "grid", "space": {"max_depth": [1, 2]}},
            ),
            id="searched",
        ),
        pytest.param(model(estimator="sklearn.ensemble.AdaBoostClassifier"), id="adaboost"),
        pytest.param(
            model(estimator="sklearn.ensemble.BaggingClassifier", parameters={"max_features": 0.5}),
            id="bagging",
        ),
        pytest.param(
            model(estimator="sklearn.ensemble.GradientBoostingClassifier", parameters=SMALL),
            id="gradient boosting",
        ),
    ],
)
@pytest.mark.parametrize("features", [3, 20])
def test_round_trip_predicts_the_same_bits(tmp_path, spec, features):
    pipeline, x = fitted(spec, features)
    before = pipeline.predict_proba(x)
    save_model(pipeline, CLASSES, tmp_path)
    assert np.array_equal(pipeline.predict_proba(x), before), "saving changed the model"
    loaded, classes = load_model(tmp_path)
    assert classes == CLASSES
    assert np.array_equal(loaded.predict_proba(x), before)


def test_two_classes_of_xgboost(tmp_path):
    x, y, groups = points(classes=2)
    pipeline, _ = fit_model(model(estimator=BOOSTER, parameters=SMALL), x, y, groups, seed=0)
    save_model(pipeline, CLASSES[:2], tmp_path)
    assert np.array_equal(load_model(tmp_path)[0].predict_proba(x), pipeline.predict_proba(x))


def test_every_trusted_type_is_needed(tmp_path):
    found = set()
    for name in MODELS:
        save_model(fitted(shipped(name))[0], CLASSES, tmp_path / name)
        found.update(skops.io.get_untrusted_types(file=tmp_path / name / "pipeline.skops"))
    assert found == set(TRUSTED)


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """An object of a class whose module and state leave a trace; the module is forgotten."""
    folder = tmp_path / "path"
    folder.mkdir()
    trace = tmp_path / "trace"
    (folder / "evil_module.py").write_text(
        f"open({str(trace)!r}, 'w').close()\n"
        "class Evil:\n"
        "    def __init__(self):\n"
        "        self.x = 1\n"
        "    def __setstate__(self, state):\n"
        f"        open({str(trace)!r}, 'w').close()\n"
        "    def __reduce__(self):\n"
        f"        return open, ({str(trace)!r}, 'w')\n"
    )
    monkeypatch.syspath_prepend(folder)
    import evil_module

    yield evil_module.Evil(), trace
    sys.modules.pop("evil_module", None)


def test_untrusted_types_are_named_and_never_imported(tmp_path, evil):
    from sklearn.pipeline import Pipeline

    harmful, trace = evil
    folder = tmp_path / "model"
    save_model(fitted(model(estimator=LOGISTIC))[0], CLASSES, folder)
    skops.io.dump(Pipeline([("estimator", harmful)]), folder / "pipeline.skops")
    trace.unlink()
    del sys.modules["evil_module"]
    with pytest.raises(GenreflowError, match=r"not trusted: evil_module\.Evil"):
        load_model(folder)
    assert not trace.exists()
    assert "evil_module" not in sys.modules


def test_pickles_are_refused_and_not_run(tmp_path, evil):
    harmful, trace = evil
    folder = tmp_path / "model"
    save_model(fitted(model(estimator=LOGISTIC))[0], CLASSES, folder)
    (folder / "pipeline.skops").write_bytes(pickle.dumps(harmful))
    trace.unlink()
    with pytest.raises(GenreflowError, match=r"pipeline\.skops is damaged"):
        load_model(folder)
    assert not trace.exists()


def test_what_the_caller_trusts_is_loaded(tmp_path):
    estimator = "sklearn.ensemble.HistGradientBoostingClassifier"
    pipeline, x = fitted(model(estimator=estimator, parameters={"max_iter": 3}))
    save_model(pipeline, CLASSES, tmp_path)
    with pytest.raises(GenreflowError) as error:
        load_model(tmp_path)
    needed = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
    assert needed in str(error.value)
    loaded, _ = load_model(tmp_path, trusted=[needed])
    assert np.array_equal(loaded.predict_proba(x), pipeline.predict_proba(x))


@pytest.mark.parametrize("name", ["pipeline.skops", "xgboost.json", "model.json"])
@pytest.mark.parametrize("keep", [None, 0, 0.5])
def test_missing_and_truncated_files(tmp_path, name, keep):
    save_model(fitted(model(estimator=BOOSTER, parameters=SMALL))[0], CLASSES, tmp_path)
    file = tmp_path / name
    content = file.read_bytes()
    file.unlink()
    if keep is not None:
        file.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(
        GenreflowError, match="there is no" if keep is None else "is damaged"
    ) as error:
        load_model(tmp_path)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "a model of format 2; this version of genreflow reads format 1"),
        ({"classes": "blues"}, "no list of labels"),
        ({"xgboost": {"class": "Booster", "parameters": {}}}, "'Booster' is no class"),
        ({"xgboost": {"class": "XGBClassifier"}}, "is damaged"),
    ],
)
def test_a_changed_description_is_refused(tmp_path, change, message):
    save_model(fitted(model(estimator=BOOSTER, parameters=SMALL))[0], CLASSES, tmp_path)
    file = tmp_path / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(GenreflowError, match=message):
        load_model(tmp_path)


def test_something_else_than_a_pipeline_is_refused(tmp_path):
    save_model(fitted(model(estimator=LOGISTIC))[0], CLASSES, tmp_path)
    skops.io.dump([1, 2], tmp_path / "pipeline.skops")
    with pytest.raises(GenreflowError, match="holds a list, not a pipeline"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("left_child", 10**6), ("right_child", 0), ("feature", 99)]
)
@pytest.mark.parametrize("estimator", [TREE, "sklearn.ensemble.RandomForestClassifier"])
def test_trees_that_lead_outside_are_refused(tmp_path, estimator, field, value):
    save_model(fitted(model(estimator=estimator))[0], CLASSES, tmp_path)
    _change_nodes(tmp_path / "pipeline.skops", field, value)
    with pytest.raises(GenreflowError, match="a branch that leads nowhere"):
        load_model(tmp_path)


def _change_nodes(file, field, value):
    """Change the root of the tree in a model's file."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = 0
    for name, content in members.items():
        if name.endswith(".npy") and b"left_child" in content[:300]:
            start = content.index(b"\n") + 1
            nodes = np.load(_stream(content))
            nodes[field][0] = value
            members[name] = content[:start] + nodes.tobytes()
            changed += 1
    assert changed
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _stream(content):
    import io

    return io.BytesIO(content)


def test_what_cannot_be_written_is_said(tmp_path):
    pipeline, _ = fitted(model(estimator=LOGISTIC))
    pipeline["estimator"].callback = (i for i in range(3))
    with pytest.raises(GenreflowError, match="LogisticRegression cannot be written"):
        save_model(pipeline, CLASSES, tmp_path)
