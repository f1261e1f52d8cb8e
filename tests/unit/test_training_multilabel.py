"""Tracks of several labels: classifiers of each label, their folds, scores and thresholds."""

import json
import logging

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from training_fixtures import (
    LOGISTIC,
    cut,
    label_sets,
    model,
    run,
    several,
    shipped,
    write_run_inputs,
    write_variant,
)

from genreflow.errors import GenreflowError
from genreflow.models.files import load_model
from genreflow.models.predict import predict_probabilities
from genreflow.training.fit import fit_model
from genreflow.training.inner import inner_folds
from genreflow.training.thresholds import best_thresholds
from genreflow.training.train import fold_seed

LABELS = ["blues", "jazz", "rock"]
KEYS = {"seed": 0, "where": "run a", "purpose": "the search"}
FOREST = "sklearn.ensemble.RandomForestClassifier"


def trained(folder, inputs, spec, thresholds="validation", **given):
    found = run(folder, inputs, spec, task="multi_label", thresholds=thresholds, **given)
    return found, json.loads((folder / "run.json").read_text())


def matrices(found: pl.DataFrame, fold: int, part: str, *columns: str) -> list[np.ndarray]:
    rows = found.filter(pl.col("fold") == fold, pl.col("part") == part).sort("track_id", "target")
    return [rows[column].to_numpy().reshape(-1, rows["target"].n_unique()) for column in columns]


def best_f1(truth: np.ndarray, scores: np.ndarray) -> float:
    """Of all thresholds above 0 that differ; 0 where there is none."""
    cuts = np.unique(scores[scores > 0])
    return max((f1_score(truth, scores >= t, zero_division=0) for t in cuts), default=0)


@pytest.mark.parametrize(
    ("spec", "make"),
    [
        (
            model(estimator=LOGISTIC),
            lambda seed: make_pipeline(
                StandardScaler(), OneVsRestClassifier(LogisticRegression(random_state=seed))
            ),
        ),
        (
            model(estimator=FOREST, scaler=None, parameters={"n_estimators": 7}),
            lambda seed: OneVsRestClassifier(
                RandomForestClassifier(n_estimators=7, random_state=seed)
            ),
        ),
    ],
    ids=["logistic", "forest"],
)
def test_a_classifier_for_each_label_is_scikit_learns(tmp_path, spec, make):
    inputs = write_run_inputs(tmp_path / "in", change=several)
    found, record = trained(tmp_path / "out", inputs, spec)
    assert record["task"] == "multi_label" and record["classes"] == LABELS
    split = pl.read_parquet(inputs["split"]).sort("fold", "track_id")
    vectors = pl.concat(map(pl.read_parquet, inputs["features"])).sort("track_id")
    x = vectors.select(f"feature{i}" for i in range(6)).to_numpy()
    for fold in (0, 1):
        own = split.filter(pl.col("fold") == fold)
        y = np.array([[name in labels for name in LABELS] for labels in own["labels"]]).astype(int)
        part = own["part"].to_numpy()
        fitted = make(fold_seed(3, 0, fold)).fit(x[part == "train"], y[part == "train"])
        for name in ("validation", "test"):
            truth, scores = matrices(found, fold, name, "truth", "score")
            assert np.array_equal(truth, y[part == name])
            assert np.array_equal(scores, fitted.predict_proba(x[part == name]))


def test_thresholds_are_the_best_on_the_validation_part(tmp_path):
    inputs = write_run_inputs(tmp_path / "in", change=several)
    found, record = trained(tmp_path / "out", inputs, model(estimator=LOGISTIC))
    assert record["thresholds"] == "validation"
    for fold in (0, 1):
        truth, scores = matrices(found, fold, "validation", "truth", "score")
        told = record["folds"][fold]["thresholds"]
        for number, label in enumerate(LABELS):
            guesses = scores[:, number] >= told[label]
            best = best_f1(truth[:, number], scores[:, number])
            assert f1_score(truth[:, number], guesses) == best
        for part in ("validation", "test"):
            (used,) = matrices(found, fold, part, "threshold")
            assert (used == [told[label] for label in LABELS]).all()
    assert len({json.dumps(fold["thresholds"]) for fold in record["folds"]}) == 2


