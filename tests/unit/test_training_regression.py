"""Runs that tell numbers of tracks, against scikit-learn on numbers that were scaled by hand."""

import json
import logging

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from training_fixtures import (
    LOGISTIC,
    REGRESSORS,
    UNITS,
    cut,
    model,
    numbers,
    run,
    shipped,
    with_values,
    write_run_inputs,
    write_variant,
)

from genreflow.errors import GenreflowError
from genreflow.models.files import load_model, load_targets
from genreflow.models.predict import predict_numbers
from genreflow.training.fit import fit_model
from genreflow.training.inner import inner_folds, keep_back
from genreflow.training.targets import read_targets
from genreflow.training.train import fold_seed

RIDGE = "sklearn.linear_model.Ridge"
FOREST = "sklearn.ensemble.RandomForestRegressor"
KEYS = {"seed": 0, "where": "run a", "purpose": "the search"}


def trained(folder, inputs, spec, **given):
    found = run(folder, inputs, spec, task="regression", **given)
    return found, json.loads((folder / "run.json").read_text())


def by_part(inputs, fold: int) -> dict[str, list[int]]:
    own = pl.read_parquet(inputs["split"]).filter(pl.col("fold") == fold).sort("track_id")
    return {
        part: [int(track[:3]) for track in rows["track_id"]]
        for (part,), rows in own.group_by("part", maintain_order=True)
    }


def matrices(found: pl.DataFrame, fold: int, part: str, names) -> list[np.ndarray]:
    """Truth and score of each track and number, in the order of the names."""
    rows = found.filter(pl.col("fold") == fold, pl.col("part") == part)
    columns = [rows.filter(pl.col("target") == name).sort("track_id") for name in names]
    return [np.stack([own[key] for own in columns], axis=1) for key in ("truth", "score")]


@pytest.mark.parametrize("names", [["tempo"], ["energy", "tempo"], None])
@pytest.mark.parametrize(
    ("spec", "make"),
    [
        (model(estimator=RIDGE), lambda _: make_pipeline(StandardScaler(), Ridge())),
        (
            model(estimator=FOREST, scaler=None, parameters={"n_estimators": 5}),
            lambda seed: RandomForestRegressor(n_estimators=5, random_state=seed),
        ),
    ],
    ids=["ridge", "forest"],
)
def test_scikit_learn_on_scaled_numbers_tells_the_same(tmp_path, spec, make, names):
    inputs = write_run_inputs(tmp_path / "in", change=with_values)
    found, record = trained(tmp_path / "out", inputs, spec, targets=names)
    x, y, _ = numbers()
    names = names or list(UNITS)
    y = y[:, [list(UNITS).index(name) for name in names]]
    assert record["task"] == "regression" and record["classes"] == names
    assert found["threshold"].is_null().all()
    assert found.equals(found.sort("repeat", "fold", "part", "track_id", "target"))
    for fold in (0, 1):
        parts = by_part(inputs, fold)
        train = parts["train"]
        low, high = y[train].min(axis=0), y[train].max(axis=0)
        told = dict(zip(names, np.stack([low, high], axis=1).tolist(), strict=True))
        assert record["folds"][fold]["ranges"] == told
        assert load_targets(tmp_path / f"out/model/r0f{fold}") == told
        scaled = (y[train] - low) / (high - low)
        fitted = make(fold_seed(3, 0, fold))
        fitted.fit(x[train], scaled[:, 0] if len(names) == 1 else scaled)
        for part in ("validation", "test"):
            truth, scores = matrices(found, fold, part, names)
            assert np.array_equal(truth, y[parts[part]])
            expected = fitted.predict(x[parts[part]]).reshape(-1, len(names))
            np.testing.assert_allclose(scores, low + expected * (high - low), rtol=1e-12)


@pytest.mark.parametrize("name", REGRESSORS)
@pytest.mark.parametrize("targets", [["tempo"], None])
def test_every_shipped_regressor(tmp_path, name, targets):
    inputs = write_run_inputs(tmp_path / "in", change=with_values)
    found, _ = trained(tmp_path / "out", inputs, shipped(name), targets=targets)
    for own in targets or UNITS:
        rows = found.filter(pl.col("target") == own, pl.col("part") == "test")
        r2 = r2_score(rows["truth"], rows["score"])
        assert (-0.3 < r2 <= 0) if name == "dummy_regressor" else r2 > 0.3
    shuffled = write_run_inputs(tmp_path / "in2", change=with_values, shuffle=1)
    again, _ = trained(tmp_path / "again", shuffled, shipped(name), targets=targets)
    assert again.equals(found)


