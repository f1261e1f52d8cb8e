"""Selection, calibration and fitting inside a training part."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_fixtures import LOGISTIC, TREE, model, points, shipped

from genreflow.errors import GenreflowError
from genreflow.training.fit import fit_model
from genreflow.training.inner import inner_folds

SEARCH = {"method": "grid", "space": {"max_depth": [1, 4], "min_samples_leaf": [1, 30]}}


def divide(y, groups, folds=3, seed=0):
    y, groups = np.asarray(y), np.asarray(groups)
    return inner_folds(y, groups, folds, seed=seed, where="run a", purpose="the search")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_inner_folds_keep_groups_together_and_know_all_labels(data):
    labels = data.draw(st.integers(2, 4))
    owners = data.draw(st.lists(st.integers(0, labels - 1), min_size=labels, max_size=20))
    owners = [*range(labels), *range(labels), *owners]  # two groups of every label
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=len(owners), max_size=len(owners)))
    groups, y = np.repeat(np.arange(len(owners)), sizes), np.repeat(owners, sizes)
    folds = divide(y, groups, data.draw(st.integers(2, 5)), data.draw(st.integers(0, 9)))
    assert len(folds) >= 2
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    for train, test in folds:
        assert set(y[train]) == set(y)
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(y)


def test_few_artists_make_fewer_folds_and_a_warning(caplog):
    groups = ["a", "a", "b", "b", "c", "c", "d", "d"]
    with caplog.at_level(logging.WARNING):
        folds = divide([0, 0, 0, 0, 1, 1, 1, 1], groups, folds=5)
    assert len(folds) == 2
    assert "run a: 2 folds for the search: artists are few" in caplog.text


def test_a_single_artist_of_a_label_divides_tracks_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        folds = divide([0, 0, 0, 1, 1, 1], ["a", "a", "a", "b", "c", "d"], folds=5)
    assert len(folds) == 3
    assert "divides tracks, not artists" in caplog.text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_only_artists_of_a_label_that_has_one_are_parted(data):
    """As recordings are kept together that stand under several labels."""
    n = data.draw(st.integers(6, 30))
    y = np.concatenate([np.arange(n) % 3, [3, 3, 3]])
    groups = np.array([f"recording {i // 6 % 5}" for i in range(n)] + ["one"] * 3)
    if data.draw(st.booleans()):
        groups = np.concatenate([groups, ["one"]])  # the artist's track of another label
        y = np.concatenate([y, [0]])
    others = y != 3
    folds = divide(y, groups, data.draw(st.integers(2, 5)), data.draw(st.integers(0, 9)))
    few = any(len(set(groups[y == label])) < 2 for label in range(3))
    assert len(folds) >= 2
    for train, test in folds:
        assert set(y[train]) == set(y)
        if not few:
            kept = set(groups[train][others[train]]) & set(groups[test][others[test]])
            assert not kept


def test_few_artists_are_parted_where_many_recordings_are_not(caplog):
    y = np.append(np.repeat(np.arange(5), 40), [5] * 3)
    recordings = [f"recording {label // 2} {i}" for label in range(5) for i in range(40)]
    groups = np.array([*recordings, "one", "one", "one"])
    with caplog.at_level(logging.WARNING):
        folds = divide(y, groups, folds=3)
    for train, test in folds:
        assert set(groups[train]) & set(groups[test]) == {"one"}
    assert "divides tracks, not artists, of 1 labels" in caplog.text


def test_labels_whose_artists_fall_together_are_parted_too(caplog):
    """Labels 1 and 2 have two artists; one of label 2 goes with what label 1 needs elsewhere."""
    groups = np.array(["a", "a", "a", "b", "b", "b"])
    y = np.array([0, 1, 2, 0, 0, 1])
    y, groups = np.append(y, 2), np.append(groups, "a")
    with caplog.at_level(logging.WARNING):
        folds = divide(y, groups, folds=2)
    assert all(set(y[train]) == {0, 1, 2} for train, _ in folds)
    for train, test in folds:
        parted = set(groups[train][y[train] < 2]) & set(groups[test][y[test] < 2])
        assert not parted


def test_a_single_track_of_a_label_is_an_error():
    with pytest.raises(GenreflowError, match="at least 2 training tracks of every label"):
        divide([0, 0, 0, 1], ["a", "b", "c", "d"])


@pytest.mark.parametrize("method", ["grid", "randomized"])
def test_a_search_finds_what_sklearn_finds_and_refits(method):
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    x, y, groups = points()
    spec = model(estimator=TREE, scaler=None, search=SEARCH | {"method": method})
    pipeline, best, *_ = fit_model(spec, x, y, groups, seed=0)
    assert set(best) == {"max_depth", "min_samples_leaf"}
    scores = {
        (depth, leaf): cross_val_score(
            DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=0),
            x,
            y,
            cv=divide(y, groups),
        ).mean()
        for depth in (1, 4)
        for leaf in (1, 30)
    }
    assert scores[best["max_depth"], best["min_samples_leaf"]] == max(scores.values())
    alone = DecisionTreeClassifier(**best, random_state=0).fit(x, y)
    assert np.array_equal(pipeline.predict_proba(x), alone.predict_proba(x))


def test_a_randomized_search_draws_as_many_as_it_is_told(caplog):
    x, y, groups = points()
    search = SEARCH | {"method": "randomized", "iterations": 2}
    with caplog.at_level(logging.INFO, "genreflow"):
        fit_model(model(estimator=TREE, search=search), x, y, groups, seed=0)
    assert "among 2 candidates in 3 folds" in caplog.text


def test_search_and_calibration_go_together():
    x, y, groups = points()
    spec = shipped("svm") | {
        "search": {"method": "grid", "space": {"C": [1e-4, 1]}, "folds": 3, "scoring": "accuracy"}
    }
    pipeline, best, *_ = fit_model(spec, x, y, groups, seed=0)
    assert best == {"C": 1}
    assert pipeline["estimator"].calibrated_classifiers_[0].estimator.C == 1


def test_the_svm_that_is_calibrated_is_the_one_fitted_on_all_training_tracks():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    x, y, groups = points()
    pipeline, *_ = fit_model(shipped("svm"), x, y, groups, seed=0)
    alone = make_pipeline(StandardScaler(), SVC(C=10)).fit(x, y)
    inner = pipeline["estimator"].calibrated_classifiers_[0].estimator
    scaled = pipeline["scaler"].transform(x)
    assert np.array_equal(inner.decision_function(scaled), alone.decision_function(x))
    assert (pipeline.predict(x) == alone.predict(x)).mean() > 0.9


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_inner_folds_are_those_of_the_tracks_whatever_their_rows(data):
    n = data.draw(st.integers(6, 20))
    y = np.arange(n) % 2
    groups = np.array(data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)))
    counts = data.draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    keys = {"seed": 0, "where": "run a", "purpose": "the search"}
    tracks = np.repeat(np.arange(n), counts)
    alone = inner_folds(y, groups, 3, **keys)
    folds = inner_folds(y[tracks], groups[tracks], 3, tracks=tracks, **keys)
    for (fitted, scored), (tracks_fitted, tracks_scored) in zip(folds, alone, strict=True):
        assert fitted.tolist() == np.flatnonzero(np.isin(tracks, tracks_fitted)).tolist()
        assert scored.tolist() == np.flatnonzero(np.isin(tracks, tracks_scored)).tolist()


def rows_with_copies():
    """Two segments and a copy of each of 90 tracks; the copies tell little of the labels."""
    x, y, groups = points()
    rng = np.random.default_rng(1)
    tracks = np.repeat(np.arange(len(y)), 3)
    copied = np.tile([False, False, True], len(y))
    x = x[tracks] + rng.normal(0, np.where(copied, 3, 0.1)[:, None], (len(tracks), x.shape[1]))
    return x, y[tracks], groups[tracks], tracks, copied


@pytest.mark.parametrize("one_artist", [False, True])
def test_a_search_fits_on_copies_and_scores_on_originals(caplog, one_artist):
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    x, y, groups, tracks, copied = rows_with_copies()
    if one_artist:  # so that tracks have to be divided
        groups = np.where(y == 0, "artist 0", groups)
    search = {"method": "grid", "space": {"max_depth": [1, 2, 4]}, "folds": 3}
    spec = model(estimator=TREE, scaler=None, search=search)
    with caplog.at_level(logging.INFO, "genreflow"):
        pipeline, best, *_ = fit_model(spec, x, y, groups, tracks=tracks, copied=copied, seed=0)
    keys = {"seed": 0, "where": "run a", "purpose": "the search"}
    divided = inner_folds(y[::3], groups[::3], 3, **keys)
    folds = [
        (
            np.flatnonzero(np.isin(tracks, fitted)),
            np.flatnonzero(np.isin(tracks, scored) & ~copied),
        )
        for fitted, scored in divided
    ]
    scores = {
        depth: cross_val_score(
            DecisionTreeClassifier(max_depth=depth, random_state=0), x, y, cv=folds
        ).mean()
        for depth in (1, 2, 4)
    }
    assert scores[best["max_depth"]] == max(scores.values())
    assert f"accuracy = {max(scores.values()):.4f} with" in caplog.text
    alone = DecisionTreeClassifier(**best, random_state=0).fit(x, y)
    assert np.array_equal(pipeline.predict_proba(x), alone.predict_proba(x))


def test_tracks_are_not_parted_where_artists_must_be(caplog):
    """All tracks of a label by one artist: folds divide tracks, but never a track's rows."""
    _, y, _, tracks, _ = rows_with_copies()
    one = np.array([f"artist {label}" for label in y])
    keys = {"seed": 0, "where": "run a", "purpose": "the search"}
    folds = inner_folds(y, one, 3, tracks=tracks, **keys)
    assert "divides tracks, not artists" in caplog.text
    assert len(folds) == 3
    for fitted, scored in folds:
        assert not set(tracks[fitted]) & set(tracks[scored])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parameters": {"C": -1}}, "run a: .*LogisticRegression cannot be fitted: .*'C'"),
        ({"search": {"method": "grid", "space": {"C": [-1]}}}, "cannot be fitted: .*'C'"),
    ],
)
def test_values_that_cannot_be_used_are_explained(given, message):
    x, y, groups = points()
    with pytest.raises(GenreflowError, match=f"(?s){message}"):
        fit_model(model(estimator=LOGISTIC, **given), x, y, groups, seed=0, where="run a")
