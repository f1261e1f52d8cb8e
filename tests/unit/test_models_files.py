"""Models in files: the same predictions, and nothing runs that should not."""

import json
import pickle
import sys
import zipfile

import numpy as np
import pytest
import skops.io
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from training_fixtures import LOGISTIC, MODELS, TREE, model, points, shipped

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.models.files import TRUSTED, load_model, save_model
from genreflow.models.flat import FlatScaler
from genreflow.training.fit import fit_model

CLASSES = ["blues", "jazz", "räk \U0001f600"]
BOOSTER = "xgboost.XGBClassifier"
FOREST = "sklearn.ensemble.RandomForestClassifier"
SMALL = {"n_estimators": 5}
# Models of scikit-learn that hold types which skops does not trust by itself.
OTHERS = [
    pytest.param(model(estimator=estimator, parameters=parameters), id=name)
    for name, estimator, parameters in (
        ("adam", "sklearn.neural_network.MLPClassifier", {"max_iter": 300}),
        ("sgd", "sklearn.neural_network.MLPClassifier", {"solver": "sgd", "max_iter": 300}),
        ("histograms", "sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 3}),
        ("process", "sklearn.gaussian_process.GaussianProcessClassifier", {}),
    )
]
NETWORK = {
    "estimator": "genreflow.models.network.Network",
    "parameters": {"module_parameters": {"layers": [8, "batch_norm", {"dropout": 0.1}]}},
}
# What the columns of a table may ask for.
PREPARATION = {"missing": "median", "min_max": ["b", "c"]}


def fitted(spec, features=6):
    x, y, groups = points(features=features)
    return fit_model(spec, x, y, groups, seed=0).pipeline, points(seed=1, features=features)[0]


def fitted_to_several(spec):
    """A model of four labels that a track may have, the last of which all have; its data."""
    x, y, groups = points(features=4)
    several = np.stack([y == 0, y > 0, x[:, 1] > 0, np.ones(len(y))], axis=1).astype(int)
    x[::7, 2] = np.nan
    given = {"features": list("abcd"), "preparation": PREPARATION, "seed": 0}
    return fit_model(spec, x, several, groups, **given).pipeline, x


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
        *OTHERS,
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
    assert np.array_equal(loaded.predict(x), pipeline.predict(x))


SEVERAL = [
    pytest.param(model(estimator=LOGISTIC), id="logistic"),
    pytest.param(model(estimator=FOREST, parameters=SMALL), id="forest"),
    pytest.param(model(estimator="sklearn.svm.SVC", calibrate=True), id="calibrated"),
    pytest.param(model(estimator=BOOSTER, parameters=SMALL), id="xgboost"),
    pytest.param(model(**NETWORK), id="network"),
    *(pytest.param(shipped(name), id=name) for name in ("knn", "kmeans_vote")),
]


@pytest.mark.parametrize("spec", SEVERAL)
def test_round_trip_of_several_labels(tmp_path, spec):
    pipeline, x = fitted_to_several(spec)
    before = pipeline.predict_proba(x)
    save_model(pipeline, [*CLASSES, "all"], tmp_path)
    loaded, _ = load_model(tmp_path)
    assert before.shape == (90, 4)
    assert np.array_equal(loaded.predict_proba(x), before)
    assert np.array_equal(loaded.predict(x), pipeline.predict(x))


def test_a_network_in_a_file_is_the_whole_network(tmp_path):
    pipeline = fitted(model(**NETWORK))[0]
    save_model(pipeline, CLASSES, tmp_path)
    state = torch.random.get_rng_state()
    loaded = load_model(tmp_path)[0]["estimator"]
    assert torch.equal(torch.random.get_rng_state(), state), "loading drew random numbers"
    network = pipeline["estimator"]
    assert loaded.get_params() == network.get_params()
    for name in ("n_parameters_", "best_epoch_", "n_features_in_"):
        assert getattr(loaded, name) == getattr(network, name)
    assert np.array_equal(loaded.classes_, network.classes_)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.json", "pipeline.skops", "network.safetensors"}


def test_a_network_of_the_users_own_is_read_where_it_is_trusted(tmp_path, monkeypatch):
    (tmp_path / "my_net_files.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        f"Path({str(tmp_path / 'trace')!r}).touch()\n"
        "def linear(n_inputs, n_outputs):\n"
        "    return nn.Linear(n_inputs, n_outputs)\n"
    )
    monkeypatch.chdir(tmp_path)
    own = {"module": "my_net_files.linear", "epochs": 1}
    pipeline, x = fitted(model(estimator=NETWORK["estimator"], parameters=own))
    save_model(pipeline, CLASSES, tmp_path / "model")
    (tmp_path / "trace").unlink()
    monkeypatch.delitem(sys.modules, "my_net_files")
    with pytest.raises(GenreflowError, match=r"network is not trusted: my_net_files\.linear"):
        load_model(tmp_path / "model")
    assert not (tmp_path / "trace").exists()
    loaded, _ = load_model(tmp_path / "model", trusted=["my_net_files.linear"])
    assert np.array_equal(loaded.predict_proba(x), pipeline.predict_proba(x))


def test_two_classes_of_xgboost(tmp_path):
    x, y, groups = points(classes=2)
    pipeline = fit_model(model(estimator=BOOSTER, parameters=SMALL), x, y, groups, seed=0)[0]
    save_model(pipeline, CLASSES[:2], tmp_path)
    assert np.array_equal(load_model(tmp_path)[0].predict_proba(x), pipeline.predict_proba(x))


def test_every_trusted_type_is_needed(tmp_path):
    found = set()
    for name in MODELS:
        save_model(fitted(shipped(name))[0], CLASSES, tmp_path / name)
        found.update(skops.io.get_untrusted_types(file=tmp_path / name / "pipeline.skops"))
    for number, parameter in enumerate([*SEVERAL, *OTHERS]):
        folder = tmp_path / str(number)
        save_model(fitted_to_several(*parameter.values)[0], [*CLASSES, "all"], folder)
        found.update(skops.io.get_untrusted_types(file=folder / "pipeline.skops"))
    arrays = Inputs({"mel": [np.full((2, 5), float(i)) for i in range(6)]})
    flat = make_pipeline(FlatScaler(at_least=1), LogisticRegression()).fit(arrays, [0, 1, 2] * 2)
    save_model(flat, CLASSES, tmp_path / "flat")
    found.update(skops.io.get_untrusted_types(file=tmp_path / "flat" / "pipeline.skops"))
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
    pipeline, x = fitted(model(estimator="sklearn.neighbors.KNeighborsClassifier"))
    save_model(pipeline, CLASSES, tmp_path)
    needed = [
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._kd_tree.KDTree",
    ]
    with pytest.raises(
        GenreflowError, match=r"cannot stand under 'explain'.*algorithm: brute"
    ) as e:
        load_model(tmp_path)
    assert ", ".join(needed) in str(e.value)
    loaded, _ = load_model(tmp_path, trusted=needed)
    assert np.array_equal(loaded.predict_proba(x), pipeline.predict_proba(x))


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        *(
            (model(estimator=BOOSTER, parameters=SMALL), name)
            for name in ("pipeline.skops", "xgboost.json", "model.json")
        ),
        (model(**NETWORK), "network.safetensors"),
    ],
)
@pytest.mark.parametrize("keep", [None, 0, 0.5])
def test_missing_and_truncated_files(tmp_path, spec, name, keep):
    save_model(fitted(spec)[0], CLASSES, tmp_path)
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
        ({"xgboost": []}, r"model\.json is damaged"),
        ({"network": "Network"}, r"model\.json is damaged"),
    ],
)
def test_a_changed_description_is_refused(tmp_path, change, message):
    save_model(fitted(model(estimator=BOOSTER, parameters=SMALL))[0], CLASSES, tmp_path)
    file = tmp_path / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(GenreflowError, match=message):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n_features", 7),
        ("classes", [0, 1]),
        ("parameters", {"module": "genreflow.models.networks.feed_forward", "layers": []}),
        ("parameters", None),
    ],
)
def test_a_network_whose_weights_do_not_fit_is_refused(tmp_path, key, value):
    save_model(fitted(model(**NETWORK))[0], CLASSES, tmp_path)
    file = tmp_path / "model.json"
    description = json.loads(file.read_text())
    description["network"][key] = value
    file.write_text(json.dumps(description))
    with pytest.raises(GenreflowError, match="is damaged"):
        load_model(tmp_path)