def test_the_dummy_tells_the_mean_of_the_training_part(tmp_path):
    inputs = write_run_inputs(tmp_path / "in", change=with_values)
    found, _ = trained(tmp_path / "out", inputs, shipped("dummy_regressor"))
    for fold in (0, 1):
        _, scores = matrices(found, fold, "test", UNITS)
        expected = numbers()[1][by_part(inputs, fold)["train"]].mean(axis=0)
        np.testing.assert_allclose(scores, np.tile(expected, (len(scores), 1)))


def test_a_track_gets_the_mean_of_its_segments_and_copies_are_fitted(tmp_path):
    inputs = write_run_inputs(
        tmp_path / "in", change=lambda **frames: with_values(**frames) | cut(**frames)
    )
    inputs["copies"] = {"noise20": write_variant(tmp_path, inputs, "noise20")}
    found, record = trained(tmp_path / "out", inputs, model(estimator=RIDGE), targets=["tempo"])
    rows = {}
    for name, paths in (("original", inputs["features"]), *inputs["copies"].items()):
        table = pl.concat(map(pl.read_parquet, paths)).sort("track_id", "segment")
        for (
            track,
            *_,
        ) in table.select("track_id").unique().iter_rows():
            own = table.filter(pl.col("track_id") == track)
            rows[name, int(track[:3])] = own.select(f"feature{i}" for i in range(6)).to_numpy()
    y = numbers()[1][:, 0]
    parts = by_part(inputs, 0)
    x = [rows[name, track] for track in parts["train"] for name in ("original", "noise20")]
    told = [y[track] for track in parts["train"] for _ in range(2) for _ in rows["original", track]]
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(np.concatenate(x), told)
    expected = [fitted.predict(rows["original", track]).mean() for track in parts["test"]]
    _, scores = matrices(found, 0, "test", ["tempo"])
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-9)
    assert record["folds"][0]["train_rows"] == len(told)


def test_variants_that_are_told_the_numbers_of_their_tracks_are_named(tmp_path, caplog):
    """A stretched copy has another tempo, and one with a gain another loudness."""
    inputs, told = write_run_inputs(tmp_path / "in", change=with_values), "told the numbers"
    trained(tmp_path / "a", inputs, model(estimator=RIDGE))
    assert told not in caplog.text
    tested = {"test_features": write_variant(tmp_path, inputs, "noise20")}
    names = ("stretch0.81", "gain-6")
    copies = {"copies": {name: write_variant(tmp_path, inputs, name) for name in names}}
    for number, (more, named) in enumerate(
        ((copies, "stretch0.81, gain-6"), (tested, "noise20"), (copies | tested, "gain-6, noise20"))
    ):
        caplog.clear()
        trained(tmp_path / str(number), inputs | more, model(estimator=RIDGE))
        assert f"{named} are {told}" in caplog.text
    labels = write_run_inputs(tmp_path / "labels")
    caplog.clear()
    run(tmp_path / "out", labels | copies, model(estimator=LOGISTIC))
    assert told not in caplog.text


def test_what_is_not_training_changes_nothing_that_is_learned(tmp_path):
    def scramble(split, vectors, **frames):
        split = with_values(split=split)["split"].filter(pl.col("fold") == 0)
        other = pl.col("part") != "train"
        ids = split.filter(other)["track_id"].to_list()
        values = pl.when(other).then(pl.lit([1e4, -7.0])).otherwise("values")
        feature = pl.when(pl.col("track_id").is_in(ids)).then(9.0).otherwise("feature0")
        return {
            "split": split.with_columns(values=values),
            "vectors": vectors.with_columns(feature0=feature),
        }

    def one_fold(**frames):
        return {"split": with_values(**frames)["split"].filter(pl.col("fold") == 0)}

    search = {"method": "grid", "space": {"alpha": [0.01, 100.0]}, "scoring": "r2"}
    spec, told = model(estimator=RIDGE, search=search), []
    for name, change in (("a", one_fold), ("b", scramble)):
        inputs = write_run_inputs(tmp_path / f"in{name}", change=change)
        _, record = trained(tmp_path / name, inputs, spec)
        pipeline, names = load_model(tmp_path / name / "model/r0f0")
        assert names == list(UNITS)
        x = np.random.default_rng(9).normal(size=(40, 6))
        told.append((pipeline.predict(x), record["folds"][0]))
    assert np.array_equal(told[0][0], told[1][0])
    assert told[0][1]["ranges"] == told[1][1]["ranges"]
    assert told[0][1]["best_parameters"] == told[1][1]["best_parameters"]