def test_thresholds_without_validation_are_the_best_out_of_fold(caplog):
    x, y, groups = label_sets()
    spec = model(estimator=LOGISTIC)
    with caplog.at_level(logging.INFO, "genreflow"):
        fitted = fit_model(spec, x, y, groups, thresholds="validation", seed=0, where="run a")
    assert "run a: thresholds are chosen in 3 folds of the training part" in caplog.text
    scores = np.zeros(y.shape)
    make = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression()))
    for known, held_out in inner_folds(y, groups, 3, **KEYS):
        scores[held_out] = make.fit(x[known], y[known]).predict_proba(x[held_out])
    for truth, score, threshold in zip(y.T, scores.T, fitted.thresholds, strict=True):
        assert f1_score(truth, score >= threshold) == best_f1(truth, score)
    assert np.array_equal(fitted.pipeline.predict_proba(x), make.fit(x, y).predict_proba(x))


def test_a_threshold_can_be_a_number(tmp_path):
    inputs = write_run_inputs(tmp_path / "in", change=several)
    found, record = trained(tmp_path / "out", inputs, model(estimator=LOGISTIC), thresholds=0.5)
    assert (found["threshold"] == 0.5).all()
    assert record["folds"][0]["thresholds"] == dict.fromkeys(LABELS, 0.5)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_threshold_gives_a_better_f1(data):
    n = data.draw(st.integers(1, 12))
    some = st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])
    scores = np.array(data.draw(st.lists(some, min_size=n, max_size=n)))
    truth = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    (found,) = best_thresholds(truth[:, None], scores[:, None])
    assert found > 0
    if best_f1(truth, scores) > 0:
        assert found in scores
        assert f1_score(truth, scores >= found) == best_f1(truth, scores)
    else:
        assert found == 0.5


def test_a_label_that_nothing_was_learned_of_is_not_given_to_every_track():
    """All by one artist, so that no fold has both learned it and been asked for it."""
    x, y, groups = label_sets(n=300)
    rare = (groups == groups[0]).astype(int)
    spec = model(estimator=FOREST, scaler=None, parameters={"n_estimators": 20})
    y = np.column_stack([y, rare])
    fitted = fit_model(spec, x, y, groups, thresholds="validation", seed=0)
    assert fitted.thresholds[3] == 0.5
    other = np.random.default_rng(9).normal(size=(100, 6))
    guesses = predict_probabilities(fitted.pipeline, other, multi_label=True) >= fitted.thresholds
    assert guesses[:, 3].mean() < 0.2


def test_segments_are_pooled_before_thresholds_are_chosen(tmp_path):
    inputs = write_run_inputs(
        tmp_path / "in", change=lambda **frames: several(**frames) | cut(**frames)
    )
    inputs["copies"] = {"noise20": write_variant(tmp_path, inputs, "noise20")}
    found, record = trained(tmp_path / "out", inputs, model(estimator=LOGISTIC))
    truth, scores = matrices(found, 0, "validation", "truth", "score")
    for number, label in enumerate(LABELS):
        threshold = record["folds"][0]["thresholds"][label]
        assert threshold in scores[:, number]
        best = best_f1(truth[:, number], scores[:, number])
        assert f1_score(truth[:, number], scores[:, number] >= threshold) == best


@pytest.mark.parametrize("spec", [shipped("xgboost"), shipped("svm"), model(estimator=LOGISTIC)])
@pytest.mark.parametrize("validation", [True, False])
def test_what_is_not_training_changes_no_model_and_no_threshold(tmp_path, spec, validation):
    def arrange(split, **frames):
        split = several(split=split, **frames)["split"]
        if not validation:
            part = pl.col("part").replace({"validation": "excluded"})
            split = split.with_columns(part=part)
        return {"split": split.filter(pl.col("fold") == 0)}

    def scramble(vectors, **frames):
        split = arrange(vectors=vectors, **frames)["split"]
        test = pl.col("track_id").is_in(
            split.filter(pl.col("part") == "test")["track_id"].to_list()
        )
        labels = pl.when(test).then(pl.lit(["rock"])).otherwise("labels")
        other = pl.when(test).then(9.0).otherwise("feature0")
        return {
            "split": split.with_columns(labels=labels),
            "vectors": vectors.with_columns(feature0=other),
        }

    thresholds, probabilities, predictions = [], [], []
    for name, change in (("a", arrange), ("b", scramble)):
        inputs = write_run_inputs(tmp_path / f"in{name}", change=change)
        found, record = trained(tmp_path / name, inputs, spec)
        predictions.append(found)
        thresholds.append(record["folds"][0]["thresholds"])
        pipeline, _ = load_model(tmp_path / name / "model" / "r0f0")
        x = np.random.default_rng(9).normal(size=(40, 6))
        probabilities.append(predict_probabilities(pipeline, x, multi_label=True))
    assert thresholds[0] == thresholds[1]
    assert np.array_equal(*probabilities)
    assert not predictions[0].equals(predictions[1])