def test_a_pickle_in_place_of_weights_is_refused_and_not_run(tmp_path, evil):
    harmful, trace = evil
    save_model(fitted(model(**NETWORK))[0], CLASSES, tmp_path / "model")
    torch.save(harmful, tmp_path / "model/network.safetensors")
    trace.unlink()
    with pytest.raises(GenreflowError, match=r"network\.safetensors is damaged"):
        load_model(tmp_path / "model")
    assert not trace.exists()


def test_something_else_than_a_pipeline_is_refused(tmp_path):
    save_model(fitted(model(estimator=LOGISTIC))[0], CLASSES, tmp_path)
    skops.io.dump([1, 2], tmp_path / "pipeline.skops")
    with pytest.raises(GenreflowError, match="holds a list, not a pipeline"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("left_child", 10**6), ("right_child", 0), ("feature", 99)]
)
@pytest.mark.parametrize("make", [fitted, fitted_to_several])
@pytest.mark.parametrize(
    "spec", [model(estimator=TREE), model(estimator=FOREST, parameters=SMALL)], ids=["one", "many"]
)
def test_trees_that_lead_outside_are_refused(tmp_path, make, spec, field, value):
    save_model(make(spec)[0], CLASSES, tmp_path)
    _change_nodes(tmp_path / "pipeline.skops", field, value)
    with pytest.raises(GenreflowError, match="a branch that leads nowhere"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("left", 10**6), ("right", 0), ("feature_idx", 99), ("feature_idx", -1)]
)
@pytest.mark.parametrize("bagged", [False, True])
def test_trees_of_histograms_that_lead_outside_are_refused(tmp_path, bagged, field, value):
    pipeline = fitted(OTHERS[2].values[0])[0]
    if bagged:
        from sklearn.ensemble import BaggingClassifier

        x, y, _ = points()
        bags = BaggingClassifier(pipeline["estimator"], 2, max_features=0.5, random_state=0)
        pipeline.set_params(estimator=bags).fit(x, y)
    save_model(pipeline, CLASSES, tmp_path)
    load_model(tmp_path)
    _change_nodes(tmp_path / "pipeline.skops", field, value)
    with pytest.raises(GenreflowError, match="a branch that leads nowhere"):
        load_model(tmp_path)


def test_trees_that_divide_by_categories_are_not_read(tmp_path):
    pipeline = fitted(OTHERS[2].values[0])[0]
    save_model(pipeline, CLASSES, tmp_path)
    _change_nodes(tmp_path / "pipeline.skops", "is_categorical", 1)
    with pytest.raises(GenreflowError, match="divides by categories, which is not read"):
        load_model(tmp_path)


def _change_nodes(file, field, value):
    """Change the root of the tree in a model's file."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = 0
    for name, content in members.items():
        if name.endswith(".npy") and f"'{field}'".encode() in content[:500]:
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