def test_the_digest_tells_numbers_and_their_names_apart(tmp_path):
    def changed(split, **frames):
        split = with_values(split=split)["split"]
        first = (pl.col("track_id") == "000.wav") & (pl.col("fold") == 1)
        values = pl.when(first).then(pl.lit([120.0, 0.5])).otherwise("values")
        return {"split": split.with_columns(values=values)}

    spec, digests = shipped("dummy_regressor"), []
    for number, (change, names) in enumerate(
        [(with_values, None), (changed, None), (with_values, ["tempo"]), (with_values, ["energy"])]
    ):
        inputs = write_run_inputs(tmp_path / f"in{number}", change=change)
        _, record = trained(tmp_path / f"out{number}", inputs, spec, targets=names)
        digests.append(record["data_digest"])
    assert len(set(digests)) == 4


@pytest.mark.parametrize(
    ("scoring", "score"),
    [
        ("r2", r2_score),
        ("neg_mean_squared_error", mean_squared_error),
        ("neg_mean_absolute_error", mean_absolute_error),
    ],
)
@pytest.mark.parametrize("targets", [1, 2])
def test_a_search_finds_what_sklearn_finds(scoring, score, targets, caplog):
    x, y, groups = numbers()
    y = y[:, 0] if targets == 1 else y
    search = {"method": "grid", "space": {"alpha": [0.001, 30.0, 3000.0]}, "scoring": scoring}
    with caplog.at_level(logging.INFO, "genreflow"):
        fitted = fit_model(model(estimator=RIDGE, search=search), x, y, groups, seed=0)
    _, units = np.unique(groups, return_inverse=True)
    folds = list(GroupKFold(3, shuffle=True, random_state=0).split(x, y, units))
    greater = scoring == "r2"
    scores = {
        alpha: cross_val_score(
            make_pipeline(StandardScaler(), Ridge(alpha=alpha)),
            x,
            y,
            cv=folds,
            scoring=make_scorer(score, greater_is_better=greater),
        ).mean()
        for alpha in search["space"]["alpha"]
    }
    assert len(set(scores.values())) == 3
    assert scores[fitted.best["alpha"]] == max(scores.values())
    assert f"{scoring} = {max(scores.values()):.4f} with" in caplog.text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_folds_and_what_is_kept_back_part_no_group(data):
    n = data.draw(st.integers(2, 30))
    groups = np.array(data.draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)))
    y = np.random.default_rng(0).normal(size=(n, data.draw(st.integers(1, 2))))
    y = y[:, 0] if y.shape[1] == 1 else y
    tracks = np.repeat(np.arange(n), data.draw(st.integers(1, 3)))
    folds = inner_folds(y[tracks], groups[tracks], 3, tracks=tracks, **KEYS)
    assert len(folds) >= 2
    assert sorted(np.concatenate([rows for _, rows in folds])) == list(range(len(tracks)))
    for known, rows in folds:
        assert len(known) and len(known) + len(rows) == len(tracks)
        assert not set(tracks[known]) & set(tracks[rows])
        if len(set(groups)) > 1:
            assert not set(groups[tracks[known]]) & set(groups[tracks[rows]])
    kept = keep_back(y[tracks], groups[tracks], tracks=tracks, seed=0)
    assert (kept is None) == (len(set(groups)) == 1)
    if kept:
        known, held = kept
        assert sorted([*known, *held]) == list(range(len(tracks))) and len(known) and len(held)
        assert not set(groups[tracks[known]]) & set(groups[tracks[held]])


