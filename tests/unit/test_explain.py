"""Shapley values and permutation importance of trained models."""

import json
import sys
from itertools import combinations
from math import factorial

import numpy as np
import polars as pl
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from training_fixtures import LOGISTIC, model

from explain import explain
from genreflow import explain as module
from genreflow.errors import GenreflowError
from genreflow.explain import IMPORTANCE, SHAP, explain_model, shapley_values
from genreflow.models.build import build_estimator
from genreflow.models.files import save_model

CLASSES = ["blues", "jazz", "rock"]
NAMES = ["level", "tempo", "key", "noise"]
FOREST = "sklearn.ensemble.RandomForestClassifier"


@pytest.fixture(autouse=True)
def few_tracks(monkeypatch):
    monkeypatch.setattr(module, "EXPLAINED", 12)
    monkeypatch.setattr(module, "BACKGROUND", 10)


def made(folder, *, n=150, several=False, segments=1, missing=()):
    """Tracks whose label the tempo tells; the level says a little, the others nothing."""
    rng = np.random.default_rng(0)
    numbers = np.arange(n) % 3
    x = rng.normal(size=(n, 4))
    x[:, 1] = 120 + 20 * numbers + rng.normal(0, 6, n)
    x[:, 0] += 0.3 * numbers
    ids = [f"{number:04d}" for number in range(n)]
    labels = [[CLASSES[number]] for number in numbers]
    if several:
        labels = [sorted({*own, "rock"}) if at % 2 else own for at, own in enumerate(labels)]
    tracks = pl.DataFrame(
        {
            "track_id": ids,
            "batch": ["b"] * n,
            "artist": [f"artist {at // 6}" for at in range(n)],
            "digest": ids,
        }
    )
    split = tracks.select("track_id").with_columns(
        repeat=pl.lit(0, pl.Int32),
        fold=pl.lit(0, pl.Int32),
        part=pl.Series(["test" if at % 5 < 2 else "train" for at in range(n)]),
        labels=pl.Series(labels, dtype=pl.List(pl.String)),
    )
    vectors = (
        tracks.select("track_id", "batch")
        .with_columns(
            segment=pl.int_ranges(segments),
            reason=pl.lit(None, pl.String),
            **{name: pl.Series(column) for name, column in zip(NAMES, x.T, strict=True)},
        )
        .explode("segment")
        .with_columns(pl.col("segment").cast(pl.Int32), level=pl.col("level") + pl.col("segment"))
    )
    vectors = vectors.with_columns(pl.when(pl.int_range(pl.len()) % 7 > 0).then(m) for m in missing)
    vectors.write_parquet(folder / "b.parquet")
    return {"tracks": tracks, "split": split, "features": [str(folder / "b.parquet")]}


def trained(inputs, spec, *, preparation=None, multi_label=False):
    """A pipeline as the training makes it, fitted on the training part."""
    task = "multi_label" if multi_label else "single_label"
    pipeline = build_estimator(
        model(**spec), seed=0, features=NAMES, preparation=preparation, task=task
    )
    fold = inputs["split"].filter(pl.col("part") == "train")
    rows = pl.read_parquet(inputs["features"]).join(fold, on="track_id", maintain_order="left")
    truth = np.array([[label in own for label in CLASSES] for own in rows["labels"].to_list()])
    y = truth.astype(int) if multi_label else truth.argmax(axis=1)
    return pipeline.fit(rows.select(NAMES).to_numpy().astype(float), y)


def explained(pipeline, inputs, *, thresholds=None, **given):
    keys = {"thresholds": thresholds, "confidence": 0.95, "resamples": 200, "seed": 0}
    return explain_model(pipeline, CLASSES, **(inputs | keys | given))


def forest(**given):
    return {"estimator": FOREST, "parameters": {"n_estimators": 20}, "scaler": None, **given}


def of_label(values, label, column="shap"):
    """Matrix of tracks and features."""
    own = values.filter(pl.col("label") == label)
    return own[column].to_numpy().reshape(-1, len(NAMES))


def test_values_of_a_forest_are_those_of_shap_and_add_up_to_the_probability(tmp_path):
    import shap

    inputs = made(tmp_path)
    pipeline = trained(inputs, forest())
    values, _ = explained(pipeline, inputs)
    assert dict(values.schema) == SHAP
    assert values["label"].unique(maintain_order=True).to_list() == CLASSES
    assert len(values) == 3 * 12 * 4
    x = of_label(values, "jazz", "value")
    expected = shap.TreeExplainer(pipeline["estimator"]).shap_values(x)
    for number, label in enumerate(CLASSES):
        own = of_label(values, label)
        np.testing.assert_allclose(own, expected[:, :, number], atol=1e-12)
        base = pipeline.predict_proba(x)[:, number] - own.sum(axis=1)
        assert base == pytest.approx(np.full(12, base[0]))