@pytest.mark.parametrize("name", ["xgboost", "svm", "knn", "dummy", "random_forest"])
def test_the_same_bits_whatever_the_order_of_the_rows(tmp_path, name):
    inputs = write_run_inputs(tmp_path / "in", change=several)
    first, _ = trained(tmp_path / "a", inputs, shipped(name))
    scores = first["score"].to_numpy()
    assert ((scores >= 0) & (scores <= 1)).all()
    again = write_run_inputs(tmp_path / "in2", change=several, shuffle=1)
    assert trained(tmp_path / "b", again, shipped(name))[0].equals(first)


def test_a_label_that_a_fold_does_not_train_on_is_never_guessed(tmp_path):
    def without_jazz(split, **frames):
        split = several(split=split, **frames)["split"]
        has = pl.col("labels").list.contains("jazz") & (pl.col("fold") == 0)
        lost = has & (pl.col("part") == "train")
        return {
            "split": split.with_columns(part=pl.when(lost).then(pl.lit("test")).otherwise("part"))
        }

    inputs = write_run_inputs(tmp_path / "in", change=without_jazz)
    found, record = trained(tmp_path / "out", inputs, model(estimator=LOGISTIC))
    jazz = found.filter(pl.col("target") == "jazz", pl.col("fold") == 0)
    assert (jazz["score"] == 0).all() and (jazz["threshold"] > 0).all() and jazz["truth"].sum() > 10
    assert load_model(tmp_path / "out" / "model" / "r0f0")[1] == ["blues", "rock"]
    assert list(record["folds"][0]["thresholds"]) == ["blues", "rock"]
    assert list(record["folds"][1]["thresholds"]) == LABELS


@pytest.mark.parametrize("name", ["logistic_regression", "xgboost", "knn", "svm"])
def test_a_label_of_all_training_tracks_is_always_probable(name):
    x, y, groups = label_sets()
    y[:, 1] = 1
    fitted = fit_model(shipped(name), x, y, groups, thresholds="validation", seed=0)
    scores = predict_probabilities(fitted.pipeline, x, multi_label=True)
    assert (scores[:, 1] > 0.99).all() and np.ptp(scores[:, 0]) > 0.3


def test_the_labels_of_each_fold_are_the_splits(tmp_path):
    """As where labels are clusters that each fold has found for itself."""

    def other(split, **_):
        renamed = pl.col("labels").list.eval(pl.element() + " too")
        labels = pl.when(pl.col("fold") == 1).then(renamed).otherwise("labels")
        return {"split": split.with_columns(labels=labels)}

    inputs = write_run_inputs(tmp_path / "in", change=other)
    found = run(tmp_path / "out", inputs, model(estimator=LOGISTIC))
    names = sorted([*LABELS, *(f"{name} too" for name in LABELS)])
    assert found["target"].unique().sort().to_list() == names
    for fold, own in ((0, LABELS), (1, [f"{name} too" for name in LABELS])):
        foreign = found.filter(pl.col("fold") == fold, ~pl.col("target").is_in(own))
        assert (foreign["score"] == 0).all() and (foreign["truth"] == 0).all()
        assert load_model(tmp_path / "out" / "model" / f"r0f{fold}")[1] == own


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "f1_micro", "roc_auc"])
def test_a_search_finds_what_sklearn_finds(scoring, caplog):
    x, y, groups = label_sets()
    space = {"C": [0.003, 0.03, 30]}
    search = {"method": "grid", "space": space, "folds": 3, "scoring": scoring}
    spec = model(estimator=LOGISTIC, scaler=None) | {"search": search}
    with caplog.at_level(logging.INFO, "genreflow"):
        fitted = fit_model(spec, x, y, groups, thresholds=0.5, seed=0)
    average = {"f1_macro": "macro", "f1_micro": "micro"}.get(scoring)
    scores = {
        c: cross_val_score(
            OneVsRestClassifier(LogisticRegression(C=c)),
            x,
            y,
            cv=inner_folds(y, groups, 3, **KEYS),
            scoring=make_scorer(f1_score, average=average) if average else scoring,
        ).mean()
        for c in space["C"]
    }
    assert len(set(scores.values())) > 1
    assert list(fitted.best) == ["C"]
    assert scores[fitted.best["C"]] == max(scores.values())
    assert f"{scoring} = {max(scores.values()):.4f} with" in caplog.text
    assert fitted.best["C"] == fitted.pipeline["estimator"].estimator.C