@pytest.mark.parametrize("size", [1, 3])
def test_a_tenth_is_kept_back(size):
    y = np.random.default_rng(0).normal(size=300)
    _, held = keep_back(y, np.arange(300) // size, seed=0)
    assert 27 <= len(held) <= 33


def test_an_estimator_of_one_number_can_be_made_one_of_several(tmp_path):
    """By scikit-learn's own wrapper; without it the message tells what is wrong."""
    x, y, groups = numbers()
    spec = model(estimator="sklearn.svm.SVR")
    with pytest.raises(GenreflowError, match=r"SVR cannot be fitted: y should be a 1d array"):
        fit_model(spec, x, y, groups, seed=0)
    alone = fit_model(spec, x, y[:, 0], groups, seed=0).pipeline
    assert alone.predict(x).shape == (90,)
    assert MultiOutputRegressor(alone).fit(x, y).predict(x).shape == (90, 2)


def test_errors(tmp_path):
    def constant(split, **_):
        split = with_values(split=split)["split"]
        train = pl.col("part") == "train"
        values = pl.concat_list(pl.when(train).then(0.0).otherwise(1.0), pl.lit(0.5))
        return {"split": split.with_columns(values=values)}

    def unknown(split, **_):
        split = with_values(split=split)["split"]
        values = pl.concat_list(pl.lit(None, pl.Float64), pl.lit(0.5))
        return {"split": split.with_columns(values=values)}

    ridge = model(estimator=RIDGE)
    search = {"method": "grid", "space": {"alpha": [1]}, "scoring": "accuracy"}
    of_labels = {"method": "grid", "space": {"C": [1]}, "scoring": "r2"}
    cases = [
        (constant, ridge, {}, r"tempo is 0 for all 54 tracks of the training part"),
        (unknown, ridge, {}, r"90 tracks of the split lack one of tempo, energy, the first"),
        (None, ridge, {}, "does not tell the same numbers of all tracks"),
        (with_values, ridge, {"targets": ["temp"]}, r"targets: 'temp' is not one of .* 'tempo'"),
        (with_values, ridge, {"thresholds": 0.5}, "thresholds are for labels"),
        (with_values, model(estimator=LOGISTIC), {}, "LogisticRegression tells labels"),
        (with_values, ridge | {"calibrate": True}, {}, "say 'calibrate: false'"),
        (
            with_values,
            model(estimator=RIDGE, search=search),
            {},
            r"search\.scoring: 'accuracy' is not one",
        ),
        (None, model(estimator=LOGISTIC), {"task": "single_label", "targets": ["a"]}, "of labels"),
        (None, ridge, {"task": "single_label"}, "Ridge tells numbers, and the split is of labels"),
        (
            None,
            model(estimator=LOGISTIC, search=of_labels),
            {"task": "single_label"},
            r"search\.scoring: 'r2' is for numbers",
        ),
    ]
    for number, (change, spec, arguments, message) in enumerate(cases):
        inputs = write_run_inputs(tmp_path / str(number), change=change)
        with pytest.raises(GenreflowError, match=message):
            run(tmp_path / f"out{number}", inputs, spec, **({"task": "regression"} | arguments))


def test_numbers_that_are_none_are_refused():
    class Diverged:
        def predict(self, x):
            return np.full(len(x), np.inf)

        def __getitem__(self, index):
            return self

    with pytest.raises(GenreflowError, match="Diverged gave values that are no finite numbers"):
        predict_numbers(Diverged(), np.zeros((3, 2)), np.arange(3))


def test_numbers_are_read_as_the_split_names_them():
    split = pl.DataFrame(
        {
            "track_id": ["a", "b", "c"],
            "repeat": [0, 0, 0],
            "fold": [0, 0, 0],
            "part": ["test", "train", "excluded"],
            "labels": [["tempo", "energy"]] * 2 + [["tempo", "energy"]],
            "values": [[100.0, 0.1], [120.0, 0.2], [None, 0.3]],
        }
    )
    targets = read_targets(split, "regression", where="run a", names=["energy"])
    assert targets.classes == ("energy",)
    assert targets.truth(0, 0, ["b", "a", "b"]).tolist() == [[0.2], [0.1], [0.2]]
    both = read_targets(split, "regression", where="run a")
    assert both.truth(0, 0, ["b"]).tolist() == [[120, 0.2]]