def exact(predict, row, background):
    """Shapley values by their definition: all sets of known features."""
    n = len(row)

    def worth(known):
        rows = background.copy()
        rows[:, list(known)] = row[list(known)]
        return predict(rows).mean(axis=0)

    values = []
    for feature in range(n):
        others = [other for other in range(n) if other != feature]
        values.append(
            sum(
                (worth((*known, feature)) - worth(known))
                * factorial(size)
                * factorial(n - size - 1)
                / factorial(n)
                for size in range(n)
                for known in combinations(others, size)
            )
        )
    return np.array(values)


@pytest.mark.parametrize("multi_label", [False, True])
def test_values_of_other_models_are_near_to_their_definition(tmp_path, multi_label):
    inputs = made(tmp_path, several=multi_label)
    spec = {"estimator": LOGISTIC}
    pipeline = trained(inputs, spec, multi_label=multi_label)
    x = pl.read_parquet(inputs["features"]).select(NAMES).to_numpy()
    rows, background = x[:4], x[20:30]
    found = shapley_values(pipeline, rows, background, multi_label=multi_label, seed=0)
    for row, values in zip(rows, found, strict=True):
        expected = exact(pipeline.predict_proba, row, background)
        np.testing.assert_allclose(values, expected, atol=0.02)
        gained = pipeline.predict_proba(row[None])[0] - pipeline.predict_proba(background).mean(0)
        np.testing.assert_allclose(values.sum(axis=0), gained, atol=1e-9)


def test_what_stands_before_the_trees_changes_no_feature_for_another(tmp_path):
    """Trees do not care for scales: values belong to the features as the table has them."""
    inputs = made(tmp_path)
    alone, _ = explained(trained(inputs, forest()), inputs)
    prepared = trained(
        inputs,
        forest(scaler="sklearn.preprocessing.StandardScaler"),
        preparation={"missing": "median", "min_max": ["tempo", "noise"]},
    )
    values, _ = explained(prepared, inputs)
    assert values.drop("shap").equals(alone.drop("shap"))
    np.testing.assert_allclose(values["shap"], alone["shap"], atol=0.02)
    assert of_label(values, "rock", "value")[:, 1].min() > 80  # beats per minute, not 0..1


def test_features_that_a_step_mixes_are_explained_from_before_it(tmp_path):
    inputs = made(tmp_path)
    x = pl.read_parquet(inputs["features"]).select(NAMES).to_numpy()
    rotated = PCA(4, whiten=True, random_state=0).fit(x)
    inner = RandomForestClassifier(20, random_state=0).fit(rotated.transform(x), np.arange(150) % 3)
    pipeline = Pipeline([("scaler", rotated), ("estimator", inner)])
    values, importance = explained(pipeline, inputs)
    strength = np.abs(of_label(values, "blues")).mean(axis=0)
    assert strength.argmax() == NAMES.index("tempo")
    assert importance.sort("mean")["feature"][-1] == "tempo"


def test_each_label_of_several_has_the_values_of_its_own_forest(tmp_path):
    import shap

    inputs = made(tmp_path, several=True)
    pipeline = trained(inputs, forest(), multi_label=True)
    assert isinstance(pipeline["estimator"], OneVsRestClassifier)
    values, importance = explained(pipeline, inputs, thresholds=dict.fromkeys(CLASSES, 0.5))
    x = of_label(values, "rock", "value")
    for label, own in zip(CLASSES, pipeline["estimator"].estimators_, strict=True):
        expected = shap.TreeExplainer(own).shap_values(x)[:, :, 1]
        np.testing.assert_allclose(of_label(values, label), expected, atol=1e-12)
    assert set(importance["metric"]) == {"exact_match"}


def test_a_label_of_all_training_tracks_is_moved_by_nothing(tmp_path):
    inputs = made(tmp_path)
    everywhere = pl.col("labels").list.concat(pl.lit(["rock"])).list.unique().list.sort()
    inputs["split"] = inputs["split"].with_columns(labels=everywhere)
    with pytest.warns(UserWarning, match="Label"):
        pipeline = trained(inputs, forest(), multi_label=True)
    values, _ = explained(pipeline, inputs, thresholds=dict.fromkeys(CLASSES, 0.5))
    assert not of_label(values, "rock").any()
    assert of_label(values, "blues").any()