def test_a_search_and_calibration_reach_the_estimator_of_each_label():
    x, y, groups = label_sets()
    search = {"method": "grid", "space": {"C": [1e-4, 1]}, "folds": 3, "scoring": "f1_macro"}
    fitted = fit_model(shipped("svm") | {"search": search}, x, y, groups, seed=0)
    assert fitted.best == {"C": 1}
    alone = make_pipeline(StandardScaler(), OneVsRestClassifier(SVC(C=1))).fit(x, y)
    for number, one in enumerate(fitted.pipeline["estimator"].estimators_):
        inner = one.calibrated_classifiers_[0].estimator
        scaled = fitted.pipeline["scaler"].transform(x)
        expected = alone[-1].estimators_[number].decision_function(scaled)
        assert np.array_equal(inner.decision_function(scaled), expected)
        assert one.cv is None  # the folds are not written to the model's file


def test_what_cannot_be_done_is_explained(caplog):
    x, y, groups = label_sets()
    search = {"method": "grid", "space": {"C": [1]}, "folds": 3, "scoring": "neg_log_loss"}
    with pytest.raises(
        GenreflowError, match=r"search\.scoring: 'neg_log_loss' is not one of the sc"
    ):
        fit_model(model(estimator=LOGISTIC) | {"search": search}, x, y, groups, seed=0)
    with pytest.raises(GenreflowError, match="gives a probability for each of several labels"):
        fit_model(shipped("xgboost") | {"calibrate": True}, x, y, groups, seed=0)
    one = np.where(y[:, 0] == 1, "one artist", groups)
    message = r"1 labels have them in one alone: 'blues' \(1 artists\)\. Leave them out"
    with pytest.raises(GenreflowError, match=message):
        fit_model(shipped("svm"), x, y, one, labels=LABELS, seed=0)
    assert "1 labels are in one fold of calibration alone" in caplog.text
    with pytest.raises(GenreflowError, match=r"1 labels have them in one alone: 0 \(1 artists\)"):
        fit_model(shipped("svm"), x, 1 - y, one, seed=0)
    fit_model(model(estimator=LOGISTIC), x, y, one, thresholds="validation", seed=0)


def test_the_label_that_cannot_be_calibrated_is_named_in_a_run(tmp_path):
    def one_artist(tracks, split, **frames):
        """Jazz is all by one artist."""
        split = several(split=split, **frames)["split"]
        jazz = split.filter(pl.col("labels").list.contains("jazz"))["track_id"].unique()
        artist = pl.when(pl.col("track_id").is_in(jazz.to_list())).then(pl.lit("her"))
        return {"split": split, "tracks": tracks.with_columns(artist=artist.otherwise("artist"))}

    inputs = write_run_inputs(tmp_path / "in", change=one_artist)
    with pytest.raises(
        GenreflowError, match=r"1 labels have them in one alone: 'jazz' \(1 artists\)"
    ):
        trained(tmp_path / "out", inputs, shipped("svm"))


@pytest.mark.parametrize("artists", [2, 3])
@pytest.mark.parametrize("inverse", [False, True])
def test_thresholds_are_chosen_where_few_artists_have_a_calibrated_label(artists, inverse):
    """Two or three suffice for the whole training part, not for each two thirds of it."""
    x, y, groups = label_sets(n=300)
    names = np.unique(groups)[:: len(np.unique(groups)) // artists][:artists]
    rare = np.isin(groups, names).astype(int)
    y = np.column_stack([y, 1 - rare if inverse else rare])
    for seed in range(3):
        fitted = fit_model(shipped("svm"), x, y, groups, thresholds="validation", seed=seed)
        assert (fitted.thresholds > 0).all()
        if artists == 2 and not inverse:  # of which each try knows one or none
            assert fitted.thresholds[3] == 0.5


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_inner_folds_keep_artists_and_tracks_together(data):
    n, labels = data.draw(st.integers(2, 20)), data.draw(st.integers(2, 4))
    cells = st.lists(st.integers(0, 1), min_size=labels, max_size=labels)
    y = np.array(data.draw(st.lists(cells.filter(any), min_size=n, max_size=n)))
    groups = np.array(data.draw(st.lists(st.integers(0, 8), min_size=n, max_size=n)))
    counts = data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    tracks = np.repeat(np.arange(n), counts)
    folds = inner_folds(y[tracks], groups[tracks], 3, tracks=tracks, **KEYS)
    again = inner_folds(y[tracks], groups[tracks], 3, tracks=tracks, **KEYS)
    assert len(folds) >= 2
    held_out = np.concatenate([rows for _, rows in folds])
    assert sorted(held_out) == list(range(len(tracks)))
    for (known, rows), same in zip(folds, again, strict=True):
        assert len(known) and len(known) + len(rows) == len(tracks)
        assert np.array_equal(rows, same[1])
        assert not set(tracks[known]) & set(tracks[rows])
        if len(set(groups)) > 1:
            assert not set(groups[tracks[known]]) & set(groups[tracks[rows]])
