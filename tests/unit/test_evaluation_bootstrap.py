"""The intervals: who is drawn, how often they hold, and what bounds their memory."""

import numpy as np
import pytest
from scipy import stats

from genreflow.evaluation import bootstrap
from genreflow.evaluation.bootstrap import (
    draw,
    percentile_interval,
    resample,
    t_interval,
    value_range,
)
from genreflow.evaluation.multilabel import MultiLabelScorer
from genreflow.evaluation.singlelabel import SingleLabelScorer


def test_draws_are_with_replacement_and_repeatable():
    draws = draw(30, 500, seed=3)
    assert (draws.sum(axis=0) == 30).all()
    assert abs(draws.mean(axis=1) - 1).max() < 0.25
    assert (draws == draw(30, 500, seed=3)).all()
    assert (draws != draw(30, 500, seed=4)).any()


@pytest.mark.parametrize("make_scorer", [SingleLabelScorer, MultiLabelScorer])
def test_blocks_change_nothing(monkeypatch, make_scorer):
    rng = np.random.default_rng(0)
    truth, guess = np.eye(4, dtype=bool)[rng.integers(4, size=(2, 50))]
    scorer = make_scorer(truth, guess, rng.dirichlet(np.ones(4), size=50))
    members, draws = rng.integers(9, size=50), draw(9, 200, seed=0)
    whole = resample(scorer, members, draws)
    monkeypatch.setattr(bootstrap, "BLOCK", 1)
    parts = resample(scorer, members, draws)
    for name, values in whole.overall.items():
        np.testing.assert_allclose(parts.overall[name], values, rtol=1e-14)
    for name, values in whole.classes.items():
        assert values.shape == (4, 200)
        np.testing.assert_allclose(parts.classes[name], values, rtol=1e-14)


def test_undefined_resamples_are_left_out():
    values = np.concatenate([np.full(50, np.nan), np.linspace(0, 1, 101)])
    assert percentile_interval(values, 0.9) == pytest.approx((0.05, 0.95))
    assert np.isnan(percentile_interval(np.array([np.nan]), 0.9)).all()


def test_t_interval_is_scipys():
    values = np.array([0.7, 0.74, 0.65, np.nan, 0.8])
    known = values[[0, 1, 2, 4]]
    mean, std, low, high = t_interval(values, 0.95)
    expected = stats.t.interval(0.95, 3, loc=known.mean(), scale=stats.sem(known))
    assert (mean, std) == pytest.approx((known.mean(), known.std(ddof=1)), abs=1e-15)
    assert (low, high) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(t_interval(np.array([0.5]), 0.95)).all()


def test_range_is_that_of_the_folds_that_have_a_value():
    assert value_range(np.array([0.7, np.nan, 0.65, 0.8])) == (0.65, 0.8)
    assert np.isnan(value_range(np.array([0.5, np.nan]))).all()


def test_published_five_fold_interval():
    """Mean and standard deviation as published give the published interval."""
    values = np.array([-1.5, -0.5, 0, 0.5, 1.5])
    values = 0.0582 + values / values.std(ddof=1) * 0.0096
    assert t_interval(values, 0.95)[2:] == pytest.approx((0.0463, 0.0701), abs=1e-4)


def test_intervals_cover_the_truth_when_artists_are_drawn():
    """Artists of 8 tracks, which a model finds easy or hard: drawing tracks is far too narrow."""
    rng = np.random.default_rng(7)
    n_artists, size, truth = 40, 8, 2 / 3
    by_artist, by_track = [], []
    for simulation in range(200):
        ease = rng.beta(2, 1, size=n_artists)
        hit = rng.random((n_artists, size)) < ease[:, np.newaxis]
        scores = np.column_stack([hit.ravel(), ~hit.ravel()]).astype(float)
        marks = np.tile([True, False], (hit.size, 1))
        scorer = SingleLabelScorer(marks, scores == 1, scores)
        for members, covered in (
            (np.repeat(np.arange(n_artists), size), by_artist),
            (np.arange(hit.size), by_track),
        ):
            draws = draw(members.max() + 1, 200, seed=simulation)
            values = resample(scorer, members, draws).overall["accuracy"]
            low, high = percentile_interval(values, 0.95)
            covered.append(low <= truth <= high)
    assert 0.88 <= np.mean(by_artist) <= 0.99
    assert np.mean(by_track) < 0.85