def test_importance_is_that_of_sklearn_with_an_interval(tmp_path, monkeypatch):
    from sklearn.inspection import permutation_importance

    monkeypatch.setattr(module, "REPEATS", 60)
    inputs = made(tmp_path, n=600)
    pipeline = trained(inputs, forest())
    _, found = explained(pipeline, inputs)
    assert dict(found.schema) == IMPORTANCE
    assert found["feature"].to_list() == NAMES
    assert set(found["metric"]) == {"accuracy"}
    tested = inputs["split"].filter(pl.col("part") == "test")
    rows = pl.read_parquet(inputs["features"]).join(tested, on="track_id", maintain_order="left")
    y = [CLASSES.index(own[0]) for own in rows["labels"].to_list()]
    x = rows.select(NAMES).to_numpy()
    expected = permutation_importance(pipeline, x, y, n_repeats=60, random_state=1)
    np.testing.assert_allclose(found["mean"], expected.importances_mean, atol=0.015)
    assert (found["low"] <= found["mean"]).all() and (found["mean"] <= found["high"]).all()
    tempo = found.row(1, named=True)
    assert tempo["low"] > 0.3
    # 240 tracks of 100 artists: about two standard errors to each side.
    assert 0.05 < tempo["high"] - tempo["low"] < 0.25


def test_thresholds_decide_what_is_right(tmp_path):
    """With a threshold that no probability reaches, no track is right, and nothing is lost."""
    inputs = made(tmp_path, several=True)
    pipeline = trained(inputs, forest(), multi_label=True)
    usual, never = (dict.fromkeys(CLASSES, value) for value in (0.5, 1.1))
    assert explained(pipeline, inputs, thresholds=usual)[1]["mean"].max() > 0.1
    assert not explained(pipeline, inputs, thresholds=never)[1]["mean"].to_numpy().any()


def test_a_label_that_was_not_learned_is_never_right(tmp_path):
    inputs = made(tmp_path, several=True)
    pipeline = trained(inputs, forest(), multi_label=True)
    usual = dict.fromkeys(CLASSES, 0.5)
    foreign = pl.when(pl.col("part") == "test").then(
        pl.col("labels").list.concat(pl.lit(["polka"]))
    )
    inputs["split"] = inputs["split"].with_columns(labels=foreign.otherwise("labels"))
    assert not explained(pipeline, inputs, thresholds=usual)[1]["mean"].to_numpy().any()


def test_missing_values_are_explained_and_shown_as_missing(tmp_path):
    inputs = made(tmp_path, missing=["tempo", "key"])
    pipeline = trained(inputs, forest(), preparation={"missing": "median", "min_max": []})
    values, _ = explained(pipeline, inputs)
    assert 0 < values["value"].null_count() < len(values)
    assert values["shap"].is_finite().all()


def test_a_track_of_several_segments_has_their_means(tmp_path):
    inputs = made(tmp_path, segments=3)
    pipeline = trained(inputs, forest())
    values, importance = explained(pipeline, inputs)
    first = values["track_id"][0]
    own = pl.read_parquet(inputs["features"]).filter(pl.col("track_id") == first)
    x = own.select(NAMES).to_numpy()
    assert len(x) == 3
    assert of_label(values, "jazz", "value")[0] == pytest.approx(x.mean(axis=0))
    each = shapley_values(pipeline, x, x, multi_label=False, seed=0)
    assert of_label(values, "jazz")[0] == pytest.approx(each[:, :, 1].mean(axis=0))
    assert importance["mean"][1] > 0.3


@pytest.mark.parametrize("spec", [forest(), {"estimator": LOGISTIC}])
def test_the_order_of_the_rows_does_not_matter(tmp_path, spec):
    inputs = made(tmp_path)
    pipeline = trained(inputs, spec)
    before = explained(pipeline, inputs)
    shuffled = {k: inputs[k].sample(fraction=1, shuffle=True, seed=3) for k in ("tracks", "split")}
    vectors = pl.read_parquet(inputs["features"]).sample(fraction=1, shuffle=True, seed=4)
    vectors.write_parquet(inputs["features"][0])
    after = explained(pipeline, inputs | shuffled)
    assert all(a.equals(b) for a, b in zip(before, after, strict=True))


def test_only_test_tracks_are_explained_as_many_as_there_are(tmp_path, monkeypatch):
    inputs = made(tmp_path)
    pipeline = trained(inputs, forest())
    tested = inputs["split"].filter(pl.col("part") == "test")["track_id"]
    drawn = explained(pipeline, inputs)[0]["track_id"].unique()
    assert len(drawn) == 12 and drawn.is_in(tested.to_list()).all()
    monkeypatch.setattr(module, "EXPLAINED", 1000)
    everyone = explained(pipeline, inputs)[0]["track_id"].unique()
    assert sorted(everyone) == sorted(tested)


def test_other_features_than_those_of_the_model_are_an_error(tmp_path):
    inputs = made(tmp_path)
    pipeline = trained(inputs, forest())
    pl.read_parquet(inputs["features"]).drop("noise").write_parquet(inputs["features"][0])
    with pytest.raises(GenreflowError, match="trained on 4 features, the tables have 3"):
        explained(pipeline, inputs)


def test_a_fold_without_test_tracks_is_an_error(tmp_path):
    inputs = made(tmp_path)
    pipeline = trained(inputs, forest())
    inputs["split"] = inputs["split"].with_columns(part=pl.lit("train"))
    with pytest.raises(GenreflowError, match="the test part of the first fold has no tracks"):
        explained(pipeline, inputs)


def run_script(folder, inputs, spec, thresholds=None):
    """The tables of the script, from the model in a folder."""
    folds = [{"repeat": 0, "fold": number, "thresholds": thresholds} for number in (1, 0)]
    folds[0]["thresholds"] = None
    (folder / "run.json").write_text(json.dumps({"folds": folds}))
    for name in ("tracks", "split"):
        inputs[name].write_parquet(folder / f"{name}.parquet")
    explain(
        models=str(folder / "model"),
        record=str(folder / "run.json"),
        tracks=str(folder / "tracks.parquet"),
        split=str(folder / "split.parquet"),
        features=inputs["features"],
        spec=spec,
        statistics={"confidence": 0.95, "resamples": 200},
        seed=0,
        shap=str(folder / "shap.parquet"),
        importance=str(folder / "importance.parquet"),
    )
    return [pl.read_parquet(folder / f"{name}.parquet") for name in ("shap", "importance")]


def test_the_script_reads_a_run_and_writes_both_tables(tmp_path):
    inputs = made(tmp_path, several=True)
    pipeline = trained(inputs, forest(), multi_label=True)
    save_model(pipeline, CLASSES, tmp_path / "model/r0f0")
    thresholds = dict(zip(CLASSES, (0.3, 0.5, 0.6), strict=True))
    written = run_script(tmp_path, inputs, model(**forest()), thresholds)
    expected = explained(pipeline, inputs, thresholds=thresholds)
    assert all(a.equals(b) for a, b in zip(written, expected, strict=True))


OWN = """
from torch import nn
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

class Mine(GaussianNB):
    pass

class Scaler(StandardScaler):
    pass

def tiny(n_inputs, n_outputs):
    return nn.Linear(n_inputs, n_outputs)
"""


@pytest.mark.parametrize(
    "spec",
    [
        {"estimator": "my_own_51.Mine", "scaler": "my_own_51.Scaler"},
        {
            "estimator": "genreflow.models.network.Network",
            "parameters": {"module": "my_own_51.impl.tiny", "epochs": 1},
        },
        {
            "estimator": "genreflow.models.network.Network",
            "parameters": {"epochs": 1},
            "search": {"method": "grid", "space": {"module": ["my_own_51.impl.tiny"]}},
        },
        {
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "parameters": {"max_iter": 2},
        },
    ],
    ids=["estimator", "module", "searched", "histograms"],
)
def test_the_script_reads_models_of_the_users_own(tmp_path, monkeypatch, spec):
    """As a job of its own does: nothing of the user's is imported before."""
    (tmp_path / "my_own_51").mkdir()
    (tmp_path / "my_own_51/impl.py").write_text(OWN)
    # The name in the config is not where the classes are defined.
    (tmp_path / "my_own_51/__init__.py").write_text("from my_own_51.impl import Mine, Scaler\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    inputs = made(tmp_path)
    pipeline = trained(inputs, spec)
    for name, candidates in spec.get("search", {}).get("space", {}).items():
        pipeline = trained(inputs, spec | {"parameters": {name: candidates[0], "epochs": 1}})
    save_model(pipeline, CLASSES, tmp_path / "model/r0f0")
    expected = explained(pipeline, inputs)
    for name in [name for name in sys.modules if name.startswith("my_own_51")]:
        monkeypatch.delitem(sys.modules, name)
    sys.path.remove(str(tmp_path))
    written = run_script(tmp_path, inputs, model(**spec))
    assert all(a.equals(b) for a, b in zip(written, expected, strict=True))
